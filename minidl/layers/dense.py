"""The dense layer: every output sees every input."""

from typing import Any

from minidl import initializers, regularizers
from minidl.autograd import Tensor
from minidl.layers.activations import get as get_activation
from minidl.layers.activations import name_of
from minidl.layers.base import Layer
from minidl.ops.linear import linear
from minidl.settings import check_flag, check_whole


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
    kernel_regularizer, bias_regularizer : optional
        "l1", "l2" or an object of ``minidl.regularizers``: a penalty that ``fit`` adds to the loss.
    input_dim : int, optional
        D, the same as ``input_shape=(D,)``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (..., D) → y (..., H); ``kernel`` W (D, H), ``bias`` b (H,). Inputs of another dtype (integers, float64)
    are converted to that of W. D0.E1 and D4.E1, with samples as rows.

    Raises
    ------
    ValueError
        The last axis of x has not the D features that the layer was built for.

    Examples
    --------
    >>> import minidl as md
    >>> layer = Dense(3, activation="relu")
    >>> layer(md.Tensor([[1.0, 2.0]])).shape
    (1, 3)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        *,
        input_dim: int | None = None,
        **common: Any,
    ):
        if input_dim is not None:
            common["input_shape"] = (input_dim,)
        super().__init__(**common)
        self.units = check_whole("Dense", "units", units)
        self.activation = get_activation(activation)
        self.use_bias = check_flag("Dense", "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel = self.bias = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) < 2:
            raise ValueError(
                f"Dense {self.name!r} expects a batch of samples (N, D), got shape {input_shape}.\n"
                "Use x.reshape(-1, 1) for one feature a sample, x.reshape(1, -1) for one sample."
            )
        D = input_shape[-1]
        if not D:
            raise ValueError(f"Dense {self.name!r} must know the size of the last axis, got shape {input_shape}.")
        self.kernel = self.add_weight((D, self.units), self.kernel_initializer, regularizer=self.kernel_regularizer)
        if self.use_bias:
            self.bias = self.add_weight((self.units,), self.bias_initializer, regularizer=self.bias_regularizer)

    def call(self, x: Tensor) -> Tensor:
        W, b = self.kernel, self.bias
        if x._data.dtype is not W._data.dtype:
            x = x.astype(W.dtype)
        try:
            z = linear(x, W, b)  # (..., H)
        except ValueError:
            self.check_width(x)
            raise
        return z if self.activation is None else self.activation(z)

    def check_width(self, x: Tensor) -> None:
        """Raise unless the last axis of x has the D features that W expects."""
        D = self.kernel.shape[0]
        if x.shape[-1:] != (D,):
            fix = " Add Flatten() before it?" if x.ndim > 2 else ""
            raise ValueError(
                f"Dense {self.name!r} expects {D} features on the last axis, got shape {x.shape}.{fix}"
            ) from None

    def describe(self) -> str:
        return f"{self.units}" + ("" if self.activation is None else f", activation={name_of(self.activation)!r}")
