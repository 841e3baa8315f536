"""The stand-in's array: a NumPy array behind a wall, and the gates in that wall.

``array``, ``asarray`` and ``asnumpy`` are the gates for users; ``inside`` and ``wrap`` are the ones that each function
goes through with its arguments and its results.
"""

import functools
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from fake_cupy.indices import numpy_index, numpy_side
from fake_cupy.names import COMPARISONS, HOST, OPERATORS

cupy = ModuleType("cupy", "A stand-in for CuPy. See fake_cupy.")  # filled by fake_cupy/__init__.py

SCALARS = (bool, int, float, complex, np.generic)
SETTINGS = (*SCALARS, type(None), str, type, np.dtype)

# --- the gates for functions ------------------------------------------------------------------------------------------


def inside(label: str, value: Any, found: list["ndarray"]) -> Any:
    """The NumPy side of one argument; the device arrays in it are noted in ``found``."""
    if isinstance(value, ndarray):
        if label in HOST:
            raise TypeError(f"'cupy.ndarray' object cannot be interpreted as an integer ({label})")
        found.append(value)
        return value._a
    if isinstance(value, (list, tuple)):
        return type(value)([inside(label, v, found) for v in value])
    if label not in HOST and not isinstance(value, SETTINGS):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def wrap(result: Any, sources: list["ndarray"] = ()) -> Any:
    """What NumPy returned, as CuPy would return it: arrays only, and a view knows its base among ``sources``."""
    if isinstance(result, (tuple, list)):
        results = [wrap(r, sources) for r in result]
        return results if isinstance(result, list) else tuple(results)
    if result is None:
        return None
    for source in sources:
        if result is source._a:
            return source
    array = object.__new__(ndarray)
    array._a = np.asarray(result)
    viewed = (s for s in sources if array._a.base is not None and np.may_share_memory(array._a, s._a))
    base = next(viewed, None)
    array.base = base if base is None or base.base is None else base.base
    return array


def new_memory(a: np.ndarray) -> np.ndarray:
    """Memory as ``empty`` gives it: never zeros by luck."""
    a.fill(np.nan if a.dtype.kind in "fc" else 99)
    return a


# --- the array --------------------------------------------------------------------------------------------------------


class ndarray:
    """A NumPy array ``_a`` behind a wall. Methods and operators of the tables are added below the class."""

    __module__ = "cupy"
    __slots__ = ("__weakref__", "_a", "base")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape: Any, dtype: Any = float, *, order: str = "C") -> None:
        self._a = new_memory(np.empty(shape, dtype, order))
        self.base = None

    # -- what it is
    shape = property(lambda self: self._a.shape)
    strides = property(lambda self: self._a.strides)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    itemsize = property(lambda self: self._a.itemsize)
    nbytes = property(lambda self: self._a.nbytes)
    T = property(lambda self: wrap(self._a.T, [self]))
    real = property(lambda self: wrap(self._a.real, [self]))
    imag = property(lambda self: wrap(self._a.imag, [self]))
    device = property(lambda self: SimpleNamespace(id=0))
    data = property(lambda self: SimpleNamespace(ptr=self._a.ctypes.data, device=self.device))

    @property
    def flags(self) -> SimpleNamespace:
        flags = self._a.flags  # CuPy has these three and no more
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._a.__array_interface__, "data": (self._a.ctypes.data, False), "version": 3}

    # -- the way out
    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        if out is None:
            return np.array(self._a, order=order)
        np.copyto(out, self._a)
        return out

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype:
            raise TypeError(f"Only a numpy.ndarray of dtype {self.dtype} can be set to this cupy.ndarray")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        self._a[...] = arr

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._a.item()

    def tolist(self) -> Any:
        return self._a.tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __bool__(self) -> bool:
        return bool(self._a)

    def __int__(self) -> int:
        return int(self._a)

    def __float__(self) -> float:
        return float(self._a)

    def __repr__(self) -> str:
        return repr(self._a)

    def __str__(self) -> str:
        return str(self._a)

    def __format__(self, spec: str) -> str:
        return format(self._a, spec)

    def __reduce__(self) -> tuple:
        return array, (self.get(),)

    def __copy__(self) -> "ndarray":
        return wrap(self._a.copy())

    def __deepcopy__(self, memo: dict) -> "ndarray":
        return wrap(self._a.copy())

    # -- items
    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Iterator["ndarray"]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "ndarray":
        index = numpy_index(key, self.shape)
        part = self._a[index]
        picked = any(isinstance(k, np.ndarray) for k in index)  # a copy; anything else is a view
        return wrap(np.array(part)) if picked else wrap(part, [self])

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, (np.ndarray, list, tuple)) and np.ndim(value) > 0:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._a[numpy_index(key, self.shape)] = value if isinstance(value, np.ndarray) else inside("value", value, [])

    # -- NumPy's two protocols
    def __array_ufunc__(self, numpy_ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        outputs = kwargs.get("out", ())
        if outputs:
            (kwargs["out"],) = outputs
        function = getattr(cupy, numpy_ufunc.__name__, None)
        function = function if method == "__call__" else getattr(function, method, None)
        if function is None or not all(isinstance(x, (ndarray, np.ndarray, *SCALARS)) for x in (*inputs, *outputs)):
            return NotImplemented
        if numpy_ufunc.__name__ in COMPARISONS.values():  # the one place where CuPy takes 0-d NumPy arrays
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs)
        return function(*inputs, **kwargs)

    def __array_function__(self, numpy_function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        path = [*numpy_function.__module__.split(".")[1:], numpy_function.__name__]
        try:
            function = functools.reduce(getattr, path, cupy)
        except AttributeError:
            return NotImplemented
        if function is numpy_function or not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
            return NotImplemented
        return function(*args, **kwargs)


def binary_operator(name: str, swapped: bool = False) -> Callable:
    """``x + y`` or, swapped, ``y + x``: CuPy's own for two device arrays, else NumPy asks whom it concerns."""

    def operator(self: ndarray, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", self) is None:
            return NotImplemented
        function = getattr(cupy if isinstance(other, ndarray) else np, name)
        return function(other, self) if swapped else function(self, other)

    return operator


def inplace_operator(name: str) -> Callable:
    return lambda self, other: getattr(cupy, name)(self, other, out=self)


for symbol, name in {**OPERATORS, **COMPARISONS}.items():
    setattr(ndarray, f"__{symbol}__", binary_operator(name))
for symbol, name in OPERATORS.items():
    setattr(ndarray, f"__r{symbol}__", binary_operator(name, swapped=True))
    if symbol != "matmul":  # CuPy has no __imatmul__
        setattr(ndarray, f"__i{symbol}__", inplace_operator(name))
for symbol, name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
    setattr(ndarray, f"__{symbol}__", lambda self, name=name: getattr(cupy, name)(self))


# --- the gates for users ----------------------------------------------------------------------------------------------


def array(obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0) -> Any:
    made = np.array(numpy_side(obj), dtype=dtype, order=order, ndmin=ndmin)  # always a copy
    if made.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {made.dtype}")
    return wrap(made)


def asarray(a: Any, dtype: Any = None, order: str | None = None) -> ndarray:
    if isinstance(a, ndarray) and (dtype is None or a.dtype == dtype):
        return a
    return array(a, dtype, order=order or "K")


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    return a.get(stream, order, out, blocking) if isinstance(a, ndarray) else np.asarray(a)


def get_array_module(*args: Any) -> ModuleType:
    return cupy if any(isinstance(a, ndarray) for a in args) else np
