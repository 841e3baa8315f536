"""The engine: Tensors that remember how they were made, and the ops that make them.

A ``Tensor`` is an array and, where a derivative may be asked for, a *record* of the op that made it:

    (time, op, inputs, values, tracked, settings, saved, note)

``inputs`` are the Tensors and arrays that the op was given, ``values`` the same as plain arrays, ``tracked`` the
positions of those that require a gradient, ``saved`` whatever the forward function returned to be kept, ``note`` what
debug mode remembers. Records point from results to inputs, never back, so a graph has no reference cycles: it dies with
its last Tensor. ``minidl.backward`` walks it. (Plain tuples, because one is made at every op.)

An op is a ``Primitive``: a forward function on plain arrays with one *rule* for each input. The rule gets the upstream
gradient g = ∂L/∂y, the output y and the inputs, and returns ∂L/∂x:

>>> @primitive()
... def cube(x, /):
...     return x * x * x
>>> cube.rule(lambda g, y, x: g * 3.0 * x * x)                   # ∂y/∂x = 3x²
>>> x = Tensor([1.0, 2.0], requires_grad=True)
>>> cube(x).backward(np.ones(2, np.float32)); x.grad
array([ 3., 12.], dtype=float32)

Rules are written with operators and public ops. These take plain arrays to plain arrays and Tensors to Tensors, so the
same rule serves ``backward`` (fast, what one sees in a debugger) and ``create_graph=True`` (differentiable again).
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import debugging, edits
from minidl.arrays import Array, as_array, check_dtype, check_same_device, device_of, is_array, move
from minidl.backward import FREED, plus, upstream, walk
from minidl.dispatch import OPS, register
from minidl.edits import tick
from minidl.errors import describe
from minidl.operators import Operators
from minidl.recording import mode

_new = object.__new__


class Tensor(Operators):
    """An array that can be differentiated.

    Parameters
    ----------
    data
        Anything array-like. An array keeps its dtype and is not copied; Python floats become ``default_dtype()``.
    requires_grad
        Whether ``backward`` shall leave ∂L/∂(this) in ``.grad``. Floating types only.
    dtype, device
        Convert or move the data first.

    Attributes
    ----------
    data : numpy.ndarray or cupy.ndarray
        The numbers. Assigning (``t.data = a``, ``t.data -= a``) edits the Tensor without recording.
    grad : numpy.ndarray, cupy.ndarray or None
        ∂L/∂(this), summed over the ``backward`` calls since ``zero_grad``. Filled only in leaves: Tensors that were
        given by the user, not computed. (After ``backward(create_graph=True)`` it is a Tensor.)

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("_data", "_record", "grad", "requires_grad", "__weakref__")

    def __init__(self, data: Any, requires_grad: bool = False, *, dtype: Any = None, device: str | None = None):
        dtype = None if dtype is None else check_dtype("Tensor", dtype)
        array = data._data if isinstance(data, Tensor) else as_array(data, dtype)
        if dtype is not None:
            array = array.astype(dtype, copy=False)
        if device is not None:
            array = move(array, device)
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"Tensor(requires_grad=True) expects floating numbers, got {array.dtype}.\n"
                "Integers can index and label, but have no derivative. Use data.astype('float32')?"
            )
        self._data = array
        self._record = None
        self.grad = None
        self.requires_grad = bool(requires_grad)

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        return self._data

    @data.setter
    def data(self, new: Any) -> None:
        new = new._data if isinstance(new, Tensor) else as_array(new)
        check_same_device("t.data = new", new, self._data)
        edits.mark_edited(self._data)
        if new is not self._data:
            if new.shape != self._data.shape:
                raise ValueError(
                    f"data of a Tensor of shape {self._data.shape} cannot become shape {new.shape}.\nMake a new Tensor."
                )
            self._data = new.astype(self._data.dtype, copy=False)

    @property
    def is_leaf(self) -> bool:
        """True when no op made this Tensor (or none that was recorded)."""
        return self._record is None

    @property
    def op(self) -> "Primitive | None":
        """The op that made this Tensor, or None."""
        return self._record[1] if self._record else None

    @property
    def inputs(self) -> tuple:
        """What the op that made this Tensor was given."""
        return self._record[2] if self._record else ()

    @property
    def settings(self) -> dict:
        """The settings, such as the axis, that the op which made this Tensor was given."""
        return self._record[5] if self._record else {}

    @property
    def device(self) -> str:
        return device_of(self._data)

    def __repr__(self) -> str:
        values = np.array2string(move(self._data, "cpu"), separator=", ", prefix="Tensor(")
        notes = [values]
        if self._data.dtype != np.float32:
            notes.append(f"dtype={self._data.dtype}")
        if self.device != "cpu":
            notes.append(f"device={self.device!r}")
        if self._record is not None:
            notes.append(f"op={self._record[1].__name__}" if self._record is not FREED else "graph freed")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"Tensor({', '.join(notes)})"

    # --- leaving the graph --------------------------------------------------------------------------------------

    def detach(self) -> "Tensor":
        """The same numbers (not copied) as a constant."""
        return _new_tensor(self._data, None)

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array, outside the graph; copied only from a GPU."""
        return move(self._data, "cpu")

    def item(self) -> float | int | bool:
        """The one number of a Tensor of size 1."""
        if self._data.size != 1:
            raise ValueError(f"item() expects one element, got shape {self._data.shape}.\nUse .numpy() or index first.")
        return self._data.item()

    def to(self, device: str) -> "Tensor":
        """This Tensor on ``"cpu"`` or ``"cuda"``; gradients flow back to where it came from."""
        return OPS["to_device"](self, device)

    # --- gradients ----------------------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget the gradient collected so far."""
        self.grad = None

    def backward(self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add ∂(this)/∂x to ``x.grad`` of every leaf x that requires it.

        Parameters
        ----------
        gradient
            The upstream gradient ∂L/∂(this), same shape. A Tensor of one element needs none: it is the loss, g = 1.
        retain_graph
            Keep the records, so that ``backward`` can be called again.
        create_graph
            Make the gradients Tensors that can be differentiated again.
        """
        g = upstream("backward", self, gradient)
        found = walk(self, g, set(), retain_graph or create_graph, create_graph)
        for x, dx in found.items():
            x.grad = dx if x.grad is None else plus(x.grad, dx)


def _new_tensor(array: Array, record: tuple | None) -> Tensor:
    """A Tensor around an array that an op has just made (no checks, no conversion)."""
    t = _new(Tensor)
    t._data = array
    t._record = record
    t.grad = None
    t.requires_grad = record is not None
    return t


# --- ops: recording -----------------------------------------------------------------------------------------------


class Primitive:
    """A forward function on arrays, with its derivative.

    Parameters of the forward function before the ``/`` (or ``*arrays``) are its differentiable inputs; those after it
    are settings, passed on to the rules by name.

    Attributes
    ----------
    rules : tuple of functions
        One for each input: ``rule(g, y, *inputs, **settings)`` gives ∂L/∂input.
    joint : function or None
        Instead of ``rules``, for ops whose derivatives share work: ``joint(g, y, *inputs, needs, saved, **settings)``
        gives a tuple, with None where ``needs`` is False. It may edit its own arrays in place, never g, y or an input.
    composition : function or None
        The same function written with other ops: the specification of a fused op, and its way to second order.
    """

    def __init__(self, forward: Callable, broadcasts: bool, saves: bool):
        self.forward = forward
        self.broadcasts = broadcasts  # inputs are broadcast together: their gradients are summed back to their shapes
        self.saves = saves  # forward returns (y, saved); the joint rule gets `saved`
        self.rules: tuple[Callable, ...] = ()
        self.joint: Callable | None = None
        self.composition: Callable | None = None
        self.__name__ = forward.__name__
        self.__qualname__ = forward.__qualname__
        self.__doc__ = forward.__doc__
        self.__module__ = forward.__module__
        self.__signature__ = inspect.signature(forward)
        self.__wrapped__ = forward  # where doctest finds the examples
        arguments = self.__signature__.parameters.values()
        self.setting_names = [p.name for p in arguments if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        with_default = [p for p in arguments if p.name in self.setting_names and p.default is not p.empty]
        self.defaults = {p.name: p.default for p in with_default}
        variadic = any(p.kind is p.VAR_POSITIONAL for p in arguments)
        self.n_inputs = None if variadic else sum(p.kind is p.POSITIONAL_ONLY for p in arguments)

    def __repr__(self) -> str:
        return f"<op {self.__name__}{self.__signature__}>"

    def __reduce__(self) -> str:
        return self.__qualname__  # copying and pickling a layer keep its activation the very same op

    def rule(self, *rules: Callable) -> None:
        """State ∂L/∂input for each input, in order."""
        self.rules = rules

    def joint_rule(self, joint: Callable) -> Callable:
        """State all gradients at once."""
        self.joint = joint
        return joint

    def specified_by(self, composition: Callable) -> Callable:
        """Name the composition that a fused op must equal."""
        self.composition = composition
        return composition

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Compute; record, when an input requires a gradient. Plain arrays in, plain array out."""
        if self.setting_names:
            args, settings = self._sort_arguments(args, settings)
        values: list[Any] = []
        tracked: list[int] = []
        any_tensor = False
        for a in args:
            if isinstance(a, Tensor):
                any_tensor = True
                if a.requires_grad:
                    tracked.append(len(values))
                a = a._data
            elif isinstance(a, (list, tuple)):
                a = as_array(a)
            values.append(a)
        if not any_tensor and self.n_inputs == 1 and isinstance(values[0], (bool, int, float)):
            values[0] = as_array(values[0])  # alone, a Python number is an array with no axes
        try:
            y = self.forward(*values, **settings) if settings else self.forward(*values)
        except (ValueError, TypeError, IndexError) as error:
            raise _explain(self, values, error) from error
        if not any_tensor:
            return y[0] if self.saves else y
        saved = None
        if self.saves:
            y, saved = y
        if type(y) is not np.ndarray and not is_array(y):
            y = np.asarray(y)  # NumPy reductions give scalars
        note = debugging.after_forward(self, y, values) if debugging.active else None
        t = _new(Tensor)  # as in _new_tensor; this is the one place where a call more would be felt
        t._data = y
        t.grad = None
        if tracked and mode.recording:
            t._record = (tick(), self, args, values, tracked, settings, saved, note)
            t.requires_grad = True
        else:
            t._record = None
            t.requires_grad = False
        return t

    def _sort_arguments(self, args: tuple, settings: dict) -> tuple[tuple, dict]:
        """Tell inputs from settings: ``sum(x, 0)`` means ``sum(x, axis=0)``."""
        n = self.n_inputs
        if len(args) == n and len(settings) == len(self.setting_names):
            return args, settings  # each by its name already
        if n is not None and len(args) > n:
            given = dict(zip(self.setting_names, args[n:]))
            if len(given) < len(args) - n:
                raise TypeError(f"{self.__name__} takes at most {n + len(given)} arguments, got {len(args)}.")
            if settings and given.keys() & settings.keys():
                twice = ", ".join(given.keys() & settings.keys())
                raise TypeError(f"{self.__name__} got {twice} twice: by place and by name.")
            return args[:n], {**self.defaults, **given, **settings}
        return args, {**self.defaults, **settings} if settings else self.defaults


def primitive(*numpy_functions: Callable, broadcasts: bool = False, saves: bool = False) -> Callable:
    """Make a public op of a forward function, standing in for the given NumPy functions."""

    def decorate(forward: Callable) -> Primitive:
        op = Primitive(forward, broadcasts, saves)
        register(op, numpy_functions)
        return op

    return decorate


def _explain(op: Primitive, values: list, error: Exception) -> Exception:
    """Say of a failed forward function who expected what, in minidl's words."""
    arrays = [v for v in values if hasattr(v, "shape")]
    try:
        check_same_device(op.__name__, *arrays)
    except ValueError as mixed:
        return mixed
    if str(error).startswith(op.__name__):
        return error  # the op said so itself
    kind = next(kind for kind in (ValueError, TypeError, IndexError) if isinstance(error, kind))
    return kind(f"{op.__name__} cannot take {', '.join(map(describe, values))}.\n{error}")
