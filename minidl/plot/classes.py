"""A confusion matrix as a picture: hits in blue on the diagonal, mistakes in orange off it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.plot.style import INK, axes_of

MAX_WRITTEN = 20  # more classes than this and the numbers would not fit


def confusion_matrix(matrix: Any, class_names: Sequence[str] | None = None, ax: Any = None) -> Any:
    """Draw M (C, C): M[i, j] samples of class i were predicted as class j.

    Blue tells which share of its class a hit is, from 0 to 1. Orange is scaled by the most frequent mistake, so that
    mistakes can be seen where nearly everything is right; white means none.

    Parameters
    ----------
    matrix : (C, C)
        As ``minidl.metrics.confusion_matrix`` gives it.
    class_names : C strings, optional
        0 ... C − 1 unless given.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The matrix is not square, or the number of names is not C.

    Examples
    --------
    >>> ax = confusion_matrix([[9, 1], [2, 8]], ["cat", "dog"])
    >>> ax.get_title()
    '17 of 20 right (85.0 %)'
    """
    M = np.asarray(matrix)
    if M.ndim != 2 or M.shape[0] != M.shape[1] or M.size == 0:
        raise ValueError(
            f"confusion_matrix expects a square matrix (C, C), got shape {M.shape}.\n"
            "Of labels and predictions, md.metrics.confusion_matrix(labels, predictions) makes it."
        )
    C = len(M)
    names = [str(c) for c in range(C)] if class_names is None else [str(name) for name in class_names]
    if len(names) != C:
        raise ValueError(f"confusion_matrix expects {C} class names, got {len(names)}.")

    side = min(max(3.6, 0.52 * C + 1.2), 11.0)
    ax = axes_of(ax, side, side)
    hit = np.eye(C, dtype=bool)
    sums = M.sum(axis=1)  # below 1 too, where samples were weighted
    share = np.diagonal(M) / np.where(sums > 0, sums, 1)  # (C,)
    worst = M[~hit].max(initial=0) or 1
    ax.imshow(np.ma.array(np.diag(share), mask=~hit), cmap="Blues", vmin=0, vmax=1.25)
    ax.imshow(np.ma.array(M, mask=hit | (M == 0)), cmap="Oranges", vmin=0, vmax=1.6 * worst)
    if C <= MAX_WRITTEN:
        size = 10 if C <= 12 else 7
        for i, j in np.ndindex(C, C):
            if M[i, j]:
                white = i == j and share[i] > 0.6
                ax.text(j, i, f"{M[i, j]:g}", ha="center", va="center", size=size, color="white" if white else INK)
    long = max(map(len, names)) > 3
    ax.set_xticks(range(C), names, rotation=90 if long else 0, parse_math=False)  # two dollars are no formula
    ax.set_yticks(range(C), names, parse_math=False)
    ax.set_xticks(np.arange(C - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(C - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("right class")
    right, total = np.trace(M), M.sum()
    ax.set_title(f"{right:g} of {total:g} right ({100 * right / (total or 1):.1f} %)")
    return ax
