"""What every exercise has, and the plainest kind: an answer about which some facts must hold."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from minidl.check.attempt import attempt
from minidl.check.verdict import NotYet

Sizes = Mapping[str, int]

# All different, so that no axis can be taken for another; the second run has others.
TWO_RUNS: tuple[Sizes, Sizes] = ({"N": 4, "D": 3, "H": 5}, {"N": 2, "D": 7, "H": 3})
AGAIN = "The first run went well; this is the second, with other sizes and numbers. Are some written into the code?"


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An answer about which some facts must hold: the kind for properties, and for answers that are judges themselves.

    Attributes
    ----------
    name
        What ``check`` knows it by; with most exercises the name of the function or class to be written.
    task
        One sentence.
    arguments
        The names of the answer's arguments, in order.
    facts
        From a sentence to a function of (answer, rng, s). It calls the answer and gives True where the sentence holds,
        False where not, or a string, which then says what is wrong. All kinds of exercise may have them.
    sizes
        For the two runs: a fact sees them as ``s.N``, ``s.D`` ...
    look
        What to look at next when the answer is wrong, better than "look at the numbers".
    """

    name: str
    task: str
    arguments: tuple[str, ...] = ()
    facts: Mapping[str, Callable[..., bool | str]] = field(default_factory=dict)
    sizes: tuple[Sizes, Sizes] = TWO_RUNS
    look: str = ""

    def examine(self, answer: Any) -> str:
        """What was checked, if all is right.

        Raises
        ------
        NotYet
            If anything is not.
        """
        for k, sizes in enumerate(self.sizes):
            try:
                checked = self.examine_once(answer, np.random.default_rng(k), SimpleNamespace(**sizes))
                self.examine_facts(answer, np.random.default_rng(k), SimpleNamespace(**sizes))
            except NotYet as trouble:
                if k:
                    trouble.args = (f"{trouble}\n{AGAIN}",)
                raise
        return "\n".join(filter(None, [checked, self.describe_facts()]))

    def examine_once(self, answer: Any, rng: np.random.Generator, s: SimpleNamespace) -> str:
        """One run of what other kinds of exercise ask for."""
        return ""

    def examine_facts(self, answer: Any, rng: np.random.Generator, s: SimpleNamespace) -> None:
        """Raise ``NotYet`` for the first fact that does not hold."""
        asked = never_none(answer) if inspect.isfunction(answer) else answer
        for sentence, holds in self.facts.items():
            found = attempt(lambda holds=holds: holds(asked, rng, s), {}, answer)
            if isinstance(found, str) or not found:
                raise NotYet(f"Wanted: {sentence}." + (f"\n{found}" if isinstance(found, str) else ""))

    def describe_facts(self) -> str:
        """What holds, when all does."""
        return f"Holds: {'; '.join(self.facts)}." if self.facts else ""

    def stub(self) -> str:
        """The answer's first lines, for a file of answers."""
        return f'def {self.name}({", ".join(self.arguments)}):\n    """{self.task}"""\n    raise NotImplementedError\n'


def never_none(answer: Callable) -> Callable:
    """The same function, but None is told for what it mostly is: a forgotten ``return``."""

    @functools.wraps(answer)
    def asked(*arguments: Any, **named: Any) -> Any:
        returned = answer(*arguments, **named)
        if returned is None:
            raise NotYet("It returned None; is `return` missing?")
        return returned

    return asked
