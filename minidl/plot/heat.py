"""A heat map over an image: which of its pixels spoke for an output, and which against."""

from typing import Any

import numpy as np

from minidl.metrics.reading import read_numbers
from minidl.plot.style import DIVERGING, axes_of

PALE = 0.3  # the blackest pixel is drawn as bright as 1 − this, so that colours over it can be told apart


def heat_map(image: Any, attribution: Any, label: str = "attribution", ax: Any = None) -> Any:
    """Draw an image in pale grey, coloured by what each pixel adds: red above zero, blue below.

    Parameters
    ----------
    image : (H, W), (H, W, 1) or (H, W, 3)
    attribution : (H, W) or (H, W, C)
        Of each pixel; over channels the sum is taken.
    label : str
        What the numbers are, beside the bar of colours.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The two are not of one size, or hold NaN or infinity.

    Examples
    --------
    >>> ax = heat_map(np.ones((2, 2)), [[0.5, 0.0], [0.0, -2.0]])
    >>> [float(end) for end in ax.figure.axes[-1].get_ylim()]             # symmetric, so that white is 0
    [-2.0, 2.0]
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    x, a = read_numbers("heat_map", "image", image), read_numbers("heat_map", "attributions", attribution)
    if x.ndim not in (2, 3) or x.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(
            f"heat_map expects one image (H, W), (H, W, 1) or (H, W, 3), got shape {x.shape}. Choose: x[0]."
        )
    if a.ndim not in (2, 3) or a.shape[:2] != x.shape[:2]:
        raise ValueError(
            f"heat_map expects attributions {x.shape[:2]} or {(*x.shape[:2], 'C')} of this image, got {a.shape}.\n"
            "Of segments (N, S): phi[n][segments]."
        )
    a = a if a.ndim == 2 else a.sum(axis=-1)  # (H, W, C) → (H, W)
    grey = x if x.ndim == 2 else x.mean(axis=-1)  # (H, W, C) → (H, W)
    largest = float(np.abs(a).max()) or 1.0
    scale = ScalarMappable(Normalize(-largest, largest), colormaps[DIVERGING])
    paper = 1 - PALE + PALE * (grey - grey.min()) / (float(np.ptp(grey)) or 1.0)  # (H, W)
    H, W = a.shape
    ax = axes_of(ax, 3.0 * min(W / H, 2) + 1.0, 3.0)
    ax.imshow(scale.to_rgba(a)[..., :3] * paper[..., None], interpolation="nearest")  # as ink on paper: (H, W, 3)
    ax.set_axis_off()
    bar = ax.figure.colorbar(scale, ax=ax, label=label, shrink=0.8)
    if (a >= 0).all():
        bar.ax.set_ylim(0, largest)  # half of the colours are not in use
    return ax
