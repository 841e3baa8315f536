"""Activation functions, under Keras' names.

| op | y | ∂L/∂x |
|---|---|---|
| sigmoid | σ(x) = 1 / (1 + e⁻ˣ) | g y (1 − y) |
| relu | max(x, 0) | g where x > 0, else 0 |
| leaky_relu | x where x > 0, else s x | g where x > 0, else s g |
| elu | x where x > 0, else α (eˣ − 1) | g where x > 0, else g (y + α) |
| selu | λ elu(x) with fixed λ and α | |
| softplus | ln(1 + eˣ) | g σ(x) |
| softsign | x / (1 + abs x) | |
| silu | x σ(x) | g (σ(x) + y (1 − σ(x))) |
| gelu | x Φ(x) | g (Φ(x) + x Φ'(x)) |
| relu6 | x held between 0 and 6 | |
| hard_sigmoid | x/6 + ½ held between 0 and 1 | |

An op without a formula in the last column is written with other ops, which bring their derivatives. tanh stands in
``trigonometry``, softmax, which looks at a whole row at once, in ``softmax``.
"""

import math

import numpy as np

from minidl.arrays import array_module, as_floating, constant
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.ops.exponentials import erf, exp
from minidl.ops.selection import abs, clip
from minidl.ops.trigonometry import tanh


@primitive()
def sigmoid(x, /):
    """y = σ(x) = 1 / (1 + e⁻ˣ), in (0, 1): D2.E3. Below x = −87 y stays at σ(−87) = 2e-38, so that e⁻ˣ cannot overflow.

    (In float16 below x = −11, at 2e-5.)

    >>> import minidl as md
    >>> md.sigmoid([-1.0, 0.0, 2.0]).round(4)
    array([0.2689, 0.5   , 0.8808], dtype=float32)
    """
    xp, x = array_module(x), as_floating(x)
    largest = 87 if x.dtype.itemsize > 2 else 11  # e⁸⁹ is more than float32 can hold, e¹² more than float16
    e = xp.exp(xp.minimum(-x, constant(largest, x)))
    return xp.reciprocal(e + constant(1, e))


sigmoid.rule(lambda g, y, x: g * (y * (1 - y)))  # ∂y/∂x = σ'(x) = y (1 − y) (D4.E5)


# --- linear in pieces ---------------------------------------------------------------------------------------------
# max(x, 0) is computed as clip(x, 0, ∞): NumPy does that in half the time on large float32 arrays.


@primitive()
def relu(x, /):
    """y = max(x, 0) (D2.E3). At the kink x = 0 the derivative is taken as 0, the slope from the left.

    >>> import minidl as md
    >>> md.relu([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """
    return array_module(x).clip(x, 0, math.inf)


relu.rule(lambda g, y, x: g * (y > 0))  # ∂y/∂x = 1 where x > 0 (there y > 0 too, and y is at hand), else 0


@primitive()
def leaky_relu(x, /, negative_slope=0.2):
    """y = x where x > 0, else s x with s = ``negative_slope``. At the kink x = 0 the derivative is taken as s.

    >>> import minidl as md
    >>> md.leaky_relu([-1.0, 2.0])
    array([-0.2,  2. ], dtype=float32)
    """
    xp = array_module(x)
    return xp.clip(x, 0, math.inf) + negative_slope * xp.clip(x, -math.inf, 0)


leaky_relu.rule(  # ∂y/∂x = 1 where x > 0, else s
    lambda g, y, x, negative_slope: g * (x > 0) + negative_slope * g * (x <= 0)
)


@composite()
def relu6(x):
    """y = x held between 0 and 6. At its two kinks, x = 0 and x = 6, the derivative is taken as 1, as in ``clip``."""
    return clip(x, 0, 6)


@composite()
def hard_sigmoid(x):
    """y = x/6 + ½ held between 0 and 1, straight lines near σ(x). At the kinks, x = ±3, the derivative is 1/6."""
    return clip(x / 6 + 0.5, 0, 1)


# --- smooth cousins of relu ---------------------------------------------------------------------------------------


@primitive()
def elu(x, /, alpha=1.0):
    """y = x where x > 0, else α (eˣ − 1): Clevert et al. 2016. At x = 0, a kink where α ≠ 1, the derivative is α.

    >>> import minidl as md
    >>> md.elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """
    xp, x = array_module(x), as_floating(x)
    return xp.maximum(x, 0) + alpha * xp.expm1(xp.minimum(x, 0))


