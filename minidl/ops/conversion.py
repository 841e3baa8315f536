"""Ops that change where or how numbers are stored, not the numbers.

| op | y | ∂L/∂x |
|---|---|---|
| identity | x, the same array | g |
| copy | x, a new array | g |
| astype | x in another dtype | g in x's dtype |
| to_device | x on another device | g on x's device |
"""

import numpy as np

from minidl.arrays import device_of, move
from minidl.autograd import primitive


@primitive()
def identity(x, /):
    """y = x: the same array under a new name in the graph."""
    return x


identity.rule(lambda g, y, x: g)  # ∂y/∂x = 1


@primitive(np.copy)
def copy(x, /):
    """y = x in memory of its own."""
    return x.copy()


copy.rule(lambda g, y, x: g)  # ∂y/∂x = 1


@primitive(np.astype)
def astype(x, /, dtype):
    """y = x in another dtype. A change to integers or truth values has no derivative: use ``t.numpy()`` for that."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"astype: a Tensor keeps to floating types, got {np.dtype(dtype)}. Use t.numpy().astype(...).")
    return x.astype(dtype)


astype.rule(lambda g, y, x, dtype: g.astype(x.dtype))  # ∂y/∂x = 1


@primitive()
def to_device(x, /, device):
    """y = x on ``"cpu"`` or ``"cuda"``."""
    return move(x, device)


to_device.rule(lambda g, y, x, device: to_device(g, x.device if hasattr(x, "_record") else device_of(x)))  # ∂y/∂x = 1
