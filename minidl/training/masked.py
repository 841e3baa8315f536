"""The outputs of a batch with their masks, also where threads share it.

Threads hand back Tensors alone, a row for each sample: so the masks travel as Tensors too, behind the outputs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.layers.masks import call_with_mask


def outputs_and_mask(model: Layer, x: Any) -> tuple[Any, Any]:
    """The outputs and which of their steps count, lists where there are several; shared by the model's threads."""
    if model.threads is None:
        return call_with_mask(model, (x,), (None,))
    return _apart(model.threads.forward(lambda part: _together(model, part), x))


def backward_in_threads(model: Layer, x: Any, loss: Callable[[Any, Any], Tensor]) -> tuple[Tensor, Any]:
    """L = loss(outputs, mask) and its gradients, shared by the model's threads. Returns L and the outputs."""
    L, y = model.threads.backward(lambda part: _together(model, part), x, lambda y: loss(*_apart(y)))
    return L, _apart(y)[0]


def _together(model: Layer, x: Any) -> Any:
    """The outputs; where some of them have masks, a list of all outputs and then a mask of each."""
    outputs, mask = call_with_mask(model, (x,), (None,))
    several = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    masks = mask if isinstance(mask, (list, tuple)) else [mask] * len(several)
    if all(m is None for m in masks):
        return outputs
    masks = [np.ones(len(y), bool) if m is None else m for y, m in zip(several, masks, strict=True)]  # (N,): all count
    return [*several, *(Tensor(m) for m in masks)]


def _apart(y: Any) -> tuple[Any, Any]:
    """The outputs and their masks, from what ``_together`` made of them."""
    masks = [t.data for t in y if t.dtype.kind == "b"] if isinstance(y, list) else []
    if not masks:
        return y, None
    return (y[: len(masks)], masks) if len(masks) > 1 else (y[0], masks[0])
