"""Pooling: each window of an image becomes one number a channel, its largest or its mean.

| op | y | ∂L/∂x_p |
|---|---|---|
| max_pool_along | the largest of each window along one axis | Σ of g over the windows whose largest is x_p |
| average_pool_along | the mean of each window along one axis | Σ of g / n over the windows that p lies in |
| max_pool, average_pool | the same over all axes of an image | |

The largest of a rectangle is the largest of its rows' largest numbers, and means go likewise: pooling takes one axis
after the other. Each step is one ``maximum`` of large slices for each place of the window but the first, a sixth of
the time that ``max`` over two axes takes, and the second step has only the first one's results to look at.
"""

from math import inf, prod
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from minidl.arrays import Array, array_module
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.operators import unwrap
from minidl.ops.selection import where
from minidl.ops.windows import Windows, per_axis, surround, surround_composition, windows

# --- the largest --------------------------------------------------------------------------------------------------


@composite()
def max_pool(x, pool_size=2, strides=None, padding="valid"):
    """y = the largest number of each window, channel by channel.

    Parameters
    ----------
    x : (N, H, W, C), or (N, T, C)
        Images or sequences, channels last. Any number of axes between the first and the last will do.
    pool_size, strides : int or one for each axis
        The size of the windows, and the steps between them; ``strides`` None means windows side by side.
    padding : {"valid", "same"}
        Whether windows that reach beyond the end are left out, or see only what there is.

    Returns
    -------
    (N, OH, OW, C), or (N, OT, C)

    Raises
    ------
    ValueError
        A window is larger than the image, or a setting is not known.
    TypeError
        x does not hold floating numbers.

    Notes
    -----
    Where several numbers of a window are the largest, the first of them (column by column) gets the gradient.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> md.max_pool(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return pool("max_pool", max_pool_along, x, pool_size, strides, padding)


@primitive(saves=True)
def max_pool_along(x, /, axis, size, stride, padding="valid"):
    """y = the largest number of each window along one axis; the first of equals gets the gradient.

    >>> import minidl as md
    >>> md.max_pool_along([1.0, 3.0, 2.0, 0.0, 5.0], axis=0, size=2, stride=2)
    array([3., 2.], dtype=float32)
    """
    xp = array_module(x)
    w = windows_along("max_pool_along", x, axis, size, stride, padding)
    line = surround(as_lines(x, axis), w, -inf)  # (A, T, B)
    y = line[w.seen_at(0)]  # (A, OT, B)
    for i in range(1, size):
        y = xp.maximum(y, line[w.seen_at(i)])
    return (y.copy() if size == 1 else y).reshape(shape_of_result(x, axis, w)), w


@max_pool_along.joint_rule
def max_pool_along_gradient(g, y, x, needs, saved, axis, size, stride, padding):
    """∂y/∂x_p = 1 for the largest of a window: going back from the last place, it is the first that beats all before.

    With m_i the largest up to place i, m_i = max(m_(i−1), x_i): where x_i > m_(i−1) all of g goes to x_i and nothing to
    those before.
    """
    w: Windows = saved
    xp = array_module(x)
    line = surround(as_lines(x, axis), w, -inf)  # (A, T, B)
    m = [line[w.seen_at(0)]]  # each (A, OT, B)
    for i in range(1, size - 1):
        m.append(xp.maximum(m[-1], line[w.seen_at(i)]))
    g = g.reshape(m[0].shape)
    beside = stride >= size  # no two windows share a pixel: its gradient is written, not added
    covered = beside and w.outputs[0] * size == line.shape[1]
    dx = (xp.empty if covered else xp.zeros)(line.shape, g.dtype)
    at = [dx[w.seen_at(i)] for i in range(size)]  # views
    for i in range(size - 1, 0, -1):
        won = line[w.seen_at(i)] > m[i - 1]
        if beside:
            xp.multiply(g, won, out=at[i])
            g = xp.subtract(g, at[i], out=at[0])  # what is left for the places before waits at the first of them
        else:
            to_i = g * won
            at[i] += to_i
            g = g - to_i
    if not beside:
        at[0] += g
    elif size == 1:
        at[0][...] = g
    return [dx[w.inside].reshape(x.shape)]


@max_pool_along.specified_by
def max_pool_along_composition(x, axis, size, stride, padding="valid"):
    """The largest so far, place by place, said plainly."""
    w = windows_along("max_pool_along", x, axis, size, stride, padding)
    line = surround_composition(as_lines(x, axis), w, -inf)
    y = line[w.seen_at(0)]
    for i in range(1, size):
        x_i = line[w.seen_at(i)]
        y = where(x_i > y, x_i, y)
    return y.reshape(shape_of_result(x, axis, w))


# --- the mean -----------------------------------------------------------------------------------------------------


@composite()
def average_pool(x, pool_size=2, strides=None, padding="valid"):
    """y = the mean of each window, channel by channel.

    Parameters and errors as in ``max_pool``. With "same" padding the mean is over the pixels that there are: none is
    added.

    >>> import minidl as md, numpy as np
    >>> md.average_pool(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    return pool("average_pool", average_pool_along, x, pool_size, strides, padding)


@primitive(saves=True)
def average_pool_along(x, /, axis, size, stride, padding="valid"):
    """y = the mean of each window along one axis, over the n numbers in it.

    >>> import minidl as md
    >>> md.average_pool_along([1.0, 3.0, 2.0, 0.0, 5.0], axis=0, size=2, stride=2, padding="same")
    array([2., 1., 5.], dtype=float32)
    """
    w = windows_along("average_pool_along", x, axis, size, stride, padding)
    line = surround(as_lines(x, axis), w)  # (A, T, B)
    y = line[w.seen_at(0)].copy()  # (A, OT, B)
    for i in range(1, size):
        y += line[w.seen_at(i)]
    y *= shares(x, w)
    return y.reshape(shape_of_result(x, axis, w)), w


@average_pool_along.joint_rule
def average_pool_along_gradient(g, y, x, needs, saved, axis, size, stride, padding):
    """∂y/∂x_p = 1/n for each window that p lies in."""
    w: Windows = saved
    A, _, B = as_lines(x, axis).shape
    g = g.reshape(A, *w.outputs, B) * shares(x, w)
    dx = array_module(x).zeros((A, *w.padded, B), g.dtype)
    for i in range(size):
        dx[w.seen_at(i)] += g
    return [dx[w.inside].reshape(x.shape)]


@average_pool_along.specified_by
def average_pool_along_composition(x, axis, size, stride, padding="valid"):
    """(Σ_i what the windows see at place i) / n, said plainly."""
    w = windows_along("average_pool_along", x, axis, size, stride, padding)
    line = surround_composition(as_lines(x, axis), w)
    y = sum(line[w.seen_at(i)] for i in range(size)) * shares(unwrap(x), w)
    return y.reshape(shape_of_result(x, axis, w))


def shares(x: Array, w: Windows) -> Array:
    """1/n for each window, n the numbers in it that were not added: (OT, 1)."""
    xp = array_module(x)
    (n,), (size,), ((before, _),) = w.image, w.size, w.added
    start = xp.arange(w.outputs[0]) * w.strides[0] - before
    counts = xp.minimum(start + size, n) - xp.maximum(start, 0)
    return (1 / counts).astype(x.dtype)[:, None]


# --- one axis after the other -------------------------------------------------------------------------------------


def pool(who: str, along: Any, x: Any, pool_size: Any, strides: Any, padding: str) -> Any:
    """Pool along each axis between the first and the last, in this order: it leaves less for the shorter runs."""
    axes = x.ndim - 2
    if axes < 1:
        raise ValueError(f"{who} expects x (N, T, C) or (N, H, W, C), got shape {x.shape}.")
    pool_size = per_axis(who, "pool_size", pool_size, axes)
    strides = pool_size if strides is None else per_axis(who, "strides", strides, axes)
    windows(who, x.shape[1:-1], pool_size, strides, padding)  # all axes are checked before any work is done
    for axis in range(1, axes + 1):
        size, stride = pool_size[axis - 1], strides[axis - 1]
        if (size, stride) != (1, 1):
            x = along(x, axis, size, stride, padding)
    return x


def windows_along(who: str, x: Any, axis: int, size: int, stride: int, padding: str) -> Windows:
    """The windows along one axis."""
    if x.dtype.kind != "f":
        raise TypeError(f"{who} expects floating numbers, got {x.dtype}. Use x.astype('float32')?")
    return windows(who, (x.shape[normalize_axis_index(axis, x.ndim)],), size, stride, padding)


def as_lines(x: Any, axis: int) -> Any:
    """x as (A, T, B): the axis to work along, with all those before it made one, and all those behind."""
    axis %= x.ndim
    return x.reshape(prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :]))


def shape_of_result(x: Any, axis: int, w: Windows) -> tuple[int, ...]:
    """The shape of x with as many numbers along the axis as there are windows."""
    axis %= x.ndim
    return (*x.shape[:axis], *w.outputs, *x.shape[axis + 1 :])
