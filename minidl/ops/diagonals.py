"""Diagonals and triangles of matrices.

| op | y | ∂L/∂x |
|---|---|---|
| diagonal, diag, trace | elements of x with j = i + k, by getitem; or put there, by put_at | |
| tril | x_ij where j ≤ i + k, else 0 | tril of g |
| triu | x_ij where j ≥ i + k, else 0 | triu of g |
"""

import numpy as np

from minidl.arrays import array_module, as_operand
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.ops.indexing import getitem, put_at
from minidl.ops.shape import moveaxis


@primitive(np.tril)
def tril(x, /, k=0):
    """y = the lower triangle of the last two axes: x_ij where j ≤ i + k, else 0. A causal mask is ``tril`` of ones."""
    check_matrix("tril", x)
    return array_module(x).tril(x, k)


tril.rule(lambda g, y, x, k: tril(g, k))  # ∂y_ij/∂x_ij = 1 where j ≤ i + k, else 0


@primitive(np.triu)
def triu(x, /, k=0):
    """y = the upper triangle of the last two axes: x_ij where j ≥ i + k, else 0."""
    check_matrix("triu", x)
    return array_module(x).triu(x, k)


triu.rule(lambda g, y, x, k: triu(g, k))  # ∂y_ij/∂x_ij = 1 where j ≥ i + k, else 0


@composite(np.diagonal)
def diagonal(x, offset=0, axis1=0, axis2=1):
    """y_i = x_{i, i + offset} in the two axes, which are replaced by one at the end.

    >>> import minidl as md
    >>> md.diagonal(md.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 4.])
    """
    x = as_operand(x)
    check_matrix("diagonal", x)
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = diagonal_positions(*x.shape[-2:], offset)
    return getitem(x, (..., rows, columns))


@composite(np.trace)
def trace(x, offset=0, axis1=0, axis2=1):
    """y = Σ_i x_{i, i + offset} in the two axes."""
    return diagonal(x, offset, axis1, axis2).sum(axis=-1)


@composite(np.diag)
def diag(x, k=0):
    """The k-th diagonal of a matrix, or the square matrix with the vector x as its k-th diagonal.

    >>> import minidl as md
    >>> md.diag(md.Tensor([1.0, 2.0]))
    Tensor([[1., 0.],
            [0., 2.]])
    """
    x = as_operand(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag expects a vector or a matrix, got shape {x.shape}. For more axes use diagonal.")
    n = x.shape[0] + abs(k)
    return put_at(x, diagonal_positions(n, n, k), (n, n))


def diagonal_positions(n: int, m: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows i and columns i + offset of the elements on a diagonal of an n × m matrix."""
    rows = np.arange(max(0, -offset), max(0, -offset, min(n, m - offset)))
    return rows, rows + offset


def check_matrix(who: str, x) -> None:
    """Two axes are needed to have a diagonal."""
    if x.ndim < 2:
        raise ValueError(f"{who} expects at least two axes, got shape {x.shape}.")
