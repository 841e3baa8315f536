"""Handwritten digits with a dense network: 784 – 512 – 512 – 10.

7,200 training images are few for 670,000 weights. Two things keep the network from learning them by heart (D.T5): each
image is moved by up to one pixel every time it is seen, and one hidden unit in five is dropped. The learning rate
falls along half a cosine, so that the weights come to rest.
"""

import numpy as np

from minidl.data import DataLoader, random_shift
from minidl.examples.digits import data, describe, draw, judge, loss  # noqa: F401 -- the same for all digits
from minidl.layers import Dense, Dropout, Flatten
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay

TITLE = "a dense network, 784-512-512-10"
EPOCHS = 20
BATCH = 128


def build() -> Sequential:
    """The network. Its last layer gives logits, which the loss takes as they are."""
    return Sequential(
        [
            Flatten(input_shape=(28, 28, 1)),
            Dense(512, activation="relu", kernel_initializer="he_normal"),
            Dropout(0.2),
            Dense(512, activation="relu", kernel_initializer="he_normal"),
            Dropout(0.2),
            Dense(10),
        ],
        name="mnist_dense",
    )


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three of the images with their labels: there the gradients are judged before training."""
    few = rng.choice(len(x), 3, replace=False)
    return x[few], y[few]


def batches(x: np.ndarray, y: np.ndarray, device: str) -> DataLoader:
    """Shuffled batches of shifted images."""
    return DataLoader(x, y, batch_size=BATCH, augment=random_shift, device=device)


def prepare(model: Sequential, epochs: int, steps: int) -> None:
    """Choose optimizer, loss and metric."""
    model.compile(
        optimizer=Adam(learning_rate=CosineDecay(1e-3, epochs * steps)),
        loss=loss(),
        metrics=["accuracy"],
    )
