"""A time series, and what models say about it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.arrays import move
from minidl.errors import describe
from minidl.metrics.reading import plain
from minidl.plot.style import BLUE, GREEN, INK, ORANGE, PURPLE, axes_of, tidy

LINES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"))


def predictions(times: Any, values: Any, predicted: Mapping[str, Any], ax: Any = None) -> Any:
    """Draw a series in black, and each model's predictions in a colour of its own.

    Parameters
    ----------
    times, values : (T,)
        When, and what was measured.
    predicted : {name: (K,)}
        The predictions of the last K ≤ T values.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        Times and values differ in length, or there are more predictions than values, or models than colours.

    Examples
    --------
    >>> ax = predictions([1700, 1701, 1702], [5, 11, 16], {"the same as last year": [5, 11]})
    >>> [line.get_label() for line in ax.get_lines()]
    ['measured', 'the same as last year']
    """
    times, values = (move(plain(a), "cpu") for a in (times, values))
    if times.ndim != 1 or times.shape != values.shape or not times.size:
        raise ValueError(f"predictions expects times and values (T,), got shapes {times.shape} and {values.shape}.")
    if not isinstance(predicted, Mapping):
        raise TypeError(f"predictions expects {{name: predicted values}}, got {describe(predicted)}.")
    if len(predicted) > len(LINES):
        raise ValueError(f"predictions expects at most {len(LINES)} models, got {len(predicted)}.")
    ax = axes_of(ax, 9, 3.6)
    ax.plot(times, values, color=INK, linewidth=1.2, label="measured")
    for (name, guesses), (colour, marker) in zip(predicted.items(), LINES):
        guesses = np.asarray(move(plain(guesses), "cpu"))
        if guesses.ndim != 1 or not 0 < len(guesses) <= len(times):
            raise ValueError(
                f"predictions expects 1 to {len(times)} numbers (K,) of {name!r}, got shape {guesses.shape}."
            )
        ax.plot(
            times[-len(guesses) :],
            guesses,
            marker,
            linestyle="-",
            color=colour,
            linewidth=1,
            markersize=3.5,
            label=name,
        )
    tidy(ax)
    ax.legend(framealpha=0.9)
    return ax
