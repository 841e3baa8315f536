"""A bank of wrong gradients: ``check_grads`` rejects each and says what the mistake is.

For some of them it is shown that the usual check, with the upstream gradient all ones, accepts them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive, Tensor
from minidl.gradcheck import check_grads


def constant(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


def op_with(forward: Callable, *rules: Callable) -> Primitive:
    """An op that is in no registry."""
    op = Primitive(forward, broadcasts=True, saves=False)
    op.rule(*rules)
    return op


def softmax_with(rule: Callable) -> Primitive:
    return op_with(lambda x, /: md.softmax(x), rule)


def normalised(x, /):
    d = x - x.mean(axis=-1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=-1, keepdims=True))


def centred(g):
    return g - g.mean(axis=-1, keepdims=True)


def assigned(g, y, x):
    """What a gradient of x[[0, 2, 2]] becomes when repeated positions are assigned, not added."""
    dx = np.zeros(x.shape)
    dx[[0, 2, 2]] = md.operators.unwrap(g)
    return dx


A = np.random.default_rng(0).normal(size=(3, 4))
B = np.random.default_rng(1).normal(size=(3, 4))
SQUARE = np.random.default_rng(2).normal(size=(3, 3))
V = np.random.default_rng(3).normal(size=4)

# name: (op, inputs, what the message must say, whether a check with g all ones is content)
BANK: dict[str, tuple[Primitive, list, str, bool]] = {
    "softmax, zeros": (softmax_with(lambda g, y, x: g * 0), [A], "all zeros.*stub", True),
    "softmax, y (g - 1)": (softmax_with(lambda g, y, x: y * (g - 1)), [A], r"equals y \(g − 1\).*Σ g y", True),
    "softmax, diagonal": (softmax_with(lambda g, y, x: y * (1 - y) * g), [A], "diagonal of the Jacobian", False),
    "softmax, y - g": (softmax_with(lambda g, y, x: y - g), [A], "with.* cross-entropy", False),
    "normalised, zeros": (op_with(normalised, lambda g, y, x: g * 0), [A], "all zeros", True),
    "normalised, g - mean g": (op_with(normalised, lambda g, y, x: centred(g)), [A], "equals g minus its mean", True),
    "centred twice": (
        op_with(lambda x, /: 3 * x, lambda g, y, x: 3 * centred(g)),
        [A],
        "minus its mean over axis 1",
        False,
    ),
    "mean not taken away": (
        op_with(lambda x, /: 3 * (x - x.mean(axis=-1, keepdims=True)), lambda g, y, x: 3 * g),
        [A],
        "the mean over axis 1 should have been taken away",
        False,
    ),
    "transposed": (
        op_with(lambda x, w, /: x @ w, lambda g, y, x, w: g @ w.T, lambda g, y, x, w: g.T @ x),
        [A[:, :3], SQUARE],
        "dw: the transpose of the right answer",
        False,
    ),
    "lost 1/N": (
        op_with(lambda x, /: x.mean(axis=0), lambda g, y, x: g + x * 0),
        [A],
        "3 times the right size. Axis 0 of x has size 3: mean or sum?",
        False,
    ),
    "1/N too many": (
        op_with(lambda x, /: x.sum(axis=1), lambda g, y, x: (g / 4).reshape(3, 1) + x * 0),
        [A],
        "0.25 times the right size. Axis 1 of x has size 4",
        False,
    ),
    "sign": (op_with(lambda x, /: np.cos(x), lambda g, y, x: g * md.sin(x)), [A], "right size, wrong sign", False),
    "factor 2": (op_with(lambda x, /: x * x, lambda g, y, x: g * x), [A], "0.5 times the right size. Is a 2", False),
    "of the other input": (
        op_with(lambda a, b, /: a * b, lambda g, y, a, b: g * a, lambda g, y, a, b: g * b),
        [A, B],
        "da: the right gradient, but of db",
        False,
    ),
    "stub": (op_with(lambda x, /: np.tanh(x), lambda g, y, x: 0 * x), [A], "all zeros", False),
    "g forgotten": (
        op_with(lambda x, /: np.tanh(x), lambda g, y, x: 1 - y * y),
        [A],
        "without the upstream gradient: multiply by g",
        True,
    ),
    "g twice": (op_with(lambda x, /: np.tanh(x), lambda g, y, x: g * g * (1 - y * y)), [A], "g twice", True),
    "g passed on": (op_with(lambda x, /: np.tanh(x), lambda g, y, x: g), [A], "upstream gradient g itself", False),
    "factor x lost": (op_with(lambda x, /: x * x * x, lambda g, y, x: 3 * g * x), [A], "is a factor x lost", False),
    "factor y twice": (op_with(lambda x, /: np.exp(x), lambda g, y, x: g * y * y), [A], "y times the right", False),
    "reversed": (op_with(lambda x, /: 3 * x[::-1], lambda g, y, x: 3 * g), [A], "reversed along axis 0", True),
    "averaged": (
        op_with(lambda x, /: 3 * x, lambda g, y, x: 3 * g.mean(axis=0, keepdims=True) + x * 0),
        [A],
        "averaged over axis 0",
        True,
    ),
    "too large": (op_with(lambda x, /: 3 * x, lambda g, y, x: 3 * g + 0.01), [A], "too large by 0.01 every", False),
    "not a number": (op_with(lambda x, /: 3 * x, lambda g, y, x: g * np.nan), [A], r"nan at \[0, 0\]", False),
    "assigned, not added": (
        op_with(lambda x, /: x[[0, 2, 2]], assigned),
        [V],
        r"1 of 4 entries differ, most at \[2\]",
        False,
    ),
    "first row of a bias": (
        op_with(lambda x, b, /: x + b, lambda g, y, x, b: g, lambda g, y, x, b: g[0]),
        [A, V],
        "db: 4 of 4 entries differ",
        False,
    ),
    "right at first order": (
        op_with(lambda x, /: x * x, lambda g, y, x: 2 * g * constant(x)),
        [A],
        "second order.*dx: all zeros.*left the graph",
        True,
    ),
}


def accepted_by_a_check_with_ones(op: Primitive, arrays: list[np.ndarray]) -> bool:
    """The usual check: L = Σ y, one step size, first order."""
    xs = [Tensor(x.copy(), requires_grad=True) for x in arrays]
    y = op(*xs)
    y.backward(np.ones(y.shape))
    for k, x in enumerate(arrays):
        for i in np.ndindex(x.shape):
            totals = []
            for h in (1e-5, -1e-5):
                moved = [a.copy() for a in arrays]
                moved[k][i] += h
                totals.append(op(*moved).sum())
            if not abs(xs[k].grad[i] - (totals[0] - totals[1]) / 2e-5) < 1e-6:
                return False
    return True


@pytest.mark.parametrize("name", BANK)
def test_wrong_gradients_are_rejected_by_name(name: str):
    op, inputs, words, _ = BANK[name]
    with pytest.raises(AssertionError, match="(?s)" + words) as caught:
        check_grads(op, *inputs)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("name", BANK)
def test_a_check_with_ones_accepts_some_of_them(name: str):
    op, inputs, _, accepted = BANK[name]
    assert accepted_by_a_check_with_ones(op, inputs) == accepted
