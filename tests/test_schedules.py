"""Learning-rate schedules: their values, their ends, and wrong arguments."""

import inspect
from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import schedules
from minidl.schedules import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearWarmup,
    PiecewiseConstantDecay,
    Schedule,
    StepDecay,
)

EXAMPLES = [
    Constant(0.1),
    StepDecay(0.1, 0.5, 7),
    PiecewiseConstantDecay([5, 9], [0.1, 0.05, 0.01]),
    ExponentialDecay(0.1, 10, 0.9),
    InverseTimeDecay(0.1, 10, 0.5),
    CosineDecay(0.1, 50, alpha=0.1),
    LinearWarmup(CosineDecay(0.1, 50), 5),
]


def test_every_schedule_has_an_example():
    classes = {c for c in vars(schedules).values() if inspect.isclass(c) and issubclass(c, Schedule)}
    assert classes - {Schedule} == {type(e) for e in EXAMPLES}


@pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda s: type(s).__name__)
def test_rates_are_python_floats_for_any_kind_of_whole_number(schedule):
    for t in range(100):
        assert type(schedule(t)) is float and 0 <= schedule(t) <= 0.1
        assert schedule(np.int64(t)) == schedule(t)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda s: type(s).__name__)
def test_impossible_steps_are_refused(schedule):
    with pytest.raises(ValueError, match="step from 0 on, got -1"):
        schedule(-1)
    with pytest.raises(TypeError, match="whole number of steps"):
        schedule(0.5)


def test_staircases_stay_level_for_decay_steps():
    exponential = ExponentialDecay(1.0, 10, 0.5, staircase=True)
    assert [exponential(t) for t in (0, 9, 10, 19, 20)] == [1, 1, 0.5, 0.5, 0.25]
    inverse = InverseTimeDecay(1.0, 10, 1.0, staircase=True)
    assert [inverse(t) for t in (0, 9, 10, 29)] == [1, 1, 0.5, 1 / 3]


def test_cosine_starts_high_ends_low_and_stays_there():
    schedule = CosineDecay(2.0, 100, alpha=0.1)
    assert schedule(0) == 2.0
    assert schedule(30) == pytest.approx(2 * (0.1 + 0.9 * 0.5 * (1 + cos(0.3 * pi))))
    assert schedule(100) == schedule(10_000) == pytest.approx(0.2)


@given(st.integers(0, 300))
def test_cosine_never_rises_after_the_warm_up(t):
    schedule = CosineDecay(0.0, 200, warmup_target=1.0, warmup_steps=20)
    rises = schedule(t + 1) > schedule(t)
    assert rises == (t < 20)


def test_warm_up_wraps_schedules_functions_and_numbers():
    assert [LinearWarmup(0.4, 4)(t) for t in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert LinearWarmup(lambda t: 1 / (t + 1), 2)(3) == 0.5
    assert LinearWarmup(ExponentialDecay(1.0, 1, 0.5), 2)(4) == 0.25


def test_sums_of_the_inverse_time_rule_grow_and_their_squares_do_not():
    schedule = InverseTimeDecay(1.0, 1, 1.0)
    rates = np.array([schedule(t) for t in range(100_000)])
    assert rates.sum() > 12 and (rates**2).sum() < pi**2 / 6  # ln 100,000 = 11.5 and rising; Basel's problem


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-0.1), "learning_rate >= 0, got -0.1"),
        (lambda: Constant(float("nan")), "learning_rate as a finite number >= 0, got nan"),
        (lambda: StepDecay(0.1, every=0), "every > 0"),
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps > 0"),
        (lambda: InverseTimeDecay(0.1, 10, -1.0), "decay_rate >= 0"),
        (lambda: CosineDecay(0.1, 100, warmup_steps=5), "expects warmup_target"),
        (lambda: LinearWarmup(0.1, 0), "warmup_steps > 0"),
        (lambda: PiecewiseConstantDecay([1], [0.1]), "one value more than boundaries"),
        (lambda: PiecewiseConstantDecay([float("nan")], [0.1, 0.2]), "boundaries as a finite number"),
        (lambda: PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]), "rising boundaries"),
    ],
)
def test_impossible_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="learning_rate as a number >= 0"):
        Constant("0.1")
    with pytest.raises(TypeError, match="expects a schedule or a number"):
        LinearWarmup("cosine", 3)
    for decay in (ExponentialDecay, InverseTimeDecay):
        with pytest.raises(TypeError, match="staircase as True or False, got str 'no'"):
            decay(0.1, 10, 0.5, staircase="no")
