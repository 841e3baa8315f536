"""Picking elements by their positions, and its counterpart, adding at positions.

| op | y | ∂L/∂x |
|---|---|---|
| getitem | x[index] | put_at(g, index, shape of x) |
| put_at | zeros of a shape, then y[index] += x, repeated positions summed | g[index] |
| take, take_along_axis, sort | getitem with an index worked out first | |

``x[index]`` multiplies x by a matrix S of zeros and ones, y = S x, so ∂L/∂x = Sᵀ g, and Sᵀ is ``put_at``; its own
derivative is S again. Every op of this module is one of the two: an embedding is ``take``, its gradient ``put_at``.
"""

import math
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minidl.arrays import array_module, as_operand, is_array
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.operators import unwrap
from minidl.ops.shape import ravel

BASIC = (int, np.integer, slice, NoneType, EllipsisType)  # an index of these gives a view


# --- the two ops --------------------------------------------------------------------------------------------------


@primitive(saves=True)
def getitem(x, /, index):
    """y = x[index]: integers, slices, None, Ellipsis, integer arrays, truth values, and tuples of them, as in NumPy.

    Raises
    ------
    IndexError
        An integer is out of range. (CuPy would wrap it round in silence, so it is checked here, at the price of a wait
        for the GPU when the index is an array there.)
    TypeError
        The index is an array of floating numbers.

    Examples
    --------
    >>> import minidl as md
    >>> x = md.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 2, 2]].sum().backward()
    >>> x.grad
    array([1., 0., 2.], dtype=float32)
    """
    index = plain_index("getitem", index)
    if array_module(x) is not np:
        check_range("getitem", index, x.shape)
        return x[index], index
    try:
        if is_array(index) and is_integer(index) and x.ndim:
            return x.take(index, axis=0), index  # rows of a table: twice as fast as x[index]
        return x[index], index
    except IndexError:
        check_range("getitem", index, x.shape)  # says more than NumPy does
        raise


@getitem.joint_rule
def getitem_rule(g, y, x, *, needs, saved, index):
    """∂y_k/∂x_i = 1 where i = index_k. The index saved is a copy: the caller's array may have changed since."""
    return (put_at(g, saved, x.shape),)


@primitive(broadcasts=True)
def put_at(x, /, index, shape):
    """y = 0 in the given shape, then y[index] += x: where a position is repeated, its numbers are summed.

    x may be broadcast to the shape of y[index]. On a GPU repeated numbers are summed in any order, so that the last
    digits may differ from run to run.

    >>> put_at(np.array([1.0, 10.0, 100.0]), [0, 2, 2], shape=4)
    array([  1.,   0., 110.,   0.])
    """
    xp = array_module(x)
    y = xp.zeros(shape, x.dtype)
    index = plain_index("put_at", index)
    if x.size:  # where nothing is picked NumPy lets any position pass
        check_range("put_at", index, y.shape)
    parts = index if isinstance(index, tuple) else (index,)
    if not any(is_array(part) and is_integer(part) for part in parts):
        y[index] = x  # slices and truth values reach no place twice
    elif xp is np:
        places = flat_positions(parts, y.shape)
        # One axis is the fast case of np.add.at: three to six times faster than adding rows, and mostly than sorting.
        np.add.at(y.reshape(-1), places.reshape(-1), np.broadcast_to(x, places.shape).reshape(-1))
    else:
        xp.add.at(y, index, x)
    return y


put_at.rule(lambda g, y, x, index, shape: getitem(g, index))  # ∂y_i/∂x_k = 1 where i = index_k


# --- what an index says -------------------------------------------------------------------------------------------


def plain_index(who: str, index: Any) -> Any:
    """The index with Tensors unwrapped, lists made arrays and arrays copied; refuses what is no index."""
    if isinstance(index, tuple):
        return tuple([plain_part(who, part) for part in index])
    return plain_part(who, index)


def plain_part(who: str, part: Any) -> Any:
    """The same for one part of a tuple."""
    if isinstance(part, BASIC):
        return part
    part = unwrap(part)
    array = part if is_array(part) else np.array(part, dtype=None if np.size(part) else np.intp)
    if array.dtype.kind not in "iub":
        raise TypeError(
            f"{who} expects integers or truth values as indices, got {array.dtype}.\n"
            "Convert them first, for example labels.astype('int64')."
        )
    return array.copy() if array.dtype.kind == "b" else array.astype(np.intp)


def positions(who: str, indices: Any) -> Any:
    """An integer or an array of them. Truth values are refused: as an index they would pick, not count as 0 and 1."""
    indices = unwrap(indices)
    if not is_array(indices) and not isinstance(indices, int):
        indices = np.array(indices, dtype=None if np.size(indices) else np.intp)
    if not is_integer(indices):
        raise TypeError(f"{who} expects integers, got truth values.\nx[mask] picks the elements where a mask is True.")
    return indices


