"""Normalisation layers: batch, layer, RMS and group. What each takes mean μ and variance σ² over:

=======================  ===========================================  ==================================
layer                    μ and σ² over                                 of an image batch (N, H, W, C)
=======================  ===========================================  ==================================
``BatchNormalization``   all axes but the channels; moving averages    N, H, W: C pairs of them
                         of them in use
``LayerNormalization``   the features of one sample                    C: N H W pairs
``GroupNormalization``   all places and a group of channels            H, W, C/G: N G pairs
``RMSNormalization``     as layer norm, without μ                      C
=======================  ===========================================  ==================================

All give y = γ h + β with h of mean 0 and variance 1 (nearly: ε keeps the division safe); without μ, h has a mean square
of 1, and there is no β. γ and β are trained, so that the network may undo it.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from minidl import initializers, regularizers
from minidl.arrays import Array, here
from minidl.autograd import Tensor
from minidl.errors import channels_last
from minidl.layers.base import Layer
from minidl.ops.exponentials import sqrt
from minidl.ops.normalization import batch_moments, batch_norm, layer_norm, rms_norm
from minidl.ops.shape import moveaxis
from minidl.settings import check_axis, check_flag, check_number, check_whole


class ScaleAndShift(Layer):
    """What the layers below share: γ (``gamma``) where ``scale``, β (``beta``) where ``center``, and ε."""

    supports_masking = True
    several_axes = False  # whether ``axis`` may be a list

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        who = type(self).__name__
        several = self.several_axes and isinstance(axis, (list, tuple))
        self.axis = [check_axis(who, a) for a in axis] if several else check_axis(who, axis)
        self.epsilon = check_number(who, "epsilon", epsilon, "(0, inf)")
        self.center, self.scale = check_flag(who, "center", center), check_flag(who, "scale", scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.gamma = self.beta = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        sizes = self.sizes(input_shape)
        if self.scale:
            self.gamma = self.add_weight(sizes, self.gamma_initializer, regularizer=self.gamma_regularizer)
        if self.center:
            self.beta = self.add_weight(sizes, self.beta_initializer, regularizer=self.beta_regularizer)

    def sizes(self, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """The sizes of the axes that γ and β belong to, which must be known and not that of the batch."""
        axes = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        if len(shape) < 2 or any(not -len(shape) < a < len(shape) or a == 0 for a in axes):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} expects samples with axis {self.axis}, got shape {shape} "
                "with the batch as axis 0."
            )
        sizes = tuple(shape[a] for a in axes)
        if not all(sizes):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} must know the size of axis {self.axis}, got shape {shape}."
            )
        return sizes

    def prepared(self, x: Tensor, like: Tensor | None) -> Tensor:
        """x in the dtype of the layer's parameters; refused unless it has the sizes that the layer was built for."""
        if like is None:
            return x
        if self.sizes(x.shape) != like.shape:
            fix = channels_last(x.shape, *like.shape) if self.axis == -1 else ""
            who = f"{type(self).__name__} {self.name!r}"
            raise ValueError(f"{who} expects {like.shape} on axis {self.axis}, got shape {x.shape}.{fix}")
        return x if x.dtype == like.dtype else x.astype(like.dtype)

    def describe(self) -> str:
        return f"axis={self.axis}, epsilon={self.epsilon}"


