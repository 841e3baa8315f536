"""Handwritten digits squeezed through two numbers: an autoencoder (D.T14).

An encoder makes two numbers of the 784 pixels of an image, a decoder makes the image of them again, and both learn from
the difference alone, without a label (D.T7):

    z = encoder(x),  x̂ = sigmoid(decoder(z + noise)),   L = −mean of x log x̂ + (1 − x) log(1 − x̂)

Two numbers are a place on a map. The noise is there in training only: so that the decoder can do with it, what stands
near each other must look alike. Every place can be decoded, also where no digit stands. The best that *straight* maps
can do, encoder and decoder without hidden layers, is the projection on the two main axes of the data (PCA): it is the
line to beat.
"""

from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.data import DataLoader, mnist
from minidl.examples import digits
from minidl.layers import BatchNormalization, Dense, Flatten, GaussianNoise, Reshape
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.plot.style import tidy
from minidl.schedules import CosineDecay

TITLE = "an autoencoder, 784-256-64-2-64-256-784"
EPOCHS = 30
BATCH = 64


def data() -> tuple[tuple, tuple, tuple]:
    """(images, the same images) for training and for watching it; the test images with their labels, for the map."""
    (x, _), (x_val, _), test = digits.data()
    return (x, x), (x_val, x_val), test


def describe(train: tuple, validation: tuple, test: tuple) -> str:
    """How many images there are for what; no label is used in training."""
    return f"{digits.describe(train, validation, test)} No labels."


def build() -> Sequential:
    """Encoder and decoder. The last layer gives logits of the pixels."""
    encoder = Sequential(
        [
            Flatten(input_shape=(28, 28, 1)),  # (N, 784)
            Dense(256, activation="relu", kernel_initializer="he_normal"),
            Dense(64, activation="relu", kernel_initializer="he_normal"),
            Dense(2),
            BatchNormalization(center=False, scale=False),  # (N, 2): mean 0 and variance 1, whatever the noise
            GaussianNoise(0.1),  # neighbours on the map must mean nearly the same image
        ],
        name="encoder",
    )
    decoder = Sequential(
        [
            Dense(64, activation="relu", kernel_initializer="he_normal", input_shape=(2,)),
            Dense(256, activation="relu", kernel_initializer="he_normal"),
            Dense(784),
            Reshape((28, 28, 1)),
        ],
        name="decoder",
    )
    return Sequential([encoder, decoder], name="autoencoder")


def loss() -> md.losses.Loss:
    """Each pixel as the chance of being white: the cross-entropy is sharper than squares where the image is black."""
    return md.losses.BinaryCrossentropy(from_logits=True)


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three of the images: there the gradients are judged before training."""
    few = x[rng.choice(len(x), 3, replace=False)]
    return few, few


def batches(x: np.ndarray, y: np.ndarray, device: str) -> DataLoader:
    """Shuffled batches."""
    return DataLoader(x, y, batch_size=BATCH, device=device)


def prepare(model: Sequential, epochs: int, steps: int) -> None:
    """Choose optimizer and loss."""
    model.compile(optimizer=Adam(learning_rate=CosineDecay(2e-3, epochs * steps)), loss=loss())


def judge(model: Sequential, test: tuple) -> dict[str, np.ndarray]:
    """Print the error of the images made again, beside that of PCA; return the images and their places on the map."""
    x, _ = test
    again = md.sigmoid(model.predict(x))  # (N, 28, 28, 1)
    straight = principal_components(digits.scaled(mnist()[0][0]), x, n=2)
    error, straight_error = (float(((x - y) ** 2).mean()) for y in (again, straight))
    print(
        f"Mean squared error of a pixel, {len(x)} test images out of two numbers each: {error:.4f};"
        f" straight maps (PCA): {straight_error:.4f}."
    )
    return {"again": again, "straight": straight, "places": model.get_layer("encoder").predict(x)}


def principal_components(train: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """x again, out of n numbers by straight maps: x̂ = μ + (x − μ) Vᵀ V, V the n main axes of the training images."""
    flat = train.reshape(len(train), -1)  # (N, D)
    mean = flat.mean(axis=0)
    spread = (flat - mean).T @ (flat - mean)  # (D, D)
    V = np.linalg.eigh(spread)[1][:, -n:].T  # (n, D): eigenvalues come in rising order
    centred = x.reshape(len(x), -1) - mean
    return (mean + centred @ V.T @ V).reshape(x.shape)


def draw(model: Sequential, history: Any, test: tuple, result: dict[str, np.ndarray]) -> Any:
    """Digits and what becomes of them; the map of the test digits; what stands at each place of it."""
    x, labels = test
    figure = plot.style.new_figure(13, 10)
    figure.suptitle("Handwritten digits out of two numbers each", fontsize=15)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.7])
    left, right = top.subfigures(1, 2, width_ratios=[1, 2.2])
    plot.training_curves(history, figure=left)
    ten = [i for digit in range(10) for i in np.flatnonzero(labels == digit)[:1]]  # one of each
    rows = [x[ten], result["again"][ten], result["straight"][ten].clip(0, 1)]
    plot.image_grid(np.concatenate(rows), columns=len(ten), figure=right)
    right.suptitle("test digits, made again by the autoencoder, and by straight maps (PCA)", fontsize=12)
    draw_map(model.get_layer("decoder"), result["places"], labels, bottom)
    return figure


def draw_map(decoder: Sequential, places: np.ndarray, labels: np.ndarray, figure: Any) -> None:
    """Where the test digits stand; and the decoded places, on a grid over the middle of that."""
    ax, decoded = figure.subplots(1, 2)
    for digit in range(10):
        own = places[labels == digit]
        if len(own) == 0:
            continue
        ax.plot(*own.T, ".", color=f"C{digit}", markersize=3)
        ax.text(*np.median(own, axis=0), str(digit), fontsize=18, fontweight="bold", ha="center", va="center")
    ax.set_title("the two numbers of each test digit")
    tidy(ax)

    (left, bottom), (right, top) = np.quantile(places, 0.02, axis=0), np.quantile(places, 0.98, axis=0)
    n = 16
    z1, z2 = np.meshgrid(np.linspace(left, right, n), np.linspace(top, bottom, n))  # (n, n) each; the top row first
    images = md.sigmoid(decoder.predict(np.stack([z1, z2], axis=-1).reshape(-1, 2)))  # (n², 28, 28, 1)
    wall = images.reshape(n, n, 28, 28).swapaxes(1, 2).reshape(n * 28, n * 28)  # rows of images -> one image
    decoded.imshow(wall, cmap=plot.style.GREYS, extent=(left, right, bottom, top), aspect="auto")
    decoded.set_title("every place, decoded")
