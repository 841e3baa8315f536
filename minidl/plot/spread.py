"""How large gradients and activations are in each layer: do signals fade, explode or die on their way?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.arrays import move
from minidl.errors import describe
from minidl.metrics.reading import plain
from minidl.plot.style import BLUE, INK, VERMILLION, axes_of, tidy


def gradient_spread(gradients: Mapping[str, Any], ax: Any = None) -> Any:
    """The sizes |g| of each layer's gradients on a logarithmic axis, first layer on top.

    For each layer a thin line holds the middle 90 % of the sizes, a thick one the middle half, the dot is the median.
    Zeros have no logarithm; their share stands at the right, and that of NaN and infinity if there are any. Dots that
    wander left from layer to layer towards the top show a vanishing gradient.

    Parameters
    ----------
    gradients : {name: array or Tensor}
        For instance ``{name: p.grad for name, p in model.named_parameters()}``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = gradient_spread({"dense": np.array([0.1, -0.01, 0.0]), "dense_1": np.array([1.0, -2.0])})
    >>> ax.get_xlabel()
    'size of the gradient |∂L/∂w|'
    """
    layers = {name: np.abs(g) for name, g in _flat("gradient_spread", gradients).items()}
    ax = _draw_rows({name: g[g > 0] for name, g in layers.items()}, ax, VERMILLION)
    ax.set_xscale("log")
    _note_shares(ax, layers)
    ax.set_xlabel("size of the gradient |∂L/∂w|")
    return ax


def activation_spread(activations: Mapping[str, Any], ax: Any = None) -> Any:
    """The values of each layer's outputs, first layer on top, drawn as in ``gradient_spread`` on a plain axis.

    The share of exact zeros stands at the right: with ReLU, units that are silent.

    Parameters
    ----------
    activations : {name: array or Tensor}
        Each layer's outputs for a batch.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = activation_spread({"relu": np.array([0.0, 0.0, 1.0]), "softmax": np.array([0.2, 0.8])})
    >>> [text.get_text() for text in ax.texts]
    ['67 % zero', '0 % zero']
    """
    layers = _flat("activation_spread", activations)
    ax = _draw_rows(layers, ax, BLUE)
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    _note_shares(ax, layers)
    ax.set_xlabel("value of the activation")
    return ax


def _flat(who: str, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Each array as one row of float64 numbers, on the CPU."""
    if arrays is not None and not isinstance(arrays, Mapping):
        raise TypeError(f"{who} expects {{name: array}}, got {describe(arrays)}.")
    if not arrays:
        raise ValueError(f"{who} expects at least one layer, got none.")
    flat = {}
    for name, a in arrays.items():
        if a is None:
            raise ValueError(f"{who}: {name!r} is None. Call backward() first?")
        flat[str(name)] = move(plain(a), "cpu").astype(np.float64).ravel()
        if flat[str(name)].size == 0:
            raise ValueError(f"{who}: {name!r} is empty.")
    return flat


def _draw_rows(layers: Mapping[str, np.ndarray], ax: Any, colour: str) -> Any:
    """A row for each layer: quantiles 5, 25, 50, 75 and 95 %."""
    longest = max(len(name) for name in layers)
    ax = axes_of(ax, 5.2 + 0.07 * longest, 1.0 + 0.36 * len(layers))
    for row, values in enumerate(layers.values()):
        values = values[np.isfinite(values)]
        if values.size:  # a layer whose gradients are all zero has an empty row
            low, lower, median, upper, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
            ax.plot([low, high], [row, row], color=colour, linewidth=1.2)
            ax.plot([lower, upper], [row, row], color=colour, linewidth=6, alpha=0.55, solid_capstyle="butt")
            ax.plot(median, row, "o", color="white", markeredgecolor=colour, markersize=5.5, zorder=3)
    ax.set_yticks(range(len(layers)), list(layers))
    ax.set_ylim(len(layers) - 0.5, -0.5)  # the first layer on top
    tidy(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _note_shares(ax: Any, layers: Mapping[str, np.ndarray]) -> None:
    """At the right of each row: how many of the numbers are zero, and how many, if any, are no numbers."""
    for row, values in enumerate(layers.values()):
        note, lost = f"{np.mean(values == 0):.0%} zero", 1 - np.isfinite(values).mean()
        if lost:
            note += f", {lost:.0%} NaN or inf"
        place = ax.get_yaxis_transform()
        ax.text(1.02, row, note.replace("%", " %"), transform=place, va="center", fontsize=8.5, color=INK)