class BatchNormalization(ScaleAndShift):
    """y = γ (x − μ) / √(σ² + ε) + β for each channel, μ and σ² over the batch in training, remembered ones in use.

    In training each call also moves what is remembered towards the batch's own, by a share of 1 − m (``momentum``):

        moving_mean ← m moving_mean + (1 − m) μ        moving_variance ← m moving_variance + (1 − m) σ²

    These two are saved with the weights, but not trained. A frozen layer (``trainable = False``) uses and keeps them,
    also in training, as in Keras.

    Parameters
    ----------
    axis : int
        That of the channels.
    momentum : float
        m. At .99 the averages look back on about a hundred batches: after a few batches they are not good for use yet.
    epsilon : float
        ε
    center, scale : bool
        Whether there are β and γ.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer
        By name or object; zeros, ones, zeros and ones.
    beta_regularizer, gamma_regularizer : optional
        Penalties that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, ..., C) → y, the same; all four weights (C,). σ² is divided by the number of places, not one less.
    Source: Ioffe & Szegedy, "Batch normalization", 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> layer = BatchNormalization()
    >>> y = layer(md.Tensor([[1.0, 10.0], [3.0, 30.0]]))
    >>> y.numpy().round(2)
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    >>> layer.moving_mean
    Parameter([0.02      , 0.19999999], trainable=False)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **common: Any,
    ):
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer,
            beta_regularizer, gamma_regularizer, **common,
        )  # fmt: skip
        self.momentum = check_number("BatchNormalization", "momentum", momentum, "[0, 1)")
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.moving_mean = self.moving_variance = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        sizes = self.sizes(input_shape)
        self.moving_mean = self.add_weight(sizes, self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.add_weight(sizes, self.moving_variance_initializer, trainable=False)

    def call(self, x: Tensor) -> Tensor:
        x = self.prepared(x, self.moving_mean)
        last = self.axis in (-1, x.ndim - 1)
        x = x if last else moveaxis(x, self.axis, -1)  # (N, C, ...) → (N, ..., C)
        if self.training and self.trainable:
            if here.part is not None:
                raise ValueError(
                    f"BatchNormalization {self.name!r} looks at the whole batch, of which each thread has a part.\n"
                    "Train without threads, or use LayerNormalization or GroupNormalization."
                )
            moments = batch_moments(x.data)
            self.remember(*moments)
            y = batch_norm(x, self.gamma, self.beta, self.epsilon, moments)
        else:
            y = (x - self.moving_mean) / sqrt(self.moving_variance + self.epsilon)
            y = y if self.gamma is None else y * self.gamma
            y = y if self.beta is None else y + self.beta
        return y if last else moveaxis(y, -1, self.axis)

    def remember(self, mean: Array, variance: Array) -> None:
        """Move the moving averages towards these."""
        m = self.momentum
        self.moving_mean.data = m * self.moving_mean.data + (1 - m) * mean
        self.moving_variance.data = m * self.moving_variance.data + (1 - m) * variance


class LayerNormalization(ScaleAndShift):
    """y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² of each sample (and step) over its features: D3.E2.

    It does the same in training and in use, and does not look at the other samples.

    Parameters
    ----------
    axis : int or list of int
        The features: all of these axes together.
    epsilon, center, scale, beta_initializer, gamma_initializer
        ε, whether there are β and γ, and how they begin: zeros and ones.
    beta_regularizer, gamma_regularizer : optional
        Penalties that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, ..., D) → y, the same; γ and β have the sizes of the axes. Source: Ba, Kiros & Hinton, "Layer
    normalization", 2016.

    Examples
    --------
    >>> import minidl as md
    >>> LayerNormalization()(md.Tensor([[1.0, 3.0], [10.0, 30.0]])).numpy().round(2)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    several_axes = True

    def call(self, x: Tensor) -> Tensor:
        x = self.prepared(x, self.gamma if self.gamma is not None else self.beta)
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        axes = [a % x.ndim for a in axes]
        if axes == [x.ndim - 1]:
            return layer_norm(x, self.gamma, self.beta, self.epsilon)
        order = [a for a in range(x.ndim) if a not in axes] + axes
        moved = x.transpose(order)  # the features last
        gamma, beta = (p if p is None else p.reshape(-1) for p in (self.gamma, self.beta))  # (D,)
        D = prod(x.shape[a] for a in axes)
        y = layer_norm(moved.reshape(moved.shape[: -len(axes)] + (D,)), gamma, beta, self.epsilon)  # (..., D)
        return y.reshape(moved.shape).transpose([int(i) for i in np.argsort(order)])


class RMSNormalization(ScaleAndShift):
    """y = γ x / √(mean x² + ε) over the features of each sample: layer norm without μ and β.

    Shapes: x (N, ..., D) → y, the same; γ (D,). Source: Zhang & Sennrich, "Root mean square layer normalization", 2019.

    >>> import minidl as md
    >>> RMSNormalization()(md.Tensor([[3.0, 4.0]])).numpy().round(3)
    array([[0.849, 1.131]], dtype=float32)
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, gamma_initializer: Any = "ones", **common: Any):
        super().__init__(axis, epsilon, center=False, gamma_initializer=gamma_initializer, **common)

    def call(self, x: Tensor) -> Tensor:
        x = self.prepared(x, self.gamma)
        if self.axis in (-1, x.ndim - 1):
            return rms_norm(x, self.gamma, self.epsilon)
        return moveaxis(rms_norm(moveaxis(x, self.axis, -1), self.gamma, self.epsilon), -1, self.axis)


class GroupNormalization(ScaleAndShift):
    """y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² of each sample over all places and a group of channels.

    Parameters
    ----------
    groups : int
        G, which divides the channels. 1 looks at all of a sample's numbers together; −1 (each channel a group) is
        instance normalisation.
    axis : int
        That of the channels.
    epsilon, center, scale, beta_initializer, gamma_initializer
        ε, whether there are β and γ, and how they begin: zeros and ones.
    beta_regularizer, gamma_regularizer : optional
        Penalties that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, ..., C) → y, the same; γ and β (C,). Source: Wu & He, "Group normalization", 2018.

    Examples
    --------
    >>> import minidl as md
    >>> GroupNormalization(groups=2)(md.Tensor([[1.0, 3.0, 10.0, 30.0]])).numpy().round(2)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, **settings: Any):
        super().__init__(axis, epsilon, **settings)
        self.groups = -1 if groups == -1 else check_whole("GroupNormalization", "groups", groups)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        (C,) = self.sizes(input_shape)
        if C % self.groups:
            raise ValueError(
                f"GroupNormalization {self.name!r} expects channels that {self.groups} groups can share, got {C}."
            )
        super().build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        x = self.prepared(x, self.gamma if self.gamma is not None else self.beta)
        last = self.axis in (-1, x.ndim - 1)
        x = x if last else moveaxis(x, self.axis, -1)  # (N, C, ...) → (N, ..., C)
        N, C = x.shape[0], x.shape[-1]
        G = C if self.groups == -1 else self.groups
        places = prod(x.shape[1:-1])
        h = x.reshape(N, places, G, C // G).swapaxes(1, 2)  # (N, G, places, C/G)
        h = layer_norm(h.reshape(N, G, places * C // G), None, None, self.epsilon)
        y = h.reshape(N, G, places, C // G).swapaxes(1, 2).reshape(x.shape)  # (N, ..., C)
        y = y if self.gamma is None else y * self.gamma
        y = y if self.beta is None else y + self.beta
        return y if last else moveaxis(y, -1, self.axis)

    def describe(self) -> str:
        return f"groups={self.groups}, {super().describe()}"
