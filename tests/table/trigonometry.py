"""Rows for minidl/ops/trigonometry.py."""

import math

import numpy as np

import minidl as md
from tests.table.exponentials import rows
from tests.table.row import Kink, Refusal, Row

INSIDE = (-0.9, 0.9)
angle = np.vectorize(math.atan2, otypes=[float])

ROWS = [
    *rows("sin", math.sin),
    *rows("cos", math.cos),
    *rows("tan", math.tan, (-1.2, 1.2)),
    *rows("arcsin", math.asin, INSIDE),
    *rows("arccos", math.acos, INSIDE),
    *rows("arctan", math.atan),
    *rows("sinh", math.sinh),
    *rows("cosh", math.cosh),
    *rows("tanh", math.tanh),
    *rows("arcsinh", math.asinh),
    *rows("arccosh", math.acosh, (1.3, 3.0)),
    *rows("arctanh", math.atanh, INSIDE),
    Row("arctan2", md.arctan2, [(2, 3), (2, 3)], angle, "right", ((-2.0, 2.0), (0.4, 2.0))),
    Row("arctan2", md.arctan2, [(2, 3), (3,)], angle, "upper left", ((0.4, 2.0), (-2.0, -0.4))),
    Row("arctan2", md.arctan2, [(2, 1), (3,)], angle, "broadcast", ((-2.0, -0.4), (-2.0, 2.0))),
    Row("arctan2", lambda x: md.arctan2(x, 1.5), [(2, 3)], lambda x: angle(x, 1.5), "and a number"),
]

KINKS: list[Kink] = []

REFUSALS = [
    Refusal("sin", lambda: md.sin("one"), TypeError, "^sin cannot take str 'one'"),
    Refusal("tanh", lambda: md.tanh(None), TypeError, "^tanh cannot take NoneType"),
    Refusal(
        "arctan2",
        lambda: md.arctan2(md.Tensor(np.ones((2, 3))), md.Tensor(np.ones(2))),
        ValueError,
        r"^arctan2 cannot take .*\(2, 3\).*\(2,\)",
    ),
]
