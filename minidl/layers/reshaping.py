"""Layers that give each sample another shape, and keep its numbers."""

from collections.abc import Sequence
from math import prod
from numbers import Integral
from typing import Any

from minidl.autograd import Tensor
from minidl.layers.base import Layer


class Flatten(Layer):
    """Each sample as one row of numbers: (N, ...) → (N, D), D the product of the sample's sizes.

    >>> import minidl as md, numpy as np
    >>> Flatten()(np.zeros((5, 28, 28))).shape
    (5, 784)
    """

    def call(self, x: Tensor) -> Tensor:
        if x.ndim == 0:
            raise ValueError(f"Flatten {self.name!r} expects a batch (N, ...), got a single number.")
        return x.reshape(len(x), prod(x.shape[1:]))  # (N, D); -1 would not say D of an empty batch


class Reshape(Layer):
    """Each sample in another shape: (N, ...) → (N, *target_shape).

    Parameters
    ----------
    target_shape : tuple
        One sample's new shape, without the batch. One size may be -1: it follows from the others.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Raises
    ------
    ValueError
        A sample has not as many numbers as the target shape.

    >>> import minidl as md, numpy as np
    >>> Reshape((28, -1))(np.zeros((5, 784))).shape
    (5, 28, 28)
    """

    def __init__(self, target_shape: Sequence[int], **common: Any):
        super().__init__(**common)
        if not isinstance(target_shape, (tuple, list)) or not all(isinstance(n, Integral) for n in target_shape):
            raise TypeError(f"Reshape expects target_shape as a tuple such as (28, 28), got {target_shape!r}.")
        self.target_shape = tuple(int(n) for n in target_shape)
        if sum(n == -1 for n in self.target_shape) > 1 or any(n < -1 or n == 0 for n in self.target_shape):
            raise ValueError(
                f"Reshape expects positive sizes, at most one of them -1, got target_shape={self.target_shape}."
            )

    def call(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), *self.shape_for(x.shape))  # (N, *target_shape)

    def shape_for(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The target shape for inputs of this shape, with the size in place of -1."""
        D = prod(shape[1:])
        known = prod(n for n in self.target_shape if n != -1)
        free = -1 in self.target_shape
        if not shape or (D % known if free else D != known):
            raise ValueError(
                f"Reshape {self.name!r} cannot turn samples of shape {shape[1:]} into {self.target_shape}: "
                f"they hold {D} numbers, not {'a multiple of ' if free else ''}{known}.\n"
                "The target shape is that of one sample, without the batch."
            )
        return tuple(D // known if n == -1 else n for n in self.target_shape)

    def describe(self) -> str:
        return f"{self.target_shape}"
