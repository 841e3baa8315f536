"""One wrong gradient, and what is known of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

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
        return bool(np.abs(a - b).max(initial=0) <= ALIKE * scale < np.inf)  # infinity is like nothing

    def explains(self, suspect: np.ndarray) -> bool:
        """Is the gradient that we got this one?"""
        return self.is_like(self.got, np.asarray(suspect))


def is_gradient(case: Case) -> bool:
    """Is it called d and an input, as dx? Else it is an output, as y."""
    return case.name.startswith("d") and (not case.inputs or case.name[1:] in case.inputs)


def owner(case: Case) -> str:
    """Whose shape was wanted: of dx it is x's."""
    return case.name[1:] if is_gradient(case) else "the right answer"


def belongs_to(case: Case, name: str) -> str:
    """What was wanted under another name."""
    if is_gradient(case):
        return f"the right gradient, but of {name}. Are two inputs swapped?"
    return f"that is the right {name}. Are two results swapped?"


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
