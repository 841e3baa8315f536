"""Arrays that an answer gave beside those that were expected: shapes first, then numbers, then the likely mistake."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.autograd import Tensor
from minidl.check.attempt import describe_all
from minidl.check.verdict import NotYet
from minidl.diagnosis import diagnose, is_right

Values = dict[str, Any]
LIMIT = 1e-7  # of the largest expected entry: far above rounding in float64, far below any mistake


@dataclass(frozen=True)
class Match:
    """One returned array and the expected one."""

    name: str
    got: Any
    expected: np.ndarray
    share: float  # the limit, as a share of the largest expected entry

    @property
    def limit(self) -> float:
        """The error allowed; the share itself where all expected entries are 0."""
        return self.share * float(np.abs(self.expected).max(initial=0) or 1.0)

    @property
    def is_comparable(self) -> bool:
        """Numbers, in the right shape."""
        return (
            isinstance(self.got, np.ndarray)
            and self.got.dtype.kind in "fiub"
            and self.got.shape == np.shape(self.expected)
        )

    @property
    def error(self) -> float:
        """The largest of all entries' errors."""
        return float(np.abs(self.got - self.expected).max(initial=0))

    @property
    def is_right(self) -> bool:
        """The right shape, and every entry within the limit."""
        return self.is_comparable and is_right(self.got, self.expected, self.limit)


def compare(
    got: Values,
    expected: Values,
    share: float,
    given: Values,
    inputs: Values | None = None,
    slips: Mapping[str, Values] | None = None,
) -> str:
    """Say how near all values are.

    Parameters
    ----------
    got, expected
        Arrays by name.
    share
        The error allowed, as a share of the largest expected entry.
    given
        What the answer was called with.
    inputs
        All that was drawn, where that is more: it helps to recognise mistakes.
    slips
        From a sentence to the wrong values of which it should be said.

    Raises
    ------
    NotYet
        Some value is wrong; the first of them is diagnosed.
    """
    inputs = given if inputs is None else inputs
    matches = [Match(name, got[name], want, share) for name, want in expected.items()]
    wrong = [match for match in matches if not match.is_right]
    if not wrong:
        worst = max(matches, key=lambda match: match.error / match.limit)
        return f"Largest error {worst.error:.1e} (limit {worst.limit:.1e})."
    first = wrong[0]
    words = diagnose(
        first.name,
        first.got,
        first.expected,
        inputs={name: x for name, x in inputs.items() if isinstance(x, np.ndarray) and name != "g"},
        gradients={name: dx for name, dx in expected.items() if name != first.name},
        y=inputs.get("y"),
        g=inputs.get("g"),
        slips={sentence: values[first.name] for sentence, values in (slips or {}).items()},
    )
    raise NotYet(f"{words}\n{describe_run(matches, given)}", inputs=inputs, got=got, expected=expected)


def describe_run(matches: list[Match], given: Values) -> str:
    """What the answer was given, which of its values are right, and how far the first wrong one is off."""
    right = [match.name for match in matches if match.is_right]
    first, *others = (match for match in matches if not match.is_right)
    said = []
    if right:
        said.append(f"{', '.join(right)} {'are' if len(right) > 1 else 'is'} right")
    if others:
        said.append(f"{', '.join(match.name for match in others)} too need{'s' * (len(others) == 1)} another look")
    line = f"Given {describe_all(given)}" + (f": {'; '.join(said)}." if said else ".")
    if first.is_comparable:
        line += f" Largest error {first.error:.2g} in {first.name} (limit {first.limit:.1e})."
    return line


def plain(value: Any) -> Any:
    """A Tensor's numbers; anything else as an array, except None."""
    if isinstance(value, Tensor):
        return value.numpy()
    try:
        return None if value is None else np.asarray(value)
    except ValueError:  # rows of unequal length
        return np.array(value, dtype=object)


def copied(values: Values) -> Values:
    """Arrays and lists of their own for everyone who gets to see them."""
    return {name: copy(value) if isinstance(value, (np.ndarray, list)) else value for name, value in values.items()}


def check_untouched(given: Values, drawn: Values) -> None:
    """Raise ``NotYet`` when an input was edited in place."""
    for name, value in given.items():
        if isinstance(value, np.ndarray) and not np.array_equal(value, drawn[name], equal_nan=True):
            remedy = f"{name} += ..., {name}[...] = ... or out={name} does that; make a new array."
        elif isinstance(value, list) and value != drawn[name]:
            remedy = f"{name}.append(...), {name}.pop() or {name}.sort() does that; begin with a copy, list({name})."
        else:
            continue
        raise NotYet(
            f"{name} was edited in place: after the call it holds other numbers, and the caller still needs them.\n"
            f"Something like {remedy}",
            inputs=drawn,
        )
