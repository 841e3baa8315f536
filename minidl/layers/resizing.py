"""Layers that make images larger: by repeating or blending pixels, or by a frame of zeros."""

from numbers import Integral
from typing import Any

import numpy as np

from minidl.arrays import array_module, as_floating, move
from minidl.autograd import Tensor
from minidl.errors import unknown_name
from minidl.layers.base import Layer
from minidl.layers.pooling import check_axes
from minidl.ops.einsum import einsum
from minidl.ops.joining import pad, repeat
from minidl.ops.windows import per_axis

INTERPOLATIONS = ("nearest", "bilinear")


class UpSampling2D(Layer):
    """Each pixel becomes ``size`` pixels: (N, H, W, C) → (N, H sh, W sw, C).

    Parameters
    ----------
    size : int or (int, int)
        sh and sw.
    interpolation : {"nearest", "bilinear"}
        Whether a new pixel is the one it came from, or lies on the straight lines between that and its neighbours.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Examples
    --------
    >>> import minidl as md
    >>> UpSampling2D((1, 2))(md.Tensor([[[[1.0], [2.0]]]])).ravel()
    Tensor([1., 1., 2., 2.])
    """

    def __init__(self, size: int | tuple[int, int] = 2, interpolation: str = "nearest", **common: Any):
        super().__init__(**common)
        self.size = per_axis("UpSampling2D", "size", size, 2)
        if interpolation not in INTERPOLATIONS:
            raise unknown_name("UpSampling2D: interpolation", interpolation, INTERPOLATIONS)
        self.interpolation = interpolation

    def call(self, x: Tensor) -> Tensor:
        check_axes(self, x.shape, 2)
        sh, sw = self.size
        if self.interpolation == "nearest":
            return repeat(repeat(x, sw, axis=2), sh, axis=1)  # (N, H sh, W sw, C)
        x = as_floating(x)  # shares of a pixel are no whole numbers
        A, B = (blending(n, s, like=x.data) for n, s in ((x.shape[1], sh), (x.shape[2], sw)))
        return einsum("ph,qw,nhwc->npqc", A, B, x)  # y = A x Bᵀ for each channel

    def describe(self) -> str:
        return f"{self.size}" + ("" if self.interpolation == "nearest" else f", interpolation={self.interpolation!r}")


def blending(n: int, factor: int, like: Any) -> Any:
    """The matrix (n · factor, n) that makes n pixels in a line to n · factor: each row holds the shares of two pixels.

    The middle of the new pixel o lies at (o + ½) / factor − ½ on the scale of the old ones; beyond the first and the
    last there is nothing to blend with.

    >>> blending(2, 2, like=np.zeros(1))
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    middle = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, max(n - 1, 0))
    shares = np.maximum(1 - np.abs(middle[:, None] - np.arange(n)), 0)  # a pixel's share falls to 0 at its neighbours
    return move(shares.astype(like.dtype), "cpu" if array_module(like) is np else "cuda")


class ZeroPadding2D(Layer):
    """A frame of zeros around each image: (N, H, W, C) → (N, top + H + bottom, left + W + right, C).

    Parameters
    ----------
    padding : int, (int, int) or ((int, int), (int, int))
        The same on all sides, or (height, width), or ((top, bottom), (left, right)).
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> ZeroPadding2D(((1, 2), (0, 3)))(np.zeros((5, 10, 10, 3))).shape
    (5, 13, 13, 3)
    """

    def __init__(self, padding: Any = 1, **common: Any):
        super().__init__(**common)
        sides = padding if isinstance(padding, (tuple, list)) else (padding, padding)
        sides = tuple(tuple(side) if isinstance(side, (tuple, list)) else (side, side) for side in sides)
        numbers = [n for side in sides for n in side]
        whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if len(sides) != 2 or len(numbers) != 4 or not whole:
            raise ValueError(
                "ZeroPadding2D expects padding as n, (height, width) or ((top, bottom), (left, right)), "
                f"not negative, got {padding!r}."
            )
        self.padding = sides

    def call(self, x: Tensor) -> Tensor:
        check_axes(self, x.shape, 2)
        return pad(x, ((0, 0), *self.padding, (0, 0)))

    def describe(self) -> str:
        return f"{self.padding}"
