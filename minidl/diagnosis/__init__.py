"""What is wrong with a gradient, in words: sign, factor, transpose, an axis not summed ...

``diagnose`` compares a wrong gradient with the right one and looks for the mistakes that people make. It is what
``check_grads`` says of an op and what ``check`` says of an exercise:

>>> print(diagnose("dW", np.full((4, 3), -1.0), np.full((4, 3), 1.0)))
dW: right size, wrong sign.

Each suspect is a function of the case, which gives a sentence when it recognises its mistake, else None. They are asked
in order: those that explain every entry by one simple slip first.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.diagnosis.case import Case
from minidl.diagnosis.shapes import SHAPES
from minidl.diagnosis.values import VALUES, describe_worst, imprecise


def diagnose(
    name: str,
    got: Any,
    expected: np.ndarray,
    *,
    inputs: Mapping[str, np.ndarray] | None = None,
    gradients: Mapping[str, np.ndarray] | None = None,
    y: np.ndarray | None = None,
    g: np.ndarray | None = None,
    slips: Mapping[str, np.ndarray] | None = None,
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
    slips
        Wrong gradients that are known by sight, by the sentence to say of each; they are looked for first.

    Examples
    --------
    >>> x, dx = np.ones((4, 3)), np.arange(12.0).reshape(4, 3)
    >>> print(diagnose("dx", dx / 4, dx, inputs={"x": x}))
    dx: 0.25 times the right size. Axis 0 of x has size 4: mean or sum?
    """
    if got is None:
        return f"{name}: None. Is a `return` missing?"
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype.kind == "c":
        return f"{name}: expected an array of numbers, got complex ones. Was a root taken of something negative?"
    if got.dtype.kind not in "fiub":
        return f"{name}: expected an array of numbers, got {type(got.tolist()).__name__}."
    case = Case(name, got, expected, inputs or {}, gradients or {}, y, g)
    for sentence, slip in (slips or {}).items():
        if case.explains(slip) and not case.is_like(np.asarray(slip), expected):
            return f"{name}: {sentence}"
    suspects = SHAPES if got.shape != expected.shape else (imprecise,) if case.explains(expected) else VALUES
    for suspect in suspects:
        sentence = suspect(case)
        if sentence:
            return f"{name}: {sentence}"
    return f"{name}: {describe_worst(case)}"


def is_right(got: np.ndarray, expected: np.ndarray, limit: np.ndarray | float) -> bool:
    """Equal in shape, finite, and every entry within its limit."""
    return got.shape == expected.shape and bool(np.all(np.abs(got - expected) <= limit))  # NaN is within no limit
