"""Noise of other kinds than plain ``Dropout``: whole channels dropped, or a little added to each number (D.T5)."""

from typing import Any

import numpy as np

from minidl.arrays import as_floating, generator, move
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.layers.dropout import Dropout
from minidl.layers.pooling import check_axes
from minidl.settings import check_number


class SpatialDropout1D(Dropout):
    """Dropout of whole channels: what is dropped, is dropped in all steps of a sample. x (N, T, C).

    Neighbouring steps are so alike that with plain dropout each would still tell what its neighbour has lost. Source:
    Tompson et al., "Efficient object localization using convolutional networks", 2015.

    >>> import minidl as md, numpy as np
    >>> SpatialDropout1D(0.5, rng=1)(np.ones((1, 2, 4), np.float32))
    Tensor([[[2., 2., 0., 0.],
             [2., 2., 0., 0.]]])
    """

    def __init__(self, rate: float, rng: np.random.Generator | int | None = None, **common: Any):
        super().__init__(rate, (None, 1, None), rng, **common)

    def call(self, x: Tensor) -> Tensor:
        check_axes(self, x.shape, 1)
        return super().call(x)


class SpatialDropout2D(Dropout):
    """Dropout of whole feature maps: what is dropped, is dropped at all places of an image. x (N, H, W, C).

    >>> import minidl as md, numpy as np
    >>> np.unique(SpatialDropout2D(0.5, rng=1)(np.ones((1, 8, 8, 4), np.float32)).numpy().mean(axis=(1, 2)))
    array([0., 2.], dtype=float32)
    """

    def __init__(self, rate: float, rng: np.random.Generator | int | None = None, **common: Any):
        super().__init__(rate, (None, 1, 1, None), rng, **common)

    def call(self, x: Tensor) -> Tensor:
        check_axes(self, x.shape, 2)
        return super().call(x)


class GaussianNoise(Layer):
    """y = x + σ n in training, n standard normal for each number; y = x in use.

    Parameters
    ----------
    stddev : float
        σ
    rng : Generator or int, optional
        By default the one random generator (``minidl.seed``).
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Examples
    --------
    >>> import minidl as md
    >>> GaussianNoise(0.1)(md.Tensor([1.0, 2.0]), training=False)
    Tensor([1., 2.])
    """

    supports_masking = True

    def __init__(self, stddev: float, rng: np.random.Generator | int | None = None, **common: Any):
        super().__init__(**common)
        self.stddev = check_number("GaussianNoise", "stddev", stddev, "[0, inf)")
        self.rng = None if rng is None else generator(rng)  # made once: each call goes on where the last one stopped

    def call(self, x: Tensor) -> Tensor:
        if not self.training or self.stddev == 0:
            return x
        x = as_floating(x)  # noise rounded to whole numbers would be none
        n = generator(self.rng).standard_normal(x.shape, np.float32)
        return x + move(n, x.device).astype(x.dtype) * self.stddev

    def describe(self) -> str:
        return f"{self.stddev}"
