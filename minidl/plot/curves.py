"""Training curves: loss and metrics by epoch."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np

from minidl.errors import describe
from minidl.plot.style import BLUE, INK, VERMILLION, figure_of, tidy

PANELS_PER_ROW = 3


def training_curves(history: Any, figure: Any = None) -> Any:
    """Loss and metrics by epoch, one panel each, training beside validation; the best validation loss is marked.

    Parameters
    ----------
    history : History or dict
        What ``fit`` returns, or {name: one number per epoch}; ``val_loss`` is drawn with ``loss``.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure (or the one given)

    Raises
    ------
    ValueError
        There is no epoch to draw.

    Examples
    --------
    >>> figure = training_curves({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "accuracy": [0.6, 0.8]})
    >>> [ax.get_title() for ax in figure.axes]
    ['loss', 'accuracy']
    """
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if not isinstance(curves, Mapping) or not all(isinstance(v, (list, tuple, np.ndarray)) for v in curves.values()):
        raise TypeError(
            f"training_curves expects what fit returns, or {{'loss': [1.0, 0.5]}}, got {describe(history)}."
        )
    names = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    if not names or not any(len(values) for values in curves.values()):
        raise ValueError("training_curves expects at least one epoch, got an empty history. Call fit() first?")
    columns = min(len(names), PANELS_PER_ROW)
    rows = ceil(len(names) / columns)
    figure = figure_of(figure, 4.2 * columns, 3.2 * rows)
    for i, name in enumerate(names):
        ax = figure.add_subplot(rows, columns, i + 1)
        _draw_panel(ax, name, curves.get(name), curves.get("val_" + name))
    return figure


def _draw_panel(ax: Any, name: str, training: Sequence[float] | None, validation: Sequence[float] | None) -> None:
    """One quantity: training in blue, validation in red with another marker."""
    from matplotlib.ticker import MaxNLocator

    epochs = max(len(values) for values in (training, validation) if values is not None)
    size = 3.5 if epochs <= 40 else 0  # many epochs: lines only
    if training is not None:
        x = np.arange(1, len(training) + 1)
        ax.plot(x, training, "o-", color=BLUE, label="training", markersize=size)
    if validation is not None:
        x = np.arange(1, len(validation) + 1)
        ax.plot(x, validation, "s-", color=VERMILLION, label="validation", markersize=size)
        if name == "loss" and np.isfinite(validation).any():
            best = int(np.nanargmin(validation))
            ax.axvline(best + 1, color=INK, linewidth=0.8, linestyle=":")
            ax.plot(best + 1, validation[best], "*", color=INK, markersize=9, label=f"best: epoch {best + 1}")
    ax.set_title(name.replace("_", " "))
    ax.set_xlabel("epoch")
    if name == "learning_rate" and training is not None and min(training, default=0) > 0:  # 0 has no logarithm
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(ax.get_lines()) > 1:
        ax.legend(frameon=False)
    tidy(ax)
