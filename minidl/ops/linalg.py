"""Products of vectors, matrices and batches of matrices.

| op | y | ∂L/∂x₁ | ∂L/∂x₂ |
|---|---|---|---|
| matmul | Σ_k x₁_ik x₂_kj | g x₂ᵀ | x₁ᵀ g |
| dot, inner, outer, tensordot | other choices of what is summed | by matmul | by matmul |
| euclidean_norm | √(Σ x_i²) | g x / y, 0 at x = 0 | |
| norm | the euclidean norm, Σ abs(x_i), or max abs(x_i) | by its ops | |
"""

import math

import numpy as np

from minidl.arrays import array_module, as_floating, as_operand
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.ops.arithmetic import multiply
from minidl.ops.reductions import keep_axes
from minidl.ops.selection import where
from minidl.ops.shape import expand_dims, reshape, swapaxes, transpose


@primitive(np.matmul, np.linalg.matmul, broadcasts=True)
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
    try:
        if 0 < x1.ndim <= 2 and 0 < x2.ndim <= 2:
            return x1.dot(x2)  # the same as @, quicker on small matrices
        if x1.ndim > 2 and 0 < x2.ndim <= 2:
            return rows(x1).dot(x2).reshape(x1.shape[:-1] + x2.shape[1:])  # one large product, not many small ones
        return x1 @ x2
    except (ValueError, AttributeError) as error:
        raise ValueError(explain_matmul(x1, x2)) from error


