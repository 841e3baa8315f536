"""Derivatives by finite differences, each with a limit of its own error.

A central difference D(h) = (f(x + h) − f(x − h)) / 2h has two errors that pull in opposite directions: the series is
cut off, which costs a h² + b h⁴ + ..., and f is rounded, which costs about ε |f| / h. Two step sizes tame both:

    D₁ = D(h),  D₂ = D(h/2)
    R  = D₂ + (D₂ − D₁) / 3          the h² terms cancel (Richardson)
    |R − derivative| ≤ 2 |R − D₂| + (rounding of f) / h

How much f is rounded follows from its size, ε |f|, or is measured, where larger numbers on the way to f lose more. So
the limit comes from the numbers themselves: for a smooth f it is tiny, and nobody has to choose a tolerance.

Source: L. F. Richardson, Phil. Trans. R. Soc. A 210 (1911); Press et al., *Numerical Recipes* (3rd ed.), section 5.7.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from minidl.arrays import Array, array_module, move

EPSILON = float(np.finfo(np.float64).eps)
STEP = EPSILON ** (1 / 5)  # 7e-4: where the h⁴ error of R and its rounding are of one size
ONE_SIDED_STEP = EPSILON ** (1 / 3)  # 6e-6: the same where h² errors are left
WIGGLE = EPSILON ** (2 / 3)  # 4e-11: a step so small that f is a straight line, but for rounding
ROUNDINGS = 100  # how many roundings of f's own size the computation of f may add up
MEASURED = 15  # times the measured rounding: it is a sample of three, and R adds four values of f
FLOOR = 10 * EPSILON / STEP  # 3e-12: rounding left over where numbers of size 1 cancel, as in x − x
TRUSTED = 1e-5  # a limit above this share of the largest derivative decides nothing: try smaller steps ...
NEGLIGIBLE = 1e-8  # ... unless it is below this, where all derivatives may be 0

Outputs = Callable[[], Sequence[Array]]  # computes f from arrays that are changed in place between the calls


class Estimate(NamedTuple):
    """A derivative for each entry of an array, and how far from the truth each may be."""

    value: np.ndarray
    limit: np.ndarray

    @property
    def trusted(self) -> np.ndarray:
        """Where the limit is small enough to tell right from wrong."""
        scale = np.abs(self.value[np.isfinite(self.value)]).max(initial=0)
        return self.limit <= max(TRUSTED * scale, NEGLIGIBLE)  # NaN is not trusted


def numerical_gradient(
    outputs: Outputs, x: Array, gs: Sequence[np.ndarray], entries: Sequence[tuple] | None = None
) -> Estimate:
    """∂⟨g, f⟩/∂x_i for every i, where ``outputs()`` computes f from the float64 array x.

    x is changed in place, one entry at a time, and put back. ``gs`` holds one g for each output of f. With ``entries``,
    a list of indices, only these are estimated, and the result has one axis.

    >>> x = np.array([1.0, 2.0])
    >>> dx = numerical_gradient(lambda: [x**3], x, [np.ones(2)])
    >>> np.allclose(dx.value, [3.0, 12.0], rtol=1e-9), bool(dx.limit.max() < 1e-5)
    (True, True)
    """
    shape = x.shape if entries is None else (len(entries),)
    best = Estimate(np.full(shape, np.nan), np.full(shape, np.inf))
    rounding = measured_rounding(outputs, x, gs)
    for shrink in (1, 8, 64):
        for i in np.ndindex(shape):
            if shrink > 1 and best.limit[i] <= NEGLIGIBLE:
                continue
            place = i if entries is None else entries[i[0]]
            value, limit = richardson(outputs, x, place, STEP / shrink, gs, rounding)
            if limit < best.limit[i]:
                best.value[i], best.limit[i] = value, limit
        if best.trusted.all():
            break
    return best


def measured_rounding(outputs: Outputs, x: Array, gs: Sequence[np.ndarray]) -> float:
    """|⟨g, f(x + d) − 2 f(x) + f(x − d)⟩|: the bend of f over steps so small that only rounding can bend it."""
    xp = array_module(x)
    middle = x.copy()
    direction = WIGGLE * xp.cos(xp.arange(1.0, x.size + 1)).reshape(x.shape) * xp.maximum(1.0, xp.abs(middle))
    at_middle = evaluate(outputs)
    bends = []
    for k in (1, 4, 16):
        x[...] = middle + k * direction
        above = evaluate(outputs)
        x[...] = middle - k * direction
        below = evaluate(outputs)
        with np.errstate(invalid="ignore"):
            bends.append(sum(float((g * (a - 2 * f + b)).sum()) for g, a, f, b in zip(gs, above, at_middle, below)))
    x[...] = middle
    return max(abs(bend) for bend in bends)


def richardson(
    outputs: Outputs, x: Array, i: tuple, step: float, gs: Sequence[np.ndarray], rounding: float
) -> tuple[float, float]:
    """R and its limit for the one entry x_i."""
    h = step * max(1.0, abs(float(x[i])))
    D1, rounding1 = difference(outputs, x, i, h, -h, gs)
    D2, rounding2 = difference(outputs, x, i, h / 2, -h / 2, gs)
    R = D2 + (D2 - D1) / 3
    return R, 2 * abs(R - D2) + (4 * rounding2 + rounding1) / 3 + MEASURED * rounding / h + FLOOR


def one_sided_slope(outputs: Outputs, x: Array, i: tuple, side: int, gs: Sequence[np.ndarray]) -> tuple[float, float]:
    """The slope just to the right (``side=1``) or left (``side=-1``) of x_i, and its limit.

    ±inf where it grows without end as h shrinks (√x at 0), NaN where f has no value on that side.
    """
    h = side * ONE_SIDED_STEP * max(1.0, abs(float(x[i])))
    D1, rounding1 = difference(outputs, x, i, h, 0.0, gs)
    D2, rounding2 = difference(outputs, x, i, h / 2, 0.0, gs)
    if abs(D2) > 1.2 * abs(D1) > 10:  # |x|^p with p ≤ 0.7 or so
        return np.copysign(np.inf, D2), 0.0
    R = 2 * D2 - D1  # here the h terms cancel
    return R, 2 * abs(R - D2) + 2 * rounding2 + rounding1 + FLOOR


def difference(
    outputs: Outputs, x: Array, i: tuple, up: float, down: float, gs: Sequence[np.ndarray]
) -> tuple[float, float]:
    """(⟨g, f(x_i + up)⟩ − ⟨g, f(x_i + down)⟩) / (up − down), and what rounding may have added."""
    middle = float(x[i])
    x[i] = middle + up
    above, high = evaluate(outputs), float(x[i])
    x[i] = middle + down
    below, low = evaluate(outputs), float(x[i])
    x[i] = middle
    width = high - low  # what was really added, after rounding
    change = rounding = 0.0
    for g, a, b in zip(gs, above, below):
        with np.errstate(invalid="ignore"):  # inf − inf: reported as not trusted
            d = a - b
            change += float((g * d).sum())
            size = np.abs(g) * np.maximum(np.abs(a), np.abs(b))
            # Entries that do not depend on x_i cancel exactly. Others may seem to: less than one rounding goes unseen.
            rounding += EPSILON * float((size * np.where(d == 0, 1, ROUNDINGS)).sum())
    return change / width, rounding / abs(width)


def evaluate(outputs: Outputs) -> list[np.ndarray]:
    """The outputs on the CPU, in memory of their own: f may return views of x, which is about to change."""
    return [np.array(move(y, "cpu")) for y in outputs()]


def random_upstream(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """A g to judge with: sizes from 0.5 to 1.5 with random signs. No entry is so small that a mistake could hide."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
