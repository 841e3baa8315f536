"""Networks that are drawn before they are computed: what a layer does when it is called on a ``Symbol``.

A ``Symbol`` stands for a Tensor that will come: it knows its shape (None where it may vary), and the layer and symbols
that it comes from. ``Model(inputs=x, outputs=y)`` follows these back and calls the layers in order.
"""

from inspect import Parameter, signature
from numbers import Integral
from typing import Any

import numpy as np

from minidl.arrays import check_dtype, default_dtype
from minidl.autograd import Tensor
from minidl.dispatch import OPS
from minidl.recording import no_grad

# Sizes that unknown axes are tried with, in two trials: (that of the batch, that of the others). They are far apart, or
# pooling would make them equal; then come larger ones, for windows that had no room, and ones for short tables.
TRIALS = (((8, 8), (16, 16)), ((2, 128), (3, 256)), ((2, 3), (3, 4)))


class Symbol:
    """A place in a network that is being drawn: a shape, and where it comes from.

    Attributes
    ----------
    shape : tuple
        With the batch; None for a size that is not known yet.
    dtype : numpy.dtype
    layer : Layer or None
        The layer that makes it; None for an input.
    inputs : tuple
        What that layer is called with: Symbols, or a list of them.
    settings : dict
        What it is called with by keyword.
    """

    def __init__(
        self,
        shape: tuple[int | None, ...],
        dtype: Any = None,
        layer: Any = None,
        inputs: tuple = (),
        name: str | None = None,
        settings: dict[str, Any] | None = None,
    ):
        self.shape = tuple(shape)
        self.dtype = default_dtype() if dtype is None else check_dtype("Input", dtype)
        self.layer = layer
        self.inputs = inputs
        self.settings = settings or {}
        self.name = name or (layer.name if layer is not None else "input")

    @property
    def ndim(self) -> int:
        return len(self.shape)

    # --- operators draw a layer; everything else is for layers to do ---------------------------------------------

    def __add__(self, other):
        return _operation("add", self, other)

    def __radd__(self, other):
        return _operation("add", other, self)

    def __sub__(self, other):
        return _operation("subtract", self, other)

    def __rsub__(self, other):
        return _operation("subtract", other, self)

    def __mul__(self, other):
        return _operation("multiply", self, other)

    def __rmul__(self, other):
        return _operation("multiply", other, self)

    def __truediv__(self, other):
        return _operation("divide", self, other)

    def __rtruediv__(self, other):
        return _operation("divide", other, self)

    def __pow__(self, other):
        return _operation("power", self, other)

    def __matmul__(self, other):
        return _operation("matmul", self, other)

    def __neg__(self):
        return _operation("negative", self)

    def __getitem__(self, index):
        return _operation("getitem", self, index)

    def __iter__(self):
        raise TypeError(f"{self!r} only stands for numbers that will come, and cannot be iterated over.")

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        names = {np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.true_divide: "divide"}
        if ufunc in names and method == "__call__" and not settings:  # array + symbol
            return _operation(names[ufunc], *inputs)
        return self.__array_function__(ufunc, (), inputs, settings)

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "a Symbol only stands for numbers that will come, and is no array yet.\n"
            "To draw an operation with a Tensor write the Symbol first: x + t."
        )

    def __array_function__(self, function, types, args, settings):
        raise TypeError(
            f"a Symbol only stands for numbers that will come: {function.__name__} cannot be computed of it.\n"
            "Draw a layer: Activation(md.exp)(x), Concatenate()([x, y]), or one of your own with this in its call."
        )

    def __repr__(self) -> str:
        origin = f", from {self.layer.name!r}" if self.layer is not None else ""
        return f"Symbol(shape={self.shape}{origin})"


def _operation(name: str, *inputs: Any) -> Symbol:
    """The symbol of ``op(*inputs)``. What is not a symbol among them is a constant of the layer."""
    from minidl.layers.operation import Operation  # here, because layers are made with symbols

    places = [k for k, x in enumerate(inputs) if isinstance(x, Symbol)]
    before, after = inputs[: places[0]], inputs[places[-1] + 1 :]
    return Operation(OPS[name], before, after)([inputs[k] for k in places])


def check_shape(who: str, name: str, shape: Any) -> tuple[int | None, ...]:
    """A shape as a tuple of sizes, None where a size may vary."""
    if not isinstance(shape, (tuple, list)):
        fix = f" Write ({shape},)?" if isinstance(shape, Integral) else ""
        raise TypeError(f"{who} expects {name} as a tuple such as (784,), got {shape!r}.{fix}")
    if not all(n is None or (isinstance(n, Integral) and n > 0) for n in shape):
        raise ValueError(f"{who} expects {name} of positive sizes, or None where a size may vary, got {tuple(shape)}.")
    return tuple(n if n is None else int(n) for n in shape)


