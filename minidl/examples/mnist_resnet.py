"""Handwritten digits with a small residual network: ten layers deep, and each block adds to what it was given (D.T6).

    y = relu(x + F(x)),   F = conv – norm – relu – conv – norm

A block has only to learn what to change. Where F gives zero, the block does nothing and the gradient goes through as it
is: that is why such networks can be deep. Where a block makes the image smaller and its channels more, x goes through a
1 × 1 convolution with the same strides, so that it can be added.

Source: He et al. 2016, "Deep residual learning for image recognition", figure 2 and section 3.3, with 16 and 32
channels, as for CIFAR-10 (section 4.2).
"""

from typing import Any

import numpy as np

from minidl import metrics
from minidl.data import DataLoader, random_shift
from minidl.examples import digits
from minidl.examples.digits import data, describe, judge, loss  # noqa: F401 -- the same for all digits
from minidl.examples.mnist_cnn import point_to_check  # noqa: F401 -- the same inputs
from minidl.layers import Activation, Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input
from minidl.layers.symbolic import Symbol
from minidl.models import Model
from minidl.optimizers import Adam
from minidl.plot.style import BLUE, GREY, tidy
from minidl.schedules import CosineDecay

TITLE = "a residual network, conv16 – 2 blocks of 16 channels, 2 of 32 – average – dense10"
EPOCHS = 6
BATCH = 64
BLOCKS = ((16, 1), (16, 1), (32, 2), (32, 1))  # channels and strides of each


def build() -> Model:
    """The network, drawn with the functional API. Its last layer gives logits."""
    image = Input(shape=(28, 28, 1))
    x = norm()(conv(16, strides=2)(image))  # (N, 14, 14, 16): half the size at once, to be quick
    x = Activation("relu")(x)
    for i, (filters, strides) in enumerate(BLOCKS):
        x = block(x, filters, strides, name=f"block_{i + 1}")  # (N, 14, 14, 16), then (N, 7, 7, 32)
    x = GlobalAveragePooling2D()(x)  # (N, 32)
    return Model(inputs=image, outputs=Dense(10)(x), name="mnist_resnet")


def block(x: Symbol, filters: int, strides: int, name: str) -> Symbol:
    """relu(x + F(x)): (N, H, W, C) -> (N, H / strides, W / strides, filters)."""
    y = norm()(conv(filters, strides=strides)(x))
    y = Activation("relu")(y)
    y = norm(name=name)(conv(filters)(y))  # F(x)
    if strides > 1:
        x = norm()(conv(filters, 1, strides=strides)(x))
    return Activation("relu")(Add()([x, y]))


def conv(filters: int, size: int = 3, strides: int = 1) -> Conv2D:
    """A convolution without bias: the β of the normalisation behind it is one."""
    return Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")


def norm(name: str | None = None) -> BatchNormalization:
    """With averages over some 20 batches, of the 113 of an epoch."""
    return BatchNormalization(momentum=0.95, name=name)


def batches(x: np.ndarray, y: np.ndarray, device: str) -> DataLoader:
    """Shuffled batches of shifted images."""
    return DataLoader(x, y, batch_size=BATCH, augment=random_shift, device=device)


def prepare(model: Model, epochs: int, steps: int) -> None:
    """Choose optimizer, loss and metric."""
    model.compile(optimizer=Adam(learning_rate=CosineDecay(3e-3, epochs * steps)), loss=loss(), metrics=["accuracy"])


def draw(model: Model, history: Any, test: tuple, probabilities: np.ndarray) -> Any:
    """The picture of all digits, and below it what each block is good for."""

    def inside(model: Model, image: np.ndarray, figure: Any) -> None:
        draw_blocks(model, test, figure.subplots())

    return digits.draw(model, history, test, probabilities, inside)


def draw_blocks(model: Model, test: tuple, ax: Any) -> None:
    """The accuracy that is left when one block adds nothing, for each: y = relu(x), with F(x) = 0.

    Veit et al. 2016, "Residual networks behave like ensembles of relatively shallow networks", section 4.1, found that
    among 54 blocks nearly every one can be spared. Here, among four, only the last can.
    """
    x, y = test
    left = []
    for i in range(len(BLOCKS)):
        last = model.get_layer(f"block_{i + 1}")
        kept = last.state_dict()
        last.load_state_dict({**kept, "gamma": 0 * kept["gamma"], "beta": 0 * kept["beta"]})
        left.append(metrics.accuracy(y, model.predict(x)))
        last.load_state_dict(kept)
    names = [f"{i + 1}: {filters} channels" for i, (filters, _) in enumerate(BLOCKS)]
    ax.bar(names, left, color=[GREY if strides > 1 else BLUE for _, strides in BLOCKS], width=0.6)
    ax.axhline(metrics.accuracy(y, model.predict(x)), color=BLUE, linestyle=":")
    ax.set_title("test accuracy without what one block adds (grey: blocks that also halve the image; dotted: with all)")
    tidy(ax)
