"""Ops that choose between values: each result is one of the inputs, up to its sign.

| op | y | ∂L/∂x₁ | ∂L/∂x₂ |
|---|---|---|---|
| abs | x where x > 0, else −x | g sign x | |
| sign | −1, 0 or 1 | 0 | |
| maximum | the larger of x₁, x₂ | g where x₁ > x₂, g/2 where x₁ = x₂ | g where x₂ > x₁, g/2 where x₁ = x₂ |
| minimum | the smaller of x₁, x₂ | g where x₁ < x₂, g/2 where x₁ = x₂ | g where x₂ < x₁, g/2 where x₁ = x₂ |
| where | x₁ where the condition holds, else x₂ | g where it holds | g where it does not |
| clip | x, held between min and max | g where min ≤ x ≤ max | |

At a kink, where the slopes from the left and from the right differ, each op promises one value between them: it is
named in the op's docstring. NaN goes through as in NumPy.
"""

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import Tensor, primitive


@primitive(np.where, broadcasts=True)
def where(condition, x1, x2, /):
    """y = x₁ where ``condition`` holds (is not zero), x₂ elsewhere.

    The result jumps when the condition changes and is constant otherwise, so the condition's own derivative is 0. An
    infinite or NaN gradient in a place that was not chosen does not leak into the other input.

    >>> import minidl as md
    >>> md.where([True, False], [1.0, 2.0], 0.0)
    array([1., 0.], dtype=float32)
    """
    return array_module(condition, x1, x2).where(condition, x1, x2)


where.rule(
    lambda g, y, condition, x1, x2: g * 0,  # ∂y/∂condition = 0
    lambda g, y, condition, x1, x2: where(condition, g, 0),  # ∂y/∂x₁ = 1 where the condition holds, else 0
    lambda g, y, condition, x1, x2: where(condition, 0, g),  # ∂y/∂x₂ = 0 where the condition holds, else 1
)


@primitive(np.sign)
def sign(x, /):
    """y = −1, 0 or 1, as x is negative, zero or positive. A step function: its derivative is taken as 0 everywhere."""
    return array_module(x).sign(x)


sign.rule(lambda g, y, x: g * 0)  # ∂y/∂x = 0


@primitive(np.absolute, np.fabs)
def abs(x, /):
    """y = |x|. At the kink x = 0 the derivative is taken as 0, halfway between −1 and 1."""
    return array_module(x).absolute(x)


abs.rule(lambda g, y, x: g * sign(x))  # ∂y/∂x = sign x


@primitive(np.maximum, broadcasts=True)
def maximum(x1, x2, /):
    """y = max(x₁, x₂), element by element. Where the two are equal each gets half of the gradient.

    >>> import minidl as md
    >>> md.maximum([-1.0, 2.0], 0.0)
    array([0., 2.], dtype=float32)
    """
    return array_module(x1, x2).maximum(x1, x2)


# ∂y/∂x₁ = 1 where x₁ > x₂ and ½ where x₁ = x₂: the mean of the slopes "x₁ ≥ x₂" and "x₁ > x₂"
maximum.rule(
    lambda g, y, x1, x2: 0.5 * (g * (x1 >= x2) + g * (x1 > x2)),
    lambda g, y, x1, x2: 0.5 * (g * (x2 >= x1) + g * (x2 > x1)),
)


@primitive(np.minimum, broadcasts=True)
def minimum(x1, x2, /):
    """y = min(x₁, x₂), element by element. Where the two are equal each gets half of the gradient."""
    return array_module(x1, x2).minimum(x1, x2)


# ∂y/∂x₁ = 1 where x₁ < x₂ and ½ where x₁ = x₂
minimum.rule(
    lambda g, y, x1, x2: 0.5 * (g * (x1 <= x2) + g * (x1 < x2)),
    lambda g, y, x1, x2: 0.5 * (g * (x2 <= x1) + g * (x2 < x1)),
)


@primitive(np.clip, broadcasts=True)
def clip(x, /, min=None, max=None, a_min=None, a_max=None):
    """y = x held between ``min`` and ``max``, numbers or arrays; None leaves a side open.

    The derivative is 1 between the bounds and on them, 0 outside. The bounds are constants: use ``maximum`` and
    ``minimum`` where they shall have gradients. (``a_min`` and ``a_max`` are NumPy's older names for them.)

    >>> import minidl as md
    >>> md.clip([-2.0, 0.5, 2.0], 0, 1)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        raise TypeError(
            "clip expects numbers or arrays as bounds, got a Tensor.\n"
            "Use md.minimum(md.maximum(x, low), high), which has gradients for the bounds too."
        )
    return array_module(x).clip(x, low, high)


clip.rule(lambda g, y, x, **bounds: g * (y == x))  # ∂y/∂x = 1 where clip left x as it was, else 0
