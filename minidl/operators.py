"""The NumPy face of a Tensor: operators, methods, properties under NumPy's names, each handed to the op of that name.

Nothing is computed here. ``t + u`` is ``md.add(t, u)``, ``t.sum(axis=0)`` is ``md.sum(t, axis=0)``, ``np.exp(t)`` is
``md.exp(t)``; the derivative stands beside the op in ``minidl/ops``. Comparisons give plain arrays of truth values.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl import edits
from minidl.arrays import Array
from minidl.dispatch import OPS, call_numpy_function
from minidl.habits import TensorHabits
from minidl.recording import is_recording


def unwrap(x: Any) -> Any:
    """The plain arrays inside Tensors, also inside tuples, lists and dictionaries of them."""
    if isinstance(x, Operators):
        return x._data
    if isinstance(x, (tuple, list)):
        return type(x)(unwrap(item) for item in x)
    if isinstance(x, dict):
        return {key: unwrap(item) for key, item in x.items()}
    return x


class Operators(TensorHabits):
    """Operators, methods and properties that a Tensor shares with a NumPy array."""

    __slots__ = ()

    # --- arithmetic ---------------------------------------------------------------------------------------------

    def __add__(self, other):
        return OPS["add"](self, other)

    def __radd__(self, other):
        return OPS["add"](other, self)

    def __sub__(self, other):
        return OPS["subtract"](self, other)

    def __rsub__(self, other):
        return OPS["subtract"](other, self)

    def __mul__(self, other):
        return OPS["multiply"](self, other)

    def __rmul__(self, other):
        return OPS["multiply"](other, self)

    def __truediv__(self, other):
        return OPS["divide"](self, other)

    def __rtruediv__(self, other):
        return OPS["divide"](other, self)

    def __pow__(self, other):
        return OPS["power"](self, other)

    def __rpow__(self, other):
        return OPS["power"](other, self)

    def __matmul__(self, other):
        return OPS["matmul"](self, other)

    def __rmatmul__(self, other):
        return OPS["matmul"](other, self)

    def __neg__(self):
        return OPS["negative"](self)

    def __pos__(self):
        return self

    def __abs__(self):
        return OPS["abs"](self)

    # --- comparisons: plain arrays ------------------------------------------------------------------------------

    def __lt__(self, other):
        return self._data < unwrap(other)

    def __le__(self, other):
        return self._data <= unwrap(other)

    def __gt__(self, other):
        return self._data > unwrap(other)

    def __ge__(self, other):
        return self._data >= unwrap(other)

    def __eq__(self, other):
        return self._data == unwrap(other)

    def __ne__(self, other):
        return self._data != unwrap(other)

    __hash__ = object.__hash__  # a Tensor is a dictionary key by identity, whatever == says of its numbers

    # --- one number ---------------------------------------------------------------------------------------------

    def __bool__(self):
        return bool(self._data)

    def __float__(self):
        if self.requires_grad and is_recording() and not self._is_used_up():
            raise TypeError(
                "float(t) of a Tensor that requires a gradient would lose it; so would a[0] = t, and math.exp(t).\n"
                "Use t.item() to leave the graph on purpose; md.stack and md.exp stay in it."
            )
        return float(self.item())

    def _is_used_up(self) -> bool:
        """Whether ``backward`` has been here: then no gradient is lost any more."""
        return self._record is not None and self._record[1] is None

    def __int__(self):
        return int(self.item())

    def __index__(self):
        return self._data.__index__()

    def __format__(self, spec):
        if spec and self._data.size != 1:
            raise TypeError(
                f"format {spec!r} expects one number, got a Tensor of shape {self.shape}. Reduce or index it."
            )
        return format(self.item(), spec) if spec else str(self)

    # --- a sequence ---------------------------------------------------------------------------------------------

    def __len__(self):
        return len(self._data)

    def __iter__(self) -> Iterator:
        if self._data.ndim == 0:
            raise TypeError("a Tensor with no axes holds one number and cannot be iterated over. Use .item()?")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value):
        return bool((self._data == unwrap(value)).any())

    def __getitem__(self, index):
        return OPS["getitem"](self, index)

    # --- edits in place: only where no gradient can be lost -----------------------------------------------------

    def __setitem__(self, index, value):
        if is_recording() and (self.requires_grad or getattr(value, "requires_grad", False)):
            raise ValueError(
                "t[...] = v would lose the gradient, because the numbers that earlier ops saved are overwritten.\n"
                "Build a new Tensor (md.where, md.concatenate), or edit inside `with md.no_grad():`."
            )
        self._data[unwrap(index)] = unwrap(value)
        edits.mark_edited(self._data)

    def _edit(self, op: str, other):
        """``t += v``: a new Tensor while recording (as Python does for numbers), an edit in place otherwise."""
        if is_recording() and (self.requires_grad or getattr(other, "requires_grad", False)):
            if self.requires_grad and self.is_leaf:
                raise ValueError(
                    f"t {op}= v on a leaf that requires a gradient would hide it from backward.\n"
                    f"To update it write `with md.no_grad(): t {op}= v`; to compute with it write t = t {op} v."
                )
            return {"+": self.__add__, "-": self.__sub__, "*": self.__mul__, "/": self.__truediv__}[op](other)
        other = unwrap(other)
        array = self._data
        if op == "+":
            array += other
        elif op == "-":
            array -= other
        elif op == "*":
            array *= other
        else:
            array /= other
        edits.mark_edited(array)
        return self

    def __iadd__(self, other):
        return self._edit("+", other)

    def __isub__(self, other):
        return self._edit("-", other)

    def __imul__(self, other):
        return self._edit("*", other)

    def __itruediv__(self, other):
        return self._edit("/", other)

    # --- properties ---------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    @property
    def T(self):
        return OPS["transpose"](self)

    @property
    def mT(self):
        return OPS["swapaxes"](self, -1, -2)

    # --- methods ------------------------------------------------------------------------------------------------

    def astype(self, dtype, copy=True):
        return OPS["astype"](self, dtype)

    def sum(self, axis=None, keepdims=False):
        return OPS["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        return OPS["mean"](self, axis=axis, keepdims=keepdims)

    def var(self, axis=None, ddof=0, keepdims=False):
        return OPS["var"](self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis=None, ddof=0, keepdims=False):
        return OPS["std"](self, axis=axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis=None, keepdims=False):
        return OPS["max"](self, axis, keepdims)

    def min(self, axis=None, keepdims=False):
        return OPS["min"](self, axis, keepdims)

    def prod(self, axis=None, keepdims=False):
        return OPS["prod"](self, axis, keepdims)

    def cumsum(self, axis=None):
        return OPS["cumsum"](self, axis)

    def cumprod(self, axis=None):
        return OPS["cumprod"](self, axis)

    def diagonal(self, offset=0, axis1=0, axis2=1):
        return OPS["diagonal"](self, offset, axis1, axis2)

    def trace(self, offset=0, axis1=0, axis2=1):
        return OPS["trace"](self, offset, axis1, axis2)

    def dot(self, other):
        return OPS["dot"](self, other)

    def clip(self, min=None, max=None):
        return OPS["clip"](self, min, max)

    def reshape(self, *shape):
        return OPS["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def ravel(self):
        return OPS["reshape"](self, -1)

    def flatten(self):
        return OPS["reshape"](self, -1)

    def transpose(self, *axes):
        return OPS["transpose"](self, (axes[0] if len(axes) == 1 else axes) if axes else None)

    def swapaxes(self, axis1, axis2):
        return OPS["swapaxes"](self, axis1, axis2)

    def squeeze(self, axis=None):
        return OPS["squeeze"](self, axis)

    def repeat(self, repeats, axis=None):
        return OPS["repeat"](self, repeats, axis)

    def take(self, indices, axis=None):
        return OPS["take"](self, indices, axis)

    def argmax(self, axis=None, keepdims=False) -> Array:
        return self._data.argmax(axis, keepdims=keepdims)

    def argmin(self, axis=None, keepdims=False) -> Array:
        return self._data.argmin(axis, keepdims=keepdims)

    def argsort(self, axis=-1) -> Array:
        return self._data.argsort(axis)

    def nonzero(self) -> tuple[Array, ...]:
        return self._data.nonzero()

    def round(self, decimals=0) -> Array:
        return self._data.round(decimals)

    def any(self, axis=None, keepdims=False) -> Array:
        return self._data.any(axis, keepdims=keepdims)

    def all(self, axis=None, keepdims=False) -> Array:
        return self._data.all(axis, keepdims=keepdims)

    def tolist(self) -> Any:
        return self._data.tolist()

    def copy(self):
        return OPS["copy"](self)

    # --- NumPy functions ----------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__":
            raise TypeError(
                f"np.{ufunc.__name__}.{method} cannot take a Tensor: it has no gradient rule.\n"
                "Use the function of that meaning instead, for example np.sum for np.add.reduce."
            )
        return call_numpy_function(ufunc, inputs, kwargs, unwrap)

    def __array_function__(self, function, types, args, kwargs):
        return call_numpy_function(function, args, kwargs, unwrap)

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise TypeError(
                "a Tensor that requires a gradient becomes no plain array by itself: the gradient would be lost.\n"
                "Use md.stack to join several Tensors, t.numpy() to leave the graph on purpose."
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)
