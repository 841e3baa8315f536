"""Products of vectors, matrices and batches of matrices.

| op | y | ∂L/∂x₁ | ∂L/∂x₂ |
|---|---|---|---|
| matmul | x₁ x₂ | g x₂ᵀ | x₁ᵀ g |
"""

import math

import numpy as np

from minidl.autograd import primitive
from minidl.ops.shape import expand_dims, swapaxes


@primitive(np.matmul, broadcasts=True)
def matmul(x1, x2, /):
    """y = x₁ x₂, the matrix product over the last axis of x₁ and the second-to-last of x₂; a vector has only one axis.

    Shapes: (..., n, k) @ (..., k, m) → (..., n, m), where the leading axes broadcast; (k,) @ (..., k, m) → (..., m);
    (..., n, k) @ (k,) → (..., n); (k,) @ (k,) → ().

    Raises
    ------
    ValueError
        The two sizes k differ, one side is a single number, or the leading axes do not broadcast.

    >>> import minidl as md
    >>> md.matmul(md.Tensor([[1.0, 2.0], [3.0, 4.0]]), md.Tensor([1.0, 10.0]))
    Tensor([21., 43.])
    """
    check_matmul(x1, x2)
    if x2.ndim > 2 or x1.ndim == 1:
        return x1 @ x2
    if x1.ndim == 2:
        return x1.dot(x2)  # the same as @, quicker on small matrices
    return rows(x1).dot(x2).reshape(x1.shape[:-1] + x2.shape[1:])  # one large product instead of many small ones


def rows(x):
    """x as a matrix: every axis but the last counts rows. (..., k) → (N, k)."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def check_matmul(x1, x2):
    """Say which axes disagree."""
    if np.ndim(x1) == 0 or np.ndim(x2) == 0:
        raise ValueError("matmul expects arrays with at least one axis, got a single number.\nUse * to multiply by it.")
    second_to_last = x2.shape[-2:][0]  # or the only axis
    if x1.shape[-1] != second_to_last:
        which = "second-to-last" if x2.ndim > 1 else "only axis"
        raise ValueError(
            f"matmul expects the last axis of the first ({x1.shape[-1]}) to equal the {which} of the second "
            f"({second_to_last}), got {x1.shape} @ {x2.shape}."
        )


def matmul_rule_1(g, y, x1, x2):
    """y_ij = Σ_k x₁_ik x₂_kj, so ∂L/∂x₁ = g x₂ᵀ."""
    if x2.ndim == 1:
        return expand_dims(g, -1) * x2  # (..., n, 1) (k,) → (..., n, k)
    if x1.ndim == 1:
        return (x2 @ expand_dims(g, -1)).reshape(x2.shape[:-1])  # (..., k, m) (..., m, 1) → (..., k)
    return g @ swapaxes(x2, -1, -2)  # (..., n, m) (..., m, k) → (..., n, k)


def matmul_rule_2(g, y, x1, x2):
    """∂L/∂x₂ = x₁ᵀ g."""
    if x1.ndim == 1:
        return x1 * g if x2.ndim == 1 else expand_dims(x1, -1) * expand_dims(g, -2)  # (k, 1) (..., 1, m) → (..., k, m)
    if x2.ndim == 1:
        return rows(x1).T @ g.reshape(-1)  # (k, N) (N,) → (k,)
    if x2.ndim == 2:
        return rows(x1).T @ rows(g)  # (k, N) (N, m) → (k, m)
    return swapaxes(x1, -1, -2) @ g  # (..., k, n) (..., n, m) → (..., k, m)


matmul.rule(matmul_rule_1, matmul_rule_2)
