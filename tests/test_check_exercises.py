"""Every exercise: right answers pass, however they are written, and wrong ones are told what is wrong."""

from types import SimpleNamespace

import numpy as np
import pytest

from minidl.check import Checker
from minidl.check.bank import EXERCISES
from minidl.check.function import FunctionExercise
from tests.exercises import ANSWERS

FUNCTIONS = [name for name, exercise in EXERCISES.items() if isinstance(exercise, FunctionExercise)]


def check(name, answer):
    return Checker(EXERCISES)(name, answer)


def called(answer):
    return getattr(answer, "__name__", "answer")


RIGHT = [(name, answer) for name, a in ANSWERS.items() for answer in (a.solution, *a.right)]
WRONG = [(name, answer, words) for name, a in ANSWERS.items() for answer, words in a.wrong]


def test_every_exercise_has_answers():
    assert set(ANSWERS) == set(EXERCISES)
    for answers in ANSWERS.values():
        assert len(answers.right) >= 2 and len(answers.wrong) >= 3, answers.exercise


@pytest.mark.parametrize("name, answer", RIGHT, ids=[f"{name}-{called(answer)}" for name, answer in RIGHT])
def test_right_answers_pass(name, answer):
    verdict = check(name, answer)
    assert verdict, verdict
    assert "Checked" in repr(verdict) or "Holds" in repr(verdict)


@pytest.mark.parametrize("name, answer, words", WRONG, ids=[f"{name}-{words[:30]}" for name, _, words in WRONG])
def test_wrong_answers_are_told_why(name, answer, words):
    verdict = check(name, answer)
    assert not verdict
    assert verdict.status == "not right yet"
    assert words in repr(verdict), verdict
    assert len(repr(verdict).splitlines()) <= 7


@pytest.mark.parametrize("name", EXERCISES)
def test_stubs_are_not_written_yet(name):
    written = {}
    exec(f"import minidl as md\n{EXERCISES[name].stub()}", written)
    verdict = check(name, written[name])
    assert repr(verdict) == f"{name}: not written yet."
    assert not verdict


@pytest.mark.parametrize("name", FUNCTIONS)
def test_draws_leave_nothing_to_luck(name):
    """Expected values are not zero, and the two runs differ: zeros fail, and numbers that were written down fail."""
    exercise = EXERCISES[name]
    runs = []
    for k, sizes in enumerate(exercise.sizes):
        assert len(set(sizes.values())) == len(sizes), "all sizes differ, so that no axis is taken for another"
        drawn = exercise.draw(np.random.default_rng(k), SimpleNamespace(**sizes))
        assert set(exercise.arguments) <= set(drawn)
        for value in drawn.values():
            assert not isinstance(value, np.ndarray) or value.dtype in (np.float64, np.int64, np.bool_)
        for value in exercise.by_name(exercise.reference(**drawn)).values():
            assert np.any(value) and np.isfinite(value).all()
        runs.append([drawn[name] for name in exercise.arguments])
    assert not exercise.arguments or any(not np.array_equal(a, b) for a, b in zip(*runs))
