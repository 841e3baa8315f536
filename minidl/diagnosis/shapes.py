"""Mistakes that show in the shape: a transpose, an axis not summed, another input's gradient."""

from collections.abc import Callable

from minidl.diagnosis.case import Case, belongs_to, is_gradient, owner, spell_axes


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
    where = spell_axes(axes)
    total = got.sum(axis=axes, keepdims=True).reshape(shape)
    more = "" if case.is_like(total, case.expected) else " (and its numbers would still be wrong)"
    why = f"a broadcast input, sum over {where}{more}." if is_gradient(case) else f"sum or mean over {where}?"
    if total.size and got.size and case.is_like(total * (total.size / got.size), case.expected):
        why = f"take the mean over {where}."
    return f"shape {got.shape}, but {owner(case)} has shape {shape}: {why}"


def lost_axis(case: Case) -> str | None:
    """(4,) for (4, 1): an axis of size 1 is missing, or one too many."""
    got, expected = case.got.shape, case.expected.shape
    if [n for n in got if n != 1] != [n for n in expected if n != 1]:
        return None
    fix = "keepdims=True, or reshape?" if len(got) < len(expected) else "keepdims, or one pair of brackets too many?"
    return f"shape {got}, but {owner(case)} has shape {expected}: {fix}"


def other_shape(case: Case) -> str:
    """Nothing better to say of a shape."""
    for name, dx in case.gradients.items():
        if case.explains(dx):
            return belongs_to(case, name)
    rule = " A gradient has its input's shape." if is_gradient(case) else ""
    return f"shape {case.got.shape}, but {owner(case)} has shape {case.expected.shape}.{rule}"


SHAPES: tuple[Callable[[Case], str | None], ...] = (transposed_shape, lost_axis, not_summed, other_shape)
