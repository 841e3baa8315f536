"""Channels last or first: in which order the numbers of a flattened image stand.

An image is (H, W, C) here and (C, H, W) in PyTorch. Convolutions do not mind, but ``Flatten`` lays its numbers in a row
in another order, and so do the features stand that the next ``Dense`` takes; just so before a ``Reshape`` to images.
Here a model that was drawn (``Sequential``, or from ``Input``) is followed from layer to layer, to find where.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from minidl import layers as L
from minidl.arrays import Array
from minidl.layers.convolution import Convolution
from minidl.layers.normalization import ScaleAndShift
from minidl.layers.operation import Operation
from minidl.layers.pooling import Pooling

ELEMENTWISE = (
    L.Activation, L.ReLU, L.LeakyReLU, L.ELU, L.Softmax, L.Dropout, L.GaussianNoise, ScaleAndShift, L.InputLayer,
)  # fmt: skip


@dataclass(frozen=True)
class Track:
    """What is known of an array on its way: of one behind an image, or of features that may become one.

    Attributes
    ----------
    channels : bool
        Channels stand last here, and first in PyTorch.
    order : (D,) or None
        Our feature k is PyTorch's feature order[k].
    makers : tuple of layers
        Those that have weights for each of the features, since they were last mixed.
    """

    channels: bool = False
    order: Array | None = None
    makers: tuple = ()


@dataclass
class Orders:
    """For layers, by their ids: the order of the features that go in, and of those that come out."""

    inputs: dict[int, Array]
    outputs: dict[int, Array]


def channels_last(shape: Sequence[int]) -> Array:
    """For each number of an image (H, W, C), or sequence (T, C), in a row: where it stands in PyTorch's row.

    >>> channels_last((1, 3, 2))
    array([0, 3, 1, 4, 2, 5])
    """
    *places, C = shape
    return np.moveaxis(np.arange(prod(shape)).reshape(C, *places), 0, -1).ravel()


def find_orders(model: Any) -> Orders:
    """Where a drawn model goes from images to features, or back."""
    orders = Orders({}, {})
    _follow(model, [Track()], orders)
    return orders


def _follow(model: Any, tracks: list[Track], orders: Orders) -> Track:
    """From the inputs of a drawn model to its (last) output."""
    calls = model.calls()
    inputs = model.drawing.inputs if model.drawing is not None else calls[0][1].inputs
    known = {id(symbol): track for symbol, track in zip(inputs, tracks)}
    track = Track()
    for layer, symbol in calls:
        sources = [s for x in symbol.inputs for s in (x if isinstance(x, list) else [x]) if isinstance(s, L.Symbol)]
        came = [known.get(id(s), Track()) for s in sources]
        track = known[id(symbol)] = _through(layer, came, [s.shape for s in sources], symbol.shape, orders)
    return track


def _through(layer: Any, came: list[Track], shapes: list[tuple], after: tuple, orders: Orders) -> Track:
    """What is known behind a layer."""
    if is_drawn(layer):
        return _follow(layer, came, orders)
    flat = [k for k, track in enumerate(came) if track.order is not None]
    k = flat[0] if flat else 0
    first, before = came[k], shapes[k]
    if isinstance(layer, L.Flatten):
        image = len(before) == 4 or first.channels
        return Track(order=channels_last(before[1:])) if image and len(before) > 2 else first
    if isinstance(layer, L.Reshape):
        if len(after) == 4 and len(before) == 2:
            for maker in first.makers:
                orders.outputs[id(maker)] = channels_last(after[1:])
        return Track(channels=len(after) == 4)
    if isinstance(layer, L.Concatenate) and flat:
        raise ValueError(
            f"from_pytorch cannot follow flattened images through {layer.name!r}.\n"
            "Say which shape each Dense has before it: flattened={'dense': (H, W, C)}."
        )
    if flat and any(track.order is None and shape[-1] != 1 for track, shape in zip(came, shapes)):
        raise ValueError(
            f"from_pytorch cannot follow flattened images through {layer.name!r}: others meet them in another order.\n"
            "Say flattened={'dense': (H, W, C)}; then put the others in order: kernel[:, channels_last((H, W, C))]."
        )
    if first.order is not None:
        orders.inputs[id(layer)] = first.order
    if isinstance(layer, (*ELEMENTWISE, L.Add)) or (isinstance(layer, Operation) and before == after):
        return Track(first.channels, first.order, (*first.makers, layer))
    steps = isinstance(layer, (Convolution, Pooling)) or (isinstance(layer, L.Concatenate) and first.channels)
    image = len(after) == 4 or (len(after) == 3 and steps)
    return Track(channels=image, makers=(layer,) if isinstance(layer, L.Dense) else ())


def is_drawn(layer: Any) -> bool:
    """Whether it is a model whose layers' order is known."""
    calls = layer.calls() if hasattr(layer, "calls") else []
    return bool(calls) and all(symbol is not None for _, symbol in calls)