def rows(x):
    """x as a matrix: every axis but the last counts rows. (..., k) → (N, k)."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def explain_matmul(x1, x2):
    """What to say of a product that cannot be: which axes disagree."""
    if np.ndim(x1) == 0 or np.ndim(x2) == 0:
        return "matmul expects arrays with at least one axis, got a single number.\nUse * to multiply by it."
    k1, k2 = x1.shape[-1], x2.shape[-2:][0]  # a vector has only one axis to sum over
    if k1 != k2:
        which = "second-to-last" if x2.ndim > 1 else "only axis"
        return (
            f"matmul expects the last axis of the first ({k1}) to equal the {which} of the second ({k2}), "
            f"got {x1.shape} @ {x2.shape}."
        )
    return f"matmul expects leading axes that are equal or 1, got {x1.shape[:-2]} and {x2.shape[:-2]}."


def matmul_rule_1(g, y, x1, x2):
    """y_ij = Σ_k x₁_ik x₂_kj, so ∂L/∂x₁ = g x₂ᵀ."""
    if x1.ndim == 2 and x2.ndim == 2:
        return g.dot(x2.T)
    if x2.ndim == 1:
        return expand_dims(g, -1) * x2  # (..., n, 1) (k,) → (..., n, k)
    if x1.ndim == 1:
        return (x2 @ expand_dims(g, -1)).reshape(x2.shape[:-1])  # (..., k, m) (..., m, 1) → (..., k)
    return matmul(g, swapaxes(x2, -1, -2))  # (..., n, m) (..., m, k) → (..., n, k)


def matmul_rule_2(g, y, x1, x2):
    """∂L/∂x₂ = x₁ᵀ g."""
    if x1.ndim == 2 and x2.ndim == 2:
        return x1.T.dot(g)
    if x1.ndim == 1:
        return x1 * g if x2.ndim == 1 else expand_dims(x1, -1) * expand_dims(g, -2)  # (k, 1) (..., 1, m) → (..., k, m)
    if x2.ndim == 1:
        return rows(x1).T @ g.reshape(-1)  # (k, N) (N,) → (k,)
    if x2.ndim == 2:
        return rows(x1).T @ rows(g)  # (k, N) (N, m) → (k, m)
    return swapaxes(x1, -1, -2) @ g  # (..., k, n) (..., n, m) → (..., k, m)


matmul.rule(matmul_rule_1, matmul_rule_2)


@composite(np.dot)
def dot(x1, x2):
    """y = Σ over the last axis of x₁ and the second-to-last (or only) axis of x₂, as in NumPy.

    For up to two axes this is ``matmul``; a single number multiplies. With more axes the result has the free axes of x₁
    and then those of x₂: (..., n, k) · (b, k, m) → (..., n, b, m).
    """
    x1, x2 = as_operand(x1), as_operand(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return multiply(x1, x2)
    if x1.ndim > 1 and x2.ndim > 2:
        return tensordot(x1, x2, axes=(-1, -2))
    return matmul(x1, x2)


@composite(np.inner)
def inner(x1, x2):
    """y = Σ over the last axis of both: (..., k), (..., k) → (..., ...). A single number multiplies."""
    x1, x2 = as_operand(x1), as_operand(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return multiply(x1, x2)
    return tensordot(x1, x2, axes=(-1, -1))


@composite(np.outer)
def outer(x1, x2):
    """y_ij = x₁_i x₂_j, with both arrays read as vectors: (n,), (m,) → (n, m)."""
    x1, x2 = as_operand(x1), as_operand(x2)
    return multiply(reshape(x1, (x1.size, 1)), reshape(x2, (1, x2.size)))


@composite(np.tensordot, np.linalg.tensordot)
def tensordot(x1, x2, axes=2):
    """y = Σ x₁ x₂ over pairs of axes; the free axes of x₁ come first in y, then those of x₂.

    Parameters
    ----------
    axes : int or pair
        How many: the last ones of x₁ with the first ones of x₂. Or which: a pair of ints or of equally long sequences.

    >>> import minidl as md
    >>> md.tensordot(np.ones((2, 3, 5)), np.ones((5, 3, 7)), axes=((1, 2), (1, 0))).shape
    (2, 7)
    """
    x1, x2 = as_operand(x1), as_operand(x2)
    summed1, summed2 = summed_axes(x1, x2, axes)
    free1 = tuple(k for k in range(x1.ndim) if k not in summed1)
    free2 = tuple(k for k in range(x2.ndim) if k not in summed2)
    K = math.prod(x1.shape[k] for k in summed1)
    shape1 = tuple(x1.shape[k] for k in free1)
    shape2 = tuple(x2.shape[k] for k in free2)
    matrix1 = reshape(transpose(x1, free1 + summed1), (math.prod(shape1), K))  # (N, K)
    matrix2 = reshape(transpose(x2, summed2 + free2), (K, math.prod(shape2)))  # (K, M)
    return reshape(matmul(matrix1, matrix2), shape1 + shape2)


def summed_axes(x1, x2, axes):
    """The axes of x₁ and those of x₂ that ``tensordot`` pairs and sums over, counted from the front."""
    if isinstance(axes, (int, np.integer)):
        axes = (range(x1.ndim - axes, x1.ndim), range(axes))
    if not np.iterable(axes) or len(axes) != 2:
        raise ValueError(f"tensordot expects axes as an integer or a pair, those of x1 and those of x2, got {axes!r}.")
    pair = [(a,) if isinstance(a, (int, np.integer)) else tuple(a) for a in axes]
    for x, a in zip((x1, x2), pair):
        if not all(-x.ndim <= k < x.ndim for k in a):
            raise ValueError(f"tensordot expects axes of an array of shape {x.shape}, got {a}.")
    summed1, summed2 = (tuple(k % x.ndim for k in a) for x, a in zip((x1, x2), pair))
    sizes1, sizes2 = [x1.shape[k] for k in summed1], [x2.shape[k] for k in summed2]
    if sizes1 != sizes2:
        raise ValueError(
            f"tensordot expects pairs of axes of equal size, got sizes {sizes1} of {x1.shape} (axes {summed1}) "
            f"and {sizes2} of {x2.shape} (axes {summed2})."
        )
    return summed1, summed2


# --- norms --------------------------------------------------------------------------------------------------------


@primitive()
def euclidean_norm(x, /, axis=None, keepdims=False):
    """y = √(Σ x_i²) along ``axis``, None for all axes (then of a matrix: its Frobenius norm).

    At x = 0 the norm has a kink, a cone's tip; its derivative there is taken as 0.
    """
    return array_module(x).sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def euclidean_norm_rule(g, y, x, axis, keepdims):
    """∂y/∂x_i = x_i / y, and 0 at x = 0."""
    slope = g / where(y == 0, 1, y)
    return keep_axes(slope, x, axis, keepdims) * x


euclidean_norm.rule(euclidean_norm_rule)


@composite(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """y = the length of vectors along ``axis``: √(Σ x_i²), or Σ |x_i| (``ord=1``), or max |x_i| (``ord=inf``).

    Without ``ord`` all numbers along ``axis`` (all there are by default) count as one vector, which for a matrix is its
    Frobenius norm. Derivatives at kinks: 0 where x = 0, ties for the maximum share.

    Raises
    ------
    ValueError
        Another ``ord``, or one that means a matrix norm (2 axes).

    >>> import minidl as md
    >>> md.norm(md.Tensor([[3.0, 4.0], [5.0, 12.0]]), axis=1)
    Tensor([ 5., 13.])
    """
    x = as_floating(as_operand(x))
    n_axes = x.ndim if axis is None else len(axis) if isinstance(axis, tuple) else 1
    if ord is None or (ord == 2 and n_axes == 1) or (ord == "fro" and n_axes == 2):
        return euclidean_norm(x, axis, keepdims)
    if ord == 1 and n_axes == 1:
        return abs(x).sum(axis=axis, keepdims=keepdims)
    if ord == math.inf and n_axes == 1:
        return abs(x).max(axis=axis, keepdims=keepdims)
    raise ValueError(
        f"norm expects ord None, 1, 2 or inf for vectors, None or 'fro' for matrices, got {ord!r} over {n_axes} axes.\n"
        "Say with axis= which axis the vectors lie along."
    )
