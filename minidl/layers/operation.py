"""Operators between Symbols: ``x + y`` in the drawing of a network becomes a layer that adds."""

from collections.abc import Callable, Sequence
from typing import Any

from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.layers.merging import steps_of_all


class Operation(Layer):
    """y = op(constants before, x₁, x₂ ..., constants after): a layer without weights.

    >>> import minidl as md
    >>> x = md.Input(shape=(3,))
    >>> model = md.Model(inputs=x, outputs=1.0 - x * x)
    >>> [layer.name for layer in model.layers], model(md.Tensor([[1.0, 2.0, 3.0]]))
    (['multiply', 'subtract'], Tensor([[ 0., -3., -8.]]))
    """

    def __init__(self, op: Callable[..., Tensor], before: tuple = (), after: tuple = (), **common: Any):
        super().__init__(op.__name__, **common)
        self.op, self.before, self.after = op, before, after

    def call(self, xs: Sequence[Tensor]) -> Tensor:
        return self.op(*self.before, *xs, *self.after)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None if self.op.__name__ == "getitem" else steps_of_all(mask)

    def describe(self) -> str:
        return self.op.__name__
