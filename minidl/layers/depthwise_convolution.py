"""Layers that look at each channel by itself: depthwise and separable convolution."""

from typing import Any

from minidl import initializers, regularizers
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.layers.convolution import Conv2D, Convolution
from minidl.ops.depthwise_convolution import depthwise_conv2d
from minidl.settings import check_whole


class DepthwiseConv2D(Convolution):
    """y = activation(depthwise_conv2d(x, W) + b): each channel has M kernels of its own.

    Parameters
    ----------
    kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in ``Convolution``.
    depth_multiplier : int
        M, the kernels for each channel.
    depthwise_initializer
        By name or object; Glorot-uniform.
    depthwise_regularizer : optional
        A penalty that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, H, W, C) → y (N, OH, OW, C M); ``kernel`` (kh, kw, C, M), ``bias`` (C M,).

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> DepthwiseConv2D(3, depth_multiplier=2)(np.zeros((2, 9, 9, 4))).shape
    (2, 7, 7, 8)
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        *,
        depthwise_initializer: Any = "glorot_uniform",
        depthwise_regularizer: Any = None,
        **settings: Any,
    ):
        super().__init__(None, kernel_size, strides, padding, **settings)
        self.depth_multiplier = check_whole("DepthwiseConv2D", "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        C, M = self.find_channels(input_shape), self.depth_multiplier
        shape = (*self.kernel_size, C, M)
        self.kernel = self.add_weight(shape, self.depthwise_initializer, regularizer=self.depthwise_regularizer)
        self.add_bias(C * M)

    def convolve(self, x: Tensor) -> Tensor:
        return depthwise_conv2d(x, self.kernel, self.bias, self.strides, self.padding, self.dilation_rate)


class SeparableConv2D(Layer):
    """A depthwise convolution, then one of 1 × 1: first the places of each channel are mixed, then the channels.

    It has kh kw C M + C M F numbers where ``Conv2D`` has kh kw C F (Chollet 2017, "Xception").

    Parameters
    ----------
    filters, kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in ``Convolution``; the bias and the activation come after both.
    depth_multiplier : int
        M, the kernels for each channel in the first of the two.
    depthwise_initializer, pointwise_initializer
        By name or object; Glorot-uniform.
    depthwise_regularizer, pointwise_regularizer : optional
        Penalties that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, H, W, C) → y (N, OH, OW, F). The two are layers inside: ``depthwise`` with the kernel (kh, kw, C, M),
    ``pointwise`` with the kernel (1, 1, C M, F) and the bias (F,).

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> SeparableConv2D(8, 3)(np.zeros((2, 9, 9, 4))).shape
    (2, 7, 7, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        *,
        dilation_rate: int | tuple[int, int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        self.depthwise = DepthwiseConv2D(
            kernel_size, strides, padding, depth_multiplier, dilation_rate=dilation_rate, use_bias=False,
            depthwise_initializer=depthwise_initializer, depthwise_regularizer=depthwise_regularizer, name=self.name,
        )  # fmt: skip
        self.pointwise = Conv2D(
            filters, 1, activation=activation, use_bias=use_bias,
            kernel_initializer=pointwise_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=pointwise_regularizer, bias_regularizer=bias_regularizer, name=self.name,
        )  # fmt: skip

    def call(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))  # (N, H, W, C) → (N, OH, OW, C M) → (N, OH, OW, F)

    def describe(self) -> str:
        return f"{self.pointwise.filters}, {self.depthwise.describe()}"
