"""``Sequential`` and ``Model``: layers put together in one of three ways.

In a row:

>>> import minidl as md
>>> model = Sequential([md.Input(shape=(4,)), md.layers.Dense(8, activation="relu"), md.layers.Dense(3)])
>>> model.summary()
Sequential 'sequential'
layer            output shape  parameters
dense (Dense)    (None, 8)             40
dense_1 (Dense)  (None, 3)             27
67 parameters (268 bytes), all trainable

As a drawing, which may branch and join:

>>> x = md.Input(shape=(4,))
>>> model = Model(inputs=x, outputs=md.layers.Dense(3)(x))

As a class, with a ``call`` of one's own:

>>> class Net(Model):
...     def __init__(self):
...         super().__init__()
...         self.hidden = md.layers.Dense(8, activation="tanh")
...         self.out = md.layers.Dense(3)
...
...     def call(self, x):
...         return self.out(self.hidden(x))
>>> Net()(md.Tensor([[1.0, 2.0]])).shape
(1, 3)

All three have ``compile``, ``fit``, ``evaluate`` and ``predict``: see ``minidl/training``.
"""

import os
from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any

from minidl.autograd import Tensor
from minidl.drawing import Drawing
from minidl.errors import describe, unknown_name
from minidl.habits import ModelHabits
from minidl.layers.arguments import as_tensors
from minidl.layers.base import Layer
from minidl.layers.fusion import fuse
from minidl.layers.masks import call_with_mask
from minidl.layers.naming import name_layers, names_inside
from minidl.layers.symbolic import Symbol, check_shape
from minidl.layers.weights import Loaded
from minidl.recording import no_grad
from minidl.saving import load_arrays, save_arrays
from minidl.summary import summary_lines
from minidl.training.trainable import Trainable


