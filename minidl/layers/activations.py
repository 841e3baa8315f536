"""Activations by Keras' names, and as layers."""

from collections.abc import Callable
from typing import Any

from minidl.autograd import Tensor
from minidl.errors import unknown_name
from minidl.layers.base import Layer
from minidl.ops import activations as a
from minidl.ops.exponentials import exp
from minidl.ops.selection import clip
from minidl.ops.softmax import log_softmax, softmax
from minidl.ops.trigonometry import tanh
from minidl.settings import check_axis, check_number


def gelu_tanh(x: Any) -> Any:
    """GELU by its formula with tanh, which is quicker than the exact one: ``gelu(x, approximate=True)``."""
    return a.gelu(x, approximate=True)


ACTIVATIONS: dict[str, Callable[..., Any] | None] = {
    "linear": None,
    "relu": a.relu,
    "relu6": a.relu6,
    "leaky_relu": a.leaky_relu,
    "elu": a.elu,
    "selu": a.selu,
    "gelu": a.gelu,
    "gelu_tanh": gelu_tanh,
    "silu": a.silu,
    "swish": a.silu,
    "softplus": a.softplus,
    "softsign": a.softsign,
    "sigmoid": a.sigmoid,
    "hard_sigmoid": a.hard_sigmoid,
    "tanh": tanh,
    "exponential": exp,
    "softmax": softmax,
    "log_softmax": log_softmax,
}


def get(activation: Any) -> Callable[..., Any] | None:
    """The op of that name; a callable is taken as it is, a layer's class is made a layer; None and "linear" mean none.

    >>> get("relu")
    <op relu(x, /)>
    """
    if isinstance(activation, type) and issubclass(activation, Layer):
        return activation()
    if activation is None or callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise unknown_name("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


def name_of(activation: Callable[..., Any] | None) -> str:
    """What to call an activation in a ``repr``."""
    return "linear" if activation is None else getattr(activation, "__name__", repr(activation))


class Activation(Layer):
    """y = f(x), elementwise or over the last axis: an activation, or any function of a Tensor, as a layer.

    >>> import minidl as md
    >>> Activation("relu")(md.Tensor([-1.0, 2.0]))
    Tensor([0., 2.])
    """

    supports_masking = True

    def __init__(self, activation: Any, **common: Any):
        super().__init__(**common)
        self.activation = get(activation)

    def call(self, x: Tensor) -> Tensor:
        return x if self.activation is None else self.activation(x)

    def describe(self) -> str:
        return repr(name_of(self.activation))


class ReLU(Layer):
    """y = x where x > 0, else s x, with s = ``negative_slope``; at most ``max_value``.

    At the kinks the derivative is that of ``relu`` (s at 0) and of ``clip`` (1 at ``max_value``).

    >>> import minidl as md
    >>> ReLU(max_value=6.0)(md.Tensor([-1.0, 2.0, 8.0]))
    Tensor([0., 2., 6.])
    """

    supports_masking = True

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, **common: Any):
        super().__init__(**common)
        self.max_value = check_number("ReLU", "max_value", max_value, "[0, inf)", optional=True)
        self.negative_slope = check_number("ReLU", "negative_slope", negative_slope)

    def call(self, x: Tensor) -> Tensor:
        y = a.leaky_relu(x, self.negative_slope) if self.negative_slope else a.relu(x)
        return y if self.max_value is None else clip(y, None, self.max_value)

    def describe(self) -> str:
        return f"max_value={self.max_value}, negative_slope={self.negative_slope}"


class LeakyReLU(Layer):
    """y = x where x > 0, else s x, with s = ``negative_slope``. At x = 0 the derivative is s.

    >>> import minidl as md
    >>> LeakyReLU()(md.Tensor([-1.0, 2.0]))
    Tensor([-0.3,  2. ])
    """

    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **common: Any):
        super().__init__(**common)
        self.negative_slope = check_number("LeakyReLU", "negative_slope", negative_slope)

    def call(self, x: Tensor) -> Tensor:
        return a.leaky_relu(x, self.negative_slope)

    def describe(self) -> str:
        return f"{self.negative_slope}"


class ELU(Layer):
    """y = x where x > 0, else α (eˣ − 1), with α = ``alpha`` (Clevert et al. 2016).

    >>> import minidl as md
    >>> ELU()(md.Tensor([-1.0, 2.0]))
    Tensor([-0.63212055,  2.        ])
    """

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **common: Any):
        super().__init__(**common)
        self.alpha = check_number("ELU", "alpha", alpha)

    def call(self, x: Tensor) -> Tensor:
        return a.elu(x, self.alpha)

    def describe(self) -> str:
        return f"{self.alpha}"


class Softmax(Layer):
    """y_i = e^x_i / Σ_j e^x_j along ``axis`` (D0.E6).

    >>> import minidl as md
    >>> Softmax()(md.Tensor([[0.0, 0.0]]))
    Tensor([[0.5, 0.5]])
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **common: Any):
        super().__init__(**common)
        self.axis = check_axis("Softmax", axis)

    def call(self, x: Tensor) -> Tensor:
        return softmax(x, self.axis)

    def describe(self) -> str:
        return f"axis={self.axis}"
