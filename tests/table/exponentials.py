"""Rows for minidl/ops/exponentials.py."""

import math

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

X = (2, 3)
POSITIVE = (0.3, 2.0)


def rows(op, function, domain=(-2.0, 2.0)):
    """Rows of an op of one input, against a function of Python's math library applied to each number alone."""
    f, each = getattr(md, op), np.vectorize(function, otypes=[float])
    return [
        Row(op, f, [X], each, "", domain),
        Row(op, f, [()], each, "0-d", domain),
        Row(op, f, [(2, 0)], each, "size 0", domain),
    ]


ROWS = [
    *rows("exp", math.exp),
    *rows("exp2", lambda x: 2.0**x),
    *rows("expm1", math.expm1),
    *rows("log", math.log, POSITIVE),
    *rows("log2", math.log2, POSITIVE),
    *rows("log10", math.log10, POSITIVE),
    *rows("log1p", math.log1p, (-0.7, 2.0)),
    *rows("sqrt", math.sqrt, POSITIVE),
    *rows("reciprocal", lambda x: 1 / x, POSITIVE),
    *rows("erf", math.erf),
    Row("erf", md.erf, [X], np.vectorize(math.erf), "far from 0", (-8.0, 8.0)),
]

KINKS: list[Kink] = []

REFUSALS = [
    Refusal(op, lambda op=op: getattr(md, op)("one"), TypeError, f"^{op} cannot take str 'one'")
    for op in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "reciprocal", "erf")
]
