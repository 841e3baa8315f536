"""Layers that move a small kernel over images or sequences.

Images are (N, H, W, C), sequences (N, T, C): channels last. Names, arguments and defaults are Keras'.
"""

from typing import Any

from minidl import initializers, regularizers
from minidl.autograd import Tensor
from minidl.errors import channels_last
from minidl.layers.activations import get as get_activation
from minidl.layers.activations import name_of
from minidl.layers.base import Layer
from minidl.ops.convolution import conv1d, conv2d
from minidl.ops.transposed_convolution import conv2d_transpose
from minidl.ops.windows import PADDINGS, check_padding, per_axis
from minidl.settings import check_flag, check_whole


class Convolution(Layer):
    """What the layers below have in common: settings, a bias, an activation. ``convolve`` is the equation of each.

    Parameters
    ----------
    filters : int or None
        F, the number of kernels, and of channels that come out; None where it follows from the input.
    kernel_size : int or one for each axis
        The places of the kernel.
    strides, dilation_rate : int or one for each axis
        Steps from window to window, and from place to place inside one.
    padding : str
        "valid": windows stay inside. "same": zeros are added around, so that ⌈H / stride⌉ windows fit.
    activation : str or callable, optional
        Applied to the result.
    use_bias : bool
        Whether each channel that comes out gets a number added.
    bias_initializer
        By name or object; zeros.
    bias_regularizer : optional
        A penalty that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.
    """

    axes = 2  # along which the kernel moves
    paddings = PADDINGS
    expected = "images (N, H, W, {})"

    def __init__(
        self,
        filters: int | None,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        *,
        dilation_rate: int | tuple[int, ...] = 1,
        activation: Any = None,
        use_bias: bool = True,
        bias_initializer: Any = "zeros",
        bias_regularizer: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        who = type(self).__name__
        self.filters = None if filters is None else check_whole(who, "filters", filters)
        self.kernel_size = per_axis(who, "kernel_size", kernel_size, self.axes)
        self.strides = per_axis(who, "strides", strides, self.axes)
        self.padding = check_padding(who, padding, self.paddings)
        self.dilation_rate = per_axis(who, "dilation_rate", dilation_rate, self.axes)
        self.activation = get_activation(activation)
        self.use_bias = check_flag(type(self).__name__, "use_bias", use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.channels = self.kernel = self.bias = None

    def add_bias(self, F: int) -> None:
        """The bias (F,), where there is one."""
        if self.use_bias:
            self.bias = self.add_weight((F,), self.bias_initializer, regularizer=self.bias_regularizer)

    def find_channels(self, input_shape: tuple[int | None, ...]) -> int:
        """C of the input's shape, which must be known."""
        self.channels = input_shape[-1] if input_shape else None
        self.check_shape(input_shape)
        if not self.channels:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} must know the number of channels, got shape {input_shape}."
            )
        return self.channels

    def check_shape(self, shape: tuple[int | None, ...]) -> None:
        """Refuse what has not the right axes or channels, before any work is done."""
        if len(shape) == self.axes + 2 and shape[-1] == self.channels:
            return
        fix, C = "", "C"
        if len(shape) == self.axes + 1:
            fix = "\nAdd the missing axis: x[..., None] for one channel, x[None] for one sample."
        elif len(shape) == self.axes + 2:
            C = self.channels
            fix = channels_last(shape, C)
        expected = self.expected.format(C)
        raise ValueError(f"{type(self).__name__} {self.name!r} expects {expected}, got shape {tuple(shape)}.{fix}")

    def convolve(self, x: Tensor) -> Tensor:
        """The equation, with the bias."""
        raise TypeError(f"{type(self).__name__} defines no convolve(self, x).")

    def prepare(self, x: Tensor) -> Tensor:
        """The input, checked, in the kernel's type."""
        self.check_shape(x.shape)
        return x if x.dtype is self.kernel.dtype else x.astype(self.kernel.dtype)

    def call(self, x: Tensor) -> Tensor:
        x = self.prepare(x)
        try:
            z = self.convolve(x)  # (N, OH, OW, F)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__} {self.name!r}: {error}") from error
        return z if self.activation is None else self.activation(z)

    def describe(self) -> str:
        settings = [] if self.filters is None else [f"{self.filters}"]
        settings.append(f"{self.kernel_size if self.axes > 1 else self.kernel_size[0]}")
        if any(s > 1 for s in self.strides):
            settings.append(f"strides={self.strides if self.axes > 1 else self.strides[0]}")
        if self.padding != "valid":
            settings.append(f"padding={self.padding!r}")
        if self.activation is not None:
            settings.append(f"activation={name_of(self.activation)!r}")
        return ", ".join(settings)


