"""Rows for minidl/ops/activations.py."""

import math

import numpy as np

import minidl as md
from tests.table.exponentials import rows
from tests.table.row import Kink, Refusal, Row

X = (2, 3)
ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805  # selu's


def row(op, f, function, label="", domain=(-3.0, 3.0), kinks=()):
    """One row against a function of one Python number."""
    return Row(op, f, [X], np.vectorize(function, otypes=[float]), label, domain, kinks)


def elu(x, alpha):
    """Elu of a number."""
    return x if x > 0 else alpha * (math.exp(x) - 1)


def normal_below(x):
    """The chance that a standard normal variable is below x."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def gelu_tanh(x):
    """The approximate gelu of a number."""
    return x / (1 + math.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ROWS = [
    *rows("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
    row("sigmoid", md.sigmoid, lambda x: 1 / (1 + math.exp(-x)), "far from 0", (-30.0, 6.0)),
    *rows("softplus", lambda x: math.log(1 + math.exp(x))),
    row("softplus", md.softplus, lambda x: math.log1p(math.exp(x)), "far from 0", (-30.0, 30.0)),
    *rows("softsign", lambda x: x / (1 + abs(x)), (0.1, 2.0)),
    row("softsign", md.softsign, lambda x: x / (1 + abs(x)), "either side of 0", kinks=[0.0]),
    *rows("silu", lambda x: x / (1 + math.exp(-x))),
    *rows("gelu", lambda x: x * normal_below(x)),
    row("gelu", lambda x: md.gelu(x, approximate=True), gelu_tanh, "approximate"),
    row("gelu", lambda x: md.gelu(x, True), gelu_tanh, "approximate, by position"),
    row("relu", md.relu, lambda x: x if x > 0 else 0, kinks=[0.0]),
    Row("relu", md.relu, [()], lambda x: x, "0-d", (0.1, 2.0)),
    row("leaky_relu", md.leaky_relu, lambda x: x if x > 0 else 0.2 * x, kinks=[0.0]),
    row("leaky_relu", lambda x: md.leaky_relu(x, 1.5), lambda x: x if x > 0 else 1.5 * x, "steep", kinks=[0.0]),
    row("elu", md.elu, lambda x: elu(x, 1), kinks=[0.0]),  # the second derivative jumps at 0
    row("elu", lambda x: md.elu(x, alpha=0.5), lambda x: elu(x, 0.5), "alpha=0.5", kinks=[0.0]),
    row("selu", md.selu, lambda x: LAMBDA * elu(x, ALPHA), kinks=[0.0]),
    row("relu6", md.relu6, lambda x: sorted([0, x, 6])[1], "", (-3.0, 9.0), kinks=[0.0, 6.0]),
    row("hard_sigmoid", md.hard_sigmoid, lambda x: sorted([0, (x + 3) / 6, 1])[1], "", (-6.0, 6.0), kinks=[-3.0, 3.0]),
]

KINKS = [
    Kink("relu", md.relu, 0.0, 0.0, 1.0, 0.0),
    Kink("leaky_relu", md.leaky_relu, 0.0, 0.2, 1.0, 0.2),
    Kink("elu", lambda x: md.elu(x, alpha=0.5), 0.0, 0.5, 1.0, 0.5),
    Kink("elu", md.elu, 0.0, 1.0, 1.0, 1.0),
    Kink("selu", md.selu, 0.0, LAMBDA * ALPHA, LAMBDA, LAMBDA * ALPHA),
    Kink("relu6", md.relu6, 0.0, 0.0, 1.0, 1.0),
    Kink("relu6", md.relu6, 6.0, 1.0, 0.0, 1.0),
    Kink("hard_sigmoid", md.hard_sigmoid, -3.0, 0.0, 1 / 6, 1 / 6),
    Kink("hard_sigmoid", md.hard_sigmoid, 3.0, 1 / 6, 0.0, 1 / 6),
    Kink("softsign", md.softsign, 0.0, 1.0, 1.0, 1.0),
]

REFUSALS = [
    *(
        Refusal(op, lambda op=op: getattr(md, op)("one"), TypeError, f"^{op} cannot take str 'one'")
        for op in ("sigmoid", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu")
    ),
    Refusal("gelu", lambda: md.gelu(md.Tensor([1.0]), True, 3), TypeError, "^gelu takes at most 2 arguments, got 3"),
]
