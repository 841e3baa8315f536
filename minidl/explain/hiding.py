"""Hiding parts of a sample, to see what the model says without them: one mechanism for images, texts and tables.

A sample has S segments. z ∈ {0, 1}^S says which are shown; where one is hidden stands the baseline x₀:

    h(z)_i = x_i where z_segment(i) = 1, else x₀_i          v(z) = f(h(z))

``segments`` is an array of the shape of one sample, or of its first axes, with the number of each place's segment:

    an image (H, W, C)     patches((H, W), 4)           squares of 4 × 4 pixels, with all their channels
    a text (T,)            None                         each word by itself; x₀ = 0 is padding
    a series (T, D)        np.arange(T)                 each step with all that is measured then
    a table's row (D,)     None, or [0, 1, 1, 1, 2]     columns by themselves, or three that only make sense together

Numbers for segments, φ (N, S), become numbers for places by indexing: ``phi[:, segments]`` is (N, H, W).
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, device_of, move
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.explain.answer import Answer
from minidl.layers.base import Layer
from minidl.metrics.reading import plain
from minidl.settings import check_whole

BATCH = 256  # variants of a sample that the model sees at once


def patches(shape: tuple[int, ...], size: int) -> np.ndarray:
    """The segments of an image: squares of ``size`` × ``size`` pixels, smaller at the right and lower edge.

    Parameters
    ----------
    shape : (H, W) or (H, W, C)
    size : int

    Returns
    -------
    (H, W) integers

    >>> patches((3, 4), 2)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [2, 2, 3, 3]])
    """
    size = check_whole("patches", "size", size)
    if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
        raise ValueError(f"patches expects shape (H, W) or (H, W, C), got {shape!r}. Of a batch: x.shape[1:].")
    H, W = (check_whole("patches", "shape", n) for n in shape[:2])
    columns = -(-W // size)  # rounded up
    return np.arange(H)[:, None] // size * columns + np.arange(W) // size


class Hiding:
    """v: what f becomes where segments of a sample are hidden.

    Parameters
    ----------
    answer : Answer
        f, and the samples.
    segments : array of integers, or None
        0 .. S−1; by default each place is a segment.
    baseline : number or array that broadcasts to x

    Attributes
    ----------
    S : int

    >>> answer = Answer("doctest", lambda x: x.sum(axis=1), np.array([[1.0, 2.0, 4.0]]))
    >>> Hiding(answer, [0, 1, 1], baseline=0.5).values(0, [[True, True], [True, False]])
    array([7., 2.])
    """

    def __init__(self, answer: Answer, segments: Any = None, baseline: Any = 0.0):
        self.answer = answer
        x = answer.x
        check_rows(answer)
        self.x0 = read_baseline(answer.who, baseline, x)
        self.each_place = segments is None
        sample = x.shape[1:]
        own = np.arange(x[0].size).reshape(sample) if segments is None else read_segments(answer.who, segments, sample)
        self.S = int(own.max()) + 1
        own = own.reshape(own.shape + (1,) * (len(sample) - own.ndim))  # (H, W) → (H, W, 1): all channels
        self.segments = move(np.broadcast_to(own, sample).copy(), device_of(x))

    def rows(self, n: int, z: Any) -> Array:
        """h(z) of sample n for M choices z (M, S) of truth values: (M, ...)."""
        x, x0, xp = self.answer.x[n], self.x0[n], array_module(self.x0)
        shown = xp.asarray(z)[:, self.segments]  # (M, S) → (M, ...)
        return xp.where(shown, x, x0)

    def values(self, n: int, z: Any) -> np.ndarray:
        """v(z) of sample n: (M, S) → (M,)."""
        z = np.asarray(z, bool)
        parts = [self.answer.of(self.rows(n, z[k : k + BATCH]), n) for k in range(0, len(z), BATCH)]
        return np.concatenate(parts)

    def like_x(self, phi: np.ndarray) -> np.ndarray:
        """(N, S), or x's shape where each place is a segment."""
        return phi.reshape(self.answer.x.shape) if self.each_place else phi


def check_rows(answer: Answer) -> None:
    """Refuse a function that knows something of each of the N samples, and would pair it with variants of one."""
    if isinstance(answer.model, Layer):
        return
    x, xp = answer.x, array_module(answer.x)
    try:
        answer.numbers(xp.concatenate([x, x[:1]]))  # (N + 1, ...)
    except ValueError as error:
        raise ValueError(
            f"{answer.who} asks f about any number of variants, but f takes {len(x)} samples only: "
            f"{str(error).splitlines()[0]}\nAnother input must have as many rows, of one sample: "
            "lambda x: model([x, np.repeat(other[:1], len(x), axis=0)])."
        ) from None


def read_baseline(who: str, baseline: Any, x: Array) -> Array:
    """x₀, of x's shape and dtype."""
    given = baseline.data if isinstance(baseline, Tensor) else as_array(baseline, np.float64)  # 0.1 in full
    x0 = move(given, device_of(x))
    xp = array_module(x)
    with np.errstate(over="ignore", invalid="ignore"):  # what x's dtype cannot hold is refused
        value = x0.astype(x.dtype)
    if not bool((xp.isfinite(x0) & xp.isfinite(value)).all()):
        raise ValueError(f"{who} expects a finite baseline, got NaN or infinity, or beyond what {x.dtype} can hold.")
    if x.dtype.kind != "f" and not bool((x0 == value).all()):
        raise ValueError(
            f"{who} expects a baseline of whole numbers, as x holds {x.dtype}.\nFor images: x.astype('float32')."
        )
    try:
        return xp.broadcast_to(value, x.shape)
    except ValueError:
        raise ValueError(
            f"{who} expects a baseline that broadcasts to x {x.shape}, got shape {x0.shape}.\n"
            "One sample for all: x_train.mean(axis=0)."
        ) from None


def read_segments(who: str, segments: Any, sample: tuple[int, ...]) -> np.ndarray:
    """Numbers of segments, all of 0 .. S−1, for a sample of this shape or its first axes."""
    s = move(plain(segments), "cpu")
    if s.dtype.kind not in "iu":
        raise TypeError(f"{who} expects segments as whole numbers, got {describe(segments)}.")
    if s.ndim == 0 or s.shape != sample[: s.ndim]:
        raise ValueError(
            f"{who} expects segments of the shape of one sample, {sample}, or its first axes, got {s.shape}.\n"
            "For images: patches(x.shape[1:], 4)."
        )
    if s.min() < 0 or len(np.unique(s)) != s.max() + 1:
        raise ValueError(
            f"{who} expects segments numbered 0, 1, 2, ... without gaps, got {len(np.unique(s))} from {s.min()} to "
            f"{s.max()}.\nnp.unique(segments, return_inverse=True)[1] renumbers them."
        )
    return s.astype(np.int64)
