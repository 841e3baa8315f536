"""What all examples on handwritten digits share: the images, the loss, the judgement and its picture."""

from collections.abc import Callable
from typing import Any

import numpy as np

import minidl as md
from minidl import metrics, plot
from minidl.data import mnist, train_test_split
from minidl.models import Model


def data() -> tuple[tuple, tuple, tuple]:
    """(images, labels) for training, for watching the training, and for the one judgement at the end."""
    (x, y), test = mnist()
    x, x_val, y, y_val = train_test_split(x, y, test_size=800, stratify=y, rng=0)
    return (scaled(x), y), (scaled(x_val), y_val), (scaled(test[0]), test[1])


def scaled(images: np.ndarray) -> np.ndarray:
    """Grey values 0 .. 255 as 0 .. 1, in one channel: (N, 28, 28) -> (N, 28, 28, 1)."""
    return images[..., None].astype(np.float32) / 255


def describe(train: tuple, validation: tuple, test: tuple) -> str:
    """How many images there are for what."""
    return f"{len(train[0])} images to train on, {len(validation[0])} to watch, {len(test[0])} to judge."


def loss() -> md.losses.Loss:
    """−log of the probability that the softmax of the logits gives to the right digit."""
    return md.losses.SparseCategoricalCrossentropy(from_logits=True)


def judge(model: Model, test: tuple) -> np.ndarray:
    """Print accuracy and confusion matrix; return the probabilities (N, 10)."""
    x, y = test
    probabilities = md.softmax(model.predict(x))
    print(f"Test accuracy {metrics.accuracy(y, probabilities):.4f} on {len(y)} images.\n")
    print("digit   guessed as " + "".join(f"{j:5d}" for j in range(10)))
    for i, row in enumerate(metrics.confusion_matrix(y, probabilities)):
        print(f"{i:5d}              " + "".join(f"{n:5d}" if n else "    ." for n in row))
    return probabilities


def draw(
    model: Model, history: Any, test: tuple, probabilities: np.ndarray, inside: Callable[..., None] | None = None
) -> Any:
    """How the training went, what is confused with what, the worst mistakes; below, what ``inside`` draws.

    ``inside(model, image, figure)`` shows what a network has learnt.
    """
    x, y = test
    figure = plot.style.new_figure(13, 13 if inside else 9)
    figure.suptitle(f"Handwritten digits: test accuracy {metrics.accuracy(y, probabilities):.4f}", fontsize=15)
    rows = [1.5, 1, 1] if inside else [1.5, 1]
    top, middle, *bottom = figure.subfigures(len(rows), 1, height_ratios=rows)
    left, right = top.subfigures(1, 2, width_ratios=[1.2, 1])
    plot.training_curves(history, figure=left)
    plot.confusion_matrix(metrics.confusion_matrix(y, probabilities), ax=right.subplots())
    plot.worst_mistakes(x, y, probabilities, n=20, columns=10, figure=middle)
    if inside:
        inside(model, x[0], bottom[0])
    return figure
