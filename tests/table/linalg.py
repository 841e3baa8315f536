"""Rows for products of vectors and matrices, and for norms."""

import math

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row


def sum_over(k1, k2):
    """A product by the book: every pair of an index of x1 and one of x2 that agree on the axes k1 and k2, added up."""

    def reference(x1, x2):
        shape1 = [n for k, n in enumerate(x1.shape) if k not in k1]
        shape2 = [n for k, n in enumerate(x2.shape) if k not in k2]
        y = np.zeros(shape1 + shape2)
        for i in np.ndindex(x1.shape):
            for j in np.ndindex(x2.shape):
                if [i[k] for k in k1] == [j[k] for k in k2]:
                    free = [n for k, n in enumerate(i) if k not in k1] + [n for k, n in enumerate(j) if k not in k2]
                    y[tuple(free)] += x1[i] * x2[j]
        return y

    return reference


def plain_matmul(x1, x2):
    """Matrix by matrix, entry by entry."""
    a = x1[None] if x1.ndim == 1 else x1
    b = x2[:, None] if x2.ndim == 1 else x2
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:])
    y = (a[..., :, None, :] * b.swapaxes(-1, -2)[..., None, :, :]).sum(-1)
    y = y[..., 0, :] if x1.ndim == 1 else y
    return y[..., 0] if x2.ndim == 1 else y


MATMUL_SHAPES = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((5, 3, 4), (5, 4, 2)),
    ((5, 3, 4), (4, 2)),
    ((2, 5, 3, 4), (4, 6)),
    ((3, 4), (5, 4, 2)),
    ((5, 3, 4), (4,)),
    ((4,), (5, 4, 2)),
    ((2, 1, 3, 4), (5, 4, 6)),
    ((1, 3, 4), (5, 4, 2)),
    ((1, 4), (4, 1)),
    ((3, 1), (1, 2)),
    ((3, 0), (0, 2)),
    ((0, 4), (4, 2)),
    ((2, 0, 4), (4, 3)),
    ((2, 3, 0), (0, 5)),
    ((0, 3, 4), (0, 4, 2)),
]

DOT_ROWS = [
    Row("dot", md.dot, [(3, 4), (4, 2)], sum_over([1], [0]), "matrices"),
    Row("dot", md.dot, [(4,), (4,)], sum_over([0], [0]), "vectors"),
    Row("dot", md.dot, [(2, 3, 4), (4,)], sum_over([2], [0]), "batch and vector"),
    Row("dot", md.dot, [(4,), (2, 4, 3)], sum_over([0], [1]), "vector and batch"),
    Row("dot", md.dot, [(2, 4), (3, 4, 5)], sum_over([1], [1]), "matrix and batch"),
    Row("dot", md.dot, [(2, 3, 4), (5, 4, 6)], sum_over([2], [1]), "batches"),
    Row("dot", md.dot, [(), (3,)], lambda x1, x2: x1 * x2, "number"),
    Row("dot", lambda x1, x2: x1.dot(x2), [(3, 4), (4, 2)], sum_over([1], [0]), "method"),
    Row("inner", md.inner, [(2, 4), (3, 4)], sum_over([1], [1]), "matrices"),
    Row("inner", md.inner, [(4,), (4,)], sum_over([0], [0]), "vectors"),
    Row("inner", md.inner, [(2, 3, 4), (4,)], sum_over([2], [0]), "batch and vector"),
    Row("inner", md.inner, [(3,), ()], lambda x1, x2: x1 * x2, "number"),
    Row("outer", md.outer, [(3,), (4,)], sum_over([], []), "vectors"),
    Row("outer", md.outer, [(2, 3), (2,)], lambda x1, x2: sum_over([], [])(x1.ravel(), x2), "flattened"),
    Row("outer", md.outer, [(0,), (4,)], sum_over([], []), "nothing"),
    Row("tensordot", md.tensordot, [(2, 3, 4), (3, 4, 5)], sum_over([1, 2], [0, 1]), "the default, 2 axes"),
    Row("tensordot", lambda a, b: md.tensordot(a, b, np.int64(1)), [(2, 3), (3, 4)], sum_over([1], [0]), "1 axis"),
    Row("tensordot", lambda a, b: md.tensordot(a, b, 0), [(2, 3), (4,)], sum_over([], []), "0 axes"),
    Row("tensordot", lambda a, b: md.tensordot(a, b, (0, -1)), [(4, 2), (3, 4)], sum_over([0], [1]), "a pair"),
    Row(
        "tensordot",
        lambda a, b: md.tensordot(a, b, ((0, -1), (2, 0))),
        [(3, 2, 4), (4, 5, 3)],
        sum_over([0, 2], [2, 0]),
        label="pairs out of order",
    ),
    Row("tensordot", lambda a, b: md.tensordot(a, b, 1), [(2, 0), (0, 3)], sum_over([1], [0]), "an empty sum"),
]


def plain_norm(x, axis=None, keepdims=False):
    return np.sum(x**2, axis=axis, keepdims=keepdims) ** 0.5


AXES = [
    (None, False, (4,)),
    (None, True, (2, 3)),
    (0, False, (3, 2)),
    (-1, True, (2, 3, 4)),
    ((0, 2), False, (2, 3, 4)),
]

