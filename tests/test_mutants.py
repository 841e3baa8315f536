"""The judge is judged: every derivative rule is broken on purpose, and ``check_grads`` must notice each time.

``pytest -s tests/test_mutants.py`` prints the kill table: for each op and input, at which order each mutant was caught.
A mutant may live only where it computes the same as the rule itself, for a reason that is stated and tested here.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from minidl import backward
from minidl.autograd import Primitive, Tensor
from minidl.backward import gradients
from minidl.dispatch import OPS
from minidl.gradcheck import check_grads
from tests.table import ROWS
from tests.table.row import Row

DERIVED = {
    name: op for name, op in OPS.items() if isinstance(op, Primitive) and op.__module__.startswith("minidl.ops.")
}


# --- breaking a rule ----------------------------------------------------------------------------------------------

Change = Callable[[Any], Any]

FIRST_ORDER: dict[str, Change] = {  # what becomes of the gradient dx
    "sign": lambda dx: -dx,
    "times 2": lambda dx: dx * 2.0,
    "lost 1/N": lambda dx: dx * float(next((n for n in dx.shape if n > 1), 3)),
    "zero": lambda dx: dx * 0.0,
    "transposed": lambda dx: dx.T.reshape(dx.shape),
    "off by 0.001": lambda dx: dx + 1e-3,
}
SECOND_ORDER: dict[str, str] = {  # what the rule is given as a constant
    "detached x, y": "xy",
    "detached g": "g",
}


def constant(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


def all_gradients(op: Primitive, g: Any, y: Any, inputs: tuple, needs: list, settings: dict) -> list:
    """What the op's own rules give, whether they stand one by one or in a joint rule."""
    if op.joint is not None:
        return list(op.joint(g, y, *inputs, needs=needs, **settings))
    return [rule(g, y, *inputs, **settings) if need else None for rule, need in zip(op.rules, needs)]


