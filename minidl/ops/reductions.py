"""Many numbers into one: sums, means and extremes along axes.

| op | y | ∂L/∂x_i |
|---|---|---|
| sum | Σ x_i | g |
| stretch | x_i in many places j | Σ_j g_ij |
| mean | μ = Σ x_i / n | g / n |
| var | Σ (x_i − μ)² / (n − ddof) | 2 g (x_i − μ) / (n − ddof) |
| std | √var | g (x_i − μ) / ((n − ddof) y), 0 where y = 0 |
| max | the largest x_i | g where x_i = y, shared equally among ties |
| min | the smallest x_i | g where x_i = y, shared equally among ties |
| logsumexp | log Σ e^x_i | g e^x_i / Σ e^x_j |

In all of them ``axis`` is an int, a tuple of ints, or None for all axes; with ``keepdims=True`` the reduced axes stay,
with size 1. Every rule has to bring g back over the reduced axes: with ``keep_axes`` where g is then multiplied by
something of the shape of x, with ``stretch`` where it is not.
"""

import math

import numpy as np

from minidl.arrays import array_module, as_floating
from minidl.autograd import primitive
from minidl.operators import unwrap
from minidl.ops.exponentials import exp
from minidl.ops.selection import where
from minidl.ops.shape import LARGE


def keep_axes(g, x, axis, keepdims):
    """g, or y, with the axes that a reduction of x has removed put back with size 1: it broadcasts against x again."""
    return g if axis is None or keepdims else g.reshape(kept_shape(x.shape, axis))


def kept_shape(shape, axis):
    """The shape after a reduction with ``keepdims=True``.

    >>> kept_shape((2, 3, 5), -1), kept_shape((2, 3, 5), (0, 2))
    ((2, 3, 1), (1, 3, 1))
    """
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(1 if k in axes or k - len(shape) in axes else n for k, n in enumerate(shape))


def count(x, y):
    """n, the number of entries of x that were reduced to one entry of y."""
    return x.size // y.size if y.size else 1


# --- sums ---------------------------------------------------------------------------------------------------------


@primitive(np.sum)
def sum(x, /, axis=None, keepdims=False):
    """y = Σ x_i along ``axis``; the sum of nothing is 0.

    >>> import minidl as md
    >>> md.sum(md.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), axis=0)
    Tensor([5., 7., 9.])
    """
    return x.sum(axis=axis, keepdims=keepdims)


sum.rule(lambda g, y, x, axis, keepdims: stretch(g, shape=x.shape, axis=axis, keepdims=keepdims))  # ∂y/∂x_i = 1


@primitive(np.mean)
def mean(x, /, axis=None, keepdims=False):
    """y = Σ x_i / n along ``axis``, over the n entries that become one.

    Raises
    ------
    ValueError
        n = 0: nothing has no mean.
    """
    y = x.sum(axis=axis, keepdims=keepdims)
    n = count(x, y)
    if n == 0:
        raise ValueError(f"mean expects at least one number to average, got shape {x.shape} with axis={axis}.")
    return y / n  # the same as x.mean(), which takes twice as long on small arrays


# ∂y/∂x_i = 1/n
mean.rule(lambda g, y, x, axis, keepdims: stretch(g / count(x, y), shape=x.shape, axis=axis, keepdims=keepdims))


