"""The dense layer: every output sees every input."""

from typing import Any

from minidl.autograd import Tensor
from minidl.layers.activations import get as get_activation
from minidl.layers.base import Layer
from minidl.ops.linear import linear


class Dense(Layer):
    """y = activation(x W + b).

    Parameters
    ----------
    units : int
        H, the size of the output.
    activation : str or callable, optional
        "relu", "sigmoid", "softmax", ...: applied to x W + b.
    use_bias : bool
        Without it, y = activation(x W).
    kernel_initializer, bias_initializer
        By name or object; Glorot-uniform and zeros.
    input_shape : tuple, optional
        One sample's shape, for the first layer of a model: the layer is then built at once.

    Notes
    -----
    Shapes: x (..., D) → y (..., H); ``kernel`` W (D, H), ``bias`` b (H,).
    D0.E1 and D4.E1, with samples as rows.

    Examples
    --------
    >>> import minidl as md
    >>> layer = Dense(3, activation="relu")
    >>> layer(md.Tensor([[1.0, 2.0]])).shape
    (1, 3)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        input_shape: tuple[int, ...] | None = None,
        name: str | None = None,
    ):
        super().__init__(name)
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"Dense expects units as a positive integer, got {units!r}.")
        self.units = units
        self.activation = get_activation(activation)
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.input_shape = input_shape
        self.kernel = self.bias = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        D = input_shape[-1]
        self.kernel = self.add_weight((D, self.units), self.kernel_initializer)
        if self.use_bias:
            self.bias = self.add_weight((self.units,), self.bias_initializer)

    def call(self, x: Tensor) -> Tensor:
        W, b = self.kernel, self.bias
        if x.shape[-1:] != W.shape[:1]:
            fix = " Add Flatten() before it?" if x.ndim > 2 else ""
            raise ValueError(
                f"Dense {self.name!r} expects {W.shape[0]} features on the last axis, got shape {x.shape}.{fix}"
            )
        z = linear(x, W, b)  # (..., H)
        return z if self.activation is None else self.activation(z)

    def describe(self) -> str:
        activation = "" if self.activation is None else f", activation={self.activation.__name__!r}"
        return f"{self.units}{activation}"
