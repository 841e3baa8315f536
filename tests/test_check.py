"""The judge of exercises: what it insists on, what it says, and that it cannot be satisfied by accident."""

import os
import pkgutil
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive
from minidl.check import Checker, bank
from minidl.check.bank import EXERCISES, LESSONS
from minidl.check.draws import distinct, gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise
from minidl.check.suspects import SUSPECTS
from minidl.gradcheck import GradientError
from tests.exercises import ANSWERS

affine_backward = ANSWERS["affine_backward"].solution


@pytest.fixture
def check():
    return Checker(EXERCISES)


def said(answer, name="affine_backward"):
    return repr(Checker(EXERCISES)(name, answer))


# --- 1: cannot be satisfied by accident -----------------------------------------------------------------------------


def test_inputs_are_random_float64_and_of_different_sizes():
    seen = []
    said(lambda *given: seen.append(given) or affine_backward(*given))
    (g, x, W), (g2, x2, W2) = seen
    assert (g.shape, x.shape, W.shape) == ((4, 5), (4, 3), (3, 5))
    assert {a.dtype for a in (*seen[0], *seen[1])} == {np.dtype(np.float64)}
    assert len(set(g.ravel())) == g.size and np.abs(g).min() >= 0.5, "no ones, no entry that counts for little"
    assert x2.shape != x.shape and g2.shape != g.shape and W2.shape != W.shape


def test_the_same_verdict_each_time():
    wrong = ANSWERS["affine_backward"].wrong[2][0]
    assert said(wrong) == said(wrong)


def test_a_written_down_answer_fails_in_the_second_run():
    known = []
    said(lambda *given: known.append(affine_backward(*given)) or known[0])
    message = said(lambda g, x, W: known[0])
    assert "dx: shape (4, 3), but x has shape (2, 7)" in message
    assert "The first run went well; this is the second, with other sizes and numbers." in message


def test_a_size_that_is_written_down_fails_in_the_second_run():
    message = said(lambda g, x, W: (g @ W.T, x.T @ g, 4 * g.mean(axis=0)))
    assert "db: 2 times the right size" in message and "Are some written into the code?" in message


def test_an_answer_for_square_arrays_fails():
    def right_if_square(g, x, W):  # W and xᵀg have one shape, and no error arises, only when N = D = H
        return g @ W, x @ g, g.sum(axis=1)

    assert "not right yet" in said(right_if_square)
    assert "db: shape (4,)" in said(lambda g, x, W: (g @ W.T, x.T @ g, g.sum(axis=1)))


def test_zeros_for_a_normalisation_fail():
    solution = ANSWERS["batch_norm_backward"].solution
    message = said(
        lambda *given: (np.zeros((len(given[0]), given[0].shape[1])), *solution(*given)[1:]), "batch_norm_backward"
    )
    assert "dx: all zeros, but the right gradient reaches" in message


MUTANTS = {
    "sign": lambda a: -a,
    "factor": lambda a: 2 * a,
    "lost 1/N": lambda a: a / 4,
    "zeros": lambda a: 0 * a,
    "a little off": lambda a: a * (1 + 1e-5),
    "one entry": lambda a: a + 1e-3 * (np.arange(a.size) == 0).reshape(a.shape),
    "not a number": lambda a: a * np.nan,
    "an axis more": lambda a: a[None],
    "an axis less": lambda a: a.sum(axis=0),
    "other axes": lambda a: a.T[::-1],
}


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize("name", [n for n, e in EXERCISES.items() if isinstance(e, FunctionExercise)])
def test_every_mutant_of_every_returned_value_is_rejected(name, mutant):
    """In each function exercise, each returned array is broken in turn."""
    exercise, solution = EXERCISES[name], ANSWERS[name].solution
    for k, returned in enumerate(exercise.returns):

        def broken(*given, k=k):
            values = solution(*given)
            several = isinstance(values, tuple)
            values = [np.asarray(v) for v in (values if several else (values,))]
            if values[k].ndim == 0 and mutant in ("an axis less", "other axes"):
                values[k] = values[k] + 1.0
            else:
                values[k] = MUTANTS[mutant](values[k])
            return tuple(values) if several else values[0]

        if mutant == "a little off" and exercise.limit > 1e-6:
            continue  # an exercise that asks for a rough number
        verdict = Checker(EXERCISES)(name, broken)
        assert not verdict, f"{returned}: {verdict}"
        assert f"{returned}: " in repr(verdict)


# --- 2: shapes, edits, what is not written, what is not returned ----------------------------------------------------


