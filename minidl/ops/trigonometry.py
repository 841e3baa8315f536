"""Trigonometric and hyperbolic functions, and their inverses.

| op | y | ∂L/∂x |
|---|---|---|
| sin | sin x | g cos x |
| cos | cos x | −g sin x |
| tan | tan x | g (1 + y²) |
| arcsin | sin⁻¹ x | g / √(1 − x²) |
| arccos | cos⁻¹ x | −g / √(1 − x²) |
| arctan | tan⁻¹ x | g / (1 + x²) |
| arctan2 | the angle of the point (x₂, x₁) | g x₂ / (x₁² + x₂²) and −g x₁ / (x₁² + x₂²) |
| sinh | (eˣ − e⁻ˣ) / 2 | g cosh x |
| cosh | (eˣ + e⁻ˣ) / 2 | g sinh x |
| tanh | sinh x / cosh x | g (1 − y²) |
| arcsinh | sinh⁻¹ x | g / √(x² + 1) |
| arccosh | cosh⁻¹ x | g / √(x² − 1) |
| arctanh | tanh⁻¹ x | g / (1 − x²) |

Angles are in radians. Outside its domain an op gives NaN with NumPy's warning.
"""

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import primitive
from minidl.ops.exponentials import sqrt

# --- angles -------------------------------------------------------------------------------------------------------


@primitive(np.sin)
def sin(x, /):
    """y = sin x."""
    return array_module(x).sin(x)


sin.rule(lambda g, y, x: g * cos(x))  # ∂y/∂x = cos x


@primitive(np.cos)
def cos(x, /):
    """y = cos x."""
    return array_module(x).cos(x)


cos.rule(lambda g, y, x: -g * sin(x))  # ∂y/∂x = −sin x


@primitive(np.tan)
def tan(x, /):
    """y = tan x."""
    return array_module(x).tan(x)


tan.rule(lambda g, y, x: g * (1 + y * y))  # ∂y/∂x = 1 / cos² x = 1 + tan² x


@primitive(np.arcsin)
def arcsin(x, /):
    """y = sin⁻¹ x in [−π/2, π/2], for −1 ≤ x ≤ 1."""
    return array_module(x).arcsin(x)


arcsin.rule(lambda g, y, x: g / sqrt(1 - x * x))  # ∂y/∂x = 1 / cos y = 1 / √(1 − x²)


@primitive(np.arccos)
def arccos(x, /):
    """y = cos⁻¹ x in [0, π], for −1 ≤ x ≤ 1."""
    return array_module(x).arccos(x)


arccos.rule(lambda g, y, x: -g / sqrt(1 - x * x))  # ∂y/∂x = −1 / sin y = −1 / √(1 − x²)


@primitive(np.arctan)
def arctan(x, /):
    """y = tan⁻¹ x in (−π/2, π/2)."""
    return array_module(x).arctan(x)


arctan.rule(lambda g, y, x: g / (1 + x * x))  # ∂y/∂x = cos² y = 1 / (1 + x²)


@primitive(np.arctan2, broadcasts=True)
def arctan2(x1, x2, /):
    """y in (−π, π]: the angle between the first axis and the line from the origin to the point (x₂, x₁).

    >>> import minidl as md
    >>> round(md.arctan2(1.0, -1.0), 4)  # three quarters of π
    np.float64(2.3562)
    """
    return array_module(x1, x2).arctan2(x1, x2)


arctan2.rule(
    lambda g, y, x1, x2: g * x2 / (x1 * x1 + x2 * x2),  # ∂y/∂x₁ = x₂ / (x₁² + x₂²)
    lambda g, y, x1, x2: -g * x1 / (x1 * x1 + x2 * x2),  # ∂y/∂x₂ = −x₁ / (x₁² + x₂²)
)


# --- hyperbolic functions -----------------------------------------------------------------------------------------


@primitive(np.sinh)
def sinh(x, /):
    """y = (eˣ − e⁻ˣ) / 2."""
    return array_module(x).sinh(x)


sinh.rule(lambda g, y, x: g * cosh(x))  # ∂y/∂x = cosh x


@primitive(np.cosh)
def cosh(x, /):
    """y = (eˣ + e⁻ˣ) / 2."""
    return array_module(x).cosh(x)


cosh.rule(lambda g, y, x: g * sinh(x))  # ∂y/∂x = sinh x


@primitive(np.tanh)
def tanh(x, /):
    """y = tanh x = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), in (−1, 1) (D2.E3).

    >>> import minidl as md
    >>> md.tanh([-100.0, 0.0, 1.0]).round(4)
    array([-1.    ,  0.    ,  0.7616], dtype=float32)
    """
    return array_module(x).tanh(x)


tanh.rule(lambda g, y, x: g * (1 - y * y))  # ∂y/∂x = 1 − tanh² x = 1 − y²


@primitive(np.arcsinh)
def arcsinh(x, /):
    """y = sinh⁻¹ x."""
    return array_module(x).arcsinh(x)


arcsinh.rule(lambda g, y, x: g / sqrt(x * x + 1))  # ∂y/∂x = 1 / cosh y = 1 / √(x² + 1)


@primitive(np.arccosh)
def arccosh(x, /):
    """y = cosh⁻¹ x ≥ 0, for x ≥ 1."""
    return array_module(x).arccosh(x)


arccosh.rule(lambda g, y, x: g / sqrt(x * x - 1))  # ∂y/∂x = 1 / sinh y = 1 / √(x² − 1)


@primitive(np.arctanh)
def arctanh(x, /):
    """y = tanh⁻¹ x, for −1 < x < 1."""
    return array_module(x).arctanh(x)


arctanh.rule(lambda g, y, x: g / (1 - x * x))  # ∂y/∂x = 1 / (1 − tanh² y) = 1 / (1 − x²)
