"""What one row of the op table says of one public op, layer or loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One way to call a public op, with everything that the generic tests need to judge it.

    ``f`` takes the differentiable inputs only; settings are bound in it: ``lambda x: md.sum(x, axis=1)``.
    """

    op: str  # the name in OPS, or of the layer or loss
    f: Callable[..., Any]
    shapes: Sequence[tuple[int, ...]]  # of the inputs, all axes of different sizes where the op allows it
    reference: Callable[..., Any]  # the same value on plain float64 arrays, computed independently of minidl
    label: str = ""  # tells rows of one op apart: "axis=1", "broadcast"
    domain: tuple[float, float] | Sequence[tuple[float, float]] = (-2.0, 2.0)  # inputs are drawn from here
    kinks: Sequence[float] = ()  # input values without a derivative: samples keep a distance of 0.05 from them
    parameters: Sequence[Any] = ()  # Tensors that f uses besides its inputs: a layer's

    def __str__(self) -> str:
        return f"{self.op}-{self.label}" if self.label else self.op

    def sample(self, rng: np.random.Generator, dtype: Any = np.float64) -> list[np.ndarray]:
        """Random inputs inside the domain, away from the kinks, all values different."""
        domains = self.domain if isinstance(self.domain[0], Sequence) else [self.domain] * len(self.shapes)
        arrays = []
        for shape, (low, high) in zip(self.shapes, domains, strict=True):
            x = np.asarray(rng.uniform(low, high, shape))
            for kink in self.kinks:
                x = np.where(np.abs(x - kink) < 0.05, x + 0.1, x)
            arrays.append(x.astype(dtype))
        return arrays


@dataclass(frozen=True)
class Kink:
    """A point without a derivative: which one-sided slopes it has, and which value between them minidl gives."""

    op: str
    f: Callable[..., Any]  # of one input
    x: float
    left: float  # slope from below
    right: float  # slope from above
    convention: float  # what the docstring promises


@dataclass(frozen=True)
class Refusal:
    """A call that must fail, with what the message must say (a regular expression)."""

    op: str
    call: Callable[[], Any]
    error: type[Exception]
    match: str
