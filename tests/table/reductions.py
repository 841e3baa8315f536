"""Rows for sums, means, extremes and spreads along axes."""

import math

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

# axis and keepdims in every combination that the rules tell apart, over arrays whose axes all differ in size
AXES = [
    (None, False, (3, 4)),
    (None, True, (3, 4)),
    (0, False, (3, 4)),
    (-1, True, (3, 4)),
    (1, False, (2, 3, 4)),
    ((0, 2), False, (2, 3, 4)),
    ((-1, 0), True, (2, 3, 4)),
    ((), False, (2, 3)),
    (0, False, (1, 5)),
    (-1, True, (5, 1)),
    (None, False, (1,)),
    (None, False, ()),
]


def rows(op, f, reference, axes=AXES, **more):
    """One row of an op for each way to say the axes."""
    return [
        Row(
            op,
            lambda x, axis=axis, keepdims=keepdims: f(x, axis=axis, keepdims=keepdims),
            [shape],
            lambda x, axis=axis, keepdims=keepdims: reference(x, axis, keepdims),
            label=f"axis={axis}{', keepdims' if keepdims else ''}, {shape}",
            **more,
        )
        for axis, keepdims, shape in axes
    ]


def along(function):
    """The reference for a reduction: the vectors along the axes are collected one by one and handed to ``function``."""

    def reference(x, axis, keepdims):
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        axes = {k % x.ndim for k in axes} if x.ndim else set()
        kept = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
        y = np.empty(kept)
        for place in np.ndindex(*kept):
            vector = x[tuple(slice(None) if k in axes else i for k, i in enumerate(place))]
            y[place] = function(vector.ravel().tolist())
        return y if keepdims else y.reshape([n for k, n in enumerate(x.shape) if k not in axes])

    return reference


def variance(numbers, ddof=0):
    centre = math.fsum(numbers) / len(numbers)
    return math.fsum((v - centre) ** 2 for v in numbers) / (len(numbers) - ddof)


def with_minus_infinity(x):
    """x with a last column of −inf: places that are left out."""
    return md.concatenate([x, x[:, :1] * 0 - math.inf], axis=1)


SEVERAL = [case for case in AXES if math.prod(case[2]) > 1 and case[0] != () and 1 not in case[2]]
EMPTY = [(0, False, (0, 3)), (1, True, (3, 0)), (None, False, (0,)), (1, False, (0, 3))]
NO_ENTRY_ALONG_OTHER_AXIS = [(1, False, (0, 3)), (-1, True, (0, 2))]

