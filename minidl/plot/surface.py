"""What a classifier of points in the plane has learnt: its answer everywhere, and the data."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl.arrays import default_dtype, move
from minidl.errors import describe
from minidl.metrics.reading import plain
from minidl.ops.cross_entropy import check_probabilities
from minidl.plot.style import CLASS_COLOURS, CLASS_MARKERS, INK, axes_of
from minidl.settings import check_whole


def decision_surface(
    predict: Callable[[np.ndarray], Any],
    x: Any,
    y: Any,
    class_names: Sequence[str] | None = None,
    ax: Any = None,
    resolution: int = 150,
) -> Any:
    """Colour each point of the plane by the predicted class, the stronger the surer; lines where the class changes.

    Parameters
    ----------
    predict : function
        From points (M, 2) to probabilities of class 1, (M,) or (M, 1), or of C classes, (M, C): ``model.predict``.
    x : (N, 2)
    y : (N,), (N, 1) or one-hot (N, C)
        The classes of the points.
    class_names : strings, optional
    ax : matplotlib Axes, optional
    resolution : int
        Places along each axis where the model is asked.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The points are not in the plane, ``predict`` gives logits, there are more classes than colours (8) or names, or
        the shapes do not fit.

    Examples
    --------
    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> ax = decision_surface(lambda points: 1 / (1 + np.exp(1 - points.sum(axis=1))), x, y, resolution=20)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x₁', 'x₂')
    """
    if not callable(predict):
        raise TypeError(f"decision_surface expects a function such as model.predict first, got {describe(predict)}.")
    check_whole("decision_surface", "resolution", resolution, lowest=2)
    x, y = _points_and_classes(x, y)

    margin = 0.12 * (x.max(axis=0) - x.min(axis=0)) + 1e-6
    (left, bottom), (right, top) = x.min(axis=0) - margin, x.max(axis=0) + margin
    along, up = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    points = np.stack(np.meshgrid(along, up), axis=-1).reshape(-1, 2)  # (resolution², 2)
    p = _class_probabilities(predict, points.astype(default_dtype()))
    C = max(p.shape[1], int(y.max()) + 1)
    if len(CLASS_COLOURS) < C:
        raise ValueError(f"decision_surface has colours for {len(CLASS_COLOURS)} classes, got {C}.")
    names = [f"class {c}" for c in range(C)] if class_names is None else class_names
    if len(names) < C:
        raise ValueError(f"decision_surface expects class_names for {C} classes, got {len(names)}.")

    ax = axes_of(ax, 5.0, 4.2)
    colours = np.array([_rgb(colour) for colour in CLASS_COLOURS])[: p.shape[1]]  # (C, 3)
    # From white where no class is likelier than chance to the class's colour, half strong, where the model is sure.
    chance = 1 / p.shape[1]
    sure = 0.55 * np.clip((p.max(axis=1, keepdims=True) - chance) / (1 - chance), 0, 1)  # (resolution², 1)
    picture = 1 - sure * (1 - colours[p.argmax(axis=1)])  # (resolution², 3)
    picture = picture.reshape(resolution, resolution, 3)
    ax.imshow(picture, origin="lower", extent=(left, right, bottom, top), aspect="auto", interpolation="bilinear")
    for c in range(p.shape[1] if p.shape[1] > 2 else 1):
        others = np.delete(p, c, axis=1).max(axis=1)
        lead = (p[:, c] - others).reshape(resolution, resolution)
        if lead.min() < 0 < lead.max():
            ax.contour(along, up, lead, levels=[0], colors=INK, linewidths=1.2)
    for c in np.unique(y):
        ax.scatter(
            *x[y == c].T, s=26, marker=CLASS_MARKERS[c], c=CLASS_COLOURS[c], edgecolors="white", linewidths=0.6,
            label=names[c], zorder=3,
        )  # fmt: skip
    ax.set_xlabel("x₁")
    ax.set_ylabel("x₂")
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.legend(loc="best", framealpha=0.9)
    return ax


def _points_and_classes(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The points (N, 2), and for each the number of its class (N,)."""
    x, y = move(plain(x), "cpu"), move(plain(y), "cpu")
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ValueError(f"decision_surface expects points (N, 2), got shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("decision_surface expects points in the plane, got NaN or infinity among them.")
    if y.ndim == 2:
        y = y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)  # (N, 1) or (N, C) -> (N,)
    if y.shape != x.shape[:1]:
        raise ValueError(f"decision_surface expects a class for each of {len(x)} points, got shape {y.shape}.")
    if (y < 0).any() or (y != y.astype(int)).any():
        raise ValueError(f"decision_surface expects classes 0, 1, 2 ..., got {np.unique(y)[:6]}.")
    return x.astype(np.float64), y.astype(int)  # around equal points of float32 the plane would have no width


def _class_probabilities(predict: Callable, points: np.ndarray) -> np.ndarray:
    """What the model says at the points, as (M, C): one probability p becomes the two 1 − p and p."""
    p = move(plain(predict(points)), "cpu")
    if p.shape in ((len(points),), (len(points), 1)):
        check_probabilities("decision_surface", p, "sigmoid", highest=1)
        p = p.reshape(-1, 1)  # (M,) or (M, 1) -> (M, 1)
        return np.concatenate([1 - p, p], axis=1)  # (M, 2)
    if p.ndim != 2 or len(p) != len(points):
        raise ValueError(
            f"decision_surface expects predict to give (M,), (M, 1) or (M, C) for M points, got shape {p.shape} for "
            f"M = {len(points)}."
        )
    check_probabilities("decision_surface", p, "softmax", highest=1)
    return p


def _rgb(colour: str) -> tuple[float, ...]:
    """Red, green and blue from 0 to 1 of a colour such as "#0072b2"."""
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
