"""The leanest tape that keeps what minidl's engine promises: what the promises cost, before any convenience.

``bare_peer`` records and walks back, and promises nothing. Here a graph lives and dies with its last Tensor, whatever
order the ops were made in; inputs may be arrays or Tensors; gradients that nobody asked for are not computed; they come
back in their input's shape and dtype; an edit of an array that was used, and a second walk over a used-up graph, are
noticed; ``.grad`` is nobody else's memory; recording can be paused, in one thread and not in others. Each op is a
closure over its forward function and rules, one kind for one input and one for two, without a loop. (The lines that
record stand in both: a call would be felt.)

What is left out: settings such as an axis, rules that share work or saved arrays, lists and numbers as inputs, debug
mode, second order, every message. So no tape in Python that keeps those promises costs much less an op.
"""

from __future__ import annotations

import itertools
import operator
import threading
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush

import numpy as np
from workloads import DESCENT, LINKS, Arrays

devices = ("cpu",)


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    return {"numpy": np.__version__}


class Tensor:
    """An array, and the record of the op that made it: (time, rules, inputs, values, tracked)."""

    __slots__ = ("__weakref__", "data", "grad", "record", "requires_grad")

    def __init__(self, data: np.ndarray, requires_grad: bool = False):
        self.data, self.record, self.grad, self.requires_grad = data, None, None, requires_grad

    def __mul__(self, other):
        return multiply(self, other)

    def __add__(self, other):
        return add(self, other)

    def __matmul__(self, other):
        return matmul(self, other)


class Mode(threading.local):
    """Each thread records, or not."""

    recording = True


mode = Mode()
tick = itertools.count(1).__next__
latest_edit = 0
FREED = (0, (), (), (), ())
NEITHER, FIRST, SECOND, BOTH = (), (0,), (1,), (0, 1)
new, ndarray = object.__new__, np.ndarray


def of_one(forward: Callable, *rules: Callable) -> Callable:
    """An op of one input."""

    def op(x):
        if not isinstance(x, Tensor):
            return forward(x)
        y = forward(x.data)
        if type(y) is not ndarray:
            y = np.asarray(y)
        t = new(Tensor)
        t.data = y
        t.grad = None
        if x.requires_grad and mode.recording:
            t.record = (tick(), rules, (x,), (x.data,), FIRST)
            t.requires_grad = True
        else:
            t.record = None
            t.requires_grad = False
        return t

    return op


def of_two(forward: Callable, *rules: Callable) -> Callable:
    """An op of two inputs."""

    def op(x1, x2):
        if isinstance(x1, Tensor):
            a1 = x1.data
            if isinstance(x2, Tensor):
                a2 = x2.data
                tracked = (
                    (BOTH if x2.requires_grad else FIRST)
                    if x1.requires_grad
                    else (SECOND if x2.requires_grad else NEITHER)
                )
            else:
                a2, tracked = x2, FIRST if x1.requires_grad else NEITHER
        elif isinstance(x2, Tensor):
            a1, a2, tracked = x1, x2.data, SECOND if x2.requires_grad else NEITHER
        else:
            return forward(x1, x2)
        y = forward(a1, a2)
        if type(y) is not ndarray:
            y = np.asarray(y)
        t = new(Tensor)
        t.data = y
        t.grad = None
        if tracked and mode.recording:
            t.record = (tick(), rules, (x1, x2), (a1, a2), tracked)
            t.requires_grad = True
        else:
            t.record = None
            t.requires_grad = False
        return t

    return op


def backward(loss: Tensor) -> None:
    """From the loss to the leaves, youngest op first."""
    grads = {loss: np.ones_like(loss.data)}
    heap = [(-loss.record[0], loss)]
    while heap:
        y = heappop(heap)[1]
        g = grads.pop(y)
        time, rules, inputs, values, tracked = y.record
        if latest_edit > time or y.record is FREED:
            raise ValueError("an array was edited, or the graph was used up")
        output = y.data
        for i in tracked:
            x = inputs[i]
            dx = rules[i](g, output, *values)
            data = x.data
            if dx.shape != data.shape:
                dx = restored(dx, data)
            if dx.dtype is not data.dtype:
                dx = dx.astype(data.dtype)
            if x in grads:
                grads[x] = grads[x] + dx
                continue
            if x.record is not None:
                heappush(heap, (-x.record[0], x))
            elif dx is g or dx.base is not None:
                dx = dx.copy()
            grads[x] = dx
        y.record = FREED
    for x, dx in grads.items():
        x.grad = dx if x.grad is None else x.grad + dx


def restored(dx: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Broadcasting undone, here only of arrays with as many axes."""
    return dx.sum(axis=tuple(i for i, n in enumerate(data.shape) if n == 1 != dx.shape[i]), keepdims=True)


# --- the ops of the chains, and the mean -------------------------------------------------------------------------

multiply = of_two(operator.mul, lambda g, y, x1, x2: g * x2, lambda g, y, x1, x2: g * x1)
add = of_two(operator.add, lambda g, y, x1, x2: g, lambda g, y, x1, x2: g)
matmul = of_two(np.ndarray.dot, lambda g, y, x1, x2: g.dot(x2.T), lambda g, y, x1, x2: x1.T.dot(g))
tanh = of_one(np.tanh, lambda g, y, x: g * (1 - y * y))
row_sums = of_one(lambda x: x.sum(axis=1, keepdims=True), lambda g, y, x: np.broadcast_to(g, x.shape))
mean = of_one(lambda x: x.mean(keepdims=True), lambda g, y, x: np.full_like(x, g.item() / x.size))


def _chain(links: Callable, data: Arrays) -> Callable[[], np.floating]:
    """A chain of small ops, then one step of gradient descent."""
    m, c = (Tensor(w, requires_grad=True) for w in data["weights"])

    def step() -> np.floating:
        loss = mean(links(Tensor(data["x"][0]), m, c))
        backward(loss)
        for w in (m, c):
            w.data -= DESCENT * w.grad
            w.grad = None
        return loss.data[0, 0]

    return step


def _mixed(h: Tensor, m: Tensor, c: Tensor) -> Tensor:
    for _ in range(LINKS):
        t = tanh(h @ m)
        h = t * row_sums(t) + c
    return h


def _elementwise(h: Tensor, m: Tensor, c: Tensor) -> Tensor:
    for _ in range(LINKS):
        h = tanh(h * m) + c
    return h


workloads = {"overhead": partial(_chain, _mixed), "elementwise": partial(_chain, _elementwise)}
