"""Mistakes of which the shape says nothing: sign, factor, a lost 1/N, the upstream gradient forgotten ..."""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from minidl.diagnosis.case import (
    ALIKE,
    Case,
    axis_sizes,
    belongs_to,
    is_gradient,
    nonempty_subsets,
    owner,
    spell_axes,
)


def not_finite(case: Case) -> str | None:
    """NaN or infinity."""
    bad = ~np.isfinite(case.got)
    if not bad.any():
        return None
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{case.got[place]} at {list(place)} ({int(bad.sum())} of {bad.size} entries are not finite)."


def all_zeros(case: Case) -> str | None:
    """A stub, or two things that cancel for every upstream gradient."""
    reach = np.abs(case.expected).max(initial=0)
    if np.abs(case.got).max(initial=0) > 1e-12 * reach:
        return None
    zeros = "all zeros" if not case.got.any() else "zero up to rounding"
    if not is_gradient(case):
        return f"{zeros}, but the right answer reaches {reach:.3g}. Is it still a stub?"
    return (
        f"{zeros}, but the right gradient reaches {reach:.3g}.\n"
        "Is it still a stub, or computed from numbers that left the graph?"
    )


def should_be_zero(case: Case) -> str | None:
    """The function does not depend on this input, or the dependence cancels."""
    if case.expected.any():
        return None
    return f"should be zero everywhere, but reaches {np.abs(case.got).max():.3g}."


def wrong_sign(case: Case) -> str | None:
    """−1 times the right gradient."""
    return "right size, wrong sign." if case.explains(-case.expected) else None


def wrong_factor(case: Case) -> str | None:
    """c times the right gradient; often c or 1/c is the size of an axis, and a mean was taken for a sum."""
    got, expected = case.got, case.expected
    c = float(np.vdot(got, expected) / np.vdot(expected, expected))
    if not case.explains(c * expected) or abs(c) < ALIKE:
        return None
    factor = f"{c:.4g}" if abs(c - 1) > 1e-3 else told_apart(c, 1.0)[0]
    said = f"{factor} times the right size."
    for name, size in axis_sizes(case):
        if size > 1 and (np.isclose(abs(c), size, rtol=1e-4) or np.isclose(abs(c), 1 / size, rtol=1e-4)):
            return f"{said} {name[0].upper()}{name[1:]} has size {size}: mean or sum?"
    if np.isclose(abs(c), 2, rtol=1e-4) or np.isclose(abs(c), 0.5, rtol=1e-4):
        return f"{said} Is a 2 or a 1/2 lost or used twice?"
    for name, x in case.inputs.items():
        for (i, n), (j, m) in permutations(enumerate(np.shape(x)), 2):
            if n != m and min(n, m) > 1 and np.isclose(abs(c), n / m, rtol=1e-4):
                return f"{said} That is {n}/{m}: is axis {j} of {name} taken for axis {i}?"
    if expected.size == 1 and not any(np.isclose(a, np.round(a), rtol=1e-6) for a in (c, 1 / c)):
        return None  # any number is some multiple of any other
    return f"{said} Is a factor lost, or used twice?"


def transposed(case: Case) -> str | None:
    """Right numbers in a wrong order of axes."""
    expected = case.expected
    for axes in permutations(range(expected.ndim)):
        if axes != tuple(range(expected.ndim)) and case.explains(expected.transpose(axes)):
            return "the transpose of the right answer."
    if expected.ndim > 1 and case.explains(expected.T.reshape(expected.shape)):
        return "the transpose of the right answer, reshaped. Transpose where the axes should change places."
    return None


def turned_round(case: Case) -> str | None:
    """Right numbers in reversed order, as when a cumulative sum runs the wrong way."""
    for axis in range(case.expected.ndim):
        if case.expected.shape[axis] > 1 and case.explains(np.flip(case.expected, axis)):
            return f"the right answer, reversed along axis {axis}."
    return None


def of_another_input(case: Case) -> str | None:
    """∂L/∂x₂ where ∂L/∂x₁ was asked for."""
    for name, dx in case.gradients.items():
        if case.explains(dx):
            return belongs_to(case, name)
    return None


def softmax_slips(case: Case) -> str | None:
    """y (g − Σ g y) is the softmax's; these are its well-known corruptions."""
    y, g = case.y, case.g
    if y is None or g is None or y.shape != case.got.shape:
        return None
    if case.explains(y * (g - 1)):
        return "equals y (g − 1). For softmax it is y (g − Σ g y): the sum is 1 only when g is all ones."
    if case.explains(y * (1 - y) * g):
        return (
            "equals y (1 − y) g, the diagonal of the Jacobian. If each y depends on all x (softmax), Σ g y is missing."
        )
    if case.explains(y - g):
        return "equals y − g. That is softmax *with* cross-entropy; for softmax alone it is y (g − Σ g y)."
    return None


