"""What is wrong with a gradient, in words: sign, factor, transpose, an axis not summed ...

``diagnose`` compares a wrong gradient with the right one and looks for the mistakes that people make. It is what
``check_grads`` says of an op and what ``check`` says of an exercise:

>>> print(diagnose("dW", np.full((4, 3), -1.0), np.full((4, 3), 1.0)))
dW: right size, wrong sign.

Each suspect is a function of the case, which gives a sentence when it recognises its mistake, else None. They are asked
in order: those that explain every entry by one simple slip first.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

import numpy as np

ALIKE = 1e-5  # a suspect is recognised when it explains the gradient to this share of its largest entry


@dataclass(frozen=True)
class Case:
    """What is known of one wrong gradient."""

    name: str
    got: np.ndarray
    expected: np.ndarray
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)  # x, W, b ... by name
    gradients: Mapping[str, np.ndarray] = field(default_factory=dict)  # the right gradients of the other inputs
    y: np.ndarray | None = None  # the output
    g: np.ndarray | None = None  # the upstream gradient ∂L/∂y

    def is_like(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Are two arrays equal, up to rounding?"""
        if a.shape != b.shape:
            return False
        scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
        return bool(np.abs(a - b).max(initial=0) <= ALIKE * scale)

    def explains(self, suspect: np.ndarray) -> bool:
        """Is the gradient that we got this one?"""
        return self.is_like(self.got, np.asarray(suspect))


def diagnose(
    name: str,
    got: Any,
    expected: np.ndarray,
    *,
    inputs: Mapping[str, np.ndarray] | None = None,
    gradients: Mapping[str, np.ndarray] | None = None,
    y: np.ndarray | None = None,
    g: np.ndarray | None = None,
) -> str:
    """The likely mistake in a wrong gradient, in one or two lines.

    Parameters
    ----------
    name
        What to call the gradient: "dW".
    got, expected
        The wrong gradient and the right one.
    inputs, gradients
        The function's inputs and the right gradients of the others, by name; they make more mistakes recognisable (a
        lost 1/N by the size of an axis, a gradient that belongs to another input).
    y, g
        The output, and the upstream gradient ∂L/∂y.

    Examples
    --------
    >>> x, dx = np.ones((4, 3)), np.arange(12.0).reshape(4, 3)
    >>> print(diagnose("dx", dx / 4, dx, inputs={"x": x}))
    dx: 0.25 times the right size. Axis 0 of x has size 4: mean or sum?
    """
    if got is None:
        return f"{name}: None. Is a `return` missing?"
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype.kind not in "fiub":
        return f"{name}: expected an array of numbers, got {type(got.tolist()).__name__}."
    case = Case(name, got, expected, inputs or {}, gradients or {}, y, g)
    suspects = SHAPES if got.shape != expected.shape else () if case.explains(expected) else NUMBERS
    for suspect in suspects:
        sentence = suspect(case)
        if sentence:
            return f"{name}: {sentence}"
    return f"{name}: {describe_worst(case)}"


def is_right(got: np.ndarray, expected: np.ndarray, limit: np.ndarray | float) -> bool:
    """Equal in shape, finite, and every entry within its limit."""
    return got.shape == expected.shape and bool(np.all(np.abs(got - expected) <= limit))  # NaN is within no limit


# --- wrong shapes -------------------------------------------------------------------------------------------------


def transposed_shape(case: Case) -> str | None:
    """(3, 5) for (5, 3): the axes of a transpose."""
    got, expected = case.got, case.expected
    if got.shape != expected.shape[::-1]:
        return None
    right = "the transpose of the right answer" if case.explains(expected.T) else "transposed, and not only that"
    return f"shape {got.shape}, but {owner(case)} has shape {expected.shape}: {right}."


def not_summed(case: Case) -> str | None:
    """An axis along which the input was broadcast is still there."""
    got, shape = case.got, case.expected.shape
    added = got.ndim - len(shape)
    if added < 0:
        return None
    aligned = (1,) * added + shape
    axes = tuple(i for i, (have, want) in enumerate(zip(got.shape, aligned)) if have != want)
    if any(aligned[i] != 1 for i in axes):
        return None
    axes = tuple(range(added)) + tuple(i for i in axes if i >= added)
    where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
    total = got.sum(axis=axes, keepdims=True).reshape(shape)
    more = "" if case.is_like(total, case.expected) else " (and its numbers would still be wrong)"
    return f"shape {got.shape}, but {owner(case)} has shape {shape}: a broadcast input, sum over {where}{more}."


