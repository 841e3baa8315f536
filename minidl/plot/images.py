"""Pictures of pictures: grids of images, the worst mistakes, and weights seen as images."""

from collections.abc import Sequence
from math import ceil, prod, sqrt
from numbers import Integral
from typing import Any

import numpy as np

from minidl.arrays import move
from minidl.errors import describe
from minidl.metrics.reading import plain, read_sparse
from minidl.ops.cross_entropy import check_probabilities
from minidl.plot.style import DIVERGING, GREYS, INK, axes_of, figure_of
from minidl.settings import check_whole


def image_grid(
    images: Any, titles: Sequence[str] | None = None, columns: int | None = None, figure: Any = None, cmap: str = GREYS
) -> Any:
    """Images side by side, all on one scale of grey, so that their brightness can be compared.

    Parameters
    ----------
    images : (N, H, W), (N, H, W, 1) or (N, H, W, 3)
        Grey, or red, green and blue from 0 to 1 (integers: from 0 to 255).
    titles : N strings, optional
    columns : int, optional
        How many in a row; about as many as rows unless given.
    figure : Figure or SubFigure, optional
    cmap : str
        Matplotlib's name of the colours for grey images.

    Returns
    -------
    matplotlib.figure.Figure (or the one given)

    Examples
    --------
    >>> figure = image_grid(np.zeros((6, 8, 8)), titles="abcdef")
    >>> len(figure.axes)
    6
    """
    x = move(plain(images), "cpu")
    if x.ndim == 4 and x.shape[-1] == 1:
        x = x[..., 0]  # (N, H, W, 1) -> (N, H, W)
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[-1] != 3) or x.size == 0:
        raise ValueError(f"image_grid expects images (N, H, W) or (N, H, W, 1 or 3), got shape {x.shape}.")
    N = len(x)
    if titles is not None and not isinstance(titles, Sequence):
        raise TypeError(f"image_grid expects titles as a list of {N} strings, got {describe(titles)}.")
    if columns is not None:
        check_whole("image_grid", "columns", columns)
    if titles is not None and len(titles) != N:
        raise ValueError(f"image_grid expects {N} titles, got {len(titles)}.")
    columns = min(N, columns or _columns(N))
    rows = ceil(N / columns)
    lines = 0 if titles is None else max(str(title).count("\n") + 1 for title in titles)
    figure = figure_of(figure, 1.15 * columns, (1.15 + 0.2 * lines) * rows)
    seen = x[np.isfinite(x)] if np.isfinite(x).any() else np.zeros(1)  # NaN would make every image black
    scale = {"cmap": cmap, "vmin": seen.min(), "vmax": max(seen.max(), seen.min() + 1e-12)} if x.ndim == 3 else {}
    for n in range(N):
        ax = figure.add_subplot(rows, columns, n + 1)
        ax.imshow(x[n], **scale)
        ax.set_axis_off()
        if titles is not None:
            ax.set_title(titles[n], fontsize=9, pad=3)
    return figure


def worst_mistakes(
    images: Any,
    labels: Any,
    probabilities: Any,
    n: int = 12,
    class_names: Sequence[str] | None = None,
    columns: int | None = None,
    figure: Any = None,
) -> Any:
    r"""The images that the model gets most wrong: those whose right class it gives the smallest probability.

    Over each stands the right class, what the model said, and how sure it was.

    Parameters
    ----------
    images : (N, H, W), (N, H, W, 1) or (N, H, W, 3)
    labels : (N,) integers
    probabilities : (N, C)
    n : int
        How many to show at most; fewer mistakes than that, fewer images.
    class_names : C strings, optional
    columns : int, optional
        Images in a row.
    figure : Figure or SubFigure, optional

    Returns
    -------
    matplotlib.figure.Figure (or the one given)

    Examples
    --------
    >>> figure = worst_mistakes(np.zeros((3, 8, 8)), [0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    >>> [ax.get_title() for ax in figure.axes]                               # the surest mistake first
    ['1, said 0\n80 % sure', '1, said 0\n60 % sure']
    """
    check_whole("worst_mistakes", "n", n)
    p = move(plain(probabilities), "cpu")
    labels, predicted = read_sparse("worst_mistakes", move(plain(labels), "cpu"), p)
    if p.size:
        check_probabilities("worst_mistakes", p, "softmax", highest=1)  # "900 % sure" of a logit
    x = move(plain(images), "cpu")
    if labels.ndim != 1 or len(x) != len(labels):
        raise ValueError(f"worst_mistakes expects as many images as labels, got {len(x)} and {labels.shape}.")
    names = [str(c) for c in range(p.shape[1])] if class_names is None else class_names
    if len(names) < p.shape[1]:
        raise ValueError(f"worst_mistakes expects class_names for {p.shape[1]} classes, got {len(names)}.")
    own = np.take_along_axis(p, labels[:, None], axis=1)[:, 0]  # (N, C) -> (N,)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(own[wrong], kind="stable")][:n]
    if len(worst) == 0:
        figure = figure_of(figure, 4, 1)
        figure.text(0.5, 0.5, "no mistakes", ha="center", va="center", color=INK)
        return figure
    titles = [
        f"{names[labels[i]]}, said {names[predicted[i]]}\n{p[i].max():.0%} sure".replace("%", " %") for i in worst
    ]
    return image_grid(x[worst], titles, columns, figure=figure)