def upstream_slips(case: Case) -> str | None:
    """The upstream gradient passed on as it came, centred, forgotten, or used twice."""
    g = case.g
    if g is None:
        return None
    slope = f"∂y/∂{owner(case) if is_gradient(case) else 'x'}"
    if case.explains(g):
        return f"equals the upstream gradient g itself. It has to be multiplied by {slope}."
    if g.shape == case.got.shape:
        for axes in nonempty_subsets(g.ndim):
            if case.explains(g - g.mean(axis=axes, keepdims=True)):
                return f"equals g minus its mean over {spell_axes(axes)}: centred, which is zero when g is all ones."
    if g.shape == case.got.shape or g.size == 1:
        if case.is_like(case.got * g, case.expected):
            return f"{slope} without the upstream gradient: multiply by g."
        if case.explains(case.expected * g):
            return "multiplied by the upstream gradient g twice."
    return None


def centred(case: Case) -> str | None:
    """The right gradient less its mean, along some axes."""
    expected = case.expected
    for axes in nonempty_subsets(expected.ndim):
        mean = expected.mean(axis=axes, keepdims=True)
        if case.explains(expected - mean):
            return f"the right answer minus its mean over {spell_axes(axes)}."
        if case.is_like(case.got - case.got.mean(axis=axes, keepdims=True), expected):
            return f"the mean over {spell_axes(axes)} should have been taken away."
    return None


def averaged(case: Case) -> str | None:
    """The same number along an axis, where each entry has its own."""
    for axes in nonempty_subsets(case.expected.ndim):
        total = np.broadcast_to(case.expected.sum(axis=axes, keepdims=True), case.expected.shape)
        if case.explains(total):
            return f"summed over {spell_axes(axes)}, where each entry has a gradient of its own."
        if case.explains(total / (total.size // max(case.expected.sum(axis=axes).size, 1))):
            return f"averaged over {spell_axes(axes)}, where each entry has a gradient of its own."
    return None


def factor_array(case: Case) -> str | None:
    """One of the arrays at hand was left out of a product, or multiplied in twice."""
    known = dict(case.inputs)
    if case.y is not None:
        known["y"] = case.y
    for name, a in known.items():
        if a.shape != case.got.shape or a.size == 0:
            continue
        if case.is_like(case.got * a, case.expected):
            return f"multiplied by {name} it would be right: is a factor {name} lost?"
        if case.explains(case.expected * a):
            return f"{name} times the right answer."
    return None


def lost_term(case: Case) -> str | None:
    """One of the arrays at hand was left out of a sum: a bias, for instance."""
    shape = case.got.shape
    for name, a in case.inputs.items():
        fits = a.ndim <= len(shape) and all(n in (1, m) for n, m in zip(a.shape[::-1], shape[::-1]))
        if fits and case.is_like(case.got + a, case.expected):
            return f"with {name} added it would be right: is {name} lost?"
    return None


def off_by_constant(case: Case) -> str | None:
    """The same number added to every entry; of a single number all that can be said."""
    difference = case.got - case.expected
    c = float(difference.mean())
    if c == 0 or np.abs(difference - c).max() > 1e-4 * abs(c):
        return None
    return f"too {'large' if c > 0 else 'small'} by {abs(c):.3g}{' everywhere' * (difference.size > 1)}."


def imprecise(case: Case) -> str | None:
    """Told apart only in the sixth digit or later; this many entries are not wrong by accident."""
    error = np.abs(case.got - case.expected)
    if np.mean(error > 0) < 0.5:
        return None
    return f"{describe_worst(case)}\nIs something in float32, or is a small constant added that should not be?"


def describe_worst(case: Case) -> str:
    """No slip recognised: how many entries differ, and the worst of them."""
    got, expected = case.got, case.expected
    error = np.abs(got - expected)
    differ = error > 1e-3 * error.max()
    worst = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
    count = f"{int(differ.sum())} of {error.size} entries differ"
    said, wanted = told_apart(got[worst], expected[worst])
    return f"{count}, most at {list(worst)}: got {said}, expected {wanted}."


def told_apart(a: float, b: float) -> tuple[str, str]:
    """Both with six digits, or as many more as it takes to see that they differ.

    >>> told_apart(0.5, 1.0), told_apart(0.693147, 0.69314718056)
    (('0.5', '1'), ('0.693147', '0.693147181'))
    """
    digits = next((n for n in (6, 9, 12) if f"{a:.{n}g}" != f"{b:.{n}g}"), 17)
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


VALUES: tuple[Callable[[Case], str | None], ...] = (
    not_finite,
    all_zeros,
    should_be_zero,
    wrong_sign,
    softmax_slips,
    wrong_factor,
    transposed,
    of_another_input,
    upstream_slips,
    centred,
    averaged,
    turned_round,
    factor_array,
    lost_term,
    off_by_constant,
)
