"""The linear map of a dense layer, as one op.

| op | y | ∂L/∂x | ∂L/∂W | ∂L/∂b |
|---|---|---|---|---|
| linear | x W + b | g Wᵀ | xᵀ g | Σ g over all axes but the last |

D0.E1 and D4.E1 in the orientation of Keras: samples are rows, so W is (D, H), in by out, and the products stand the
other way round.
"""

from minidl.arrays import filled
from minidl.autograd import primitive
from minidl.ops.linalg import rows


@primitive()
def linear(x, W, b, /):
    """y = x W + b; ``b`` may be None.

    Shapes: x (..., D), W (D, H), b (H,) → y (..., H).

    >>> import minidl as md, numpy as np
    >>> md.linear(np.ones((1, 2)), np.ones((2, 3)), np.zeros(3))
    array([[2., 2., 2.]])
    """
    if W.ndim != 2 or x.ndim == 0:
        raise ValueError(f"linear expects x (..., D) and W (D, H), got shapes {x.shape} and {W.shape}.")
    # All samples in one matrix are one BLAS call. With more axes NumPy's dot does without BLAS, which takes some thirty
    # times as long, and its @ calls it for each sample.
    y = x.dot(W) if x.ndim <= 2 else rows(x).dot(W).reshape(x.shape[:-1] + W.shape[1:])  # (..., H)
    if b is None:
        return y
    if b.shape != y.shape[-1:]:
        raise ValueError(f"linear expects b of shape {y.shape[-1:]}, one number for each column of W, got {b.shape}.")
    if b.dtype is not y.dtype:
        return y + b
    y += b
    return y


@linear.joint_rule
def linear_gradients(g, y, x, W, b, needs):
    """∂L/∂x = g Wᵀ, ∂L/∂W = xᵀ g, ∂L/∂b = Σ g (D0.E2, D0.E3, D0.E4, D4.E2, D4.E3, put right)."""
    g2 = g if g.ndim == 2 else rows(g)  # (N, H): every axis but the last counts samples
    dx = dW = db = None
    if needs[0]:
        dx = g2.dot(W.T)  # (N, D)
        if x.ndim != 2:
            dx = dx.reshape(x.shape)
    if needs[1]:
        dW = (x if x.ndim == 2 else rows(x)).T.dot(g2)  # (D, N) (N, H) → (D, H)
    if needs[2]:
        db = filled(len(g2), 1, g2).dot(g2)  # (N,) (N, H) → (H,): the sum over samples, sooner than g2.sum(axis=0)
    return dx, dW, db


@linear.specified_by
def linear_composition(x, W, b):
    """x W + b, said plainly."""
    y = x @ W
    return y if b is None else y + b