def weights_as_images(weights: Any, shape: tuple[int, ...] | None = None, n: int | None = None, ax: Any = None) -> Any:
    """What each unit looks for: its weights as an image, blue below zero, white at zero, red above.

    Parameters
    ----------
    weights : (in, units) or (kh, kw, 1, units)
        The kernel of a dense layer that sees images, or of a convolution with one input channel.
    shape : (H, W), needed for a dense kernel
        H · W = in.
    n : int, optional
        Only the first n units.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        ``shape`` is missing or does not hold the weights of one unit.

    Examples
    --------
    >>> ax = weights_as_images(np.ones((6, 4)), shape=(2, 3))
    >>> ax.get_title()
    '4 units, 2 × 3 weights each'
    """
    W = move(plain(weights), "cpu")
    if W.ndim == 4 and W.shape[2] == 1:
        shape = W.shape[:2]
        W = W.reshape(-1, W.shape[-1])  # (kh, kw, 1, units) -> (kh · kw, units)
    if n is not None:
        check_whole("weights_as_images", "n", n)
    if W.ndim != 2 or not _is_area(shape, W.shape[0]) or W.size == 0:
        raise ValueError(
            f"weights_as_images expects (in, units) with shape=(H, W), H · W = in, or (kh, kw, 1, units),\n"
            f"got weights of shape {W.shape} and shape={shape}. Choose one input channel: kernel[:, :, [0], :]."
        )
    H, width = shape
    images = W.T[:n].reshape(-1, H, width)  # (in, units) -> (units, H, W)
    units = len(images)
    columns = _columns(units)
    rows = ceil(units / columns)
    gap = max(1, round(0.06 * max(H, width)))
    wall = np.full((rows * (H + gap) - gap, columns * (width + gap) - gap), np.nan)
    for i, image in enumerate(images):
        top, left = (i // columns) * (H + gap), (i % columns) * (width + gap)
        wall[top : top + H, left : left + width] = image
    ax = axes_of(ax, 1.0 + 0.75 * columns, 0.5 + 0.7 * rows * H / width)
    # A few weights are far larger than the rest; the scale ends where 99.5 % of them do.
    largest = float(np.quantile(np.abs(images), 0.995)) or 1.0
    drawn = ax.imshow(wall, cmap=DIVERGING, vmin=-largest, vmax=largest, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(f"{units} unit{'s' * (units > 1)}, {H} × {width} weights each")
    ax.figure.colorbar(drawn, ax=ax, label="weight", shrink=0.8, extend="both")
    return ax


def _is_area(shape: Any, pixels: int) -> bool:
    """Is it (H, W) of so many pixels?"""
    sides = shape if isinstance(shape, (tuple, list)) else ()
    return len(sides) == 2 and all(isinstance(n, Integral) and n > 0 for n in sides) and prod(sides) == pixels


def _columns(n: int) -> int:
    """How many columns make n pictures a block that is a little wider than high, with the fewest places empty."""
    return min(range(ceil(sqrt(n)), ceil(sqrt(2 * n)) + 1), key=lambda columns: (-n % columns, columns))
