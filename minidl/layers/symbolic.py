"""The functional form: ``Input``, and what a layer does when it is called on one.

A ``Symbol`` stands for a Tensor that will come: it knows its shape (None where it may vary), and the layer and symbols
that it comes from. ``Model(inputs=x, outputs=y)`` follows these back and calls the layers in order.
"""

from typing import Any

import numpy as np

from minidl.autograd import Tensor
from minidl.recording import no_grad


class Symbol:
    """A place in a network that is being drawn: a shape, and where it comes from."""

    def __init__(self, shape: tuple[int | None, ...], dtype: Any = None, layer: Any = None, inputs: tuple = ()):
        self.shape = tuple(shape)
        self.dtype = dtype
        self.layer = layer
        self.inputs = inputs

    def __repr__(self) -> str:
        origin = f", from {self.layer.name!r}" if self.layer is not None else ""
        return f"Symbol(shape={self.shape}{origin})"


def Input(shape: tuple[int | None, ...], dtype: Any = None, name: str | None = None) -> Symbol:  # noqa: N802
    """The start of a functional model: one sample's shape, without the batch.

    >>> Input(shape=(784,))
    Symbol(shape=(None, 784))
    """
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"Input expects shape as a tuple such as (784,), got {shape!r}. Write ({shape},)?")
    symbol = Symbol((None, *shape), dtype)
    symbol.name = name or "input"
    return symbol


def call_on_symbols(layer: Any, inputs: tuple) -> Symbol:
    """Build the layer for these shapes, and return the symbol of its output."""
    flat = tuple(inputs[0]) if isinstance(inputs[0], (list, tuple)) else inputs
    shape = output_shape(layer, inputs)
    return Symbol(shape, layer=layer, inputs=inputs if flat is inputs else (list(flat),))


def output_shape(layer: Any, inputs: tuple) -> tuple[int | None, ...]:
    """The shape of ``layer(*inputs)``, found by trying it on zeros.

    Two trials give the axes of unknown size different sizes; an axis whose size follows is unknown in the output too.
    """
    mode = layer.training
    layer.train(False)  # nothing random, nothing remembered
    try:
        with no_grad():
            first, second = (layer(*(_zeros(x, size) for x in inputs)).shape for size in (8, 9))
    finally:
        layer.train(mode)
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))


def _zeros(symbol: Any, size: int) -> Any:
    if isinstance(symbol, (list, tuple)):
        return [_zeros(s, size) for s in symbol]
    shape = tuple(size if n is None else n for n in symbol.shape)
    return Tensor(np.zeros(shape, symbol.dtype or np.float32))
