"""Learning-rate schedules: α as a function of the number of steps already taken.

A schedule is called with a step, counted from 0, and gives the learning rate of that step as a Python float. An
optimizer takes one wherever it takes a number. t is the step below, α₀ the initial learning rate.

=============================  ==========================================================
schedule                       α(t)
=============================  ==========================================================
``Constant``                   α₀
``StepDecay``                  α₀ · drop^⌊t / every⌋
``PiecewiseConstantDecay``     values[i] between the boundaries i − 1 and i
``ExponentialDecay``           α₀ · rate^(t / T)
``InverseTimeDecay``           α₀ / (1 + rate · t / T)
``CosineDecay``                from α₀ to alpha · α₀ along half a cosine, after a warm-up
``LinearWarmup``               a straight line up to another schedule
=============================  ==========================================================

Where Keras has the schedule, name and arguments are Keras'. To lower the rate when the validation loss no longer falls,
use the callback ``ReduceLROnPlateau``: a schedule knows only the step. Source: D.T4 (choice of hyper-parameters).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, floor, pi
from numbers import Integral, Real

from minidl.settings import check_flag, check_number


class Schedule:
    """A learning rate that depends on the step: ``schedule(step)`` gives a float."""

    def __call__(self, step: int) -> float:
        """α at ``step``, which counts the steps taken before this one: 0 for the first."""
        if not isinstance(step, Integral) or isinstance(step, bool):
            raise TypeError(f"{type(self).__name__} expects a whole number of steps, got {step!r}.")
        if step < 0:
            raise ValueError(f"{type(self).__name__} expects a step from 0 on, got {step}.")
        return float(self.rate_at(int(step)))

    def rate_at(self, t: int) -> float:
        """The equation: the one method that a schedule defines."""
        raise TypeError(f"{type(self).__name__} must define rate_at(t).")


@dataclass(frozen=True)
class Constant(Schedule):
    """α(t) = α₀.

    >>> Constant(0.1)(1000)
    0.1
    """

    learning_rate: float

    def __post_init__(self):
        _check_not_negative(self, "learning_rate")

    def rate_at(self, t):
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay(Schedule):
    """α(t) = α₀ · drop^⌊t / every⌋: multiplied by ``drop`` every so many steps.

    Source: He et al. 2016, "Deep residual learning", section 3.4, with drop = 0.1.

    >>> schedule = StepDecay(1.0, drop=0.5, every=10)
    >>> schedule(0), schedule(9), schedule(10), schedule(20)
    (1.0, 1.0, 0.5, 0.25)
    """

    initial_learning_rate: float
    drop: float = 0.1
    every: int = 1000

    def __post_init__(self):
        _check_not_negative(self, "initial_learning_rate", "drop")
        _check_positive(self, "every")

    def rate_at(self, t):
        return self.initial_learning_rate * self.drop ** (t // self.every)


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """values[0] up to and including step boundaries[0], then values[1] up to boundaries[1], and so on.

    Source: He et al. 2016, as StepDecay.

    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(201)
    (0.1, 0.01, 0.001)
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self):
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay expects one value more than boundaries, got {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries."
            )
        for boundary in self.boundaries:
            check_number("PiecewiseConstantDecay", "boundaries", boundary)
        if any(a >= b for a, b in zip(self.boundaries[:-1], self.boundaries[1:])):
            raise ValueError(f"PiecewiseConstantDecay expects rising boundaries, got {list(self.boundaries)}.")
        for value in self.values:
            check_number("PiecewiseConstantDecay", "values", value, "[0, inf)")

    def rate_at(self, t):
        passed = sum(t > boundary for boundary in self.boundaries)
        return self.values[passed]


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """α(t) = α₀ · rate^(t / T), T = ``decay_steps``. With ``staircase`` the exponent is rounded down.

    These rates have a finite sum, where Robbins & Monro 1951 ask for an infinite one (see InverseTimeDecay): too fast
    a decay stops before the minimum.

    >>> schedule = ExponentialDecay(1.0, decay_steps=100, decay_rate=0.25)
    >>> schedule(0), schedule(50), schedule(100)
    (1.0, 0.5, 0.25)
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self):
        _check_not_negative(self, "initial_learning_rate", "decay_rate")
        _check_positive(self, "decay_steps")
        check_flag("ExponentialDecay", "staircase", self.staircase)

    def rate_at(self, t):
        p = t / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (floor(p) if self.staircase else p)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """α(t) = α₀ / (1 + rate · t / T), T = ``decay_steps``: the 1/t rule. With ``staircase`` t / T is rounded down.

    Source: Robbins & Monro 1951, "A stochastic approximation method": Σ α(t) = ∞ and Σ α(t)² < ∞, which together bring
    SGD to the minimum of a convex function.

    >>> schedule = InverseTimeDecay(1.0, decay_steps=10, decay_rate=1.0)
    >>> schedule(0), schedule(10), schedule(30)
    (1.0, 0.5, 0.25)
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self):
        _check_not_negative(self, "initial_learning_rate", "decay_rate")
        _check_positive(self, "decay_steps")
        check_flag("InverseTimeDecay", "staircase", self.staircase)

    def rate_at(self, t):
        p = t / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (floor(p) if self.staircase else p))


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """α(t) = α₁ · [alpha + (1 − alpha) · ½ (1 + cos(π t / T))], T = ``decay_steps``, and alpha · α₁ after T steps.

    Without a warm-up α₁ = α₀. With ``warmup_target`` the rate first goes along a straight line from α₀ to
    α₁ = warmup_target in ``warmup_steps`` steps, and t is counted from there.

    Sources: Loshchilov & Hutter 2017, "SGDR", eq. 5 (without restarts); warm-up: Goyal et al. 2017, section 2.2.

    >>> schedule = CosineDecay(0.0, decay_steps=100, warmup_target=1.0, warmup_steps=10)
    >>> schedule(0), schedule(5), schedule(10), round(schedule(60), 12), schedule(110)
    (0.0, 0.5, 1.0, 0.5, 0.0)
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __post_init__(self):
        _check_not_negative(self, "initial_learning_rate", "alpha", "warmup_steps")
        _check_positive(self, "decay_steps")
        if self.warmup_target is not None:
            _check_not_negative(self, "warmup_target")
        elif self.warmup_steps:
            raise ValueError("CosineDecay with warmup_steps expects warmup_target, the rate to warm up to.")

    def rate_at(self, t):
        start, peak = self.initial_learning_rate, self.warmup_target
        if peak is None:
            peak = start
        elif t < self.warmup_steps:
            return start + (peak - start) * t / self.warmup_steps
        else:
            t = t - self.warmup_steps
        p = min(t / self.decay_steps, 1.0)
        return peak * (self.alpha + (1 - self.alpha) * 0.5 * (1 + cos(pi * p)))


@dataclass(frozen=True)
class LinearWarmup(Schedule):
    """α(t) = schedule(0) · (t + 1) / n for the first n = ``warmup_steps`` steps, then schedule(t − n).

    Adam's first estimates come from few gradients, and a new network's gradients are large: small steps at first keep
    both from doing harm. The + 1 is there so that the first step is not wasted on a rate of 0. ``schedule`` is any
    schedule, or a number for a constant rate afterwards. Source: Goyal et al. 2017, "Accurate, large minibatch SGD",
    section 2.2.

    >>> schedule = LinearWarmup(StepDecay(1.0, drop=0.1, every=2), warmup_steps=4)
    >>> [schedule(t) for t in range(7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.1]
    """

    schedule: Callable[[int], float] | float
    warmup_steps: int

    def __post_init__(self):
        _check_positive(self, "warmup_steps")
        if isinstance(self.schedule, Real):
            object.__setattr__(self, "schedule", Constant(self.schedule))
        elif not callable(self.schedule):
            raise TypeError(f"LinearWarmup expects a schedule or a number, got {self.schedule!r}.")

    def rate_at(self, t):
        n = self.warmup_steps
        return self.schedule(0) * (t + 1) / n if t < n else self.schedule(t - n)


# --- checks -------------------------------------------------------------------------------------------------------


def _check_not_negative(schedule: Schedule, *names: str) -> None:
    for name in names:
        check_number(type(schedule).__name__, name, getattr(schedule, name), "[0, inf)")


def _check_positive(schedule: Schedule, *names: str) -> None:
    for name in names:
        check_number(type(schedule).__name__, name, getattr(schedule, name), "(0, inf)")
