"""Rows for the linear map of a dense layer."""

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def plain_linear(x, W, b=None):
    """Every output a sum over the features, written out."""
    y = np.zeros(x.shape[:-1] + W.shape[1:])
    for n in np.ndindex(x.shape[:-1]):
        for h in range(W.shape[1]):
            y[n + (h,)] = sum(x[n + (d,)] * W[d, h] for d in range(W.shape[0])) + (0 if b is None else b[h])
    return y


SHAPES = {
    "a batch": (4, 3),
    "steps": (2, 4, 3),
    "images": (2, 1, 4, 3),
    "one sample": (3,),
    "N=1": (1, 3),
    "N=0": (0, 3),
    "no steps": (2, 0, 3),
}

ROWS = [
    *(
        Row("linear", lambda x, W, b: md.linear(x, W, b), [shape, (3, 5), (5,)], plain_linear, label)
        for label, shape in SHAPES.items()
    ),
    *(
        Row("linear", lambda x, W: md.linear(x, W, None), [shape, (3, 5)], plain_linear, f"no bias, {label}")
        for label, shape in SHAPES.items()
    ),
    Row("linear", lambda x, W, b: md.linear(x, W, b), [(4, 1), (1, 5), (5,)], plain_linear, "D=1"),
    Row("linear", lambda x, W, b: md.linear(x, W, b), [(4, 3), (3, 1), (1,)], plain_linear, "H=1"),
    Row("linear", lambda x, W, b: md.linear(x, W, b), [(4, 0), (0, 5), (5,)], plain_linear, "D=0"),
    Row("linear", lambda x: md.linear(x, x, None), [(3, 3)], lambda x: x @ x, "x is W"),
]

KINKS = []

X, W, B = (md.Tensor(np.ones(shape, np.float32), requires_grad=True) for shape in [(4, 3), (3, 5), (5,)])

REFUSALS = [
    Refusal("linear", lambda: md.linear(X, md.Tensor(np.ones((2, 5))), None), ValueError, r"^linear[\s\S]*\(4, 3\)"),
    Refusal("linear", lambda: md.linear(X[0, 0], W, B), ValueError, r"^linear expects x .*\(\) and \(3, 5\)"),
    Refusal("linear", lambda: md.linear(X, W[:, 0], None), ValueError, r"^linear expects .*\(4, 3\) and \(3,\)"),
    Refusal("linear", lambda: md.linear(X, W, md.Tensor(np.ones((1, 5)))), ValueError, r"b of shape \(5,\).*\(1, 5\)"),
    Refusal("linear", lambda: md.linear(X, W, md.Tensor(np.ones(()))), ValueError, r"b of shape \(5,\).*\(\)"),
]