@primitive(broadcasts=True)
def stretch(x, /, shape, axis=None, keepdims=False):
    """y = x repeated along the axes that a reduction of an array of this shape removes: ``sum`` turned round.

    >>> import minidl as md
    >>> md.stretch(md.Tensor([1.0, 2.0]), (2, 3), axis=1)
    Tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    xp = array_module(x)
    if not (axis is None or keepdims):
        x = x.reshape(kept_shape(shape, axis))  # (2,) → (2, 1) in the example
    if math.prod(shape) > LARGE:
        return xp.broadcast_to(x, shape)
    y = xp.empty(shape, x.dtype)
    y[...] = x
    return y


stretch.rule(lambda g, y, x, shape, axis, keepdims: sum(g, axis, keepdims))  # ∂y_ij/∂x_i = 1 for each copy j


# --- spread -------------------------------------------------------------------------------------------------------


@primitive(np.var)
def var(x, /, axis=None, ddof=0, keepdims=False):
    """y = Σ (x_i − μ)² / (n − ddof) along ``axis``, with the mean μ of the n entries that become one.

    Raises
    ------
    ValueError
        n ≤ ddof: too few numbers to have a variance.

    >>> import minidl as md
    >>> md.var(md.Tensor([1.0, 2.0, 3.0]), ddof=1)
    Tensor(1.)
    """
    total = x.sum(axis=axis, keepdims=True)
    n = count(x, total)
    if n <= ddof:
        raise ValueError(
            f"var expects more than ddof={ddof} numbers to have a variance, got {n}: shape {x.shape}, axis={axis}."
        )
    d = x - total / n
    return (d * d).sum(axis=axis, keepdims=keepdims) / (n - ddof)


def var_rule(g, y, x, axis, ddof, keepdims):
    """∂y/∂x_i = 2 (x_i − μ) / (n − ddof). That μ moves with x_i changes nothing, since Σ (x_j − μ) = 0."""
    d = x - mean(x, axis, keepdims=True)
    return keep_axes(g * (2 / (count(x, y) - ddof)), x, axis, keepdims) * d


var.rule(var_rule)


@primitive(np.std)
def std(x, /, axis=None, ddof=0, keepdims=False):
    """y = √var(x): the standard deviation along ``axis``.

    Where all x_i are equal, y = 0 has a kink like that of the absolute value; the derivative there is taken as 0.
    """
    return array_module(x).sqrt(var(x, axis, ddof, keepdims))


def std_rule(g, y, x, axis, ddof, keepdims):
    """∂y/∂x_i = (x_i − μ) / ((n − ddof) y), from ∂√v/∂v = 1/2√v, and 0 where y = 0."""
    d = x - mean(x, axis, keepdims=True)
    slope = g / (where(y == 0, 1, y) * (count(x, y) - ddof))
    return keep_axes(slope, x, axis, keepdims) * d


std.rule(std_rule)


# --- extremes -----------------------------------------------------------------------------------------------------


@primitive(np.max, np.amax)
def max(x, /, axis=None, keepdims=False):
    """y = the largest x_i along ``axis``.

    At a tie any share between the tied entries would do; here they share the gradient equally, so that it does not
    depend on their order. A NaN counts as the largest, as in NumPy.

    >>> import minidl as md
    >>> x = md.Tensor([1.0, 3.0, 3.0], requires_grad=True)
    >>> md.max(x).backward(); x.grad
    array([0. , 0.5, 0.5], dtype=float32)
    """
    return x.max(axis=axis, keepdims=keepdims)


@primitive(np.min, np.amin)
def min(x, /, axis=None, keepdims=False):
    """y = the smallest x_i along ``axis``; ties share the gradient equally, as in ``max``."""
    return x.min(axis=axis, keepdims=keepdims)


def extreme_rule(g, y, x, axis, keepdims):
    """∂y/∂x_i = 1/k where x_i is one of the k entries that are equal to y, else 0."""
    chosen = (x == keep_axes(y, x, axis, keepdims)) | (x != x)  # a constant; only NaN differs from itself
    k = chosen.sum(axis=axis, keepdims=True).astype(x.dtype)
    return keep_axes(g, x, axis, keepdims) / k * chosen


max.rule(extreme_rule)
min.rule(extreme_rule)


# --- the smooth maximum -------------------------------------------------------------------------------------------


@primitive()
def logsumexp(x, /, axis=None, keepdims=False):
    """y = log Σ e^x_i along ``axis``, computed as m + log Σ e^(x_i − m) with m = max x_i, so that no e^x overflows.

    −inf stands for a number left out (e^−inf = 0): its gradient is 0, and where all are left out y = −inf.

    >>> import minidl as md
    >>> md.logsumexp(md.Tensor([1e4, 1e4]))
    Tensor(10000.693)
    """
    xp, x = array_module(x), as_floating(x)
    m = shift(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = −inf is meant
        y = xp.log(xp.exp(x - m).sum(axis=axis, keepdims=True)) + m
    return y if keepdims else y.squeeze(axis=axis)


def shift(x, axis):
    """m = max x_i, but 0 where all are −inf, since −inf − (−inf) is no number."""
    m = x.max(axis=axis, keepdims=True)
    return array_module(x).where(m == -math.inf, 0, m)


def logsumexp_rule(g, y, x, axis, keepdims):
    """∂y/∂x_i = e^x_i / Σ e^x_j, the softmax.

    Shifted by m it is the same function, so m is a constant here. e^(x_i − y) would be shorter, but has lost the digits
    that y, a large number for large x, has no room for.
    """
    e = exp(x - shift(unwrap(x), axis))
    total = e.sum(axis=axis, keepdims=True)
    return keep_axes(g, x, axis, keepdims) * (e / where(total == 0, 1, total))


logsumexp.rule(logsumexp_rule)
