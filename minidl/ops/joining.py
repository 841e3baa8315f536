"""Ops that put arrays together, take them apart, and repeat or surround them.

| op | y | ∂L/∂x_k |
|---|---|---|
| concatenate | x₁, x₂, … one after the other along an axis | the stretch of g that x_k fills |
| stack, vstack, hstack | concatenate, with new axes | |
| split, array_split | pieces of x, by getitem | |
| pad | x surrounded by constants | the inner part of g |
| repeat, tile | x several times, by broadcast_to or take | |
"""

import itertools
import operator
from collections.abc import Sequence
from types import NoneType

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minidl.arrays import array_module, as_array, as_operand
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.ops.indexing import getitem, take
from minidl.ops.shape import broadcast_to, expand_dims, ravel, reshape

# --- putting together ---------------------------------------------------------------------------------------------


@composite(np.concatenate)
def concatenate(arrays, axis=0):
    """y = the arrays one after the other along an axis (None: all of them as one row).

    Parameters
    ----------
    arrays : sequence of arrays
        Of the same shape, except along ``axis``.

    Examples
    --------
    >>> import minidl as md
    >>> md.concatenate([md.Tensor([1.0, 2.0]), md.Tensor([3.0])])
    Tensor([1., 2., 3.])
    """
    arrays = sequence("concatenate", arrays, axis)
    if axis is None:
        return concatenate_arrays(*map(ravel, arrays), axis=0)
    return join("concatenate", arrays, axis)


def join(who: str, arrays: list, axis: int):
    """``concatenate_arrays``, but for arrays that do not fit together the op that the user called complains."""
    shape = arrays[0].shape
    axis = normalize_axis_index(axis, len(shape), who)
    for x in arrays:
        if x.ndim != len(shape) or x.shape[:axis] + x.shape[axis + 1 :] != shape[:axis] + shape[axis + 1 :]:
            shapes = ", ".join(str(x.shape) for x in arrays[:6])
            raise ValueError(f"{who} expects arrays of one shape, but for axis {axis}, got {shapes}.")
    return concatenate_arrays(*arrays, axis=axis)


@primitive()
def concatenate_arrays(*arrays, axis):
    """The op behind ``concatenate``, with each array an input of its own."""
    return array_module(*arrays).concatenate(arrays, axis)


@concatenate_arrays.joint_rule
def concatenate_rule(g, y, *arrays, needs, axis):
    """∂L/∂x_k = g[..., start_k : end_k, ...], the stretch that x_k fills."""
    before = (slice(None),) * (axis % y.ndim)
    ends = itertools.accumulate(x.shape[axis] for x in arrays)
    return [
        g[before + (slice(end - x.shape[axis], end),)] if need else None
        for x, end, need in zip(arrays, ends, needs, strict=True)
    ]


@composite(np.stack)
def stack(arrays, axis=0):
    """y = the arrays, all of one shape, side by side along a new axis.

    >>> import minidl as md
    >>> md.stack([md.Tensor([1.0, 2.0]), md.Tensor([3.0, 4.0])], axis=1)
    Tensor([[1., 3.],
            [2., 4.]])
    """
    arrays = sequence("stack", arrays, axis)
    for x in arrays:
        if x.shape != arrays[0].shape:
            raise ValueError(
                f"stack expects arrays of one shape, got {arrays[0].shape} and {x.shape}.\n"
                "concatenate takes arrays that differ along its axis."
            )
    return concatenate_arrays(*(expand_dims(x, axis) for x in arrays), axis=axis)


@composite(np.vstack)
def vstack(arrays):
    """y = the arrays below one another: vectors become rows."""
    arrays = sequence("vstack", arrays)
    return join("vstack", [x if x.ndim > 1 else reshape(x, (1, -1)) for x in arrays], 0)


@composite(np.hstack)
def hstack(arrays):
    """y = the arrays beside one another: along axis 1, or axis 0 for vectors."""
    arrays = sequence("hstack", arrays)
    axis = 1 if arrays[0].ndim > 1 else 0
    return join("hstack", [x if x.ndim else reshape(x, 1) for x in arrays], axis)


def sequence(who: str, arrays, axis: int | None = 0) -> list:
    """The arrays as a list of arrays; a frequent slip is to give them as separate arguments."""
    if not np.iterable(arrays) or not isinstance(axis, (int, np.integer, NoneType)):
        raise TypeError(f"{who} expects its arrays in one list: {who}([a, b]).")
    arrays = [x if hasattr(x, "shape") else as_array(x) for x in arrays]
    if not arrays:
        raise ValueError(f"{who} expects at least one array, got none.")
    return arrays


# --- taking apart -------------------------------------------------------------------------------------------------


@composite(np.split)
def split(x, indices_or_sections, axis=0):
    """A list of pieces of x: so many equal ones, or cut before each of the given positions.

    >>> import minidl as md
    >>> md.split(md.Tensor([1.0, 2.0, 3.0, 4.0]), 2)
    [Tensor([1., 2.]), Tensor([3., 4.])]
    """
    x = as_operand(x)
    n = x.shape[normalize_axis_index(axis, x.ndim, "split")]
    if not np.ndim(indices_or_sections) and (indices_or_sections < 1 or n % indices_or_sections):
        raise ValueError(
            f"split cannot divide axis {axis} of shape {x.shape} into {indices_or_sections} equal pieces.\n"
            "array_split makes pieces that differ by one."
        )
    return array_split(x, indices_or_sections, axis)


