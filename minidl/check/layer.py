"""Exercises whose answer is a layer: the same output and gradients as the library's, with the same weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from minidl.arrays import default_dtype, set_default_dtype
from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.check.attempt import attempt, describe_all
from minidl.check.comparison import LIMIT, Values, check_untouched, compare, copied
from minidl.check.draws import upstream
from minidl.check.exercise import Exercise
from minidl.check.verdict import NotYet
from minidl.layers.base import Layer, Parameter


@dataclass(frozen=True, kw_only=True)
class LayerExercise(Exercise):
    """An answer that is a class of layers, a subclass of ``md.Layer``.

    Attributes
    ----------
    library
        The library's class, which is the reference.
    make
        From (class, s) to a layer, of either class: ``lambda layer, s: layer(s.H)``.
    draw
        From (rng, s) to the inputs of the layer, by name.
    limit
        The error allowed, as a share of the largest expected entry.
    """

    library: type[Layer]
    make: Callable[[type, SimpleNamespace], Layer]
    draw: Callable[[np.random.Generator, SimpleNamespace], Values]
    limit: float = LIMIT

    def examine_once(self, answer: Any, rng: np.random.Generator, s: SimpleNamespace) -> str:
        check_is_class(answer)
        drawn = self.draw(rng, s)
        given = copied(drawn)
        with in_float64():
            theirs = self.make(self.library, s)
            theirs(*map(Tensor, drawn.values()))
            mine = attempt(lambda: self.make(answer, s), {}, answer)
            check_is_layer(mine, answer)
            attempt(lambda *xs: mine(*map(Tensor, xs)), given, answer)
            pairs = attempt(lambda: match_parameters(mine, theirs), {}, answer)
            for own, other, _ in pairs:
                other.data = upstream(rng, *other.shape)
                own.data = other.data.copy()
            y = theirs(*map(Tensor, drawn.values()))
            g = upstream(rng, *y.shape)
            inputs = {**drawn, **{name: p.numpy() for _, p, name in pairs}, "g": g}
            ours = attempt(lambda *xs: output(mine, xs), given, answer)
            check_untouched(given, drawn)
            compare({"y": ours}, {"y": y.numpy()}, self.limit, given, inputs)
            expected = slopes(theirs, drawn, {name: p for _, p, name in pairs}, g)
            got = attempt(lambda *xs: slopes(mine, given, {name: p for p, _, name in pairs}, g), given, answer)
        check_untouched(given, drawn)
        worst = compare(got, expected, self.limit, given, inputs)
        return f"Checked: y, {', '.join(expected)} in two runs, here with {describe_all(given)}.\n{worst}"

    def stub(self) -> str:
        """A class that has still to be written."""
        return (
            f'class {self.name}(md.Layer):\n    """{self.task}"""\n\n'
            "    def call(self, x):\n        raise NotImplementedError\n"
        )


@contextmanager
def in_float64() -> Iterator[None]:
    """New parameters are made in float64."""
    before = default_dtype()
    set_default_dtype(np.float64)
    try:
        yield
    finally:
        set_default_dtype(before)


def check_is_class(answer: Any) -> None:
    """Raise ``NotYet`` for a layer that was made already: other sizes are tried too."""
    if isinstance(answer, Layer):
        name = type(answer).__name__
        raise NotYet(f"It is one {name}, made already; hand over the class itself: {name}, without parentheses.")


def check_is_layer(mine: Any, answer: Any) -> None:
    """Raise ``NotYet`` unless it is a layer."""
    if not isinstance(mine, Layer):
        name = getattr(answer, "__name__", "MyLayer")  # a made object has none
        raise NotYet(f"It is no layer: write `class {name}(md.Layer)`, and call super().__init__().")


def match_parameters(mine: Layer, theirs: Layer) -> list[tuple[Parameter, Parameter, str]]:
    """Parameters that belong together, by shape, and among those of one shape by order; with the library's names."""
    left = list(mine.parameters())
    wanted = list(theirs.named_parameters())
    pairs = []
    for name, other in wanted:
        own = next((p for p in left if p.shape == other.shape), None)
        if own is None or len(left) != len(wanted) - len(pairs):
            has = ", ".join(str(p.shape) for p in mine.parameters()) or "none"
            wants = ", ".join(f"{n} {p.shape}" for n, p in wanted)
            raise NotYet(
                f"Its parameters have the shapes {has}; wanted: {wants}.\n"
                "Each is made in `build` by self.add_weight(shape) and kept in an attribute."
            )
        left = [p for p in left if p is not own]
        pairs.append((own, other, name))
    return pairs


def output(layer: Layer, xs: tuple) -> np.ndarray:
    """What the layer computes; raise ``NotYet`` unless it is a Tensor."""
    y = layer(*map(Tensor, xs))
    if not isinstance(y, Tensor):
        if y is None:
            raise NotYet("`call` returned None; is `return` missing?")
        raise NotYet(f"`call` returned {type(y).__name__}; a Tensor is wanted, computed with minidl's ops.")
    return y.numpy()


def slopes(layer: Layer, inputs: Values, parameters: dict[str, Parameter], g: np.ndarray) -> Values:
    """The gradient of ⟨g, y⟩ by each input and parameter; raise ``NotYet`` where none arrives."""
    xs = {name: Tensor(x, requires_grad=True) for name, x in inputs.items()}
    by = {**xs, **parameters}
    y = layer(*xs.values())
    dxs = gradients(y, list(by.values()), g) if y.requires_grad else [None] * len(by)
    for name, dx in zip(by, dxs):
        if dx is None:
            raise NotYet(
                f"y is right, but no gradient reaches {name}.\n"
                "Did it leave the graph on the way, by .detach(), .data, .numpy() or np.array?"
            )
    return {f"d{name}": dx for name, dx in zip(by, dxs)}
