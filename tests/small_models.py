"""A little data and small models that learn from it, for the tests of training."""

import numpy as np

import minidl as md
from minidl import layers as L

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)  # three classes
VALUES = X @ np.array([[1.0], [2.0], [-1.0], [0.5]], np.float32)


def classifier(dropout=0.0, **compile_settings):
    md.seed(3)
    model = md.Sequential(
        [L.Dense(8, activation="relu", input_shape=(4,)), L.Dropout(dropout), L.Dense(3, activation="softmax")]
    )
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compile_settings})
    return model


def regressor(**compile_settings):
    md.seed(3)
    model = md.Sequential([L.Dense(1, input_shape=(4,))])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compile_settings})
    return model


def same_weights(a, b):
    a, b = (list(m.values() if isinstance(m, dict) else m.get_weights()) for m in (a, b))
    return len(a) == len(b) and all(np.array_equal(v, w) for v, w in zip(a, b))


def two_by_two():
    md.seed(0)
    a, b = md.Input(shape=(2,), name="a"), md.Input(shape=(2,), name="b")
    h = L.Concatenate()([a, b])
    kinds, value = L.Dense(3, activation="softmax", name="kind")(h), L.Dense(1, name="value")(h)
    return md.Model(inputs=[a, b], outputs=[kinds, value])