NORM_ROWS = [
    *(
        Row(
            op,
            lambda x, f=f, axis=axis, keepdims=keepdims: f(x, axis=axis, keepdims=keepdims),
            [shape],
            lambda x, axis=axis, keepdims=keepdims: plain_norm(x, axis, keepdims),
            label=f"axis={axis}{', keepdims' if keepdims else ''}, {shape}",
        )
        for op, f in [("euclidean_norm", md.euclidean_norm), ("norm", md.norm)]
        for axis, keepdims, shape in AXES
    ),
    Row("norm", lambda x: md.norm(x, 2, axis=0), [(3, 2)], lambda x: plain_norm(x, 0), "ord=2"),
    Row("norm", lambda x: md.norm(x, "fro"), [(3, 2)], plain_norm, "Frobenius"),
    Row("norm", lambda x: md.norm(x, 1), [(5,)], lambda x: abs(x).sum(), "ord=1", kinks=[0.0]),
    Row(
        "norm",
        lambda x: md.norm(x, 1, axis=1, keepdims=True),
        [(2, 3)],
        lambda x: abs(x).sum(1, keepdims=True),
        label="ord=1, axis=1, keepdims",
        kinks=[0.0],
    ),
    Row("norm", lambda x: md.norm(x, math.inf, axis=0), [(3, 2)], lambda x: abs(x).max(0), "ord=inf", kinks=[0.0]),
    Row("norm", lambda x: np.linalg.norm(x, axis=1), [(2, 3)], lambda x: plain_norm(x, 1), "np.linalg.norm"),
    Row("norm", md.norm, [(1,)], lambda x: abs(x[0]), "of one number", kinks=[0.0]),
    Row("euclidean_norm", md.euclidean_norm, [()], abs, "of a number", kinks=[0.0]),
]

ROWS = [
    *(Row("matmul", md.matmul, shapes, plain_matmul, f"{shapes[0]} @ {shapes[1]}") for shapes in MATMUL_SHAPES),
    Row("matmul", lambda x1, x2: x1 @ x2, [(2, 3), (3, 4)], sum_over([1], [0]), "operator"),
    *DOT_ROWS,
    *NORM_ROWS,
]

KINKS = [
    Kink("euclidean_norm", lambda x: md.euclidean_norm(x * np.array([3.0, 4.0])), 0.0, -5.0, 5.0, convention=0.0),
    Kink("norm", lambda x: md.norm(x * np.array([3.0, 4.0])), 0.0, -5.0, 5.0, convention=0.0),
    Kink("norm", lambda x: md.norm(x * np.array([3.0, 4.0]), 1), 0.0, -7.0, 7.0, convention=0.0),
    Kink("norm", lambda x: md.norm(x * np.array([3.0, 4.0]), math.inf), 0.0, -4.0, 4.0, convention=0.0),
]


def ones(*shape):
    return md.Tensor(np.ones(shape, np.float32), requires_grad=True)


REFUSALS = [
    Refusal(
        "matmul",
        lambda: ones(3, 4) @ ones(5, 6),
        ValueError,
        r"^matmul expects the last axis of the first \(4\) to equal the second-to-last of the second \(5\), "
        r"got \(3, 4\) @ \(5, 6\)",
    ),
    Refusal("matmul", lambda: ones(3, 4) @ ones(3), ValueError, r"\(4\) to equal the only axis of the second \(3\)"),
    Refusal("matmul", lambda: ones(3) @ ones(4, 2), ValueError, r"got \(3,\) @ \(4, 2\)"),
    Refusal(
        "matmul", lambda: ones(2, 3, 4) @ ones(5, 4, 6), ValueError, r"^matmul expects leading axes.*\(2,\) and \(5,\)"
    ),
    Refusal("matmul", lambda: ones() @ ones(3, 4), ValueError, r"single number.\nUse \*"),
    Refusal("matmul", lambda: ones(2, 3, 4) @ ones(), ValueError, r"single number.\nUse \*"),
    Refusal("matmul", lambda: ones(3, 4) @ 2.0, ValueError, r"single number.\nUse \*"),
    Refusal("dot", lambda: md.dot(ones(3, 4), ones(5, 6)), ValueError, r"\(3, 4\) @ \(5, 6\)"),
    Refusal("inner", lambda: md.inner(ones(3, 4), ones(2, 5)), ValueError, r"equal size, got sizes \[4\].*\[5\]"),
    Refusal(
        "tensordot", lambda: md.tensordot(ones(3, 4), ones(5, 4), 1), ValueError, r"equal size.*\(3, 4\).*\(5, 4\)"
    ),
    Refusal(
        "tensordot", lambda: md.tensordot(ones(3, 4), ones(4, 5), (2, 0)), ValueError, r"shape \(3, 4\), got \(2,\)"
    ),
    Refusal("tensordot", lambda: md.tensordot(ones(3), ones(3), (0, 0, 0)), ValueError, "an integer or a pair"),
    Refusal("tensordot", lambda: md.tensordot(ones(3), ones(3), 1.0), ValueError, "an integer or a pair"),
    Refusal("tensordot", lambda: md.tensordot(ones(3), ones(3), 2), ValueError, r"tensordot expects"),
    Refusal("tensordot", lambda: md.tensordot(ones(3), ones(3), ((0,), ())), ValueError, r"tensordot expects"),
    Refusal("norm", lambda: md.norm(ones(3, 4), 2), ValueError, r"^norm expects ord.*got 2 over 2 axes"),
    Refusal("norm", lambda: md.norm(ones(3), 3), ValueError, r"^norm expects ord.*got 3 over 1 axes"),
    Refusal("norm", lambda: md.norm(ones(3), axis=1), ValueError, r"axis 1"),
]
