"""Layers that make one Tensor of several: where the branches of a network meet.

They are called with a list: ``Add()([x, skip])``.
"""

import functools
import operator
from collections.abc import Sequence
from typing import Any

from minidl.arrays import array_module, as_floating
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.operators import unwrap
from minidl.ops.joining import concatenate
from minidl.settings import check_axis


class Add(Layer):
    """y = x₁ + x₂ + ...: all of one shape. The residual connections of D3.E2.

    >>> import minidl as md
    >>> Add()([md.Tensor([[1.0, 2.0]]), md.Tensor([[3.0, 4.0]])])
    Tensor([[4., 6.]])
    """

    def call(self, xs: Sequence[Tensor]) -> Tensor:
        check_list(self, xs)
        if any(x.shape != xs[0].shape for x in xs):
            shapes = ", ".join(str(x.shape) for x in xs)
            raise ValueError(f"Add {self.name!r} expects inputs of one shape, got {shapes}.")
        y = as_floating(xs[0])
        for x in xs[1:]:
            y = y + x
        return y

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return steps_of_all(mask)


class Concatenate(Layer):
    """The inputs side by side along ``axis``: (N, C₁), (N, C₂) → (N, C₁ + C₂).

    >>> import minidl as md
    >>> Concatenate()([md.Tensor([[1.0, 2.0]]), md.Tensor([[3.0]])])
    Tensor([[1., 2., 3.]])
    """

    def __init__(self, axis: int = -1, **common: Any):
        super().__init__(**common)
        self.axis = check_axis("Concatenate", axis)

    def call(self, xs: Sequence[Tensor]) -> Tensor:
        check_list(self, xs)
        try:
            return concatenate(xs, axis=self.axis)
        except ValueError as error:
            shapes = ", ".join(str(x.shape) for x in xs)
            raise ValueError(
                f"Concatenate {self.name!r} expects shapes that differ on axis {self.axis} only, got {shapes}."
            ) from error

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        axes = next((len(a.shape) for a in x or () if a is not None), 3)  # x not known: steps with features
        axis = self.axis % axes
        if axis > 1:  # features of the same steps
            return steps_of_all(mask)
        return steps_in_a_row(x, mask) if axis == 1 else None

    def describe(self) -> str:
        return f"axis={self.axis}"


def steps_of_all(masks: Any) -> Any:
    """The steps that count in every input that has a mask."""
    given = [mask for mask in masks or () if mask is not None]
    return None if not given else functools.reduce(operator.and_, given)


def steps_in_a_row(xs: Any, masks: Any) -> Any:
    """The masks (N, T₁), (N, T₂) as one, (N, T₁ + T₂). Of an input without a mask all steps count, if it is known."""
    pairs = list(zip(xs or [None] * len(masks or ()), masks or ()))
    if all(m is None for _, m in pairs) or any(m is None and x is None for x, m in pairs):
        return None
    return concatenate([array_module(unwrap(x)).ones(x.shape[:2], bool) if m is None else m for x, m in pairs], axis=1)


def check_list(layer: Layer, xs: Any) -> None:
    """Raise unless the layer was called with a list of at least two inputs."""
    if not isinstance(xs, (list, tuple)) or len(xs) < 2:
        kind = type(layer).__name__
        raise TypeError(f"{kind} {layer.name!r} expects a list of at least two inputs: {kind}()([x1, x2]).")
