"""The same checks with pytest, for those who edit files: every exercise in ``answers.py`` is a test with a marker.

``python -m minidl.check --write week4 affine_backward adam_step`` makes a folder with ``answers.py``, where the answers
are to be written, and ``conftest.py``, which loads this plugin. Then, in that folder:

    pytest                          # all exercises in answers.py
    pytest -m affine_backward       # one of them
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from minidl.check.bank import EXERCISES
from minidl.check.checker import Checker
from minidl.check.verdict import Verdict


def pytest_configure(config: pytest.Config) -> None:
    """Every exercise has a marker of its name."""
    for exercise in EXERCISES.values():
        config.addinivalue_line("markers", f"{exercise.name}: {exercise.task}")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "AnswersFile | None":
    """Files called answers.py hold answers."""
    return AnswersFile.from_parent(parent, path=file_path) if file_path.name == "answers.py" else None


class AnswersFile(pytest.File):
    """A file with functions and classes that are called as the exercises are."""

    def collect(self) -> Iterator["AnswerItem"]:
        """An item for each exercise that has an answer here."""
        module = load(self.path)
        for name in EXERCISES:
            if hasattr(module, name):
                item = AnswerItem.from_parent(self, name=name)
                item.answer = getattr(module, name)
                item.add_marker(name)
                yield item


class AnswerItem(pytest.Item):
    """One answer, checked."""

    answer: object = None

    def runtest(self) -> None:
        """Check it."""
        verdict = Checker(EXERCISES)(self.name, self.answer)
        if not verdict:
            raise NotRight(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> object:
        """The verdict says all, or that this is no answer; where pytest caught it does not matter."""
        if excinfo.errisinstance(NotRight):
            return repr(excinfo.value.verdict)
        return str(excinfo.value) if excinfo.errisinstance(TypeError) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What pytest calls the test."""
        return self.path, None, self.name


class NotRight(Exception):
    """An answer did not pass."""

    def __init__(self, verdict: Verdict):
        super().__init__(repr(verdict))
        self.verdict = verdict


def load(path: Path) -> ModuleType:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SystemExit as ending:
        raise ImportError(f"{path.name} ends with {ending!r}, before it can be checked.") from None
    return module