def test_shapes_are_compared_exactly():
    assert "db: shape (1, 5), but b has shape (5,): keepdims" in said(
        lambda g, x, W: (g @ W.T, x.T @ g, g.sum(axis=0, keepdims=True))
    )


@pytest.mark.parametrize("edit", [lambda x: x.__setitem__(0, 0.0), lambda x: np.negative(x, out=x), lambda x: x.sort()])
def test_edits_of_the_inputs_are_found_although_the_answer_is_right(edit):
    def answer(g, x, W):
        values = affine_backward(g, x, W)
        edit(x)
        return values

    assert "x was edited in place: after the call it holds other numbers" in said(answer)


def test_what_is_not_written_yet(check):
    def stub(g, x, W):
        raise NotImplementedError

    verdict = check("affine_backward", stub)
    assert not verdict and repr(verdict) == "affine_backward: not written yet."


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda g, x, W: None, "It returned None; is `return dx, dW, db` missing?"),
        (lambda g, x, W: (g @ W.T, None, g.sum(axis=0)), "dW: None"),
        (lambda g, x, W: (g, x), "It returned 2 values; 3 values are wanted: `return dx, dW, db`."),
        (lambda g, x, W: (g,), "It returned 1 value; 3 values are wanted"),
        (lambda g, x, W: g, "It returned one ndarray; 3 values are wanted"),
        (lambda g, x, W: ("a", x, W), "dx: expected an array of numbers, got str"),
        (lambda g, x, W: ([[1.0], [1.0, 2.0]], x, W), "dx: expected an array of numbers, got list"),
        (lambda g, x: g, "It is called with (g, x, W), but it is written with (g, x)."),
    ],
)
def test_what_is_returned(answer, words):
    assert words in said(answer)


def test_one_value_is_wanted_and_a_tuple_comes():
    solution = ANSWERS["softmax_cross_entropy_backward"].solution
    message = said(lambda *given: (solution(*given), 1.0), "softmax_cross_entropy_backward")
    assert "It returned 2 values in a tuple; one is wanted: `return dlogits`." in message


def test_lists_and_tensors_are_as_good_as_arrays(check):
    assert check("affine_backward", lambda *given: [md.Tensor(v) for v in affine_backward(*given)])
    assert check("affine_backward", lambda *given: [v.tolist() for v in affine_backward(*given)])


def helper(x):
    return x.not_there


def calls_a_helper(g, x, W):
    dx = g @ W.T
    return dx, helper(x), 0


def test_errors_are_told_calmly_with_the_line():
    message = said(lambda g, x, W: g @ x)
    assert re.search(r"Stopped in line \d+ of <lambda>: .*g @ x", message)
    assert "ValueError: matmul" in message and "Given g (4, 5), x (4, 3), W (3, 5)." in message
    message = said(calls_a_helper)
    assert "Stopped in line 2 of helper: return x.not_there\nAttributeError" in message


def ends_the_program(g, x, W):
    sys.exit(0)


def calls_itself(g, x, W):
    return calls_itself(g, x, W)


class Mute(Exception):
    """Its message fails."""

    def __str__(self):
        raise ValueError


def fails_mutely(g, x, W):
    raise Mute


class Refuses:
    """Becomes no array."""

    def __array__(self, *given, **named):
        raise RuntimeError("no array of me")


@pytest.mark.parametrize(
    "answer, words",
    [
        (ends_the_program, "Stopped in line 2 of ends_the_program: sys.exit(0)\nSystemExit: 0"),
        (calls_itself, "RecursionError: maximum recursion depth exceeded"),
        (fails_mutely, "Mute: no message"),
        (lambda g, x, W: [Refuses()] * 3, "RuntimeError: no array of me"),
        (lambda g, x, W: (v for v in affine_backward(g, x, W)), "It returned one generator; 3 values are wanted"),
        (lambda g, x, W: [v.astype(complex) for v in affine_backward(g, x, W)], "expected an array of numbers"),
    ],
)
def test_nothing_that_an_answer_does_ends_the_program(answer, words):
    assert words in said(answer)


def test_ctrl_c_is_the_way_out():
    def pressed(g, x, W):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        said(pressed)


def test_a_long_message_is_cut():
    def talks(g, x, W):
        raise ValueError("so " * 1000)

    assert len(said(talks)) < 700


def for_ever(g, x, W):
    while True:
        g = g + 1


def test_an_answer_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr("minidl.check.patience.SECONDS", 0.05)
    message = said(for_ever)
    assert re.search(r"Stopped in line \d of for_ever: (while True:|g = g \+ 1)\n", message)
    assert "It had not ended after 0.05 s, and was stopped. Does a loop never end?" in message