ROWS = [
    *rows("sum", md.sum, along(math.fsum), AXES + EMPTY),
    *rows("mean", md.mean, along(lambda v: math.fsum(v) / len(v)), AXES + NO_ENTRY_ALONG_OTHER_AXIS),
    *rows("max", md.max, along(lambda v: sorted(v)[-1]), AXES + NO_ENTRY_ALONG_OTHER_AXIS),
    *rows("min", md.min, along(lambda v: sorted(v)[0]), AXES + NO_ENTRY_ALONG_OTHER_AXIS),
    *rows("logsumexp", md.logsumexp, along(lambda v: math.log(math.fsum(map(math.exp, v)))), AXES),
    *rows("logsumexp", md.logsumexp, along(lambda v: 0.0), NO_ENTRY_ALONG_OTHER_AXIS),
    *rows("var", md.var, along(variance), AXES + NO_ENTRY_ALONG_OTHER_AXIS),
    *rows("std", md.std, along(lambda v: math.sqrt(variance(v))), SEVERAL + NO_ENTRY_ALONG_OTHER_AXIS),
    Row("var", lambda x: md.var(x, axis=1, ddof=1), [(2, 4)], lambda x: x.var(1, ddof=1), "ddof=1"),
    Row("std", lambda x: md.std(x, ddof=2), [(5,)], lambda x: x.std(ddof=2), "ddof=2"),
    Row(
        "logsumexp",
        lambda x: md.logsumexp(with_minus_infinity(x), 1),
        [(3, 2)],
        lambda x: np.log(np.exp(x).sum(1)),
        "-inf",
    ),
    Row(
        "logsumexp",
        lambda x: md.logsumexp(md.stack([x, x * 0 - math.inf]), 1)[0],
        [(3,)],
        lambda x: np.log(np.exp(x).sum()),
        "only -inf",
    ),
    Row("stretch", lambda x: md.stretch(x, (2, 3)), [()], lambda x: np.full((2, 3), x), "one number"),
    Row("stretch", lambda x: md.stretch(x, (2, 3), 0), [(3,)], lambda x: np.stack([x, x]), "axis=0"),
    Row("stretch", lambda x: md.stretch(x, (2, 3), 0, True), [(1, 1)], lambda x: np.full((2, 3), x[0, 0]), "both axes"),
    Row(
        "stretch",
        lambda x: md.stretch(x, (2, 3), -1, True),
        [(2, 1)],
        lambda x: np.repeat(x, 3, 1),
        "axis=-1, keepdims",
    ),
    Row("stretch", lambda x: md.stretch(x, (3, 2, 0), (0, 2)), [(2,)], lambda x: np.zeros((3, 2, 0)), "to nothing"),
    Row("sum", lambda x: x.sum(1), [(2, 3)], lambda x: x.sum(1), "method"),
    Row("max", lambda x: np.max(x, 0, keepdims=True), [(2, 3)], lambda x: np.sort(x, 0)[-1:], "np.max"),
    Row("min", lambda x: np.amin(x, axis=-1), [(2, 3)], lambda x: np.sort(x)[:, 0], "np.amin"),
    Row("logsumexp", lambda x: md.logsumexp(x + 1e4, 0), [(3, 2)], lambda x: np.log(np.exp(x).sum(0)) + 1e4, "large"),
    Row("logsumexp", lambda x: md.logsumexp(x - 1e4, 0), [(3, 2)], lambda x: np.log(np.exp(x).sum(0)) - 1e4, "small"),
]

# f(x) = max(x, −x) = |x| and the like: at x = 0 two entries tie, or all are equal
BOTH_SIGNS = np.array([1.0, -1.0])

KINKS = [
    Kink("max", lambda x: md.max(x * BOTH_SIGNS), x=0.0, left=-1.0, right=1.0, convention=0.0),
    Kink("min", lambda x: md.min(x * BOTH_SIGNS), x=0.0, left=1.0, right=-1.0, convention=0.0),
    Kink("max", lambda x: md.max(md.stack([x, x * 0, x * 0])), x=0.0, left=0.0, right=1.0, convention=1 / 3),
    Kink("std", lambda x: md.std(x * BOTH_SIGNS), x=0.0, left=-1.0, right=1.0, convention=0.0),
]

X = md.Tensor(np.ones((2, 3), np.float32), requires_grad=True)
NONE = md.Tensor(np.ones((0, 3), np.float32), requires_grad=True)

REFUSALS = [
    *(
        Refusal(op.__name__, lambda op=op: op(X, axis=2), ValueError, rf"{op.__name__}.*\(2, 3\)[\s\S]*axis 2")
        for op in (md.sum, md.mean, md.max, md.min, md.logsumexp, md.var)
    ),
    Refusal("std", lambda: md.std(X, axis=2), ValueError, r"^std.*\(2, 3\)[\s\S]*axis 2"),
    Refusal("sum", lambda: md.sum(X, axis="rows"), TypeError, "^sum"),
    Refusal("sum", lambda: np.sum(X, dtype=np.float64), TypeError, "dtype"),
    Refusal("max", lambda: md.max(NONE), ValueError, r"^max.*\(0, 3\)[\s\S]*zero-size"),
    Refusal("min", lambda: md.min(NONE, axis=0), ValueError, r"^min.*\(0, 3\)[\s\S]*zero-size"),
    Refusal("logsumexp", lambda: md.logsumexp(NONE, axis=0), ValueError, r"^logsumexp.*\(0, 3\)[\s\S]*zero-size"),
    Refusal("mean", lambda: md.mean(NONE, axis=0), ValueError, r"^mean expects at least one number.*\(0, 3\)"),
    Refusal("var", lambda: md.var(X, axis=0, ddof=2), ValueError, r"^var expects more than ddof=2 numbers.*got 2"),
    Refusal("std", lambda: md.std(NONE), ValueError, r"^std"),
]