@contextlib.contextmanager
def replaced(op: Primitive, joint: Callable, **more: Any) -> Iterator[None]:
    """The op with another joint rule, for as long as the block lasts."""
    before = {name: getattr(op, name) for name in ("joint", *more)}
    for name, value in {"joint": joint, **more}.items():
        setattr(op, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(op, name, value)


def wrapping(op: Primitive, change: Callable) -> Callable:
    """A joint rule that computes the right gradients and hands them to ``change(dxs, needs)``."""
    own = Primitive.__new__(Primitive)
    own.joint, own.rules = op.joint, op.rules

    def joint(g, y, *inputs, needs, **settings):
        return change(all_gradients(own, g, y, inputs, needs, settings), needs)

    return joint


def first_order_mutant(op: Primitive, k: int, change: Change):
    def mutate(dxs, needs):
        return [change(dx) if i == k and dx is not None else dx for i, dx in enumerate(dxs)]

    return replaced(op, wrapping(op, mutate))


def swapped_mutant(op: Primitive, k: int):
    """Input k gets the gradient of the input beside it."""

    def mutate(dxs, needs):
        if k >= len(dxs) or dxs[k] is None:
            return dxs
        other = next((dx for i, dx in enumerate(dxs) if i != k and dx is not None), None)
        return [other if i == k and other is not None else dx for i, dx in enumerate(dxs)]

    return replaced(op, wrapping(op, mutate))


def detached_mutant(op: Primitive, k: int, which: str):
    """Right numbers, from constants: only the derivative of the derivative can tell."""
    own = Primitive.__new__(Primitive)
    own.joint, own.rules = op.joint, op.rules

    def joint(g, y, *inputs, needs, **settings):
        right = all_gradients(own, g, y, inputs, needs, settings)
        if which == "g":
            cut = all_gradients(own, constant(g), y, inputs, needs, settings)
        else:
            cut = all_gradients(own, g, constant(y), tuple(map(constant, inputs)), needs, settings)
        return [cut[i] if i == k else dx for i, dx in enumerate(right)]

    return replaced(op, joint)


def keeps_shape_by(summing: Callable):
    """``backward.restore_shape`` with something else in place of the sum."""

    def restore(op, dx, shape):
        added = dx.ndim - len(shape)
        stretched = tuple(range(added)) + tuple(
            i + added for i, n in enumerate(shape) if n == 1 and dx.shape[i + added] != 1
        )
        for axis in stretched:
            dx = summing(dx, axis)
        return dx.reshape(shape)

    return restore


UNBROADCAST = {
    "mean, not sum": keeps_shape_by(lambda dx, axis: dx.mean(axis=axis, keepdims=True)),
    "first copy only": keeps_shape_by(lambda dx, axis: dx[(slice(None),) * axis + (slice(0, 1),)]),
}


# --- the hunt -----------------------------------------------------------------------------------------------------


def rows_of(name: str) -> list[Row]:
    """The op's rows, those of middling size first: they are quick and tell most."""
    size = {id(row): sum(int(np.prod(shape)) for shape in row.shapes) for row in ROWS}
    return sorted((row for row in ROWS if row.op == name), key=lambda row: (not 5 < size[id(row)] < 40, size[id(row)]))


def sample(row: Row) -> list[np.ndarray]:
    return row.sample(np.random.default_rng(3))


def is_killed(rows: list[Row], order: int) -> bool:
    for row in rows:
        try:
            check_grads(row.f, *sample(row), order=order)
        except (AssertionError, ValueError, TypeError):
            return True
    return False


def watched(op: Primitive, row: Row, arrays: list[np.ndarray]) -> list[tuple]:
    """(inputs, gradients) of each time that the op's derivative is taken in one backward pass of a row."""
    seen = []
    rules = wrapping(op, lambda dxs, needs: dxs)

    def joint(g, y, *inputs, needs, **settings):
        dxs = rules(g, y, *inputs, needs=needs, **settings)
        seen.append((inputs, dxs))
        return dxs

    with replaced(op, joint):
        xs = [Tensor(x, requires_grad=True) for x in arrays]
        y = row.f(*xs)
        gradients(y, xs, np.random.default_rng(5).normal(size=y.shape))
    return seen


def reason_to_live(op: Primitive, k: int, mutant: str, rows: list[Row]) -> str | None:
    """Why a mutant computes the same as the rule, if it does: a property of ∂y/∂x, tested on all rows."""
    found = [entry for row in rows for entry in watched(op, row, sample(row))]
    dxs = [dxs[k] for _, dxs in found if k < len(dxs) and dxs[k] is not None]
    if mutant != "off by 0.001" and not any(dx.any() for dx in dxs):
        return "∂y/∂x = 0"
    if mutant == "transposed" and all(sum(n > 1 for n in dx.shape) < 2 for dx in dxs):
        return "x has one axis at most: nothing to transpose"
    if mutant == "swapped":
        pairs = [dxs for _, dxs in found if sum(dx is not None for dx in dxs) > 1]
        if all(np.array_equal(*[dx for dx in dxs if dx is not None][:2]) for dxs in pairs):
            return "∂y/∂x is the same for both inputs"
    if mutant == "detached x, y":
        near = [[x * (1 + 1e-4 * np.cos(np.arange(x.size).reshape(x.shape))) for x in sample(row)] for row in rows]
        moved = [entry for row, arrays in zip(rows, near) for entry in watched(op, row, arrays)]
        again = [dxs[k] for _, dxs in moved if k < len(dxs) and dxs[k] is not None]
        if all(np.allclose(a, b, rtol=1e-12, atol=1e-14) for a, b in zip(dxs, again, strict=True)):
            return "∂y/∂x stays the same when the inputs move a little"
    return None


def inputs_asked_for(op: Primitive, rows: list[Row]) -> list[int]:
    """The inputs whose gradient some row needs; of an op with any number of inputs, the first two."""
    seen = [entry for row in rows for entry in watched(op, row, sample(row))]
    positions = {i for _, dxs in seen for i, dx in enumerate(dxs) if dx is not None}
    return sorted(positions)[:2] if op.n_inputs is None else sorted(positions)


def hunt(op: Primitive, k: int, rows: list[Row]) -> Iterator[tuple[str, bool, int]]:
    """(mutant, killed, order) for each way to break the rule of input k."""
    for name, change in FIRST_ORDER.items():
        with first_order_mutant(op, k, change):
            yield name, is_killed(rows, order=1), 1
    if op.n_inputs != 1:
        with swapped_mutant(op, k):
            yield "swapped", is_killed(rows, order=1), 1
    if op.composition is None:
        for name, which in SECOND_ORDER.items():
            with detached_mutant(op, k, which):
                yield name, is_killed(rows, order=2), 2


@pytest.mark.parametrize("name", DERIVED)
def test_no_mutant_survives(name: str):
    op, rows = DERIVED[name], rows_of(name)
    positions = inputs_asked_for(op, rows)
    assert positions, f"no row of {name} has a gradient"
    if op.joint is None:
        assert positions == list(range(len(op.rules))), f"no row of {name} asks for the gradient of every input"
    survivors = []
    for k in positions:
        line = []
        for mutant, killed, order in hunt(op, k, rows):
            reason = None if killed else reason_to_live(op, k, mutant, rows)
            line.append(f"{mutant}: {order if killed else f'same ({reason})' if reason else 'ALIVE'}")
            if not killed and not reason:
                survivors.append((k, mutant))
        print(f"{name}[{k}]  " + " | ".join(line))
    assert not survivors


@pytest.mark.parametrize("mutant", UNBROADCAST)
@pytest.mark.parametrize("name", [name for name, op in DERIVED.items() if op.broadcasts])
def test_wrong_sums_over_broadcast_axes_are_noticed(name: str, mutant: str, monkeypatch):
    monkeypatch.setattr(backward, "restore_shape", UNBROADCAST[mutant])
    assert is_killed(rows_of(name), order=1)


@pytest.mark.parametrize("name", [name for name, op in DERIVED.items() if op.broadcasts])
def test_a_forgotten_sum_over_broadcast_axes_is_noticed(name: str, monkeypatch):
    monkeypatch.setattr(DERIVED[name], "broadcasts", False)
    assert is_killed(rows_of(name), order=1)


@pytest.mark.parametrize("name", [name for name, op in DERIVED.items() if op.composition])
def test_a_composition_of_something_else_is_noticed(name: str, monkeypatch):
    op = DERIVED[name]
    own = op.composition
    monkeypatch.setattr(op, "composition", lambda *inputs, **settings: own(*inputs, **settings) * 1.001)
    assert is_killed(rows_of(name), order=2)
