"""Small models of tables, images and texts, samples for them, and the ways to explain what they say."""

import numpy as np

import minidl as md
from minidl import explain
from minidl import layers as L

RNG = np.random.default_rng(0)
METHODS = {  # each with little work, to what it says of the inputs
    "saliency": explain.saliency,
    "gradient_times_input": explain.gradient_times_input,
    "integrated_gradients": lambda *args, **kw: explain.integrated_gradients(*args, steps=4, **kw)[0],
    "occlusion": explain.occlusion,
    "lime": lambda *args, **kw: explain.lime(*args, samples=60, alpha=0, rng=0, **kw)[0],
    "shapley_values": lambda *args, **kw: explain.shapley_values(*args, **kw)[0],
}
SIGNED = [name for name in METHODS if name != "saliency"]


def table_model(*end, dtype=np.float32, units=3):
    md.seed(1)
    md.set_default_dtype(dtype)
    try:
        hidden = [L.Dense(6, activation="tanh", input_shape=(4,)), L.Dropout(0.5), L.BatchNormalization()]
        return md.Sequential([*hidden, L.Dense(units), *end])
    finally:
        md.set_default_dtype(np.float32)


def image_model():
    md.seed(2)
    rows = [L.Conv2D(3, 3, activation="relu", input_shape=(7, 6, 2)), L.MaxPooling2D(2), L.Conv2D(5, 2), L.Flatten()]
    return md.Sequential([*rows, L.Dense(3)])


def text_model(units=2, **settings):
    md.seed(3)
    embedding = L.Embedding(20, 4, "random_normal", mask_zero=True, input_length=5)
    return md.Sequential([embedding, L.LSTM(6), L.Dense(units, **settings)])


X = RNG.normal(size=(5, 4)).astype(np.float32)
IMAGES = RNG.random((3, 7, 6, 2), dtype=np.float32)
WORDS = np.array([[0, 0, 3, 7, 19], [4, 4, 1, 2, 3], [0, 5, 9, 11, 2]])
