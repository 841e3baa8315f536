"""``check``: the exercises by name, the verdicts so far, and the student's own code where it has passed."""

from collections.abc import Mapping
from typing import Any

from minidl.check.exercise import Exercise
from minidl.check.verdict import RIGHT, NotWritten, NotYet, Report, Verdict
from minidl.errors import describe, unknown_name


class Checker:
    """Checks answers and remembers what was right; ``minidl.check.check`` is one that knows all exercises.

    Attributes
    ----------
    exercises
        The exercises by name: all those of the lessons, unless others are given.
    verdicts
        The latest verdict on each exercise that was tried.
    """

    def __init__(self, exercises: Mapping[str, Exercise] | None = None):
        self._exercises = exercises
        self.verdicts = Report()
        self._passed: list[Any] = []  # the very functions and classes

    @property
    def exercises(self) -> Mapping[str, Exercise]:
        if self._exercises is None:
            from minidl.check.bank import EXERCISES  # here, so that importing minidl does not load all lessons

            self._exercises = EXERCISES
        return self._exercises

    def __call__(self, name: str, answer: Any) -> Verdict:
        """Check an answer.

        Parameters
        ----------
        name
            The exercise.
        answer
            The function or class that was written: itself, not what it returns.

        Returns
        -------
        Verdict
            True or false; its repr is a message. Nothing that the answer does wrong raises.

        Raises
        ------
        ValueError
            There is no such exercise.
        TypeError
            The name is no string, or the answer neither a function nor a class.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"check expects the exercise's name first, got {describe(name)}.\n"
                "Write check('affine_backward', affine_backward)."
            )
        if name not in self.exercises:
            raise unknown_name("exercise", name, self.exercises)
        exercise = self.exercises[name]
        if not callable(answer):
            raise TypeError(
                f"check expects what you have written itself, got {describe(answer)}.\n"
                f"Write check({name!r}, {name}), without calling it."
            )
        try:
            verdict = Verdict(name, RIGHT, exercise.examine(answer))
            self._passed.append(answer)
        except NotWritten as trouble:
            verdict = Verdict(name, trouble.status)
        except NotYet as trouble:
            evidence = f"check.verdicts[{name!r}] holds .inputs, .got and .expected of this run."
            look = trouble.look or exercise.look or (evidence if "got" in trouble.evidence else "")
            verdict = Verdict(
                name, trouble.status, str(trouble) + (f"\nLook next: {look}" if look else ""), **trouble.evidence
            )
        self.verdicts[name] = verdict
        return verdict

    def mine_or(self, mine: Any, library: Any) -> Any:
        """Your own function or class once it has passed its check, else the library's; a line says which.

        >>> def nothing():
        ...     raise NotImplementedError
        >>> Checker({}).mine_or(nothing, abs)
        abs is used: nothing has not passed its check yet.
        <built-in function abs>
        """
        if any(mine is passed for passed in self._passed):
            print(f"Your own {name_of(mine)} is used.")
            return mine
        print(f"{name_of(library)} is used: {name_of(mine)} has not passed its check yet.")
        return library

    def report(self) -> Report:
        """The exercises tried so far with their verdicts, as a table."""
        return self.verdicts


def name_of(answer: Any) -> str:
    """What a function or class is called; of an object, its class."""
    return getattr(answer, "__name__", type(answer).__name__)
