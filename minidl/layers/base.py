"""What every layer has: parameters that are found by themselves, a mode, a name, and Keras' build-on-first-call.

A layer says in ``build`` which parameters it has, and in ``call`` its equation. Parameters are simply attributes, also
inside lists, tuples and dictionaries; they are found in the order in which they were assigned, always the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import signature
from types import MappingProxyType
from typing import Any

import numpy as np

from minidl import initializers
from minidl.arrays import Array, default_dtype, here, move
from minidl.autograd import Tensor
from minidl.habits import LayerHabits, settings_of, unknown_setting
from minidl.layers.arguments import as_tensors, flat, shapes_of
from minidl.layers.naming import snake_case
from minidl.layers.parameter import Parameter
from minidl.layers.symbolic import Symbol, call_on_symbols, check_inputs, check_shape
from minidl.layers.weights import Loaded, load
from minidl.patterns import select
from minidl.regularizers import penalty
from minidl.settings import check_flag

# {layer: mode} that ``in_mode`` says. A thread's own, and of those that it starts: one may use a layer that another
# trains, and threads that share a batch do not undo each other's.
_modes: ContextVar[Any] = ContextVar("modes", default=MappingProxyType({}))


class Layer(LayerHabits):
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

    Parameters
    ----------
    name : str, optional
        By default the class's name in small letters.
    input_shape : tuple, optional
        One sample's shape, without the batch: the first layer of a ``Sequential`` that has it is built at once.
    trainable : bool
        False freezes the layer: its parameters get no gradients.
    """

    name = "layer"  # what a layer is before, or without, super().__init__()
    built = False
    named = False  # whether a model has given the layer its name, which then stays: files of weights know it
    input_shape: tuple[int | None, ...] | None = None
    uses_mask = uses_training = False  # whether ``call`` takes a ``mask``, and the mode as ``training``
    returns_mask = False  # whether it takes ``return_mask``, to give (y, the mask of y)
    makes_mask = False  # whether its output may have a mask where its input has none
    supports_masking = False  # whether the mask of its input fits its output
    _trainable = True
    _training = True

    def __init_subclass__(cls, **settings: Any):
        super().__init_subclass__(**settings)
        if "call" in vars(cls):
            taken = signature(cls.call).parameters
            cls.uses_mask, cls.uses_training = "mask" in taken, "training" in taken
            cls.returns_mask = "return_mask" in taken
        cls.makes_mask = cls.returns_mask or cls.compute_mask is not Layer.compute_mask

    def __init__(
        self, name: str | None = None, *, input_shape: tuple | None = None, trainable: bool = True, **rest: Any
    ):
        if rest:
            raise unknown_setting(type(self).__name__, next(iter(rest)), settings_of(type(self)))
        self.name = name or snake_case(type(self).__name__)
        self._trainable = check_flag(type(self).__name__, "trainable", trainable)
        if input_shape is not None:
            self.input_shape = check_shape(type(self).__name__, "input_shape", input_shape)

    # --- calling ------------------------------------------------------------------------------------------------

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the parameters for inputs of this shape, whose first axis is the batch."""

    def call(self, *inputs: Tensor) -> Tensor:
        """The equation of the layer."""
        raise TypeError(f"{type(self).__name__} defines no call(self, x): write the layer's equation there.")

    def __call__(self, *inputs: Any, training: bool | None = None, **settings: Any) -> Any:
        """Build on the first call, then compute.

        Parameters
        ----------
        *inputs
            Tensors or arrays; Symbols, when a functional model is drawn. Layers that merge take a list of them.
        training
            The mode for this call alone, here and in all layers inside; a ``call`` with ``training`` is told it always.
        **settings
            Whatever else ``call`` takes, by keyword: a mask, for instance.
        """
        if not self.built or not inputs or type(inputs[0]) is not Tensor:  # else nothing to do but compute
            if not inputs:
                raise TypeError(f"{type(self).__name__} {self.name!r} expects an input: call it as layer(x).")
            if any(isinstance(x, Symbol) for x in flat(inputs)):
                return call_on_symbols(self, inputs, settings, training)
            try:
                inputs = tuple(as_tensors(x) for x in inputs)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{type(self).__name__} {self.name!r}: {error}") from None
            if not self.built or any(isinstance(x, list) for x in inputs):
                check_inputs(self, inputs)
            if not self.built:
                self.build_for(*inputs)
        if self.uses_training:
            settings["training"] = self.training if training is None else training
        if training is None:
            return self.call(*inputs, **settings)
        with self.in_mode(training):
            return self.call(*inputs, **settings)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Which steps of the output count, (N, T) of truth values, or None for all; ``mask`` says it of the input.

        ``Sequential`` and ``Model`` carry masks from layer to layer, to those with ``uses_mask``, and ``fit`` to the
        losses: see ``masks.py``. Of several inputs in a list x and mask are lists.
        """
        return mask if self.supports_masking else None

    def mask_settings(self, *masks: Any) -> dict[str, Any]:
        """What ``call`` is given by keyword where its inputs have these masks, or None."""
        return {"mask": masks[0]} if self.uses_mask and masks[0] is not None else {}

    def build_for(self, *inputs: Any) -> None:
        """Build the layer for inputs like these (Tensors, arrays or Symbols), once."""
        if not self.built:
            if here.part is not None:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r} is not built, and threads that share a batch cannot do it.\n"
                    "Call it once on some data first."
                )
            shapes = [shapes_of(x) for x in inputs]
            self.build(shapes[0] if len(shapes) == 1 else shapes)
            self.built = True
            if not self._trainable:
                self.trainable = False  # what build has made is frozen too

    # --- parameters ---------------------------------------------------------------------------------------------

    def add_weight(
        self,
        shape: tuple,
        initializer: Any = "glorot_uniform",
        trainable: bool = True,
        regularizer: Any = None,
        *,
        name: str | None = None,
    ) -> Parameter:
        """A new parameter of this shape, filled by an initializer (by name or object).

        It is known by the attribute that it is assigned to: ``name``, which Keras' layers give, changes nothing.
        """
        p = Parameter(initializers.get(initializer)(shape, dtype=default_dtype()), trainable, regularizer=regularizer)
        p.requires_grad = trainable and self._trainable
        return p

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
        """(path, layer) of this layer and all inside it, each once; a path ends in a dot."""
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

    def penalty(self) -> Any:
        """The sum of what the trained parameters' regularizers give; 0.0 without any. ``fit`` adds it to the loss."""
        return penalty(self.parameters())

    @property
    def trainable(self) -> bool:
        """Whether the layer is trained. Assign False to freeze it and all inside it, True to thaw them.

        An optimizer takes charge of the parameters that are trainable when it is bound: after thawing others bind it
        again (``optimizer.bind(model.parameters())``; ``fit`` does). It still remembers what it had of the first.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        check_flag(f"{type(self).__name__} {self.name!r}", "trainable", value)
        for _, layer in self.named_layers():
            layer._trainable = bool(value)
        for p in self.parameters():
            p.requires_grad = bool(value) and p.trainable
            p.grad = None  # what an optimizer still had to do

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

    @property
    def training(self) -> bool:
        """Whether the layer behaves as in training; inside ``in_mode`` as that says."""
        return _modes.get().get(self, self._training)

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = bool(mode)

    def train(self, mode: bool = True) -> "Layer":
        """Behave as in training (dropout drops, normalisation looks at the batch), here and in all layers inside."""
        for _, layer in self.named_layers():
            layer.training = mode
        return self

    def eval(self) -> "Layer":
        """Behave as in use: the same input gives the same output."""
        return self.train(False)

    @contextmanager
    def in_mode(self, training: bool) -> Iterator[None]:
        """Train or use the layer, and all inside it, within the block and in this thread, whatever their own mode."""
        before = _modes.set({**_modes.get(), **{layer: bool(training) for _, layer in self.named_layers()}})
        try:
            yield
        finally:
            _modes.reset(before)

    # --- weights by name ----------------------------------------------------------------------------------------

    def state_dict(self, *patterns: str) -> dict[str, np.ndarray]:
        """A copy of every parameter's numbers under its name, on the CPU; or of those whose names match a pattern.

        >>> import minidl as md
        >>> model = md.Sequential([md.layers.Dense(4, input_shape=(3,), name="body"), md.layers.Dense(2, name="head")])
        >>> list(model.state_dict("head.*"))
        ['head.kernel', 'head.bias']
        """
        named = self._named_once()
        return {name: np.array(p.numpy()) for name, p in (select(named, *patterns) if patterns else named).items()}

    def _named_once(self) -> dict[str, Parameter]:
        """``named_parameters`` as a dictionary; two parameters of one name could not both be saved."""
        named = list(self.named_parameters())
        own = dict(named)
        if len(own) < len(named):
            names = [name for name, _ in named]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{type(self).__name__} {self.name!r} has two parameters named {twice!r}. Rename one.")
        return own

    def load_state_dict(self, state: dict[str, Array], strict: bool = True) -> Loaded:
        """Set every parameter from ``state``; nothing is changed unless all names and shapes fit.

        With ``strict=False`` those that fit are set and the others keep their numbers. The result lists both.

        Raises
        ------
        ValueError
            Lists the names that are missing, unexpected, or of another shape; also where nothing at all fits.
        """
        return load(f"{type(self).__name__} {self.name!r}", self._named_once(), state, strict)

    def get_weights(self) -> list[np.ndarray]:
        """The parameters' numbers as a list, in order (Keras)."""
        return list(self.state_dict().values())

    def set_weights(self, weights: list[Array]) -> None:
        """Set the parameters from a list in the order of ``get_weights`` (Keras)."""
        names = [name for name, _ in self.named_parameters()]
        if not isinstance(weights, (list, tuple)):
            raise TypeError(f"set_weights of {self.name!r} expects a list of arrays, got {type(weights).__name__}.")
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
    elif isinstance(value, (set, frozenset)) and any(isinstance(item, (Layer, Parameter)) for item in value):
        raise TypeError(f"{name} is a set of layers or parameters, which has no fixed order. Use a list.")
