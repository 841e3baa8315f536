"""How masks travel: from the layer that finds padding to all behind it, and on to the losses and metrics.

A mask says which steps count, (N, T) of truth values; None says that all do. Tensors know nothing of masks:
``Sequential`` and ``Model`` carry them beside the values, and ``fit`` takes those of the outputs on to the losses. In a
``call`` of one's own masks are handed on by hand: ``self.lstm(h, mask=self.embedding.compute_mask(x))``.
"""

from collections.abc import Sequence
from typing import Any

from minidl.layers.base import Layer


def call_with_mask(layer: Layer, inputs: Sequence, masks: Sequence, **settings: Any) -> tuple[Any, Any]:
    """y = layer(*inputs), and the mask of y.

    Parameters
    ----------
    layer : Layer
    inputs, masks : sequences of the same length
        Of an input that is a list the mask is a list too, or None.
    **settings
        What ``call`` is given by keyword besides.

    Examples
    --------
    >>> import minidl as md
    >>> y, mask = call_with_mask(md.layers.Embedding(5, 3, mask_zero=True), ([[4, 0]],), (None,))
    >>> y.shape, mask
    ((1, 2, 3), array([[ True, False]]))
    """
    if len(masks) > 1 or masks[0] is not None:
        settings = {**layer.mask_settings(*masks), **settings}
    if layer.returns_mask:  # it has layers inside, and masks are made on the way through them
        return layer(*inputs, return_mask=True, **settings)
    return layer(*inputs, **settings), layer.compute_mask(inputs[0], masks[0])
