"""Rows for minidl/ops/selection.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

X = (2, 3)
larger = np.vectorize(lambda x1, x2: x1 if x1 > x2 else x2, otypes=[float])
smaller = np.vectorize(lambda x1, x2: x1 if x1 < x2 else x2, otypes=[float])
chosen = np.vectorize(lambda condition, x1, x2: x1 if condition else x2, otypes=[float])


def held(low, high):
    """The reference of clip."""
    return np.vectorize(lambda x: low if x < low else high if x > high else x, otypes=[float])


def zeros(x, shape):
    """Zeros of x's kind."""
    return md.array_module(md.Tensor(x).data).zeros(shape, x.dtype)


INF = float("inf")

ROWS = [
    Row("abs", md.abs, [X], lambda x: np.sqrt(x * x), kinks=[0.0]),
    Row("abs", md.abs, [()], lambda x: np.sqrt(x * x), "0-d", kinks=[0.0]),
    Row("abs", abs, [X], lambda x: np.sqrt(x * x), "operator", kinks=[0.0]),
    Row("sign", md.sign, [X], lambda x: x / np.sqrt(x * x), kinks=[0.0]),
    Row("maximum", md.maximum, [X, X], larger),
    Row("maximum", md.maximum, [(2, 1), (3,)], larger, "broadcast"),
    Row("maximum", lambda x: md.maximum(x, 0.0), [X], lambda x: larger(x, 0), "and a number", kinks=[0.0]),
    Row("maximum", lambda x: md.maximum(1, x), [X], lambda x: larger(1, x), "a number and", kinks=[1.0]),
    Row("minimum", md.minimum, [X, X], smaller),
    Row("minimum", md.minimum, [(3,), (4, 2, 1)], smaller, "broadcast"),
    Row("minimum", lambda x: md.minimum(x, 0.0), [X], lambda x: smaller(x, 0), "and a number", kinks=[0.0]),
    Row("minimum", lambda x: md.minimum(1, x), [X], lambda x: smaller(1, x), "a number and", kinks=[1.0]),
    Row(
        "where", lambda x1, x2: md.where(x1 > 0, x1, x2), [X, X],
        lambda x1, x2: chosen(x1 > 0, x1, x2), "mask", kinks=[0.0],
    ),
    Row(
        "where", lambda x1, x2: md.where(x2 > 0, x1, x2), [(2, 1), (4, 1, 3)],
        lambda x1, x2: chosen(x2 > 0, x1, x2), "broadcast", kinks=[0.0],
    ),
    Row("where", md.where, [X, X, X], lambda c, x1, x2: x1, "a Tensor as condition", kinks=[0.0]),
    Row("where", lambda x: md.where(x > 0, x, 0), [X], lambda x: chosen(x > 0, x, 0), "and a number", kinks=[0.0]),
    Row("where", lambda x: md.where(x > 0, 1.5, x), [X], lambda x: chosen(x > 0, 1.5, x), "a number and", kinks=[0.0]),
    Row("clip", lambda x: md.clip(x, -1, 0.5), [X], held(-1, 0.5), kinks=[-1.0, 0.5]),
    Row("clip", lambda x: md.clip(x, min=-1.0), [X], held(-1, INF), "min", kinks=[-1.0]),
    Row("clip", lambda x: md.clip(x, None, 0.5), [X], held(-INF, 0.5), "max", kinks=[0.5]),
    Row("clip", lambda x: md.clip(x, a_min=-1, a_max=0.5), [X], held(-1, 0.5), "a_min, a_max", kinks=[-1.0, 0.5]),
    Row("clip", lambda x: x.clip(-1, 0.5), [X], held(-1, 0.5), "method", kinks=[-1.0, 0.5]),
    Row(
        "clip", lambda x: md.clip(x, zeros(x, (4, 1, 1)), 1), [X],
        lambda x: np.stack([held(0, 1)(x)] * 4), "bounds that stretch x", kinks=[0.0, 1.0],
    ),
]  # fmt: skip

KINKS = [
    Kink("abs", md.abs, 0.0, -1.0, 1.0, 0.0),
    Kink("maximum", lambda x: md.maximum(x, 2.0), 2.0, 0.0, 1.0, 0.5),
    Kink("maximum", lambda x: md.maximum(2.0, x), 2.0, 0.0, 1.0, 0.5),
    Kink("minimum", lambda x: md.minimum(x, 2.0), 2.0, 1.0, 0.0, 0.5),
    Kink("minimum", lambda x: md.minimum(2.0, x), 2.0, 1.0, 0.0, 0.5),
    Kink("maximum", lambda x: md.maximum(x, x), 2.0, 1.0, 1.0, 1.0),
    Kink("clip", lambda x: md.clip(x, -1, 1), -1.0, 0.0, 1.0, 1.0),
    Kink("clip", lambda x: md.clip(x, -1, 1), 1.0, 1.0, 0.0, 1.0),
]

A = md.Tensor(np.zeros((2, 3)))
B = md.Tensor(np.zeros(2))

REFUSALS = [
    Refusal("maximum", lambda: md.maximum(A, B), ValueError, r"^maximum cannot take .*\(2, 3\).*\(2,\)"),
    Refusal("minimum", lambda: md.minimum(A, B), ValueError, r"^minimum cannot take .*\(2, 3\).*\(2,\)"),
    Refusal("where", lambda: md.where(A > 0, A, B), ValueError, r"^where cannot take .*\(2, 3\).*\(2,\)"),
    Refusal("where", lambda: np.where(A), TypeError, "^where.* missing .*'x1' and 'x2'"),
    Refusal("clip", lambda: md.clip(A, B, None), TypeError, "^clip expects numbers or arrays as bounds, got a Tensor"),
    Refusal("clip", lambda: md.clip(A, 0, 1, None, B), TypeError, "^clip expects numbers or arrays as bounds"),
    Refusal("clip", lambda: md.clip(A, 0, 1, 2, 3, 4), TypeError, "^clip takes at most 5 arguments"),
    Refusal("clip", lambda: np.clip(A, 0, 1, out=np.zeros((2, 3))), TypeError, "out=.*not supported"),
    Refusal("abs", lambda: md.abs("one"), TypeError, "^abs cannot take str"),
    Refusal("sign", lambda: md.sign("one"), TypeError, "^sign cannot take str"),
]
