"""Positions: attention sees a set of steps, not their order, so each step is told where it stands.

Both layers add to x (N, T, D) a table P (T, D), the same for all samples: y_t = x_t + P_t.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from minidl import initializers
from minidl.arrays import Array, move
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.settings import check_whole


class SinusoidalPositions(Layer):
    """y_t = x_t + P_t with P_t,2i = sin(t / 10000^(2i/D)) and P_t,2i+1 = cos(t / 10000^(2i/D)).

    Like the hands of D/2 clocks, from one that turns once in 2π steps to one that takes 2π 10000^(1 − 2/D): for large D
    nearly 2π 10000. There is nothing to train, and any number of steps will do.

    Source: Vaswani et al., "Attention is all you need", 2017, section 3.5.

    >>> import minidl as md, numpy as np
    >>> SinusoidalPositions()(np.zeros((1, 2, 4), np.float32)).numpy().round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """

    supports_masking = True

    def call(self, x: Tensor, *, start: int = 0) -> Tensor:
        """Add the positions start, start + 1, ... (``start`` > 0 where earlier steps stand in a cache)."""
        check_sequence(self, x, start)
        T, D = x.shape[1:]
        return x + move(sinusoids(start + T, D, x.dtype.name)[start:], x.device)  # (N, T, D) + (T, D)


class PositionEmbedding(Layer):
    """y_t = x_t + P_t, where the table P (``positions``) is trained like any other parameter.

    Parameters
    ----------
    sequence_length : int
        How many positions there are: no sequence may be longer.
    initializer
        By name or object; Glorot-uniform.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Raises
    ------
    ValueError
        A sequence has more steps than there are positions.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> layer = PositionEmbedding(sequence_length=8)
    >>> layer(np.zeros((2, 5, 4), np.float32)).shape, layer.count_params()
    ((2, 5, 4), 32)
    """

    supports_masking = True

    def __init__(self, sequence_length: int, initializer: Any = "glorot_uniform", **common: Any):
        super().__init__(**common)
        self.sequence_length = check_whole("PositionEmbedding", "sequence_length", sequence_length)
        self.initializer = initializers.get(initializer)
        self.positions = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 3 or not input_shape[-1]:
            raise ValueError(
                f"PositionEmbedding {self.name!r} expects sequences (N, T, D) with D known, got shape {input_shape}."
            )
        self.positions = self.add_weight((self.sequence_length, input_shape[-1]), self.initializer)

    def call(self, x: Tensor, *, start: int = 0) -> Tensor:
        """Add the positions start, start + 1, ... (``start`` > 0 where earlier steps stand in a cache)."""
        check_sequence(self, x, start)
        T, D = x.shape[1:]
        P = self.positions
        if start + T > len(P) or D != P.shape[1]:
            raise ValueError(
                f"PositionEmbedding {self.name!r} has {len(P)} positions of {P.shape[1]} features, got x of shape "
                f"{x.shape}" + (f" after {start} steps" if start else "") + ".\n"
                "Shorten the sequences, or give the layer a larger sequence_length."
            )
        return x + P[start : start + T]  # (N, T, D) + (T, D)

    def describe(self) -> str:
        return f"{self.sequence_length}"


def check_sequence(layer: Layer, x: Tensor, start: int) -> None:
    """Raise unless x is (N, T, D) of floating numbers, and ``start`` a position."""
    check_whole(f"{type(layer).__name__} {layer.name!r}", "start", start, lowest=0)
    if x.ndim != 3 or x.dtype.kind != "f":
        fix = " Put an Embedding before it?" if x.ndim == 2 else ""
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} expects floating numbers (N, T, D), got {x.dtype} of shape "
            f"{x.shape}.{fix}"
        )


@lru_cache(maxsize=16)
def sinusoids(T: int, D: int, dtype: str) -> Array:
    """P (T, D), made once for each size."""
    t = np.arange(T)[:, None]  # (T, 1)
    angles = t / 10000.0 ** (np.arange(0, D, 2) / D)  # (T, ⌈D/2⌉)
    P = np.empty((T, D), dtype)
    P[:, 0::2] = np.sin(angles)
    P[:, 1::2] = np.cos(angles)[:, : D // 2]
    P.flags.writeable = False
    return P
