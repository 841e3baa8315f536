"""Sunspots with an LSTM: from the numbers of twelve years, that of the next.

The network reads a window of past years, and one dense unit turns what it remembers into a prediction. Numbers of spots
are counts, and the larger a count, the more it varies; square roots of counts vary about alike everywhere (Bartlett,
1936), so the network sees the roots.

It competes with plain methods: the same as last year, and AR(9), a weighted sum of the last nine years plus a
constant, its weights found by least squares, of the numbers or of their roots. All are judged by the last 60 years,
which none has seen, one year ahead.
"""

from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.data import DataLoader, Normalizer, sunspots, windows
from minidl.layers import LSTM, Dense
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay

TITLE = "an LSTM on sunspots, 12 years-lstm32-dense1"
EPOCHS = 60
BATCH = 16
LENGTH = 12  # years in a window: a little more than a cycle of the sun
TEST, VALIDATION = 60, 30  # years
ORDER = 9  # of the autoregression


def scale() -> Normalizer:
    """Of the roots; fitted on the years of training only."""
    return Normalizer.of(np.sqrt(sunspots()[1][: -TEST - VALIDATION]))


def data() -> tuple[tuple, tuple, tuple]:
    """(windows (N, LENGTH, 1), the year after each (N, 1)) for training, for watching it, for the judgement.

    Windows look back into the part before; no target stands in two parts.
    """
    z = scale()(np.sqrt(sunspots()[1])).astype(np.float32)  # (309,)
    ends = (len(z) - TEST - VALIDATION, len(z) - TEST, len(z))
    train = windows(z[: ends[0]], LENGTH)
    return train, *(windows(z[start - LENGTH : end], LENGTH) for start, end in zip(ends, ends[1:]))


def describe(train: tuple, validation: tuple, test: tuple) -> str:
    """How many years there are for what."""
    return (
        f"{len(train[0])} windows of {LENGTH} years to train on; the next {len(validation[0])} years to watch, "
        f"the last {len(test[0])} to judge."
    )


def build() -> Sequential:
    """The network. Its output is the normalised root of the number of spots."""
    return Sequential([LSTM(32, input_shape=(LENGTH, 1)), Dense(1)], name="sunspots_lstm")


def loss() -> md.losses.Loss:
    """(y − ŷ)²"""
    return md.losses.MeanSquaredError()


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three of the windows with their targets: there the gradients are judged before training."""
    few = rng.choice(len(x), 3, replace=False)
    return x[few], y[few]


def batches(x: np.ndarray, y: np.ndarray, device: str) -> DataLoader:
    """Shuffled batches of windows."""
    return DataLoader(x, y, batch_size=BATCH, device=device)


def prepare(model: Sequential, epochs: int, steps: int) -> None:
    """Choose optimizer and loss."""
    model.compile(optimizer=Adam(learning_rate=CosineDecay(5e-3, epochs * steps)), loss=loss())


def autoregression(values: np.ndarray, order: int) -> np.ndarray:
    """Predictions of the last TEST values by ŷ_t = c + Σ_k w_k y_{t−k}, with c and w by least squares on the others."""
    x, y = windows(values[:-TEST], order)
    with_constant = np.column_stack([x[..., 0], np.ones(len(x))])  # (N, order, 1) -> (N, order + 1)
    w = np.linalg.lstsq(with_constant, y[:, 0])[0]  # (order + 1,)
    x, _ = windows(values[-TEST - order :], order)
    return np.column_stack([x[..., 0], np.ones(len(x))]) @ w  # (TEST,)


def counts(roots: np.ndarray) -> np.ndarray:
    """From roots back to numbers of spots; below zero there are none."""
    return np.maximum(roots, 0) ** 2


def judge(model: Sequential, test: tuple) -> dict[str, np.ndarray]:
    """Print √(mean squared error) of each method; return their predictions (TEST,), in sunspots."""
    values = sunspots()[1]
    right, unit = values[-TEST:], values[:-TEST].std()
    predicted = {
        "LSTM": counts(scale().back(model.predict(test[0])))[:, 0],  # (TEST, 1) -> (TEST,)
        f"AR({ORDER})": autoregression(values, ORDER),
        f"AR({ORDER}) of the roots": counts(autoregression(np.sqrt(values), ORDER)),
        "the same as last year": values[-TEST - 1 : -1],
    }
    print(f"Root mean squared error in the last {TEST} years, in standard deviations of the years before:")
    for name, guesses in predicted.items():
        print(f"  {name:22s} {np.sqrt(np.mean((guesses - right) ** 2)) / unit:.3f}")
    return predicted


def draw(model: Sequential, history: Any, test: tuple, predicted: dict[str, np.ndarray]) -> Any:
    """The whole series; the test years with the predictions; how the training went; predicted against measured."""
    years, values = sunspots()
    figure = plot.style.new_figure(13, 10)
    figure.suptitle("Sunspots, one year ahead", fontsize=15)
    top, middle, bottom = figure.subfigures(3, 1)
    shown = {name: predicted[name] for name in ("LSTM", f"AR({ORDER})")}
    ax = plot.predictions(years, values, {"LSTM": predicted["LSTM"]}, ax=top.subplots())
    ax.axvline(years[-TEST] - 0.5, color=plot.style.GREY, linestyle=":")
    ax.set_title(f"training and, right of the line, the last {TEST} years")
    ax = plot.predictions(years[-TEST:], values[-TEST:], shown, ax=middle.subplots())
    for each in top.axes + middle.axes:
        each.set_ylabel("sunspots")
    left, right = bottom.subfigures(1, 2)
    plot.training_curves(history, figure=left)
    ax = right.subplots()
    for (name, guesses), (colour, marker) in zip(shown.items(), plot.series.LINES):
        ax.plot(values[-TEST:], guesses, marker, color=colour, markersize=4, label=name)
    ax.axline((0, 0), slope=1, color=plot.style.GREY, linestyle=":")
    ax.set_xlabel("measured")
    ax.set_ylabel("predicted")
    ax.legend()
    plot.style.tidy(ax)
    return figure
