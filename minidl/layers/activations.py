"""Activations by Keras' names, and as a layer."""

from collections.abc import Callable
from typing import Any

from minidl.autograd import Tensor
from minidl.errors import unknown_name
from minidl.layers.base import Layer
from minidl.ops import activations as a
from minidl.ops.exponentials import exp
from minidl.ops.softmax import log_softmax, softmax
from minidl.ops.trigonometry import tanh

ACTIVATIONS: dict[str, Callable[..., Any] | None] = {
    "linear": None,
    "relu": a.relu,
    "leaky_relu": a.leaky_relu,
    "elu": a.elu,
    "gelu": a.gelu,
    "silu": a.silu,
    "swish": a.silu,
    "softplus": a.softplus,
    "sigmoid": a.sigmoid,
    "tanh": tanh,
    "exponential": exp,
    "softmax": softmax,
    "log_softmax": log_softmax,
}


def get(activation: Any) -> Callable[..., Any] | None:
    """The op of that name; a callable is taken as it is; None and "linear" mean none."""
    if activation is None or callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise unknown_name("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


class Activation(Layer):
    """y = f(x), elementwise or over the last axis: an activation as a layer of its own.

    >>> import minidl as md
    >>> Activation("relu")(md.Tensor([-1.0, 2.0]))
    Tensor([0., 2.])
    """

    def __init__(self, activation: Any, name: str | None = None):
        super().__init__(name)
        self.activation = get(activation)

    def call(self, x: Tensor) -> Tensor:
        return x if self.activation is None else self.activation(x)

    def describe(self) -> str:
        return repr(self.activation.__name__ if self.activation is not None else "linear")
