"""Exercises whose answer is a function of arrays: forward, backward, one step of an optimizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from minidl.autograd import Tensor
from minidl.check.attempt import attempt, check_arguments, describe_all
from minidl.check.exercise import Exercise
from minidl.check.verdict import NotYet
from minidl.diagnosis import diagnose, is_right

Values = dict[str, Any]
LIMIT = 1e-7  # of the largest expected entry: far above rounding in float64, far below any mistake


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
        got = unpack(returned, self.returns)
        slips = {sentence: self.by_name(slip(**copied(drawn))) for sentence, slip in self.slips.items()}
        worst = compare(got, expected, drawn, slips, given, self.limit)
        return f"Checked: {', '.join(self.returns)} in two runs, here with {describe_all(given)}.\n{worst}"

    def by_name(self, values: Any) -> Values:
        """The reference's values as a dict."""
        values = values if isinstance(values, tuple) else (values,)
        return {name: plain(value) for name, value in zip(self.returns, values, strict=True)}


# --- the steps of a run -------------------------------------------------------------------------------------------


def copied(values: Values) -> Values:
    """Arrays of their own for everyone who gets to see them."""
    return {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in values.items()}


def plain(value: Any) -> Any:
    """A Tensor's numbers; anything else as an array, except None."""
    if isinstance(value, Tensor):
        return value.numpy()
    try:
        return None if value is None else np.asarray(value)
    except ValueError:  # rows of unequal length
        return np.array(value, dtype=object)


def check_untouched(given: Values, drawn: Values) -> None:
    """Raise ``NotYet`` when an input was edited in place."""
    for name, value in given.items():
        if isinstance(value, np.ndarray) and not np.array_equal(value, drawn[name], equal_nan=True):
            raise NotYet(
                f"{name} was edited in place: after the call it holds other numbers, and the caller still needs them.\n"
                f"Something like {name} += ..., {name}[...] = ... or out={name} does that; make a new array.",
                inputs=drawn,
            )


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


def compare(
    got: Values, expected: Values, inputs: Values, slips: Mapping[str, Values], given: Values, limit: float
) -> str:
    """Say how near all values are; raise ``NotYet`` for the first that is wrong."""
    errors = {}  # by name: the largest error and its limit
    wrong = []
    for name, want in expected.items():
        allowed = limit * (np.abs(want).max(initial=0) or 1.0)
        have = got[name]
        if isinstance(have, np.ndarray) and have.dtype.kind in "fiub" and have.shape == want.shape:
            errors[name] = float(np.abs(have - want).max(initial=0)), allowed
            if is_right(have, want, allowed):
                continue
        wrong.append(name)
    if not wrong:
        name = max(errors, key=lambda n: errors[n][0] / errors[n][1])
        return f"Largest error {errors[name][0]:.1e} (limit {errors[name][1]:.1e})."
    name = wrong[0]
    words = diagnose(
        name,
        got[name],
        expected[name],
        inputs={n: np.asarray(x) for n, x in inputs.items() if isinstance(x, np.ndarray) and n != "g"},
        gradients={n: x for n, x in expected.items() if n != name},
        y=inputs.get("y"),
        g=inputs.get("g"),
        slips={sentence: values[name] for sentence, values in slips.items()},
    )
    right = [n for n in expected if n not in wrong]
    verb = "are" if len(right) > 1 else "is"
    also = [f"{', '.join(right)} {verb} right"] if right else []
    also += [f"{', '.join(wrong[1:])} too needs another look"] if wrong[1:] else []
    lines = [words, f"Given {describe_all(given)}" + (f": {'; '.join(also)}." if also else ".")]
    if name in errors:
        lines[1] += f" Largest error {errors[name][0]:.2g} in {name} (limit {errors[name][1]:.1e})."
    raise NotYet("\n".join(lines), inputs=inputs, got=got, expected=expected)
