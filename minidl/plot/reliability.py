"""A reliability diagram: how sure a model was, and how often it was right."""

from typing import Any

import numpy as np

from minidl.errors import describe
from minidl.plot.style import BLUE, GREY, INK, ORANGE, axes_of, tidy

MAX_WRITTEN = 20  # more bins than this and the counts would not fit
NEEDED = ("edges", "counts", "accuracy", "confidence", "ece")


def reliability(bins: Any, ax: Any = None) -> Any:
    """Draw a bar for each bin of confidences, as high as the share of right predictions in it.

    On the dashed line every confidence is what it says. The orange piece between a bar and its bin's mean confidence is
    the gap that the expected calibration error adds up: above the bar the model was too sure, within it not sure
    enough. Numbers above count the samples. Source: Guo et al. 2017, figure 1.

    Parameters
    ----------
    bins : Reliability
        Of ``minidl.serving.reliability(labels, probabilities)``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from minidl.serving import reliability as in_bins
    >>> ax = reliability(in_bins([0, 0, 1], [[0.7, 0.3], [0.9, 0.1], [0.9, 0.1]], bins=5))
    >>> ax.get_title()
    'expected calibration error 36.7 %'
    """
    if not all(hasattr(bins, name) for name in NEEDED):
        raise TypeError(
            f"reliability expects bins, got {describe(bins)}.\n"
            "Of labels and probabilities, md.serving.reliability(labels, probabilities) makes them."
        )
    full = bins.counts > 0
    left, width = bins.edges[:-1][full], np.diff(bins.edges)[full]
    accuracy, confidence, counts = bins.accuracy[full], bins.confidence[full], bins.counts[full]

    ax = axes_of(ax, 4.6, 4.4)
    tidy(ax)
    ax.bar(left, accuracy, width, align="edge", color=BLUE, edgecolor="white", label="right")
    lower, gap = np.minimum(accuracy, confidence), np.abs(accuracy - confidence)
    ax.bar(left, gap, width, lower, align="edge", color=ORANGE, alpha=0.55, edgecolor=ORANGE, label="gap")
    ax.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.2, label="as sure as right")
    if len(bins.counts) <= MAX_WRITTEN:
        for x, w, top, n in zip(left, width, np.maximum(accuracy, confidence), counts):
            ax.text(x + w / 2, top + 0.01, f"{n:g}", ha="center", va="bottom", size=7, color=INK)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.06)
    ax.set_xlabel("confidence")
    ax.set_ylabel("share of right predictions")
    ax.set_title(f"expected calibration error {100 * bins.ece:.1f} %")
    ax.legend(loc="upper left", frameon=False)
    return ax
