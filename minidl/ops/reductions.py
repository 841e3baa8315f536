"""Many numbers into one: sums, means and extremes along axes.

| op | y | ∂L/∂x_i |
|---|---|---|
| sum | Σ x_i | g |
| mean | Σ x_i / n | g / n |
| max | the largest x_i | g where x_i = y, shared equally among ties |
| min | the smallest x_i | g where x_i = y, shared equally among ties |
| logsumexp | log Σ e^x_i | g e^(x_i − y) |

In all of them ``axis`` is an int, a tuple of ints, or None for all axes; with ``keepdims=True`` the reduced axes stay, with
size 1. Every rule has to bring g back over the reduced axes first: ``stretch`` does it for all of them.
"""

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import primitive
from minidl.ops.exponentials import exp
from minidl.ops.selection import where
from minidl.ops.shape import broadcast_to, expand_dims


def stretch(g, x, axis, keepdims):
    """g, or y, repeated along the axes that a reduction of x has removed: each x_i gets a copy."""
    return broadcast_to(keep_axes(g, x, axis, keepdims), x.shape)


def keep_axes(g, x, axis, keepdims):
    """g, or y, with the axes that a reduction of x has removed put back with size 1, so that it broadcasts against x."""
    if axis is None or keepdims or x.ndim == 0:
        return g
    return expand_dims(g, axis)


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


sum.rule(lambda g, y, x, axis, keepdims: stretch(g, x, axis, keepdims))  # ∂y/∂x_i = 1


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


mean.rule(lambda g, y, x, axis, keepdims: stretch(g / count(x, y), x, axis, keepdims))  # ∂y/∂x_i = 1/n


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
    k = chosen.sum(axis=axis, keepdims=True)
    return keep_axes(g, x, axis, keepdims) * (chosen / k).astype(x.dtype)


max.rule(extreme_rule)
min.rule(extreme_rule)


# --- the smooth maximum -------------------------------------------------------------------------------------------


@primitive()
def logsumexp(x, /, axis=None, keepdims=False):
    """y = log Σ e^x_i along ``axis``, computed as m + log Σ e^(x_i − m) with m = max x_i, so that no e^x overflows.

    −inf stands for a number left out (e^−inf = 0): its gradient is 0, and where all are left out y = −inf.

    >>> import minidl as md
    >>> md.logsumexp(md.Tensor([1e4, 1e4]))
    Tensor(10000.693, op=None)
    """
    xp = array_module(x)
    m = x.max(axis=axis, keepdims=True)
    m = xp.where(m == -xp.inf, 0, m)  # −inf − (−inf) is no number
    with np.errstate(divide="ignore"):  # log 0 = −inf is meant
        y = xp.log(xp.exp(x - m).sum(axis=axis, keepdims=True)) + m
    return y if keepdims else y.squeeze(axis=axis)


def logsumexp_rule(g, y, x, axis, keepdims):
    """∂y/∂x_i = e^x_i / Σ e^x_j = e^(x_i − y): the softmax."""
    y = where(y == -np.inf, 0, y)  # then every e^(x_i − y) is e^−inf = 0
    return keep_axes(g, x, axis, keepdims) * exp(x - keep_axes(y, x, axis, keepdims))


logsumexp.rule(logsumexp_rule)
