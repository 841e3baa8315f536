"""Rows for running sums and products, and for the product of a whole axis."""

import math
from itertools import accumulate
from operator import mul

import numpy as np

import minidl as md
from tests.table.reductions import AXES, EMPTY, X, along, rows
from tests.table.row import Refusal, Row


def running(step):
    """The reference for a running op: Python's ``accumulate`` on each vector along the axis."""

    def reference(x, axis):
        x, axis = (x.ravel(), 0) if axis is None else (x, axis)
        return np.apply_along_axis(lambda v: np.array(list(accumulate(v.tolist(), step))), axis, x)

    return reference


def with_zeros(op, f, reference, widths, zeros):
    """A row with one input for each part of the last axis, of which those in ``zeros`` are drawn from [0, 0]."""
    return Row(
        op,
        lambda *parts: f(md.concatenate(parts, axis=-1), axis=-1),
        [(2, width) for width in widths],
        lambda *parts: reference(np.concatenate(parts, axis=-1)),
        label=f"zeros in parts {zeros} of {widths}",
        domain=[(0.0, 0.0) if k in zeros else (-2.0, 2.0) for k in range(len(widths))],
    )


CASES = [(None, (4,)), (None, (2, 3)), (0, (3, 2)), (-1, (2, 4)), (1, (2, 4, 3)), (1, (3, 1)), (None, ())]

ROWS = [
    *(
        Row(
            op,
            lambda x, f=f, axis=axis: f(x, axis),
            [shape],
            lambda x, r=r, axis=axis: r(x, axis),
            f"axis={axis}, {shape}",
        )
        for op, f, r in [("cumsum", md.cumsum, running(None)), ("cumprod", md.cumprod, running(mul))]
        for axis, shape in CASES
    ),
    *rows("prod", md.prod, along(math.prod), AXES + EMPTY),
    *(
        with_zeros(op, f, reference, widths, zeros)
        for op, f, reference in [
            ("prod", md.prod, lambda x: along(math.prod)(x, -1, False)),
            ("cumprod", md.cumprod, lambda x: running(mul)(x, -1)),
        ]
        for widths, zeros in [((1, 3), [0]), ((3, 1), [1]), ((1, 1, 2), [1]), ((1, 2, 1), [1]), ((1, 1, 1, 1), [0, 3])]
    ),
    Row("cumsum", lambda x: md.cumsum(x, 1), [(2, 0)], lambda x: x, "nothing"),
    Row("cumprod", lambda x: md.cumprod(x, 0), [(0, 3)], lambda x: x, "nothing"),
    Row("cumprod", lambda x: md.cumprod(x, 0), [()], lambda x: x.reshape(1), "0-d"),
]

KINKS = []

REFUSALS = [
    Refusal("cumsum", lambda: md.cumsum(X, axis=2), ValueError, r"^cumsum.*\(2, 3\)[\s\S]*axis 2"),
    Refusal("cumprod", lambda: md.cumprod(X, axis=-3), ValueError, r"^cumprod.*\(2, 3\)[\s\S]*axis -3"),
    Refusal("prod", lambda: md.prod(X, axis=2), ValueError, r"^prod.*\(2, 3\)[\s\S]*axis 2"),
]
