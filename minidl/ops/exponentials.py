"""Exponentials, logarithms, roots, and the error function.

| op | y | ∂L/∂x |
|---|---|---|
| exp | eˣ | g y |
| exp2 | 2ˣ | g y ln 2 |
| expm1 | eˣ − 1 | g (y + 1) |
| log | ln x | g / x |
| log2 | log₂ x | g / (x ln 2) |
| log10 | log₁₀ x | g / (x ln 10) |
| log1p | ln(1 + x) | g / (1 + x) |
| sqrt | √x | g / 2y |
| reciprocal | 1 / x | −g y² |
| erf | (2/√π) ∫₀ˣ e^(−t²) dt | g (2/√π) e^(−x²) |

Where an exponential or a root is its own derivative, the rule reuses y. Outside its domain an op gives NaN or an
infinity with NumPy's warning, and so does its derivative at the edge (√x and ln x at x = 0).
"""

import math

import numpy as np

from minidl.arrays import array_module, as_floating
from minidl.autograd import primitive

LN_2 = math.log(2)  # Python numbers: a NumPy float64 would turn float32 arrays into float64
LN_10 = math.log(10)


@primitive(np.exp)
def exp(x, /):
    """y = eˣ.

    >>> import minidl as md
    >>> md.exp([0.0, 1.0]).round(4)
    array([1.    , 2.7183], dtype=float32)
    """
    return array_module(x).exp(x)


exp.rule(lambda g, y, x: g * y)  # ∂y/∂x = eˣ = y


@primitive(np.exp2)
def exp2(x, /):
    """y = 2ˣ."""
    return array_module(x).exp2(x)


exp2.rule(lambda g, y, x: g * y * LN_2)  # ∂y/∂x = 2ˣ ln 2 = y ln 2


@primitive(np.expm1)
def expm1(x, /):
    """y = eˣ − 1, exact to the last digits also for small x, where eˣ is nearly 1."""
    return array_module(x).expm1(x)


expm1.rule(lambda g, y, x: g * (y + 1))  # ∂y/∂x = eˣ = y + 1


@primitive(np.log)
def log(x, /):
    """y = ln x, the natural logarithm."""
    return array_module(x).log(x)


log.rule(lambda g, y, x: g / x)  # ∂y/∂x = 1 / x


@primitive(np.log2)
def log2(x, /):
    """y = log₂ x = ln x / ln 2."""
    return array_module(x).log2(x)


log2.rule(lambda g, y, x: g / (x * LN_2))  # ∂y/∂x = 1 / (x ln 2)


@primitive(np.log10)
def log10(x, /):
    """y = log₁₀ x = ln x / ln 10."""
    return array_module(x).log10(x)


log10.rule(lambda g, y, x: g / (x * LN_10))  # ∂y/∂x = 1 / (x ln 10)


@primitive(np.log1p)
def log1p(x, /):
    """y = ln(1 + x), exact to the last digits also for small x, where 1 + x is rounded."""
    return array_module(x).log1p(x)


log1p.rule(lambda g, y, x: g / (1 + x))  # ∂y/∂x = 1 / (1 + x)


@primitive(np.sqrt)
def sqrt(x, /):
    """y = √x."""
    return array_module(x).sqrt(x)


sqrt.rule(lambda g, y, x: g / (2 * y))  # ∂y/∂x = 1 / (2 √x) = 1 / 2y


@primitive(np.reciprocal)
def reciprocal(x, /):
    """y = 1 / x (of integers, as in NumPy, a whole number)."""
    return array_module(x).reciprocal(x)


reciprocal.rule(lambda g, y, x: -g * y * y)  # ∂y/∂x = −1 / x² = −y²


# --- the error function -------------------------------------------------------------------------------------------

ERF_STEPS = 256  # grid points to the unit: h = 1/256
ERF_END = 6  # erf(±6) = ±1 to the last digit of float64


def erf_taylor_rows(order):
    """Taylor's coefficients aₙ = hⁿ erf⁽ⁿ⁾(c) / n! at the grid points c = −6, −6 + h, ..., 6, for n = 0 ... order.

    erf'(c) = (2/√π) e^(−c²), so erf'' = −2c erf', and differentiating this n − 1 times (Leibniz) gives every further
    one from the two before it: erf⁽ⁿ⁺¹⁾ = −2c erf⁽ⁿ⁾ − 2(n − 1) erf⁽ⁿ⁻¹⁾.
    """
    h = 1 / ERF_STEPS
    c = np.arange(-ERF_END * ERF_STEPS, ERF_END * ERF_STEPS + 1) * h
    rows = [np.array([math.erf(point) for point in c]), h * 2 / math.sqrt(math.pi) * np.exp(-c * c)]
    for n in range(1, order):
        rows.append((-2 * c * h * rows[n] - 2 * (n - 1) / n * h * h * rows[n - 1]) / (n + 1))
    return np.stack(rows)  # (order + 1, grid points)


ERF_ROWS = {"float32": erf_taylor_rows(3).astype(np.float32), "float64": erf_taylor_rows(5)}


@primitive()
def erf(x, /):
    """y = erf x = (2/√π) ∫₀ˣ e^(−t²) dt, in (−1, 1): the chance that a normal variable of variance ½ lies within ±x.

    NumPy has no such function. Here it is Taylor's series about the nearest point c of a grid: x = c + h d with
    |d| ≤ ½ and h = 1/256, y = a₀ + a₁ d + a₂ d² + a₃ d³ (to a₅ d⁵ in float64). What is left out is below 5e-12
    (1e-17), less than the rounding of the sum.

    >>> import minidl as md
    >>> md.erf([-np.inf, 0.0, 0.5]).round(4)
    array([-1.    ,  0.    ,  0.5205], dtype=float32)
    """
    xp = array_module(x)
    x = as_floating(xp.asarray(x))
    rows = xp.asarray(ERF_ROWS["float64" if x.dtype == np.float64 else "float32"])
    end = ERF_END * ERF_STEPS
    d = xp.clip(x, -ERF_END, ERF_END) * float(ERF_STEPS)  # x / h
    nearest = xp.rint(d)  # c / h
    d -= nearest
    i = xp.fmax(nearest, -end).astype(int)  # fmax: NaN has no place in the table, but d = NaN makes y = NaN
    i += end
    y = rows[-1].take(i)
    for row in rows[-2::-1]:  # Horner: ((a₃ d + a₂) d + a₁) d + a₀
        y *= d
        y += row.take(i)
    return y.astype(x.dtype, copy=False)  # float16


erf.rule(lambda g, y, x: g * (2 / math.sqrt(math.pi) * exp(-x * x)))  # ∂y/∂x = (2/√π) e^(−x²)
