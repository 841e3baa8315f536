"""The exercises of all lessons: one module here for each lesson, each with a tuple ``EXERCISES``."""

import importlib
import pkgutil

from minidl.check.exercise import Exercise

LESSONS = [importlib.import_module(f"minidl.check.bank.{found.name}") for found in pkgutil.iter_modules(__path__)]

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for lesson in LESSONS for exercise in lesson.EXERCISES}
