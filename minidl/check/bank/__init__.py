"""The exercises of all lessons: a module for each lesson, with a docstring "Lesson N: ..." and ``EXERCISES``."""

import importlib
import pkgutil
from types import ModuleType

from minidl.check.exercise import Exercise


def number(lesson: ModuleType) -> int:
    """The N of a lesson's docstring."""
    return int(lesson.__doc__.partition(":")[0].removeprefix("Lesson "))


LESSONS: list[ModuleType] = sorted(
    (importlib.import_module(f"minidl.check.bank.{found.name}") for found in pkgutil.iter_modules(__path__)), key=number
)

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for lesson in LESSONS for exercise in lesson.EXERCISES}
