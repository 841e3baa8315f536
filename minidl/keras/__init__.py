"""Keras' import paths: a program written for Keras runs on minidl with only its import lines changed.

>>> import minidl as tf
>>> from minidl.keras import layers, models
>>> tf.random.set_seed(42)
>>> model = models.Sequential([layers.Dense(3, activation="sigmoid", input_shape=(2,)), layers.Dense(1)])
>>> isinstance(model, tf.keras.Model) and tf.keras.layers.Dense is tf.layers.Dense
True

Nothing is computed here: each module lists names, and the file on the right explains them.

========================== ====================================================
``layers``                 ``minidl/layers/``
``models``                 ``minidl/models.py``
``optimizers``             ``minidl/optimizers/``
``losses``                 ``minidl/losses/``
``metrics``                ``minidl/metrics/``
``regularizers``           ``minidl/regularizers.py``
``initializers``           ``minidl/initializers.py``
``callbacks``              ``minidl/callbacks/``
``datasets.mnist``         ``minidl/data/sets.py``
``preprocessing.text``     ``minidl/data/text.py``
``preprocessing.sequence`` ``minidl/data/text.py``
``preprocessing.image``    ``minidl/data/images.py``
``utils``                  ``minidl/data/labels.py``
========================== ====================================================

(``tf.random.set_seed`` is in ``minidl/random.py``; what Keras has and minidl has not, in ``minidl/habits.py``.)
"""

from minidl import habits
from minidl.keras import (
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    preprocessing,
    regularizers,
    utils,
)
from minidl.layers import Input
from minidl.models import Model, Sequential

__all__ = [
    "Input", "Model", "Sequential",
    "layers", "models", "optimizers", "losses", "metrics", "callbacks", "regularizers", "initializers",
    "datasets", "preprocessing", "utils",
]  # fmt: skip

__getattr__ = habits.absent_in(__name__)
