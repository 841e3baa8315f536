"""Arithmetic.

| op | y | ∂L/∂x₁ | ∂L/∂x₂ |
|---|---|---|---|
| add | x₁ + x₂ | g | g |
| subtract | x₁ − x₂ | g | −g |
| multiply | x₁ x₂ | g x₂ | g x₁ |
| divide | x₁ / x₂ | g / x₂ | −g y / x₂ |
| negative | −x | −g | |
| power | x₁ ^ x₂ | g x₂ x₁^(x₂−1) | g y ln x₁ |
| square | x² | 2 g x | |

Inputs broadcast as in NumPy; the engine sums each gradient back to its input's shape.
"""

import numpy as np

from minidl.autograd import primitive
from minidl.ops.exponentials import log
from minidl.ops.selection import where


@primitive(np.add, broadcasts=True)
def add(x1, x2, /):
    """y = x₁ + x₂."""
    return x1 + x2


add.rule(
    lambda g, y, x1, x2: g,  # ∂y/∂x₁ = 1
    lambda g, y, x1, x2: g,  # ∂y/∂x₂ = 1
)


@primitive(np.subtract, broadcasts=True)
def subtract(x1, x2, /):
    """y = x₁ − x₂."""
    return x1 - x2


subtract.rule(
    lambda g, y, x1, x2: g,  # ∂y/∂x₁ = 1
    lambda g, y, x1, x2: -g,  # ∂y/∂x₂ = −1
)


@primitive(np.multiply, broadcasts=True)
def multiply(x1, x2, /):
    """y = x₁ x₂."""
    return x1 * x2


multiply.rule(
    lambda g, y, x1, x2: g * x2,  # ∂y/∂x₁ = x₂
    lambda g, y, x1, x2: g * x1,  # ∂y/∂x₂ = x₁
)


@primitive(np.divide, np.true_divide, broadcasts=True)
def divide(x1, x2, /):
    """y = x₁ / x₂."""
    return x1 / x2


divide.rule(
    lambda g, y, x1, x2: g / x2,  # ∂y/∂x₁ = 1 / x₂
    lambda g, y, x1, x2: -g * y / x2,  # ∂y/∂x₂ = −x₁ / x₂² = −y / x₂
)


@primitive(np.negative)
def negative(x, /):
    """y = −x."""
    return -x


negative.rule(lambda g, y, x: -g)  # ∂y/∂x = −1


@primitive(np.square)
def square(x, /):
    """y = x²."""
    return x * x


square.rule(lambda g, y, x: g * (2 * x))  # ∂y/∂x = 2x


@primitive(np.power, broadcasts=True)
def power(x1, x2, /):
    """y = x₁ ^ x₂. Where x₂ requires a gradient, x₁ must not be negative: y ln x₁ has no real value there.

    >>> import minidl as md
    >>> md.power([1.0, 2.0], 3)
    array([1., 8.], dtype=float32)
    """
    if isinstance(x2, int) and x2 == 3:
        return x1 * x1 * x1  # NumPy's x1 ** 3 is some fifty times slower
    return x1**x2


def power_rule_base(g, y, x1, x2):
    """∂y/∂x₁ = x₂ x₁^(x₂ − 1), which is 0 for x₂ = 0, also at x₁ = 0."""
    if isinstance(x2, (int, float)):
        return g * 0 if x2 == 0 else g * (x2 * power(x1, x2 - 1))
    return g * x2 * power(x1, where(x2 == 0, 1, x2 - 1))


def power_rule_exponent(g, y, x1, x2):
    """∂y/∂x₂ = y ln x₁, which is 0 for x₁ = 0."""
    log_x1 = log(where(x1 == 0, 1, x1))
    if isinstance(x1, (int, float)):
        log_x1 = float(log_x1)  # a Python number again, so that float32 stays float32
    return g * y * log_x1


power.rule(power_rule_base, power_rule_exponent)
