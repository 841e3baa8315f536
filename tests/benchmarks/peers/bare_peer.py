"""The barest tape there can be: what recording and walking back cost before anything is checked or looked after.

An op is a value and a tuple (rule, inputs), put at the end of one list, which backward reads from its end. There are no
dtypes, no broadcasting (each rule knows its shapes), no edits to notice, no second order, no errors, and no choice of
which gradients to compute. No tape in Python can cost less an op than this one costs over NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from workloads import DESCENT, LINKS, Arrays

devices = ("cpu",)


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    return {"numpy": np.__version__}


class Value:
    """An array, the rule and inputs of the op that made it, and its gradient."""

    __slots__ = ("data", "grad", "record")

    def __init__(self, data: np.ndarray, record: tuple | None = None):
        self.data, self.record, self.grad = data, record, None


tape: list[Value] = []


def op(data: np.ndarray, rule: Callable, *inputs: Value) -> Value:
    """A value, recorded."""
    y = Value(data, (rule, inputs))
    tape.append(y)
    return y


def backward(loss: Value) -> None:
    """The rules of the tape from its end, each input's shares added."""
    loss.grad = np.ones_like(loss.data)
    for y in reversed(tape):
        rule, inputs = y.record
        for x, dx in zip(inputs, rule(y.grad, y.data, *inputs)):
            x.grad = dx if x.grad is None else x.grad + dx
    tape.clear()


# --- the ops of the chains, and the mean: y, and from g = ∂L/∂y the gradient of each input -----------------------


def matmul(x: Value, m: Value) -> Value:
    return op(x.data.dot(m.data), lambda g, y, x, m: (g.dot(m.data.T), x.data.T.dot(g)), x, m)


def tanh(x: Value) -> Value:
    return op(np.tanh(x.data), lambda g, y, x: (g * (1 - y * y),), x)


def row_sums(x: Value) -> Value:
    return op(x.data.sum(axis=1, keepdims=True), lambda g, y, x: (np.broadcast_to(g, x.data.shape),), x)


def multiply(x: Value, m: Value) -> Value:
    """Of equal shapes."""
    return op(x.data * m.data, lambda g, y, x, m: (g * m.data, g * x.data), x, m)


def scale(x: Value, s: Value) -> Value:
    """x (4, 4) times s (4, 1)."""
    return op(x.data * s.data, lambda g, y, x, s: (g * s.data, (g * x.data).sum(axis=1, keepdims=True)), x, s)


def add(x: Value, c: Value) -> Value:
    return op(x.data + c.data, lambda g, y, x, c: (g, g), x, c)


def mean(x: Value) -> Value:
    return op(x.data.mean(keepdims=True), lambda g, y, x: (np.full_like(x.data, g.item() / x.data.size),), x)


def _chain(links: Callable, data: Arrays) -> Callable[[], np.floating]:
    """A chain of small ops, then one step of gradient descent."""
    m, c = (Value(w) for w in data["weights"])

    def step() -> np.floating:
        loss = mean(links(Value(data["x"][0]), m, c))
        backward(loss)
        for w in (m, c):
            w.data -= DESCENT * w.grad
            w.grad = None
        return loss.data[0, 0]

    return step


def _mixed(h: Value, m: Value, c: Value) -> Value:
    for _ in range(LINKS):
        t = tanh(matmul(h, m))
        h = add(scale(t, row_sums(t)), c)
    return h


def _elementwise(h: Value, m: Value, c: Value) -> Value:
    for _ in range(LINKS):
        h = add(tanh(multiply(h, m)), c)
    return h


workloads = {"overhead": partial(_chain, _mixed), "elementwise": partial(_chain, _elementwise)}
