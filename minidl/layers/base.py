"""What every layer has: parameters that are found by themselves, a mode, a name, and Keras' build-on-first-call.

A layer says in ``build`` which parameters it has, and in ``call`` its equation. Parameters are simply attributes, also
inside lists, tuples and dictionaries; they are found in the order in which they were assigned, always the same.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl import initializers
from minidl.arrays import Array, default_dtype, move
from minidl.autograd import Tensor
from minidl.layers.symbolic import Symbol, call_on_symbols


class Parameter(Tensor):
    """A Tensor that an optimizer changes.

    >>> Parameter([1.0, 2.0])
    Parameter([1., 2.])
    """

    __slots__ = ()

    def __init__(self, data: Any, trainable: bool = True, *, dtype: Any = None):
        super().__init__(data, requires_grad=trainable, dtype=dtype)

    def __repr__(self) -> str:
        text = super().__repr__().replace("Tensor(", "Parameter(", 1).replace(", requires_grad=True", "")
        return text if self.requires_grad else text[:-1] + ", trainable=False)"


class Layer:
    """A function of Tensors with parameters.

    Subclasses define ``call(self, x)`` and, where they have parameters, ``build(self, input_shape)``:

    >>> import minidl as md
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((input_shape[-1],), "ones")
    ...
    ...     def call(self, x):
    ...         return x * self.factor  # (N, D)
    >>> Scale()(md.Tensor([[1.0, 2.0]]))
    Tensor([[1., 2.]], op=multiply)
    """

    def __init__(self, name: str | None = None):
        self.name = name or snake_case(type(self).__name__)
        self.built = False
        self.training = True

    # --- calling ------------------------------------------------------------------------------------------------

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the parameters for inputs of this shape, whose first axis is the batch."""

    def call(self, *inputs: Tensor) -> Tensor:
        """The equation of the layer."""
        raise TypeError(f"{type(self).__name__} defines no call(self, x): write the layer's equation there.")

    def __call__(self, *inputs: Any, training: bool | None = None) -> Any:
        """Build on the first call, then compute. ``training`` chooses the mode for this call alone."""
        first = inputs[0]
        if isinstance(first, Symbol) or (isinstance(first, (list, tuple)) and isinstance(first[0], Symbol)):
            return call_on_symbols(self, inputs)
        if not self.built:
            self.build_for(*inputs)
        if training is None or training == self.training:
            return self.call(*inputs)
        before = self.training
        self.train(training)
        try:
            return self.call(*inputs)
        finally:
            self.train(before)

    def build_for(self, *inputs: Any) -> None:
        """Build the layer for inputs like these, once."""
        if not self.built:
            shapes = [tuple(np.shape(x)) for x in inputs]
            self.build(shapes[0] if len(shapes) == 1 else shapes)
            self.built = True

    # --- parameters ---------------------------------------------------------------------------------------------

    def add_weight(self, shape: tuple[int, ...], initializer: Any = "glorot_uniform", trainable: bool = True) -> Parameter:
        """A new parameter of this shape, filled by an initializer (by name or object)."""
        values = initializers.get(initializer)(shape, dtype=default_dtype())
        return Parameter(values, trainable)

    def children(self) -> Iterator[tuple[str, Any]]:
        """(name, Layer or Parameter) for everything assigned to this layer, in the order of assignment."""
        for name, value in vars(self).items():
            yield from _members(name, value)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of this layer and all inside it, each parameter once, in a fixed order.

        >>> import minidl as md
        >>> [name for name, _ in md.Sequential([md.layers.Dense(2, input_shape=(3,))]).named_parameters()]
        ['dense.kernel', 'dense.bias']
        """
        seen = set()
        for path, layer in self.named_layers(prefix):
            for name, value in layer.children():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield path + name, value

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, "Layer"]]:
        """(path, layer) of this layer and all inside it, each once; a path ends in a dot, this layer's is ``prefix``."""
        seen = set()
        pending = [(prefix, self)]
        while pending:
            path, layer = pending.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            yield path, layer
            inside = [(f"{path}{name}.", child) for name, child in layer.children() if isinstance(child, Layer)]
            pending.extend(reversed(inside))

    def parameters(self) -> list[Parameter]:
        """All parameters, each once, in a fixed order; those that are frozen too."""
        return [p for _, p in self.named_parameters()]

    def count_params(self) -> int:
        """How many numbers the parameters hold."""
        return sum(p.size for p in self.parameters())

    @property
    def trainable(self) -> bool:
        """Whether any parameter is trained. Assign False to freeze the layer, True to thaw it."""
        parameters = self.parameters()
        return not parameters or any(p.requires_grad for p in parameters)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for p in self.parameters():
            p.requires_grad = bool(value)

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for p in self.parameters():
            p.grad = None

    def to(self, device: str) -> "Layer":
        """Move all parameters to ``"cpu"`` or ``"cuda"``, in place."""
        for p in self.parameters():
            p._data = move(p._data, device)
            p.grad = None
        return self

    # --- mode ---------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> "Layer":
        """Behave as in training (dropout drops, normalisation looks at the batch), here and in all layers inside."""
        for _, layer in self.named_layers():
            layer.training = mode
        return self

    def eval(self) -> "Layer":
        """Behave as in use: the same input gives the same output."""
        return self.train(False)

    # --- weights by name ----------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of every parameter's numbers under its name, on the CPU."""
        return {name: np.array(p.numpy()) for name, p in self.named_parameters()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Set every parameter from ``state``; nothing is changed unless all names and shapes fit.

        Raises
        ------
        ValueError
            Lists the names that are missing, unexpected, or of another shape.
        """
        own = dict(self.named_parameters())
        faults = [f"missing: {name}" for name in own if name not in state]
        faults += [f"unexpected: {name}" for name in state if name not in own]
        faults += [
            f"{name} has shape {np.shape(state[name])}, expected {p.shape}"
            for name, p in own.items()
            if name in state and np.shape(state[name]) != p.shape
        ]
        if faults:
            shown = "; ".join(faults[:6]) + (f"; and {len(faults) - 6} more" if len(faults) > 6 else "")
            raise ValueError(f"the weights do not fit {type(self).__name__} {self.name!r}:\n{shown}.")
        for name, p in own.items():
            p.data[...] = move(np.asarray(state[name], dtype=p.dtype), p.device)
            p.data = p.data  # an edit that backward must know of

    def get_weights(self) -> list[np.ndarray]:
        """The parameters' numbers as a list, in order (Keras)."""
        return list(self.state_dict().values())

    def set_weights(self, weights: list[Array]) -> None:
        """Set the parameters from a list in the order of ``get_weights`` (Keras)."""
        names = [name for name, _ in self.named_parameters()]
        if len(names) != len(weights):
            raise ValueError(f"set_weights of {self.name!r} expects {len(names)} arrays, got {len(weights)}.")
        self.load_state_dict(dict(zip(names, weights, strict=True)))

    # --- how it looks -------------------------------------------------------------------------------------------

    def describe(self) -> str:
        """The settings shown by ``repr``, without the name: ``"64, activation='relu'"``."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"


def _members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Layers and Parameters in an attribute, inside lists, tuples and dictionaries too, with their paths."""
    if isinstance(value, (Layer, Parameter)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _members(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _members(f"{name}.{key}", item)


def snake_case(name: str) -> str:
    """Keras' automatic layer names: ``MaxPooling2D`` → ``max_pooling2d``.

    >>> snake_case("MaxPooling2D"), snake_case("LSTM"), snake_case("Dense")
    ('max_pooling2d', 'lstm', 'dense')
    """
    letters = []
    for i, c in enumerate(name):
        starts_word = c.isupper() and i and (name[i - 1].islower() or name[i + 1 : i + 2].islower())
        if starts_word:
            letters.append("_")
        letters.append(c.lower())
    return "".join(letters)


def unique_name(name: str, taken: set[str]) -> str:
    """``dense``, then ``dense_1``, ``dense_2``: the first that is not taken.

    >>> unique_name("dense", {"dense", "dense_1"})
    'dense_2'
    """
    if name not in taken:
        return name
    i = 1
    while f"{name}_{i}" in taken:
        i += 1
    return f"{name}_{i}"