@composite(np.array_split)
def array_split(x, indices_or_sections, axis=0):
    """As ``split``, but sections may differ by one element; the longer ones come first."""
    x = as_operand(x)
    axis = normalize_axis_index(axis, x.ndim, "array_split")
    n = x.shape[axis]
    if not np.ndim(indices_or_sections):
        if indices_or_sections < 1:
            raise ValueError(f"array_split expects at least one section, got {indices_or_sections}.")
        short, longer = divmod(n, indices_or_sections)
        cuts = [k * short + min(k, longer) for k in range(indices_or_sections + 1)]
    else:
        cuts = [0, *map(operator.index, indices_or_sections), n]
    return [getitem(x, (slice(None),) * axis + (slice(a, b),)) for a, b in itertools.pairwise(cuts)]


# --- surrounding and repeating ------------------------------------------------------------------------------------


@primitive(np.pad)
def pad(x, /, pad_width, mode="constant", constant_values=0):
    """y = x with more elements before and after it along each axis, all of one value.

    Parameters
    ----------
    pad_width : int, (before, after) or one such pair for each axis
        How many.
    mode : str
        "constant" only.

    Examples
    --------
    >>> import minidl as md
    >>> md.pad(md.Tensor([1.0, 2.0]), (1, 2))
    Tensor([0., 1., 2., 0., 0.])
    """
    if mode != "constant":
        raise ValueError(f"pad knows mode 'constant', got {mode!r}.\nBuild others with concatenate and flip.")
    if np.ndim(constant_values):
        raise ValueError(f"pad expects one number as constant_values, got {constant_values!r}.")
    widths = pad_widths(pad_width, x.ndim)
    shape = [before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)]
    y = array_module(x).full(shape, constant_values, x.dtype)
    y[inner_part(widths, x.shape)] = x
    return y


def pad_rule(g, y, x, pad_width, mode, constant_values):
    """∂y_{i + before}/∂x_i = 1."""
    return g[inner_part(pad_widths(pad_width, x.ndim), x.shape)]


pad.rule(pad_rule)


def pad_widths(pad_width: int | Sequence, ndim: int) -> list[tuple[int, int]]:
    """(before, after) for each axis, from any of NumPy's ways to say it."""
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu" or widths.shape not in {(), (1,), (2,), (1, 1), (1, 2), (ndim, 1), (ndim, 2)}:
        raise ValueError(
            f"pad expects an integer, (before, after), or such a pair for each of {ndim} axes, got {pad_width}."
        )
    if (widths < 0).any():
        raise ValueError(f"pad expects widths of at least 0, got {pad_width}.\nTo cut off elements use a slice.")
    return [(before, after) for before, after in np.broadcast_to(widths, (ndim, 2)).tolist()]


def inner_part(widths: list[tuple[int, int]], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Where x stands in its padded copy."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


@composite(np.repeat)
def repeat(x, repeats, axis=None):
    """y = each element along an axis ``repeats`` times in a row (an integer, or one for each element).

    >>> import minidl as md
    >>> md.repeat(md.Tensor([1.0, 2.0]), 2)
    Tensor([1., 1., 2., 2.])
    """
    x, axis = (ravel(x), 0) if axis is None else (as_operand(x), axis)
    axis = normalize_axis_index(axis, x.ndim, "repeat")
    n = x.shape[axis]
    if np.ndim(repeats):
        if len(repeats) not in (1, n):
            raise ValueError(f"repeat expects {n} counts for axis {axis} of shape {x.shape}, got {len(repeats)}.")
        return take(x, np.repeat(np.arange(n), repeats), axis)
    if repeats < 0:
        raise ValueError(f"repeat expects a count of at least 0, got {repeats}.")
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    y = broadcast_to(expand_dims(x, axis + 1), (*before, n, repeats, *after))  # (..., n, ...) → (..., n, r, ...)
    return reshape(y, (*before, n * repeats, *after))


@composite(np.tile)
def tile(x, reps):
    """y = x set side by side ``reps`` times along each axis, counted from the last.

    >>> import minidl as md
    >>> md.tile(md.Tensor([1.0, 2.0]), (2, 2))
    Tensor([[1., 2., 1., 2.],
            [1., 2., 1., 2.]])
    """
    x = as_operand(x)
    reps = tuple(reps) if np.ndim(reps) else (operator.index(reps),)
    if any(r < 0 for r in reps):
        raise ValueError(f"tile expects counts of at least 0, got reps={reps}.")
    ndim = max(len(reps), x.ndim)
    reps = (1,) * (ndim - len(reps)) + reps
    sizes = (1,) * (ndim - x.ndim) + x.shape
    apart = [m for n in sizes for m in (1, n)]  # (n₁, n₂) → (1, n₁, 1, n₂)
    spread = [m for pair in zip(reps, sizes, strict=True) for m in pair]  # → (r₁, n₁, r₂, n₂)
    y = broadcast_to(reshape(x, apart), spread)
    return reshape(y, [r * n for r, n in zip(reps, sizes, strict=True)])  # → (r₁ n₁, r₂ n₂)