elu.rule(  # ∂y/∂x = 1 where x > 0, else α eˣ = y + α
    lambda g, y, x, alpha: g * (x > 0) + g * (y + alpha) * (x <= 0)
)


@composite()
def selu(x):
    """y = λ elu(x, α) with the λ and α that pull a deep network's activations to mean 0 and variance 1.

    Klambauer et al. 2017, equation 14. At the kink x = 0 the derivative is taken as λα, the slope from the left.
    """
    return 1.0507009873554805 * elu(x, alpha=1.6732632423543772)


@primitive()
def softplus(x, /):
    """y = ln(1 + eˣ), computed as max(x, 0) + ln(1 + e^(−|x|)): the exponential cannot overflow.

    >>> import minidl as md
    >>> md.softplus([-1e4, 0.0, 1e4]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04], dtype=float32)
    """
    xp, x = array_module(x), as_floating(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.absolute(x)))


softplus.rule(lambda g, y, x: g * sigmoid(x))  # ∂y/∂x = eˣ / (1 + eˣ) = σ(x)


@composite()
def softsign(x):
    """y = x / (1 + |x|), in (−1, 1)."""
    return x / (1.0 + abs(x))  # 1.0: of whole numbers in 8 bits 1 + 255 is 0


# --- gated by themselves: x times a share of x --------------------------------------------------------------------


@primitive(saves=True)
def silu(x, /):
    """y = x σ(x), also called swish: Elfwing et al. 2018."""
    s = sigmoid(x)
    return x * s, s


@silu.joint_rule
def silu_rule(g, y, x, needs, saved):
    """∂y/∂x = σ + x σ (1 − σ) = σ + y (1 − σ)."""
    s = saved
    dx = 1 - s
    dx *= y
    dx += s
    dx *= g
    return (dx,)


@silu.specified_by
def silu_composition(x):
    """x σ(x), said plainly."""
    return x * sigmoid(x)


GELU_C = math.sqrt(2 / math.pi)  # the slope of 2Φ at 0
GELU_A = 0.044715  # fitted by the paper's authors


@primitive(saves=True)
def gelu(x, /, approximate=False):
    """y = x Φ(x), with Φ the chance that a standard normal variable is below x: Hendrycks & Gimpel 2016.

    Φ(x) = ½ (1 + erf(x/√2)); with ``approximate=True`` Φ(x) ≈ ½ (1 + tanh u), u = √(2/π) (x + 0.044715 x³): within
    5e-4 of the exact one and quicker.

    >>> import minidl as md
    >>> md.gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413], dtype=float32)
    """
    xp = array_module(x)
    if approximate:
        # ½ (1 + tanh u) = 1 / (1 + e^(−2u)), in half the time. u is multiplied out: x ** 3 would be fifty times slower
        Phi = xp.asarray(-2 * GELU_C * GELU_A * x)
        Phi *= x
        Phi -= 2 * GELU_C
        Phi *= x  # −2u = −2x (c + c a x²)
        with np.errstate(over="ignore"):  # 1 / (1 + ∞) = 0 is what is meant
            xp.exp(Phi, out=Phi)
        Phi += 1
        xp.divide(1, Phi, out=Phi)
    else:
        Phi = erf(x * math.sqrt(0.5))
        Phi *= 0.5
        Phi += 0.5
    return x * Phi, Phi


@gelu.joint_rule
def gelu_rule(g, y, x, needs, saved, approximate):
    """∂y/∂x = Φ + x Φ'. Exact: Φ' = e^(−x²/2) / √(2π). Approximate: Φ' = ½ (1 − tanh² u) u' = 2 Φ (1 − Φ) u'."""
    Phi = saved
    dx = x * x
    if approximate:
        dx *= 6 * GELU_C * GELU_A
        dx += 2 * GELU_C  # 2u' = 2c (1 + 3a x²)
        dx *= 1 - Phi
        dx *= y  # x Φ' = 2u' (1 − Φ) y, with y = x Φ
    else:
        dx *= -0.5
        dx = exp(dx)
        dx *= 1 / math.sqrt(2 * math.pi)
        dx *= x  # x Φ'
    dx += Phi
    dx *= g
    return (dx,)


@gelu.specified_by
def gelu_composition(x, approximate=False):
    """x Φ(x), said plainly."""
    if approximate:
        return x * (0.5 * (1 + tanh(GELU_C * (x + GELU_A * x * x * x))))
    return x * (0.5 * (1 + erf(x / math.sqrt(2))))
