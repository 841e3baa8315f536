"""Answers to the exercises, right and wrong: a module a lesson, with ``ANSWERS``, as ``minidl.check.bank`` has."""

import importlib
import pkgutil

from tests.exercises.answers import Answers

LESSONS = [
    importlib.import_module(f"tests.exercises.{found.name}")
    for found in pkgutil.iter_modules(__path__)
    if found.name != "answers"
]
ANSWERS: dict[str, Answers] = {answers.exercise: answers for lesson in LESSONS for answers in lesson.ANSWERS}