def check_range(who: str, index: Any, shape: tuple[int, ...]) -> None:
    """Raise an IndexError when an integer in the index is out of range, naming the one furthest out."""
    parts = index if isinstance(index, tuple) else (index,)
    axis = 0  # the axis of x that the next part speaks of
    for part in parts:
        if part is Ellipsis:
            axis += len(shape) - sum(map(axes_used, parts))
        elif is_integer(part) and getattr(part, "size", 1) and axis < len(shape):
            low, high = (int(part.min()), int(part.max())) if is_array(part) else (part, part)
            n = shape[axis]
            if low < -n or high >= n:
                worst = low if low + n < n - 1 - high else high
                allowed = f"indices from {-n} to {n - 1}" if n else "no index"
                raise IndexError(f"{who} expects {allowed} on axis {axis} of shape {shape}, got {worst}.")
        axis += axes_used(part)


def is_integer(part: Any) -> bool:
    """True for an integer or an array of them, False for truth values and slices."""
    if is_array(part):
        return part.dtype.kind != "b"
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)


def axes_used(part: Any) -> int:
    """How many axes of x one part of an index speaks of."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if is_array(part) and not is_integer(part) else 1


def flat_positions(parts: tuple, shape: tuple[int, ...]) -> np.ndarray:
    """Where each element of ``y[index]`` stands in ``y.reshape(-1)``."""
    if len(parts) <= len(shape) and all(map(is_integer, parts)):
        k = len(parts)  # integers for the first k axes pick whole rows, of `width` elements each
        width = math.prod(shape[k:])
        rows = np.ravel_multi_index(parts, shape[:k], mode="wrap")  # "wrap" for negative ones: the range is checked
        return (rows[..., None] * width + np.arange(width)).reshape(rows.shape + shape[k:])
    return np.arange(math.prod(shape)).reshape(shape)[parts]  # any index at all: let NumPy pick the positions


# --- ops written with them ----------------------------------------------------------------------------------------


@composite(np.take)
def take(x, indices, axis=None):
    """y = the elements of x at ``indices`` along an axis, which is replaced by the axes of ``indices``.

    Without an axis x is read as one row. An embedding is ``take(table, words, axis=0)``: (V, D), (N, T) → (N, T, D).

    >>> import minidl as md
    >>> md.take(md.Tensor([[1.0, 2.0], [3.0, 4.0]]), [1, 1, 0], axis=1)
    Tensor([[2., 2., 1.],
            [4., 4., 3.]])
    """
    x, axis = (ravel(x), 0) if axis is None else (as_operand(x), axis)
    axis = normalize_axis_index(axis, x.ndim, "take")
    indices = positions("take", indices)
    return getitem(x, (slice(None),) * axis + (indices,) if axis else indices)


@composite(np.take_along_axis)
def take_along_axis(x, indices, axis=-1):
    """y_ij = x_{i, indices_ij} for axis 1: each row picks its own elements. Without an axis x is read as one row.

    Parameters
    ----------
    x
        Any shape.
    indices
        Integers, with as many axes as x, and sizes equal to x's or 1 off the axis.

    Examples
    --------
    >>> import minidl as md
    >>> scores, labels = md.Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0])
    >>> md.take_along_axis(scores, labels[:, None], axis=1)
    Tensor([[2.],
            [3.]])
    """
    indices = positions("take_along_axis", indices)
    x, axis = (ravel(x), 0) if axis is None else (as_operand(x), axis)
    if np.ndim(indices) != x.ndim:
        raise ValueError(
            f"take_along_axis expects indices with {x.ndim} axes as x of shape {x.shape}, got {np.shape(indices)}.\n"
            "Add one: indices[:, None]?"
        )
    axis = normalize_axis_index(axis, x.ndim, "take_along_axis")
    ones = (1,) * x.ndim
    index = [np.arange(n).reshape(ones[:k] + (n,) + ones[k + 1 :]) for k, n in enumerate(x.shape)]
    index[axis] = indices
    return getitem(x, tuple(index))


@composite(np.sort)
def sort(x, axis=-1):
    """y = x in rising order along an axis (without one: all of it). The gradient goes to where each number came from.

    >>> import minidl as md
    >>> md.sort(md.Tensor([3.0, 1.0, 2.0]))
    Tensor([1., 2., 3.])
    """
    x, axis = (ravel(x), 0) if axis is None else (as_operand(x), axis)
    return take_along_axis(x, unwrap(x).argsort(axis), axis)
