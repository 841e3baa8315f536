"""Keras on TensorFlow, with a training step of one's own as Keras' guide writes it: compiled by ``tf.function``."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # before the import, where Keras reads it

from collections.abc import Callable
from itertools import cycle

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from workloads import ADAM, BLOCKS, FEATURES, HEADS, LAYER_NORM_EPSILON, STEPS, VOCABULARY, WEIGHT_DECAY, Arrays

Step = Callable[[], np.floating]

devices = ("cpu",)

# Keras adds ε to √v before the correction of v, by √(1 − β₂ᵗ), the other peers after it: at t = 1 these two are equal.
SETTINGS = ADAM | {"epsilon": ADAM["epsilon"] * (1 - ADAM["beta_2"]) ** 0.5}


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "threads": str(threads or "as the environment says"),
    }


def _trainer(model: keras.Model, loss_function: keras.Loss, data: Arrays, weight_decay: float | None = None) -> Step:
    """One step of training over the batches of ``data`` in turn, with Adam, or AdamW where weights decay."""
    pairs = zip(model.weights, data["weights"], strict=True)
    model.set_weights([array.reshape(weight.shape) for weight, array in pairs])  # attention's kernels: (D, h, D/h)
    if weight_decay is None:
        optimizer = keras.optimizers.Adam(**SETTINGS)
    else:
        optimizer = keras.optimizers.AdamW(weight_decay=weight_decay, **SETTINGS)
    optimizer.build(model.trainable_variables)
    batches = cycle([(tf.constant(x), tf.constant(y)) for x, y in zip(data["x"], data["y"], strict=True)])

    @tf.function
    def train(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_function(y, model(x, training=True))
        # An embedding's gradient is a list of rows, of which Keras' Adam squares each before it adds those of one
        # symbol up; as a whole table it is squared after that, as Adam says and the other peers do.
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    def step() -> np.floating:
        return train(*next(batches)).numpy()

    return step


def xor(data: Arrays) -> Step:
    """W1."""
    model = keras.Sequential([
        layers.Input((2,)),
        layers.Dense(3, activation="sigmoid"),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    return _trainer(model, keras.losses.BinaryCrossentropy(), data)


def digits(data: Arrays) -> Step:
    """W2a, W2b: relu between the dense layers, whose widths are those of the given kernels."""
    kernels = data["weights"][::2]
    hidden = [layers.Dense(kernel.shape[1], activation="relu") for kernel in kernels[:-1]]
    model = keras.Sequential([layers.Input(kernels[0].shape[:1]), *hidden, layers.Dense(kernels[-1].shape[1])])
    return _trainer(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True), data)


def images(data: Arrays) -> Step:
    """W3: D0.P1's network, but for the softmax, which is in the loss."""
    model = keras.Sequential([
        layers.Input((28, 28, 1)),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ])  # fmt: skip
    return _trainer(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True), data)


def sentences(data: Arrays) -> Step:
    """W4."""
    vocabulary, width = data["weights"][0].shape
    model = keras.Sequential([
        layers.Input((100,), dtype="int64"),
        layers.Embedding(vocabulary, width),
        layers.LSTM(128, return_sequences=True),
        layers.Dropout(data["dropout"], seed=0),
        layers.LSTM(128),
        layers.Dropout(data["dropout"], seed=1),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    return _trainer(model, keras.losses.BinaryCrossentropy(), data)


class GPT(keras.Model):
    """W5's network, its layers made in the order of the workload's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = layers.Embedding(VOCABULARY, FEATURES)
        self.positions = layers.Embedding(STEPS, FEATURES)
        self.blocks = [
            (
                layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON),
                layers.MultiHeadAttention(HEADS, FEATURES // HEADS),
                layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON),
                layers.Dense(4 * FEATURES, activation=_gelu),
                layers.Dense(FEATURES),
            )
            for _ in range(BLOCKS)
        ]
        self.norm = layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON)
        self.head = layers.Dense(VOCABULARY)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """x (N, T) → logits (N, T, vocabulary)."""
        h = self.embeddings(x) + self.positions(keras.ops.arange(STEPS))
        for attention_norm, attention, network_norm, wide, narrow in self.blocks:
            normal = attention_norm(h)
            h = h + attention(normal, normal, use_causal_mask=True)
            h = h + narrow(wide(network_norm(h)))
        return self.head(self.norm(h))


def _gelu(x: tf.Tensor) -> tf.Tensor:
    return keras.activations.gelu(x, approximate=True)


def text(data: Arrays) -> Step:
    """W5."""
    model = GPT()
    model(data["x"][0])  # builds the weights
    return _trainer(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True), data, WEIGHT_DECAY)


workloads = {"W1": xor, "W2a": digits, "W2b": digits, "W3": images, "W4": sentences, "W5": text}