class Model(Trainable, ModelHabits):
    """Layers drawn from inputs to outputs; or, in a subclass, whatever its ``call`` computes.

    Parameters
    ----------
    inputs, outputs : Symbol or list of Symbols
        What ``Input`` and layers called on it give. Left out in subclasses, which define ``call``.
    name : str, optional

    Examples
    --------
    A layer that is called twice shares its weights; inputs and outputs may be several:

    >>> import minidl as md
    >>> a, b = md.Input(shape=(2,), name="a"), md.Input(shape=(2,), name="b")
    >>> shared = md.layers.Dense(1)
    >>> model = Model(inputs=[a, b], outputs=[shared(a), shared(b)])
    >>> [y.shape for y in model([md.Tensor([[1.0, 2.0]]), md.Tensor([[3.0, 4.0]])])], model.count_params()
    ([(1, 1), (1, 1)], 3)
    """

    drawing: Drawing | None = None

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None):
        super().__init__(name)
        if (inputs is None) != (outputs is None):
            raise TypeError("Model expects both inputs and outputs (or neither, in a subclass that defines call).")
        if inputs is not None:
            self.drawing = Drawing(inputs, outputs)
            self.input_names = self.drawing.input_names
            self.output_names = self.drawing.output_names
            self.built = True

    def call(self, *inputs: Any, mask: Any = None, return_mask: bool = False) -> Any:
        if self.drawing is None:
            return super().call(*inputs)  # says that call is missing
        names = self.input_names
        if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)):
            inputs = inputs[0]
        if len(inputs) != len(names):
            raise ValueError(f"{self.name!r} expects {len(names)} inputs ({', '.join(names)}), got {len(inputs)}.")
        self.drawing.check(self.name, inputs)
        outputs, masks = self.drawing.compute(inputs, mask)
        return (outputs, masks) if return_mask else outputs

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Which steps of the output count. Layers inside may find it in what they are given: all are computed.

        Of a model with a ``call`` of its own nobody knows it, unless that takes ``return_mask`` or this is defined too.
        """
        if not self.returns_mask:
            return super().compute_mask(x, mask)
        with self.in_mode(False), no_grad():
            return self.call(as_tensors(x), mask=mask, return_mask=True)[1]

    def build_for(self, *inputs: Any) -> None:
        if not self.built:
            name_layers(self.direct_layers())
        super().build_for(*inputs)

    def children(self) -> Iterator[tuple[str, Any]]:
        if self.drawing is not None:
            yield from names_inside(self.drawing.layers)
        yield from super().children()

    def direct_layers(self) -> list[Layer]:
        """The layers directly inside, each once."""
        return list(dict.fromkeys(child for _, child in self.children() if isinstance(child, Layer)))

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside; or what a class of one's own has assigned to ``self.layers``."""
        return vars(self).get("layers", None) or self.direct_layers()

    @layers.setter
    def layers(self, value: Any) -> None:
        vars(self)["layers"] = value  # found by children() like any other attribute

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that position."""
        inside = self.direct_layers()
        if name is None:
            if index is None:
                raise TypeError("get_layer expects a name or an index: get_layer('dense') or get_layer(index=0).")
            if not isinstance(index, Integral) or not -len(inside) <= index < len(inside):
                raise ValueError(f"get_layer expects an index from 0 to {len(inside) - 1}, got {index!r}.")
            return inside[index]
        if not isinstance(name, str):
            raise TypeError(f"get_layer expects a name, got {describe(name)}. By position: get_layer(index=0).")
        named = dict(names_inside(inside))
        if name not in named:
            raise unknown_name("layer", name, list(named))
        return named[name]

    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """The shapes of the inputs, with the batch; an empty list where they are not known."""
        return [symbol.shape for symbol in self.drawing.inputs] if self.drawing is not None else []

    def calls(self) -> list[tuple[Layer, Any]]:
        """(layer, the symbol of its output, or None where it is not known) in the order of computing."""
        return self.drawing.calls if self.drawing is not None else [(layer, None) for layer in self.direct_layers()]

    def summary(self) -> None:
        """Print a table of the layers with output shapes and numbers of parameters. Works before building too."""
        for line in summary_lines(self):
            print(line)

    # --- weights in files -------------------------------------------------------------------------------------------

    def save_weights(self, path: str | os.PathLike) -> None:
        """Write all parameters under their names to a ``.npz`` or ``.safetensors`` file, completely or not at all.

        Raises
        ------
        ValueError
            Another ending, no such folder, or the model has no weights yet.
        """
        self._require_weights("save_weights")
        save_arrays(path, self.state_dict())

    def load_weights(self, path: str | os.PathLike, strict: bool = True) -> Loaded:
        """Read all parameters from such a file. Nothing is changed unless every name and shape fits.

        With ``strict=False`` those that fit are read and the others keep their numbers. The result lists both.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            The file is damaged or not of this kind, or what it holds does not fit; missing, unexpected and mis-shaped
            names are listed.
        """
        self._require_weights("load_weights")
        return self.load_state_dict(load_arrays(path), strict)

    def _require_weights(self, who: str) -> None:
        if not self.parameters():
            raise ValueError(
                f"{who}: {self.name!r} has no weights yet, because the shape of its input is not known.\n"
                "Give it Input(shape=...) or input_shape, or call it once on some data."
            )


class Sequential(Model):
    """Layers one after another: y = fₙ(... f₂(f₁(x))).

    Parameters
    ----------
    layers : list of Layer
        May begin with ``Input(shape=...)``; or the first layer has ``input_shape``. Otherwise the model is built when
        it is first called, by ``fit`` for instance.
    name : str, optional

    Examples
    --------
    >>> import minidl as md
    >>> model = Sequential()
    >>> model.add(md.layers.Dense(64, activation="relu", input_shape=(784,)))
    >>> model.add(md.layers.Dense(1, activation="sigmoid"))
    >>> model.count_params()
    50305
    """

    input_names = ["input"]  # noqa: RUF012 -- one input, whatever is added

    def __init__(self, layers: Iterable[Layer] = (), name: str | None = None):
        super().__init__(name=name)
        self._row: list[Layer] = []
        self._steps: list[Layer] = []  # the same, where two are computed as one
        self._symbols: list[Symbol] = []  # the input, and the output of each layer, once the input's shape is known
        if isinstance(layers, Layer):
            raise TypeError(f"Sequential expects a list of layers, got {layers!r}. Write Sequential([...]).")
        layers = list(layers)
        name_layers([layer for layer in layers if isinstance(layer, Layer)])
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer | Symbol) -> None:
        """Put a layer at the end."""
        if isinstance(layer, Symbol):
            if self._row or self._symbols:
                raise ValueError("Sequential takes Input(...) only as its first item.")
            self._symbols = [layer]
            return
        if not isinstance(layer, Layer):
            hint = f" Write {layer.__name__}(...)?" if isinstance(layer, type) else ""
            raise TypeError(f"Sequential expects layers, got {describe(layer)}.{hint}")
        name_layers([*self._row, layer])
        symbols = self._symbols
        if not self._row and not symbols:
            known = [(None, *layer.input_shape)] if layer.input_shape is not None else []
            known = layer.input_shapes() if isinstance(layer, Model) and not known else known
            symbols = [Symbol(shape) for shape in known[:1]]
        if symbols:
            symbols = [*symbols, layer(symbols[-1])]  # builds the layer; where it does not fit, it is not added
            self.built = True
        self._symbols = symbols
        self._row = [*self._row, layer]  # a new list: copy.copy(model) keeps the old one
        self._steps = fuse(self._row)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the parameters for inputs of this shape, whose first axis is the batch: ``build((None, 784))``."""
        shape = check_shape("build", "input_shape", input_shape)
        self._draw(Symbol((None, *shape[1:])))

    def build_for(self, *inputs: Any) -> None:
        if not self.built:
            self._draw(Symbol((None, *inputs[0].shape[1:]), inputs[0].dtype))

    def _draw(self, symbol: Symbol) -> None:
        """Follow the shapes from this input through all layers, which builds them."""
        symbols = [symbol]
        for layer in self._row:
            symbols.append(layer(symbols[-1]))
        self._symbols = symbols
        self.built = True

    def call(self, x: Tensor, mask: Any = None, *, return_mask: bool = False) -> Any:
        for layer in self._steps:
            if mask is None and not layer.makes_mask:
                x = layer(x)
            else:
                x, mask = call_with_mask(layer, (x,), (mask,))
        return (x, mask) if return_mask else x

    def children(self) -> Iterator[tuple[str, Any]]:
        yield from names_inside(self._row)
        for name, child in super().children():  # what a class derived from this one has besides
            if not name.startswith(("_row.", "_steps.")):
                yield name, child

    def input_shapes(self) -> list[tuple[int | None, ...]]:
        return [self._symbols[0].shape] if self._symbols else []

    def calls(self) -> list[tuple[Layer, Any]]:
        return list(zip(self._row, self._symbols[1:] or [None] * len(self._row)))

    def describe(self) -> str:
        return f"[{', '.join(map(repr, self._row))}]"
