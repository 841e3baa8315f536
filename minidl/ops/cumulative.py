"""Running sums and products along an axis, and the product of a whole axis.

| op | y | ∂L/∂x |
|---|---|---|
| cumsum | y_i = Σ_{j≤i} x_j | Σ_{i≥k} g_i, a running sum from the end |
| cumprod | y_i = Π_{j≤i} x_j | Σ_{i≥k} g_i Π_{j≤i, j≠k} x_j |
| prod | y = Π x_j | g Π_{j≠k} x_j |

The derivative of a product by x_k is the product of the others. Often written y / x_k, it is then 0/0 where x_k = 0.
Here the others are really multiplied, so that zeros are no special case, whatever the order of the derivative.
"""

import math

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import primitive
from minidl.operators import unwrap
from minidl.ops.selection import where
from minidl.ops.shape import expand_dims, flip, reshape, roll, swapaxes, transpose


@primitive(np.cumsum)
def cumsum(x, /, axis=None):
    """y_i = x_0 + ... + x_i along ``axis``; with None x is read as one vector.

    >>> import minidl as md
    >>> md.cumsum(md.Tensor([1.0, 2.0, 3.0]))
    Tensor([1., 3., 6.])
    """
    return x.cumsum(axis=axis)


def cumsum_rule(g, y, x, axis):
    """∂y_i/∂x_k = 1 for i ≥ k, so ∂L/∂x_k = Σ_{i≥k} g_i."""
    along = 0 if axis is None else axis
    return flip(cumsum(flip(g, along), along), along).reshape(x.shape)


cumsum.rule(cumsum_rule)


@primitive(np.cumprod)
def cumprod(x, /, axis=None):
    """y_i = x_0 ... x_i along ``axis``; with None x is read as one vector. Its rule takes n² steps for n numbers."""
    return x.cumprod(axis=axis)


def cumprod_rule(g, y, x, axis):
    """∂y_i/∂x_k = Π_{j≤i, j≠k} x_j for i ≥ k: the running product of x with a 1 in the place of x_k."""
    if axis is None or x.ndim == 0:
        return cumprod_rule(g, y, x.reshape(-1), 0).reshape(x.shape)
    x, g = swapaxes(x, axis, -1), swapaxes(g, axis, -1)  # (..., n)
    n = x.shape[-1]
    xp = array_module(unwrap(x))
    without_k = where(xp.eye(n, dtype=bool), 1, expand_dims(x, -2))  # (..., n, n): row k is x with x_k = 1
    dy_i_dx_k = cumprod(without_k, -1) * xp.triu(xp.ones((n, n), x.dtype))  # (..., k, i), 0 for i < k
    return swapaxes((expand_dims(g, -2) * dy_i_dx_k).sum(axis=-1), axis, -1)


cumprod.rule(cumprod_rule)


@primitive(np.prod)
def prod(x, /, axis=None, keepdims=False):
    """y = Π x_i along ``axis`` (int, tuple or None for all); the product of nothing is 1.

    >>> import minidl as md
    >>> x = md.Tensor([2.0, 0.0, 5.0], requires_grad=True)
    >>> md.prod(x).backward(); x.grad
    array([ 0., 10.,  0.], dtype=float32)
    """
    return x.prod(axis=axis, keepdims=keepdims)


def prod_rule(g, y, x, axis, keepdims):
    """∂y/∂x_k = Π_{j<k} x_j · Π_{j>k} x_j: what stands before x_k times what stands after it."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(k % x.ndim for k in axes) if x.ndim else ()
    order = tuple(k for k in range(x.ndim) if k not in axes) + axes  # the multiplied axes last
    moved = transpose(x, order)
    kept = moved.shape[: x.ndim - len(axes)]
    rows = reshape(moved, kept + (math.prod(moved.shape[len(kept) :]),))  # (..., n)
    others = products_before(rows) * flip(products_before(flip(rows, -1)), -1)  # (..., n)
    dx = reshape(g, kept + (1,)) * others
    return transpose(reshape(dx, moved.shape), tuple(int(k) for k in np.argsort(order)))


prod.rule(prod_rule)


def products_before(x):
    """Π_{j<k} x_j for each k along the last axis: the running product, one place late, beginning with 1."""
    first = array_module(unwrap(x)).arange(x.shape[-1]) == 0
    return cumprod(where(first, 1, roll(x, 1, -1)), -1)
