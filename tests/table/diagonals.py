"""Rows for minidl/ops/diagonals.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row


def masked(keep, x):
    """x with zeros where ``keep(i, j)`` is false, element by element."""
    y = np.array(x)
    for i in range(x.shape[-2]):
        for j in range(x.shape[-1]):
            if not keep(i, j):
                y[..., i, j] = 0
    return y


ROWS = [
    Row("tril", md.tril, [(3, 4)], lambda x: masked(lambda i, j: j <= i, x)),
    Row("tril", lambda x: md.tril(x, 1), [(2, 4, 3)], lambda x: masked(lambda i, j: j <= i + 1, x), "k=1"),
    Row("triu", md.triu, [(4, 3)], lambda x: masked(lambda i, j: j >= i, x)),
    Row("triu", lambda x: md.triu(x, -1), [(2, 3, 4)], lambda x: masked(lambda i, j: j >= i - 1, x), "k=-1"),
    Row("diagonal", md.diagonal, [(2, 3)], lambda x: np.array([x[0, 0], x[1, 1]])),
    Row("diagonal", lambda x: md.diagonal(x, 1), [(3, 4)], lambda x: np.array([x[0, 1], x[1, 2], x[2, 3]]), "above"),
    Row("diagonal", lambda x: md.diagonal(x, -2), [(3, 4)], lambda x: np.array([x[2, 0]]), "below"),
    Row("diagonal", lambda x: md.diagonal(x, 9), [(3, 4)], lambda x: np.zeros(0), "outside"),
    Row(
        "diagonal",
        lambda x: md.diagonal(x, axis1=0, axis2=2),
        [(3, 4, 2)],
        lambda x: np.array([[x[i, k, i] for i in range(2)] for k in range(4)]),
        "axes 0 and 2",
    ),
    Row("trace", md.trace, [(3, 4)], lambda x: x[0, 0] + x[1, 1] + x[2, 2]),
    Row("trace", lambda x: md.trace(x, 1), [(3, 4)], lambda x: x[0, 1] + x[1, 2] + x[2, 3], "above"),
    Row("diag", md.diag, [(3,)], lambda x: x * np.eye(3), "vector"),
    Row("diag", lambda x: md.diag(x, -1), [(2,)], lambda x: np.array([[0, 0, 0], [x[0], 0, 0], [0, x[1], 0]]), "below"),
    Row("diag", lambda x: md.diag(x, 1), [(3, 2)], lambda x: np.array([x[0, 1]]), "matrix"),
]

KINKS: list[Kink] = []

V = md.Tensor(np.zeros(3))

REFUSALS = [
    Refusal("tril", lambda: md.tril(V), ValueError, r"^tril expects at least two axes, got shape \(3,\)"),
    Refusal("triu", lambda: md.triu(V), ValueError, "at least two axes"),
    Refusal("diagonal", lambda: md.diagonal(V), ValueError, "at least two axes"),
    Refusal("trace", lambda: md.trace(V), ValueError, "at least two axes"),
    Refusal("diag", lambda: md.diag(md.Tensor(np.zeros((2, 3, 4)))), ValueError, "vector or a matrix"),
]
