"""Handwritten digits with a convolutional network: conv 32 – pool – conv 64 – pool – conv 64 – dense 64 – 10 (D0.P1).

The same small kernels look at every place of the image, and pooling keeps the strongest answer of each 2 × 2 window:
93,000 weights do better than the 670,000 of ``mnist_dense``. As there, each image is moved by up to one pixel every
time it is seen, and the learning rate falls along half a cosine.
"""

from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.data import DataLoader, random_shift
from minidl.examples import digits
from minidl.examples.digits import data, describe, judge, loss  # noqa: F401 -- the same for all digits
from minidl.layers import Conv2D, Dense, Flatten, MaxPooling2D
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay

TITLE = "a convolutional network, conv32-pool-conv64-pool-conv64-dense64-dense10"
EPOCHS = 8
BATCH = 64


def build() -> Sequential:
    """The network. Its last layer gives logits, which the loss takes as they are."""
    return Sequential(
        [
            Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),  # (N, 26, 26, 32)
            MaxPooling2D((2, 2)),  # (N, 13, 13, 32)
            Conv2D(64, (3, 3), activation="relu"),  # (N, 11, 11, 64)
            MaxPooling2D((2, 2)),  # (N, 5, 5, 64)
            Conv2D(64, (3, 3), activation="relu"),  # (N, 3, 3, 64)
            Flatten(),  # (N, 576)
            Dense(64, activation="relu"),
            Dense(10),
        ],
        name="mnist_cnn",
    )


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two images of 3 × 3 random greys, repeated: there the gradients are judged before training.

    The real images will not do. On their black background relu sits on its kink, z = 0, and max on ties; and of the
    60,000 numbers that relu sees, some would be too near it for finite differences. Here nearly all places see one of
    nine patches.
    """
    tiles = rng.random((2, 3, 3, 1), dtype=np.float32)
    return np.tile(tiles, (1, 10, 10, 1))[:, :28, :28], y[:2]  # (2, 3, 3, 1) -> (2, 30, 30, 1) -> (2, 28, 28, 1)


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


def draw(model: Sequential, history: Any, test: tuple, probabilities: np.ndarray) -> Any:
    """The picture of all digits, and below it what the first layer has learnt."""
    return digits.draw(model, history, test, probabilities, inside=draw_inside)


def draw_inside(model: Sequential, image: np.ndarray, figure: Any) -> None:
    """What the first layer has learnt: its 32 kernels and, in the same order, what each makes of one image."""
    left, right = figure.subfigures(1, 2, width_ratios=[1.1, 1])
    first = model.layers[0]
    plot.weights_as_images(first.kernel, ax=left.subplots())  # (3, 3, 1, 32)
    with md.no_grad():
        maps = first(md.Tensor(image[None], device=first.kernel.device)).numpy()[0]  # (1, 28, 28, 1) -> (26, 26, 32)
    plot.image_grid(np.moveaxis(maps, -1, 0), columns=8, figure=right)  # (32, 26, 26)
    right.suptitle("32 feature maps of one digit", fontsize=12)
