"""Layers that make images and sequences smaller: each window, or the whole, becomes one number a channel."""

from collections.abc import Callable
from typing import Any, ClassVar

from minidl.arrays import as_array, as_floating
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.ops.pooling import average_pool, max_pool
from minidl.ops.reductions import max, mean
from minidl.ops.windows import check_padding, per_axis
from minidl.settings import check_flag

KINDS = {1: "sequences (N, T, C)", 2: "images (N, H, W, C)"}


def check_axes(layer: Layer, shape: tuple[int | None, ...], axes: int) -> None:
    """Refuse what has not the axes of images or sequences."""
    if len(shape) != axes + 2:
        missing = len(shape) == axes + 1
        fix = "\nAdd the missing axis: x[..., None] for one channel, x[None] for one sample." if missing else ""
        raise ValueError(f"{type(layer).__name__} {layer.name!r} expects {KINDS[axes]}, got shape {tuple(shape)}.{fix}")


class Pooling(Layer):
    """What the layers of windows have in common.

    Parameters
    ----------
    pool_size : int or one for each axis
        The size of the windows.
    strides : int or one for each axis, optional
        The steps from window to window; by default the size, so that windows lie side by side.
    padding : str
        "valid": windows that would reach beyond the end are left out. "same": they see what there is.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.
    """

    axes = 2
    op: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        pool_size: int | tuple[int, ...] = 2,
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        **common: Any,
    ):
        super().__init__(**common)
        who = type(self).__name__
        self.pool_size = per_axis(who, "pool_size", pool_size, self.axes)
        self.strides = self.pool_size if strides is None else per_axis(who, "strides", strides, self.axes)
        self.padding = check_padding(who, padding)

    def call(self, x: Tensor) -> Tensor:
        check_axes(self, x.shape, self.axes)
        try:
            return type(self).op(as_floating(x), self.pool_size, self.strides, self.padding)  # (N, OH, OW, C)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__} {self.name!r}: {error}") from error

    def describe(self) -> str:
        size, strides = (v if self.axes > 1 else v[0] for v in (self.pool_size, self.strides))
        return (
            f"{size}"
            + (f", strides={strides}" if strides != size else "")
            + (f", padding={self.padding!r}" if self.padding != "valid" else "")
        )


class MaxPooling2D(Pooling):
    """y = the largest number of each window: (N, H, W, C) → (N, OH, OW, C). See ``Pooling`` and ``max_pool``.

    Models compute the layer and a ``Conv2D`` right before it as one, and call neither: see ``fusion.py``.

    >>> import minidl as md, numpy as np
    >>> MaxPooling2D((2, 2))(np.zeros((5, 13, 13, 32))).shape
    (5, 6, 6, 32)
    """

    op = max_pool


class MaxPooling1D(Pooling):
    """y = the largest number of each window: (N, T, C) → (N, T', C). See ``Pooling`` and ``max_pool``.

    >>> import minidl as md, numpy as np
    >>> MaxPooling1D(3)(np.zeros((5, 9, 4))).shape
    (5, 3, 4)
    """

    axes = 1
    op = max_pool


class AveragePooling2D(Pooling):
    """y = the mean of each window: (N, H, W, C) → (N, OH, OW, C). See ``Pooling`` and ``average_pool``.

    >>> import minidl as md, numpy as np
    >>> AveragePooling2D(3, strides=2, padding="same")(np.zeros((5, 9, 8, 4))).shape
    (5, 5, 4, 4)
    """

    op = average_pool


class AveragePooling1D(Pooling):
    """y = the mean of each window: (N, T, C) → (N, T', C). See ``Pooling`` and ``average_pool``.

    >>> import minidl as md, numpy as np
    >>> AveragePooling1D(3)(np.zeros((5, 9, 4))).shape
    (5, 3, 4)
    """

    axes = 1
    op = average_pool


class GlobalPooling(Layer):
    """What the layers that pool everything have in common: with ``keepdims`` the pooled axes stay, with size 1."""

    axes = 2
    op: ClassVar[Callable[..., Any]]

    def __init__(self, keepdims: bool = False, **common: Any):
        super().__init__(**common)
        self.keepdims = check_flag(type(self).__name__, "keepdims", keepdims)

    def call(self, x: Tensor) -> Tensor:
        check_axes(self, x.shape, self.axes)
        if not all(x.shape[1:-1]):
            raise ValueError(f"{type(self).__name__} {self.name!r} expects at least one number, got shape {x.shape}.")
        return type(self).op(x, axis=tuple(range(1, self.axes + 1)), keepdims=self.keepdims)  # (N, C)

    def describe(self) -> str:
        return "keepdims=True" if self.keepdims else ""


class GlobalAveragePooling2D(GlobalPooling):
    """y = the mean of all pixels: (N, H, W, C) → (N, C).

    >>> import minidl as md, numpy as np
    >>> GlobalAveragePooling2D()(np.zeros((5, 7, 7, 32))).shape
    (5, 32)
    """

    op = mean


class GlobalAveragePooling1D(GlobalPooling):
    """y = the mean of all steps: (N, T, C) → (N, C).

    With a mask m (N, T) it is the mean of the steps that count, Σ_t m_t x_t / Σ_t m_t; 0 where there are none.

    >>> import minidl as md, numpy as np
    >>> x = md.Tensor([[[1.0], [2.0], [6.0]]])
    >>> GlobalAveragePooling1D()(x), GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]]))
    (Tensor([[3.]]), Tensor([[1.5]]))
    """

    axes = 1
    op = mean

    def call(self, x: Tensor, *, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(x)
        check_axes(self, x.shape, 1)
        mask = as_array(mask.data if isinstance(mask, Tensor) else mask)
        if mask.shape != x.shape[:2]:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} expects a mask (N, T) = {x.shape[:2]}, got {mask.shape}."
            )
        if mask.dtype.kind not in "biu":
            raise TypeError(f"{type(self).__name__} {self.name!r} expects a mask of truth values, got {mask.dtype}.")
        m = mask[..., None].astype(bool).astype(x.dtype)  # (N, T, 1)
        counted = m.sum(axis=1, keepdims=self.keepdims)  # (N, 1), or (N, 1, 1)
        return (x * m).sum(axis=1, keepdims=self.keepdims) / counted.clip(1, None)  # (N, C)


class GlobalMaxPooling2D(GlobalPooling):
    """y = the largest number of each channel: (N, H, W, C) → (N, C). Ties share the gradient, as in ``max``.

    >>> import minidl as md, numpy as np
    >>> GlobalMaxPooling2D(keepdims=True)(np.zeros((5, 7, 7, 32))).shape
    (5, 1, 1, 32)
    """

    op = max


class GlobalMaxPooling1D(GlobalPooling):
    """y = the largest number of each channel: (N, T, C) → (N, C). Ties share the gradient, as in ``max``.

    >>> import minidl as md
    >>> GlobalMaxPooling1D()(md.Tensor([[[1.0], [2.0], [6.0]]]))
    Tensor([[6.]])
    """

    axes = 1
    op = max
