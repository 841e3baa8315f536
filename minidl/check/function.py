"""Exercises whose answer is a function of arrays: forward, backward, one step of an optimizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from minidl.check.attempt import attempt, check_arguments, describe_all
from minidl.check.comparison import LIMIT, Values, check_untouched, compare, copied, plain
from minidl.check.exercise import Exercise
from minidl.check.verdict import NotYet


@dataclass(frozen=True, kw_only=True)
class FunctionExercise(Exercise):
    """An answer that computes the same arrays as the reference, from inputs drawn at random.

    Attributes
    ----------
    draw
        From (rng, s) to everything that the reference needs, by name. The answer gets those of ``arguments``. Arrays
        in float64, away from kinks and ties; g by ``draws.upstream``.
    reference
        From what was drawn, by name, to the right value, or a tuple of them. For gradients: ``draws.gradients_of``.
    returns
        The names of the returned values: ("dx", "dW", "db"). A name of d and an input is taken as its gradient.
    slips
        From a sentence to a function like ``reference`` that makes a well-known mistake: who makes it reads the
        sentence. The mistakes of ``minidl.diagnosis`` (sign, factor, transpose ...) need no mention here.
    limit
        The error allowed, as a share of the largest expected entry.
    """

    returns: tuple[str, ...]
    reference: Callable[..., Any]
    draw: Callable[[np.random.Generator, SimpleNamespace], Values] = lambda rng, s: {}
    slips: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    limit: float = LIMIT

    def examine_once(self, answer: Any, rng: np.random.Generator, s: SimpleNamespace) -> str:
        check_arguments(answer, self.arguments)
        drawn = self.draw(rng, s)
        expected = self.by_name(self.reference(**copied(drawn)))
        given = copied({name: drawn[name] for name in self.arguments})
        returned = attempt(answer, given)
        check_untouched(given, drawn)
        got = attempt(lambda: unpack(returned, self.returns), {}, answer)  # an odd object may fail only now
        slips = {sentence: self.by_name(slip(**copied(drawn))) for sentence, slip in self.slips.items()}
        worst = compare(got, expected, self.limit, given, drawn, slips)
        return f"Checked: {', '.join(self.returns)} in two runs, here with {describe_all(given)}.\n{worst}"

    def by_name(self, values: Any) -> Values:
        """The reference's values as a dict."""
        values = values if isinstance(values, tuple) else (values,)
        return {name: plain(value) for name, value in zip(self.returns, values, strict=True)}


def unpack(returned: Any, names: tuple[str, ...]) -> Values:
    """What was returned, by name; raise ``NotYet`` unless it is as many values as wanted."""
    wanted = f"return {', '.join(names)}"
    if returned is None:
        raise NotYet(f"It returned None; is `{wanted}` missing?")
    several = isinstance(returned, (tuple, list))
    if len(names) == 1:
        if isinstance(returned, tuple):
            raise NotYet(f"It returned {count(returned)} in a tuple; one is wanted: `{wanted}`.")
        return {names[0]: plain(returned)}
    if not several or len(returned) != len(names):
        came = count(returned) if several else f"one {type(returned).__name__}"
        raise NotYet(f"It returned {came}; {len(names)} values are wanted: `{wanted}`.")
    return dict(zip(names, map(plain, returned)))


def count(values: tuple | list) -> str:
    """How many, in words."""
    return "1 value" if len(values) == 1 else f"{len(values)} values"