def fits(shape: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether the shapes may be the same: None fits any size.

    >>> fits((32, 784), (None, 784)), fits((32, 28, 28), (None, 784))
    (True, False)
    """
    return len(shape) == len(expected) and all(m in (None, n) or n is None for n, m in zip(shape, expected))


def call_on_symbols(layer: Any, inputs: tuple, settings: dict[str, Any], training: bool | None = None) -> Symbol:
    """Build the layer for these shapes, and return the symbol of its output."""
    check_inputs(layer, inputs)
    wrong = next((name for name, value in settings.items() if _holds_symbol(value)), None)
    if wrong is not None:
        raise TypeError(f"{layer.name!r} got a Symbol by keyword, {wrong}=. Only inputs, by position, can be drawn.")
    inputs = tuple(list(x) if isinstance(x, (list, tuple)) else x for x in inputs)
    layer.build_for(*inputs)
    shape, dtype = output_shape(layer, inputs, settings)
    if training is not None:  # the mode of each call of the model
        settings = {**settings, "training": training}
    return Symbol(shape, dtype, layer, inputs, settings=settings)


def _holds_symbol(value: Any) -> bool:
    return isinstance(value, Symbol) or (isinstance(value, (list, tuple)) and any(map(_holds_symbol, value)))


def check_inputs(layer: Any, inputs: tuple) -> None:
    """Raise where the layer's ``call`` takes fewer inputs, or more; or by its type hint a Tensor, and gets a list."""
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    arguments = signature(layer.call).parameters.values()
    places = [p for p in arguments if p.kind in kinds]
    needed, most = sum(p.default is p.empty for p in places), len(places)
    for p, x in zip(places, inputs):
        if isinstance(x, (list, tuple)) and p.annotation in (Tensor, Tensor | None):
            raise TypeError(
                f"{type(layer).__name__} {layer.name!r} expects one Tensor as {p.name}, got a list of {len(x)}.\n"
                "Join them before: Concatenate()(xs), or np.stack(xs) where each is a sample."
            )
    if any(p.kind is Parameter.VAR_POSITIONAL for p in arguments) or needed <= len(inputs) <= most:
        return
    expected = f"{needed} input{'s' * (needed > 1)}" if needed == most else f"{needed} to {most} inputs"
    hint = " Layers that merge take a list: Add()([x, y])." if len(inputs) > most else ""
    raise TypeError(f"{type(layer).__name__} {layer.name!r} takes {expected}, got {len(inputs)}.{hint}")


def output_shape(layer: Any, inputs: tuple, settings: dict[str, Any]) -> tuple[tuple[int | None, ...], Any]:
    """Shape and dtype of ``layer(*inputs, **settings)``, found by trying it on zeros.

    Two trials give the axes of unknown size different sizes; an axis whose size follows is unknown in the output too.
    """
    error = None
    for sizes in TRIALS:
        try:
            return _tried(layer, inputs, settings, sizes)
        except ValueError as e:
            error = error or e  # the first one is told
    raise error


def _tried(layer: Any, inputs: tuple, settings: dict[str, Any], sizes: tuple) -> tuple[tuple[int | None, ...], Any]:
    """Shape and dtype of the output, by two trials of these sizes."""
    inputs = _as_drawn(layer, inputs)
    with no_grad(), layer.in_mode(False), np.errstate(all="ignore"):  # nothing random, nothing remembered
        first, second = (layer(*(_zeros(x, *size) for x in inputs), **settings) for size in sizes)
    if not isinstance(first, Tensor):
        raise TypeError(f"{layer.name!r} returns a {type(first).__name__}: only layers with one output can be drawn.")
    return tuple(a if a == b else None for a, b in zip(first.shape, second.shape)), first.dtype


def _as_drawn(layer: Any, inputs: tuple) -> tuple:
    """The inputs; where the layer is a drawn model, with the sizes that it asks for in place of unknown ones."""
    drawing, several = getattr(layer, "drawing", None), isinstance(inputs[0], list)
    given = inputs[0] if several else inputs
    if drawing is None or len(given) != len(drawing.inputs):
        return inputs
    sized = [
        Symbol(tuple(m if n is None else n for n, m in zip(x.shape, place.shape)), x.dtype)
        if isinstance(x, Symbol) and fits(x.shape, place.shape)
        else x
        for x, place in zip(given, drawing.inputs)
    ]
    return (sized,) if several else tuple(sized)


def _zeros(symbol: Any, batch: int, size: int) -> Any:
    if isinstance(symbol, list):
        return [_zeros(s, batch, size) for s in symbol]
    if not isinstance(symbol, Symbol):
        return symbol  # a constant among the inputs
    shape = tuple((size if k else batch) if n is None else n for k, n in enumerate(symbol.shape))
    return Tensor(np.zeros(shape, symbol.dtype))