def other_shape(case: Case) -> str:
    """Nothing better to say of a shape."""
    for name, dx in case.gradients.items():
        if case.explains(dx):
            return f"the right gradient, but of {name}. Are two inputs swapped?"
    return (
        f"shape {case.got.shape}, but {owner(case)} has shape {case.expected.shape}. A gradient has its input's shape."
    )


SHAPES: tuple[Callable[[Case], str | None], ...] = (transposed_shape, not_summed, other_shape)


# --- wrong numbers ------------------------------------------------------------------------------------------------


def not_finite(case: Case) -> str | None:
    """NaN or infinity."""
    bad = ~np.isfinite(case.got)
    if not bad.any():
        return None
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{case.got[place]} at {list(place)} ({int(bad.sum())} of {bad.size} entries are not finite)."


def all_zeros(case: Case) -> str | None:
    """A stub, or two things that cancel for every upstream gradient."""
    if case.got.any():
        return None
    return (
        f"all zeros, but the right gradient reaches {np.abs(case.expected).max():.3g}.\n"
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
    said = f"{c:.4g} times the right size."
    for name, size in axis_sizes(case):
        if size > 1 and (np.isclose(abs(c), size, rtol=1e-4) or np.isclose(abs(c), 1 / size, rtol=1e-4)):
            return f"{said} {name[0].upper()}{name[1:]} has size {size}: mean or sum?"
    if np.isclose(abs(c), 2, rtol=1e-4) or np.isclose(abs(c), 0.5, rtol=1e-4):
        return f"{said} Is a 2 or a 1/2 lost or used twice?"
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
            return f"the right gradient, but of {name}. Are two inputs swapped?"
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
    if case.explains(g):
        return "equals the upstream gradient g itself. It has to be multiplied by ∂y/∂x."
    if g.shape == case.got.shape:
        for axes in nonempty_subsets(g.ndim):
            if case.explains(g - g.mean(axis=axes, keepdims=True)):
                return f"equals g minus its mean over {spell_axes(axes)}: centred, which is zero when g is all ones."
    if g.shape == case.got.shape or g.size == 1:
        if case.is_like(case.got * g, case.expected):
            return "∂y/∂x without the upstream gradient: multiply by g."
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


def off_by_constant(case: Case) -> str | None:
    """The same number added to every entry."""
    difference = case.got - case.expected
    c = float(difference.mean())
    if difference.size < 2 or c == 0 or np.abs(difference - c).max() > 1e-4 * abs(c):
        return None
    return f"too {'large' if c > 0 else 'small'} by {abs(c):.3g} everywhere."


NUMBERS: tuple[Callable[[Case], str | None], ...] = (
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
    off_by_constant,
)


# --- words --------------------------------------------------------------------------------------------------------


def describe_worst(case: Case) -> str:
    """No slip recognised: how many entries differ, and the worst of them."""
    got, expected = case.got, case.expected
    error = np.abs(got - expected)
    differ = error > 1e-3 * error.max()
    worst = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
    count = f"{int(differ.sum())} of {error.size} entries differ"
    return f"{count}, most at {list(worst)}: got {got[worst]:.6g}, expected {expected[worst]:.6g}."


def owner(case: Case) -> str:
    """The input whose gradient this is: x for dx."""
    return case.name.removeprefix("d") if case.name.startswith("d") else "its input"


def axis_sizes(case: Case) -> Iterator[tuple[str, int]]:
    """Every axis of the arrays at hand with its size, then how many entries each has."""
    known = {**case.inputs, **({} if case.y is None else {"y": case.y})} or {"the gradient": case.expected}
    for name, a in known.items():
        yield from ((f"axis {i} of {name}", n) for i, n in enumerate(np.shape(a)))
    for name, a in known.items():
        yield name, np.size(a)


def nonempty_subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    """(0,), (1,), (0, 1) ...: every choice of axes but none."""
    for k in range(1, ndim + 1):
        yield from combinations(range(ndim), k)


def spell_axes(axes: tuple[int, ...]) -> str:
    """Axis 0; axes 0, 2."""
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
