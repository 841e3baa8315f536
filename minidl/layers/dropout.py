"""Dropout: noise that keeps a network from relying on single units (D.T5)."""

from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_floating, generator, move
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.settings import check_number


class Dropout(Layer):
    """y = x m / (1 − p) in training, y = x in use; m is 0 with probability p and 1 otherwise, drawn for each number.

    The division keeps the mean: E[y] = x, so that nothing has to change when training is over ("inverted" dropout).

    Parameters
    ----------
    rate : float
        The share of the numbers that is dropped, 0 ≤ rate < 1.
    noise_shape : tuple, optional
        The shape of the mask, which is broadcast to that of x: ``(None, 1, None)`` drops a channel in all steps alike.
        None stands for the size of x.
    rng : Generator or int, optional
        By default the one random generator (``minidl.seed``).
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    The mask is made of random bytes, three times quicker than of random floats. Hence p is ``rate`` rounded to a whole
    number of 256ths; the division is by that 1 − p. Rates below 0.05 and above 0.95, for which this is too coarse, are
    rounded to 65,536ths, from 1 to 65,535 of them. The mask is a constant: ∂y/∂x = m / (1 − p). Source: Srivastava et
    al., JMLR 15, 2014.

    Examples
    --------
    >>> import minidl as md
    >>> layer = Dropout(0.5, rng=0)
    >>> layer(md.Tensor([1.0, 1.0, 1.0, 1.0]))
    Tensor([0., 2., 2., 2.])
    >>> layer(md.Tensor([1.0, 1.0, 1.0, 1.0]), training=False)
    Tensor([1., 1., 1., 1.])
    """

    supports_masking = True

    def __init__(
        self,
        rate: float,
        noise_shape: tuple[int | None, ...] | None = None,
        rng: np.random.Generator | int | None = None,
        **common: Any,
    ):
        super().__init__(**common)
        self.rate = check_number("Dropout", "rate", rate, "[0, 1)")
        if not (noise_shape is None or isinstance(noise_shape, (tuple, list))):
            raise TypeError(f"Dropout expects noise_shape as a tuple such as (None, 1, None), got {noise_shape!r}.")
        self.noise_shape = noise_shape
        self.rng = None if rng is None else generator(rng)  # made once: each call goes on where the last one stopped

    def call(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        x = as_floating(x)
        return x * self.mask(x)

    def mask(self, x: Tensor) -> Array:
        """m / (1 − p), of the dtype and on the device of x."""
        shape = x.shape
        if self.noise_shape is not None:
            if len(self.noise_shape) != len(shape) or any(
                s not in (None, 1, n) for n, s in zip(shape, self.noise_shape)
            ):
                raise ValueError(
                    f"Dropout {self.name!r} expects noise_shape to have None, 1 or the size of x on each axis, "
                    f"got {self.noise_shape} for x of shape {shape}."
                )
            shape = tuple(n if s is None else s for n, s in zip(shape, self.noise_shape))
        values, kind = (256, np.uint8) if 0.05 <= self.rate <= 0.95 else (65536, np.uint16)
        dropped = min(max(round(values * self.rate), 1), values - 1)  # of so many values; p = dropped / values
        drawn = generator(self.rng).integers(0, values, shape, dtype=kind)
        kept = move(drawn, x.device) >= dropped
        return array_module(kept).multiply(kept, values / (values - dropped), dtype=x.dtype)

    def describe(self) -> str:
        return f"{self.rate}"
