"""Masking: which steps of a sequence of numbers are padding."""

from typing import Any

from minidl.arrays import Array, as_array, constant
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.ops.selection import where
from minidl.settings import check_number


class Masking(Layer):
    """y = x, with the steps whose features are all v marked as padding, and 0 there.

    Recurrent layers then stand still at these steps, attention does not look at them, and ``GlobalAveragePooling1D``,
    losses and metrics do not count them: ``Sequential`` and ``Model`` carry the mask along. (For indices of words
    ``Embedding(mask_zero=True)`` does the same.)

    Parameters
    ----------
    mask_value : float
        v
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, T, D) → y, the same; the mask is (N, T), True where a step counts.

    Examples
    --------
    >>> import minidl as md
    >>> layer, x = Masking(mask_value=-1.0), md.Tensor([[[1.0, 2.0], [-1.0, -1.0]]])
    >>> layer(x), layer.compute_mask(x)
    (Tensor([[[1., 2.],
              [0., 0.]]]), array([[ True, False]]))
    """

    def __init__(self, mask_value: float = 0.0, **common: Any):
        super().__init__(**common)
        self.mask_value = check_number("Masking", "mask_value", mask_value)

    def call(self, x: Tensor) -> Tensor:
        if x.ndim < 3:
            raise ValueError(f"Masking {self.name!r} expects sequences (N, T, D), got shape {x.shape}.")
        return where(self.compute_mask(x)[..., None], x, constant(0, x.data))  # (N, T, 1), (N, T, D)

    def compute_mask(self, x: Any, mask: Any = None) -> Array:
        """True where a step has a feature other than v, (N, T)."""
        return (as_array(x.data if isinstance(x, Tensor) else x) != self.mask_value).any(axis=-1)

    def describe(self) -> str:
        return f"{self.mask_value}"
