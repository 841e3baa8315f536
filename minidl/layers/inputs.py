"""Where data enters: ``Input`` for functional models, ``InputLayer`` for ``Sequential``."""

from typing import Any

from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.layers.symbolic import Symbol, check_shape


def Input(shape: tuple[int | None, ...], dtype: Any = None, name: str | None = None) -> Symbol:
    """The start of a functional model: one sample's shape, without the batch, None where a size may vary.

    >>> Input(shape=(784,))
    Symbol(shape=(None, 784))
    """
    return Symbol((None, *check_shape("Input", "shape", shape)), dtype, name=name)


class InputLayer(Layer):
    """y = x: says the shape of one sample at the head of a ``Sequential``.

    >>> import minidl as md
    >>> md.Sequential([InputLayer(input_shape=(4,)), md.layers.Dense(3)]).count_params()
    15
    """

    supports_masking = True

    def __init__(self, input_shape: tuple[int | None, ...], name: str | None = None):
        super().__init__(name, input_shape=input_shape)

    def call(self, x: Tensor) -> Tensor:
        if x.ndim != len(self.input_shape) + 1 or any(
            n not in (None, m) for n, m in zip(self.input_shape, x.shape[1:])
        ):
            raise ValueError(
                f"InputLayer {self.name!r} expects samples of shape {self.input_shape}, got {x.shape[1:]}."
            )
        return x

    def describe(self) -> str:
        return f"input_shape={self.input_shape}"
