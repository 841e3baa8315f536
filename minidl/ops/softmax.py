"""Softmax: any numbers into positive ones that sum to 1.

| op | y_i | ∂L/∂x_i |
|---|---|---|
| softmax | e^x_i / Σ_j e^x_j | y_i (g_i − Σ_j g_j y_j) |
| log_softmax | x_i − log Σ_j e^x_j | g_i − e^y_i Σ_j g_j |

The output layer of the documents' classifiers (D0.E6, D0.P1) and the weights of attention (D3.E1).
"""

from minidl.arrays import array_module, as_floating
from minidl.autograd import primitive
from minidl.ops.exponentials import exp


@primitive()
def softmax(x, /, axis=-1):
    """y_i = e^x_i / Σ_j e^x_j along ``axis`` (D0.E6, D3.E1).

    A shift of all x_j changes nothing, so the largest is moved to 0 first: no e^x overflows. x_i = −inf gives y_i = 0.

    >>> import minidl as md
    >>> md.softmax(md.Tensor([[1000.0, 1000.0], [0.0, -1000.0]]))
    Tensor([[0.5, 0.5],
            [1. , 0. ]])
    """
    x = as_floating(x)
    y = array_module(x).exp(x - x.max(axis=axis, keepdims=True))
    y /= y.sum(axis=axis, keepdims=True)  # Σ_j e^x_j, whose axis stays with size 1 and so broadcasts
    return y


def softmax_rule(g, y, x, axis):
    """∂y_j/∂x_i = y_j (δ_ij − y_i), so ∂L/∂x_i = Σ_j g_j ∂y_j/∂x_i = y_i (g_i − Σ_j g_j y_j)."""
    return y * (g - (g * y).sum(axis=axis, keepdims=True))


softmax.rule(softmax_rule)


@primitive()
def log_softmax(x, /, axis=-1):
    """y_i = x_i − log Σ_j e^x_j along ``axis``: the log of softmax, right also where softmax itself is rounded to 0.

    Cross-entropy (D1.E1) is made of these.

    >>> import minidl as md
    >>> md.log_softmax(md.Tensor([0.0, -1000.0]))
    Tensor([    0., -1000.])
    """
    xp, x = array_module(x), as_floating(x)
    shifted = x - x.max(axis=axis, keepdims=True)  # as in softmax
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax_rule(g, y, x, axis):
    """∂y_j/∂x_i = δ_ij − softmax(x)_i and softmax(x) = e^y, so ∂L/∂x_i = g_i − e^y_i Σ_j g_j."""
    return g - exp(y) * g.sum(axis=axis, keepdims=True)


log_softmax.rule(log_softmax_rule)