class Conv2D(Convolution):
    """y = activation(conv2d(x, W) + b): the same F kernels at every place of an image.

    Parameters
    ----------
    filters, kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in ``Convolution``.
    groups : int
        The channels are cut into so many groups, each seen by its own part of the kernels.
    kernel_initializer
        By name or object; Glorot-uniform.
    kernel_regularizer : optional
        A penalty that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, H, W, C) → y (N, OH, OW, F); ``kernel`` (kh, kw, C / groups, F), ``bias`` (F,). D0.P1.

    Models compute the layer and a ``MaxPooling2D`` right behind it as one, and call neither: see ``fusion.py``.

    Raises
    ------
    ValueError
        The images have not the axes or channels that the layer was built for, or are smaller than the kernel.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> layer = Conv2D(32, (3, 3), activation="relu")
    >>> layer(np.zeros((2, 28, 28, 1))).shape
    (2, 26, 26, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        *,
        groups: int = 1,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **settings: Any,
    ):
        who = type(self).__name__
        super().__init__(check_whole(who, "filters", filters), kernel_size, strides, padding, **settings)
        self.groups = check_whole(who, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{who} cannot cut filters={self.filters} into {self.groups} equal groups.")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        C = self.find_channels(input_shape)
        if C % self.groups:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} cannot cut {C} channels into {self.groups} equal groups."
            )
        shape = (*self.kernel_size, C // self.groups, self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer, regularizer=self.kernel_regularizer)
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        return conv2d(x, self.kernel, self.bias, self.strides, self.padding, self.dilation_rate, self.groups)


class Conv1D(Conv2D):
    """y = activation(conv1d(x, W) + b): the same F kernels at every step of a sequence.

    Parameters as in ``Conv2D``. Padding may also be "causal": zeros in front only, so that no step sees a later one.

    Shapes: x (N, T, C) → y (N, T', F); ``kernel`` (k, C / groups, F), ``bias`` (F,).

    >>> import minidl as md, numpy as np
    >>> Conv1D(16, 5, padding="causal")(np.zeros((2, 100, 8))).shape
    (2, 100, 16)
    """

    axes = 1
    paddings = (*PADDINGS, "causal")
    expected = "sequences (N, T, {})"

    def convolve(self, x: Tensor) -> Tensor:
        return conv1d(x, self.kernel, self.bias, self.strides, self.padding, self.dilation_rate, self.groups)


class Conv2DTranspose(Convolution):
    """y = activation(conv2d_transpose(x, W) + b): each pixel paints F kernels; with strides the image grows.

    Parameters
    ----------
    filters, kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in ``Convolution``; the strides are those of the convolution that goes the other way.
    kernel_initializer
        By name or object; Glorot-uniform.
    kernel_regularizer : optional
        A penalty that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, H, W, C) → y (N, H s, W s, F) with padding "same" and stride s; ``kernel`` (kh, kw, F, C), ``bias``
    (F,).

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> Conv2DTranspose(8, 3, strides=2, padding="same")(np.zeros((2, 7, 7, 16))).shape
    (2, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        *,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **settings: Any,
    ):
        super().__init__(check_whole("Conv2DTranspose", "filters", filters), kernel_size, strides, padding, **settings)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        C = self.find_channels(input_shape)
        shape = (*self.kernel_size, self.filters, C)
        self.kernel = self.add_weight(shape, self.kernel_initializer, regularizer=self.kernel_regularizer)
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        return conv2d_transpose(x, self.kernel, self.bias, self.strides, self.padding, self.dilation_rate)