def test_a_check_in_another_thread_is_not_timed():
    found = []
    thread = threading.Thread(target=lambda: found.append(Checker(EXERCISES)("affine_backward", affine_backward)))
    thread.start()
    thread.join()
    assert found[0]


def test_shapes_that_numpy_does_not_fit_together_are_explained():
    for dW in (lambda g, x: x @ g, lambda g, x: x.dot(g)):
        message = said(lambda g, x, W, dW=dW: (g @ W.T, dW(g, x), g.sum(axis=0)))
        assert "the last but one of B: is a transpose missing?\nGiven g (4, 5), x (4, 3), W (3, 5)." in message
    message = said(lambda g, y: y * (g - (g * y).sum(axis=1)), "softmax_backward")
    assert "\nShapes are compared from the last axis on: sizes must be equal, or 1 (as keepdims=True" in message
    assert len(message.splitlines()) <= 7


def test_functions_that_tell_no_arguments_are_tried():
    assert "ValueError: operands could not be broadcast" in said(max)


def test_infinity_is_no_known_mistake():
    assert "loss: inf at [] (1 of 1 entries are not finite)." in said(lambda y: np.inf, "first_loss")


def test_infinity_is_no_warning():
    assert "nan at" in said(lambda g, x, W: (g @ W.T * np.log(-1.0), x.T @ g, g.sum(axis=0)))


def test_a_layer_or_a_fact_that_goes_wrong_oddly():
    class Odd(md.layers.Dense):
        def parameters(self):
            return 3

    assert "TypeError: 'int' object is not iterable" in said(Odd, "MyDense")
    assert "It is one Dense, made already; hand over the class itself" in said(md.layers.Dense(5), "MyDense")
    assert "It returned None; is `return` missing?" in said(lambda shape, rng: None, "he_normal")


# --- the pieces ---------------------------------------------------------------------------------------------------


def test_facts_say_what_was_wanted():
    holds = Exercise(name="one", task="One.", facts={"it is one": lambda answer, rng, s: answer() == 1})
    check = Checker({"one": holds})
    assert check("one", lambda: 1) and "Holds: it is one." in repr(check("one", lambda: 1))
    assert repr(check("one", lambda: 2)) == "one: not right yet.\nWanted: it is one."
    assert "ZeroDivisionError" in repr(check("one", lambda: 1 / 0))


def test_gradients_of_a_loss_and_of_several_outputs():
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(gradients_of(lambda x: (x * x).sum(), "x", upstream=())(x=x)[0], [2.0, 4.0])
    both = gradients_of(lambda x: (x * x, 3 * x), "x", upstream=("da", "db"))
    np.testing.assert_allclose(both(x=x, da=np.array([1.0, 1.0]), db=np.array([0.0, 1.0]))[0], [2.0, 7.0])


def test_draws():
    rng = np.random.default_rng(0)
    assert np.abs(upstream(rng, 4, 3)).min() >= 0.5 and (upstream(rng, 40) < 0).any()
    values = np.sort(distinct(rng, 4, 3).ravel())
    assert np.diff(values).min() > 0.09 and abs(values.mean()) < 1e-12


def test_every_lesson_says_its_number_and_no_name_is_taken_twice():
    names = [exercise.name for lesson in LESSONS.values() for exercise in lesson.EXERCISES]
    assert len(names) == len(set(names)) == len(EXERCISES)
    assert [lesson.__doc__ for lesson in LESSONS.values()] == list(LESSONS)
    modules = {f"{bank.__name__}.{found.name}" for found in pkgutil.iter_modules(bank.__path__)}
    assert {lesson.__name__ for lesson in LESSONS.values()} == modules


def test_importing_minidl_loads_no_lesson():
    code = "import sys, minidl; sys.exit('minidl.check.bank' in sys.modules or 'pytest' in sys.modules)"
    folder = str(Path(md.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": folder}).returncode == 0


@pytest.mark.parametrize("suspect", SUSPECTS, ids=lambda suspect: suspect.name)
def test_check_grads_tells_right_suspects_from_wrong_ones(suspect):
    op = Primitive(lambda *xs: suspect.forward(*xs), broadcasts=False, saves=False)
    op.joint_rule(lambda g, y, *xs, needs: suspect.backward(g, *xs))
    inputs = suspect.draw(np.random.default_rng(1))
    if suspect.is_right:
        md.check_grads(op, *inputs, order=1)
    else:
        with pytest.raises((GradientError, ValueError)):
            md.check_grads(op, *inputs, order=1)
