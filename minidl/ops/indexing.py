"""Picking elements by their positions, and its counterpart, adding at positions.

| op | y | ∂L/∂x |
|---|---|---|
| getitem | x[index] | put_at(g, index, shape of x) |
| put_at | zeros of a shape, then y[index] += x, repeated positions summed | g[index] |

The two are each other's transpose: a matrix of zeros and ones that picks, and the same matrix turned that adds back.
"""

from typing import Any

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import primitive
from minidl.operators import unwrap


@primitive()
def getitem(x, /, index):
    """y = x[index], with everything that NumPy takes as an index."""
    return x[unwrap(index)]


getitem.rule(lambda g, y, x, index: put_at(g, index, x.shape))  # ∂y_k/∂x_i = 1 where i = index_k


@primitive()
def put_at(x, /, index, shape):
    """y = zeros of a shape, to which x is added at ``index``: where positions are repeated, their numbers are summed."""
    xp = array_module(x)
    y = xp.zeros(shape, x.dtype)
    index = unwrap(index)
    if is_basic(index):
        y[index] = x
    else:
        xp.add.at(y, index, x)
    return y


put_at.rule(lambda g, y, x, index, shape: getitem(g, index))  # ∂y_i/∂x_k = 1 where i = index_k


def is_basic(index: Any) -> bool:
    """True for an index of integers, slices, None and Ellipsis, which picks no element twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, (int, np.integer, slice, type(None), type(...))) for p in parts)
