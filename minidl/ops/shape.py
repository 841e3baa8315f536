"""Ops that change how the same numbers are arranged into axes.

| op | y | ∂L/∂x |
|---|---|---|
| reshape, ravel | x in another shape | g in x's shape |
| transpose | y[j] = x[i], with the axes in another order | g with the axes put back |
| swapaxes | two axes change places | the same two change back |
| moveaxis | a transpose | |
| expand_dims | axes of size 1 added | g in x's shape |
| squeeze | axes of size 1 dropped | g in x's shape |
| broadcast_to | x repeated along new or stretched axes | g, summed over those axes |
| flip | the order along an axis turned round | g turned round |
| roll | moved along an axis, the end comes round to the front | g moved back |

No number is changed, so every Jacobian is a matrix of zeros and ones, and each rule carries the numbers of g back to
where they came from. As in NumPy the result may be a view of x's memory; ``.grad`` never shares memory with anything.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minidl.arrays import array_module, as_operand
from minidl.autograd import primitive
from minidl.dispatch import composite

LARGE = 10_000  # np.broadcast_to takes 5 µs, in which a smaller array is copied


@primitive(np.reshape)
def reshape(x, /, shape):
    """y = x in another shape, read and filled with the last axis running fastest.

    Parameters
    ----------
    x
        Any shape.
    shape : int or tuple of int
        At most one size may be −1: it is worked out from the others.

    Raises
    ------
    ValueError
        The numbers do not fit into the shape.

    Examples
    --------
    >>> import minidl as md
    >>> images = md.Tensor(np.zeros((32, 28, 28)))
    >>> md.reshape(images, (32, -1)).shape
    (32, 784)
    """
    try:
        return x.reshape(shape)
    except ValueError as error:
        raise ValueError(explain_reshape(x, shape)) from error


reshape.rule(lambda g, y, x, shape: g.reshape(x.shape))  # ∂y_i/∂x_i = 1, counted in reading order


def explain_reshape(x, shape: int | Sequence[int]) -> str:
    """What to say of a reshape that cannot be."""
    sizes = tuple(shape) if np.iterable(shape) else (shape,)
    asked = f"reshape expects a shape that holds the {x.size} elements of {x.shape}, got {sizes}"
    known = math.prod(n for n in sizes if n >= 0)
    unknown = sum(n < 0 for n in sizes)
    if unknown > 1:
        return f"{asked}.\nOnly one axis can be -1: the others must be given."
    if unknown:
        why = f"{x.size} is not a multiple of {known}" if known else "beside a size of 0, -1 can be anything"
        return f"{asked}: {why}."
    for k, n in enumerate(sizes):  # the first axis that would make it fit
        others = known // n if n else math.prod(sizes[:k] + sizes[k + 1 :])
        if others and x.size % others == 0:
            fit = sizes[:k] + (x.size // others,) + sizes[k + 1 :]
            return f"{asked}, which holds {known}.\nDid you mean {fit}? One axis can be -1, to be worked out."
    return f"{asked}, which holds {known}.\nOne axis can be -1, to be worked out."


@composite(np.ravel)
def ravel(x):
    """y = x as one axis."""
    return reshape(x, -1)


@primitive(np.transpose)
def transpose(x, /, axes=None):
    """y = x with its axes in another order: axis k of y is axis ``axes[k]`` of x. By default the order is reversed.

    >>> import minidl as md
    >>> md.transpose(np.zeros((2, 3, 5)), (0, 2, 1)).shape
    (2, 5, 3)
    """
    if axes is None:
        return x.transpose()
    try:
        return x.transpose(axes)
    except ValueError as error:
        raise ValueError(
            f"transpose expects each of the {x.ndim} axes of shape {x.shape} once, got axes={axes}.\n"
            "To exchange two axes use swapaxes, to move some use moveaxis."
        ) from error


def transpose_rule(g, y, x, axes):
    """∂L/∂x = g with its axes put back: the inverse of the permutation."""
    if axes is None:
        return g.transpose()
    inverse = [0] * x.ndim
    for place, axis in enumerate(axes):  # y's axis `place` is x's axis `axis`
        inverse[axis] = place
    return g.transpose(inverse)


transpose.rule(transpose_rule)


@primitive(np.swapaxes)
def swapaxes(x, /, axis1, axis2):
    """y = x with two axes exchanged; ``t.mT`` exchanges the last two."""
    return x.swapaxes(axis1, axis2)


swapaxes.rule(lambda g, y, x, axis1, axis2: g.swapaxes(axis1, axis2))  # exchanged again, each is back in its place


@composite(np.moveaxis)
def moveaxis(x, source, destination):
    """y = x with the axes ``source`` moved to the places ``destination`` (ints or tuples), the others in their order.

    >>> import minidl as md
    >>> md.moveaxis(np.zeros((2, 3, 5)), 0, -1).shape
    (3, 5, 2)
    """
    x = as_operand(x)
    source = normalize_axis_tuple(source, x.ndim, "moveaxis: source")
    destination = normalize_axis_tuple(destination, x.ndim, "moveaxis: destination")
    if len(source) != len(destination):
        raise ValueError(f"moveaxis expects as many sources as destinations, got {source} and {destination}.")
    moved = dict(zip(destination, source, strict=True))
    others = (k for k in range(x.ndim) if k not in source)
    return transpose(x, tuple(moved[k] if k in moved else next(others) for k in range(x.ndim)))


@primitive(np.expand_dims)
def expand_dims(x, /, axis):
    """y = x with new axes of size 1, which stand at the places ``axis`` (int or tuple) of y.

    >>> import minidl as md
    >>> md.expand_dims(np.zeros((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    ndim = x.ndim + len(axes)
    new = {k + ndim if k < 0 else k for k in axes}
    if len(new) < len(axes) or not all(0 <= k < ndim for k in new):
        raise ValueError(f"expand_dims expects different axes from {-ndim} to {ndim - 1}, got axis={axis}.")
    sizes = iter(x.shape)
    return x.reshape([1 if k in new else next(sizes) for k in range(ndim)])


expand_dims.rule(lambda g, y, x, axis: g.reshape(x.shape))  # ∂y_i/∂x_i = 1


@primitive(np.squeeze)
def squeeze(x, /, axis=None):
    """y = x without its axes of size 1: all of them, or those named by ``axis`` (int or tuple)."""
    axes = () if axis is None else normalize_axis_tuple(axis, x.ndim, "squeeze: axis")
    if any(x.shape[k] != 1 for k in axes):
        raise ValueError(f"squeeze expects size 1 on axis {axis}, got shape {x.shape}. To merge axes use reshape.")
    return x.squeeze(axis)


squeeze.rule(lambda g, y, x, axis: g.reshape(x.shape))  # ∂y_i/∂x_i = 1


@primitive(np.broadcast_to, broadcasts=True)
def broadcast_to(x, /, shape):
    """y = x repeated along new axes in front and along its axes of size 1; a large y is a view, not a copy.

    Raises
    ------
    ValueError
        An axis of x, counted from the last, is neither 1 nor what ``shape`` says.

    Examples
    --------
    >>> import minidl as md
    >>> md.broadcast_to(md.Tensor([[1.0], [2.0]]), (2, 3))
    Tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    xp = array_module(x)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    try:
        if math.prod(shape) > LARGE or x.ndim > len(shape):
            return xp.broadcast_to(x, shape)
        y = xp.empty(shape, x.dtype)  # a few numbers are copied sooner than NumPy makes the view
        y[...] = x
        return y
    except ValueError as error:
        raise ValueError(
            f"broadcast_to cannot stretch shape {x.shape} to {shape}.\n"
            "Counted from the last, each axis must have the new size or 1. Add axes with expand_dims?"
        ) from error


broadcast_to.rule(lambda g, y, x, shape: g)  # ∂y_ij/∂x_i = 1 for every copy j; the engine sums over j


@primitive(np.flip)
def flip(x, /, axis=None):
    """y = x with the order turned round along ``axis`` (int or tuple; None: along every axis)."""
    return array_module(x).flip(x, axis)


flip.rule(lambda g, y, x, axis: flip(g, axis))  # turned round again


@primitive(np.roll)
def roll(x, /, shift, axis=None):
    """y = x moved by ``shift`` places along ``axis``; what falls off the end comes in at the front.

    Both may be tuples. Without an axis x is read as one row, moved, and brought back into its shape.
    """
    return array_module(x).roll(x, shift, axis)


def roll_rule(g, y, x, shift, axis):
    """∂L/∂x = g moved back: ∂y_{i + shift}/∂x_i = 1."""
    return roll(g, tuple(-s for s in shift) if np.ndim(shift) else -shift, axis)


roll.rule(roll_rule)
