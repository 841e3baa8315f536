"""Exercises whose answer does something: a callback that stops training, a sampler, a protocol of messages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from minidl.check.attempt import attempt
from minidl.check.exercise import Exercise
from minidl.check.verdict import NotYet


@dataclass(frozen=True, kw_only=True)
class BehaviourExercise(Exercise):
    """An answer that behaves as the library's does, in each of some situations.

    Attributes
    ----------
    library
        The reference: it goes through the same situations.
    base
        What a class that is the answer derives from, for the stub: "md.callbacks.Callback".
    situations
        From (rng, s) to the situations, by a name that says what is special about each.
    run
        From (answer, situation) to what was observed, by name: ``{"stopped after epoch": 5}``.
    """

    library: Any
    base: str
    situations: Callable[[np.random.Generator, SimpleNamespace], Mapping[str, Any]]
    run: Callable[[Any, Any], Mapping[str, Any]]

    def examine_once(self, answer: Any, rng: np.random.Generator, s: SimpleNamespace) -> str:
        situations = self.situations(rng, s)
        for name, situation in situations.items():
            expected = self.run(self.library, situation)
            got = attempt(lambda situation=situation: self.run(answer, situation), {}, answer)
            for what, want in expected.items():
                if not same(got[what], want):
                    raise NotYet(
                        f"On {name}: {what} {got[what]}, expected {want}.\nGiven {situation}.",
                        inputs={name: situation},
                        got=got,
                        expected=expected,
                    )
        return f"Checked in two runs: {', '.join(situations)}."

    def stub(self) -> str:
        """A class that has still to be written."""
        return (
            f'class {self.name}({self.base}):\n    """{self.task}"""\n\n'
            f"    def __init__(self, {', '.join(self.arguments)}):\n        raise NotImplementedError\n"
        )


def same(got: Any, expected: Any) -> bool:
    """Equal; floating numbers up to rounding."""
    if isinstance(expected, (float, np.ndarray)):
        return np.shape(got) == np.shape(expected) and bool(np.allclose(got, expected))
    return bool(got == expected)
