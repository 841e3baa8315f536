"""Data: the shipped sets, splits, labels and mini-batches.

================= ==========================================================================================
``sets``          ``digits, mnist, movie_reviews, moby_dick, sunspots``: real data, no download
``idx``           ``read_idx``: the file format of MNIST
``splits``        ``train_test_split, KFold``: for training, for choosing, for the final judgement
``labels``        ``to_categorical``: integers as one-hot rows
``text``          ``Tokenizer, pad_sequences``: words as indices, texts as rows of one length
``series``        ``windows``: a time series as samples of past values with the value to predict
``normalizer``    ``Normalizer``: numbers brought to mean 0 and deviation 1, as the training part has them
``augment``       ``random_shift, random_crop``: new training images from old ones
``affine``        images turned, moved and zoomed, by one map of the plane
``elastic``       ``random_elastic``: images bent like a sheet of rubber
``interpolation`` values of images between their pixels
``images``        ``ImageDataGenerator``: random changes of images, from arrays or from a folder
``folders``       ``ImageFolder``: images read from files, with a folder for each class
``loader``        ``DataLoader``: shuffled mini-batches that can be interrupted and continued
================= ==========================================================================================
"""

from minidl.data.augment import random_crop, random_shift
from minidl.data.elastic import random_elastic
from minidl.data.folders import ImageFolder
from minidl.data.idx import read_idx
from minidl.data.images import ImageDataGenerator
from minidl.data.labels import to_categorical
from minidl.data.loader import DataLoader
from minidl.data.normalizer import Normalizer
from minidl.data.series import windows
from minidl.data.sets import MNIST_FOLDER, digits, mnist, moby_dick, movie_reviews, sunspots
from minidl.data.splits import KFold, train_test_split
from minidl.data.text import Tokenizer, pad_sequences

__all__ = [
    "MNIST_FOLDER",
    "DataLoader",
    "ImageDataGenerator",
    "ImageFolder",
    "KFold",
    "Normalizer",
    "Tokenizer",
    "digits",
    "mnist",
    "moby_dick",
    "movie_reviews",
    "pad_sequences",
    "random_crop",
    "random_elastic",
    "random_shift",
    "read_idx",
    "sunspots",
    "to_categorical",
    "train_test_split",
    "windows",
]
