"""Rows for minidl/ops/arithmetic.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

X = (2, 3)
POSITIVE = (0.3, 2.0)
AWAY_FROM_0 = ((-2.0, 2.0), (0.4, 2.0))


def pairs(op, reference, domain=(-2.0, 2.0)):
    """Rows of an op of two inputs: equal shapes, each way of stretching, numbers on either side."""
    f = getattr(md, op)
    shapes = {
        "": (X, X),
        "row": (X, (3,)),
        "column": ((2, 1), X),
        "both stretch": ((4, 1, 3), (2, 1)),
        "0-d": ((), ()),
        "0-d and array": ((), X),
    }
    rows = [Row(op, f, pair, reference, label, domain) for label, pair in shapes.items()]
    first, second = domain if np.ndim(domain) == 2 else (domain, domain)
    rows.append(Row(op, lambda x: f(x, 1.5), [X], lambda x: reference(x, 1.5), "and a number", first))
    rows.append(Row(op, lambda x: f(2, x), [X], lambda x: reference(2, x), "a number and", second))
    return rows


def power(x1, x2):
    """x₁ ^ x₂ = e^(x₂ ln x₁)."""
    return np.exp(x2 * np.log(x1))


ROWS = [
    *pairs("add", lambda x1, x2: x1 - (-x2)),
    *pairs("subtract", lambda x1, x2: x1 + (-x2)),
    *pairs("multiply", lambda x1, x2: x1 / (1 / x2), AWAY_FROM_0),
    *pairs("divide", lambda x1, x2: x1 * x2**-1.0, AWAY_FROM_0),
    *pairs("power", power, (POSITIVE, (-2.0, 2.0))),
    Row("negative", md.negative, [X], lambda x: 0 - x),
    Row("negative", md.negative, [()], lambda x: 0 - x, "0-d"),
    Row("square", md.square, [X], lambda x: np.abs(x) ** 2.0),
    Row("square", md.square, [()], lambda x: np.abs(x) ** 2.0, "0-d"),
    *(
        Row("power", lambda x, n=n: md.power(x, n), [X], lambda x, n=n: np.sign(x) ** n * power(abs(x), n), f"x^{n}")
        for n in (0, 1, 2, 3, 4, -1, 2.0)
    ),
    Row("power", lambda x: md.power(x, 0.5), [X], lambda x: np.exp(0.5 * np.log(x)), "x^0.5", POSITIVE),
    Row("power", lambda x: md.power(0.0, x), [X], np.zeros_like, "0^x", POSITIVE),
    Row("add", lambda x1, x2: x1 + x2, [X, X], lambda x1, x2: x1 - (-x2), "operator"),
    Row("subtract", lambda x: 1 - x, [X], lambda x: -(x - 1), "operator"),
    Row("divide", lambda x: 1 / x, [X], lambda x: x**-1.0, "operator", POSITIVE),
    Row("power", lambda x: 2**x, [X], lambda x: np.exp2(x), "operator"),
]

KINKS = [
    Kink("power", lambda x: x**0, 0.0, 0.0, 0.0, 0.0),
    Kink("power", lambda x: x**1, 0.0, 1.0, 1.0, 1.0),
    Kink("power", lambda x: x**2, 0.0, 0.0, 0.0, 0.0),
]

A = md.Tensor(np.zeros((32, 10)))
B = md.Tensor(np.zeros(32))

REFUSALS = [
    Refusal("add", lambda: A + B, ValueError, r"^add cannot take .*\(32, 10\).*\(32,\).*\n.*broadcast"),
    Refusal("subtract", lambda: A - B, ValueError, "^subtract cannot take"),
    Refusal("multiply", lambda: A * B, ValueError, "^multiply cannot take"),
    Refusal("divide", lambda: A / B, ValueError, "^divide cannot take"),
    Refusal("power", lambda: A**B, ValueError, "^power cannot take"),
    Refusal("add", lambda: A + "one", TypeError, "^add cannot take .*str 'one'"),
    Refusal("add", lambda: A + None, TypeError, "^add cannot take .*NoneType"),
    Refusal("negative", lambda: md.negative("one"), TypeError, "^negative cannot take str"),
    Refusal("multiply", lambda: np.multiply(A, 2, out=np.zeros((32, 10))), TypeError, "out=.*not supported"),
    Refusal("add", lambda: np.add.reduce(A), TypeError, "np.add.reduce cannot take a Tensor"),
]
