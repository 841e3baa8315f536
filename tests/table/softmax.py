"""Rows for softmax and its logarithm."""

import math

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def plain_softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def plain_log_softmax(x, axis):
    return np.log(plain_softmax(x, axis))


def padded(x):
    """x with a last column of −inf: places that are left out."""
    return md.concatenate([x, x[:, :1] * 0 - math.inf], axis=1)


def plain_padded(y, value):
    return np.concatenate([y, np.full((y.shape[0], 1), value)], axis=1)


CASES = [(-1, (3, 4)), (0, (3, 4)), (1, (2, 4, 3)), (-1, (5,)), ((0, 2), (2, 4, 3)), (None, (2, 3))]
EDGES = [(-1, (4, 1)), (-1, ()), (1, (0, 3))]

ROWS = [
    *(
        Row(
            op,
            lambda x, f=f, axis=axis: f(x, axis),
            [shape],
            lambda x, r=r, axis=axis: r(x, axis),
            f"axis={axis}, {shape}",
        )
        for op, f, r in [("softmax", md.softmax, plain_softmax), ("log_softmax", md.log_softmax, plain_log_softmax)]
        for axis, shape in CASES + EDGES
    ),
    Row("softmax", lambda x: md.softmax(x), [(2, 3)], lambda x: plain_softmax(x, 1), "the last axis by default"),
    Row("log_softmax", lambda x: md.log_softmax(x), [(2, 3)], lambda x: plain_log_softmax(x, 1), "the last by default"),
    Row("softmax", lambda x: md.softmax(x + 1e4), [(2, 3)], lambda x: plain_softmax(x, 1), "large"),
    Row("log_softmax", lambda x: md.log_softmax(x - 1e4), [(2, 3)], lambda x: plain_log_softmax(x, 1), "small"),
    Row("softmax", lambda x: md.softmax(padded(x)), [(2, 3)], lambda x: plain_padded(plain_softmax(x, 1), 0), "-inf"),
    Row(
        "log_softmax",
        lambda x: md.log_softmax(padded(x))[:, :3],
        [(2, 3)],
        lambda x: plain_log_softmax(x, 1),
        label="-inf",
    ),
]

KINKS = []

X = md.Tensor(np.ones((2, 3), np.float32), requires_grad=True)

REFUSALS = [
    Refusal("softmax", lambda: md.softmax(X, axis=2), ValueError, r"^softmax.*\(2, 3\)[\s\S]*axis 2"),
    Refusal("log_softmax", lambda: md.log_softmax(X, axis=2), ValueError, r"^log_softmax.*\(2, 3\)[\s\S]*axis 2"),
]
