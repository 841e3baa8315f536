"""The stand-in's functions: an entry of a table and NumPy's function make CuPy's function."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fake_cupy.indices import numpy_index
from fake_cupy.names import AT
from fake_cupy.wall import SCALARS, inside, ndarray, wrap


class Parameters(NamedTuple):
    """What a table says of one function: ``"sum a axis * out"``."""

    name: str
    positional: list[str]  # a, axis
    variadic: str | None  # *name
    keywords: set[str]  # all of them

    @classmethod
    def read(cls, line: str) -> "Parameters":
        """Parse one entry of a table."""
        name, *words = line.split()
        star = next((i for i, word in enumerate(words) if word.startswith("*")), len(words))
        variadic = words[star][1:] if star < len(words) else None
        return cls(name, words[:star], variadic or None, {*words[:star], *words[star + 1 :]})

    def label(self, args: tuple, kwargs: dict) -> Iterator[tuple[str, Any]]:
        """Pair each argument with the name of its parameter; refuse what CuPy has no parameter for."""
        if len(args) > len(self.positional) and not self.variadic:
            raise TypeError(f"{self.name}() takes {len(self.positional)} positional arguments, got {len(args)}")
        for unknown in kwargs.keys() - self.keywords:
            raise TypeError(f"{self.name}() got an unexpected keyword argument {unknown!r}")
        yield from zip(itertools.chain(self.positional, itertools.repeat(self.variadic)), args)
        yield from kwargs.items()


def read_table(text: str) -> list[Parameters]:
    return [Parameters.read(entry) for line in text.strip().splitlines() for entry in line.split("|")]


def device_function(parameters: Parameters, numpy_function: Callable, makes: bool = False) -> Callable:
    """The CuPy function of one table entry; ``makes`` says that it needs no device array among its arguments."""

    def function(*args: Any, **kwargs: Any) -> Any:
        found: list[ndarray] = []
        values = [inside(label, value, found) for label, value in parameters.label(args, kwargs)]
        if not (found or makes):
            raise TypeError(f"Unsupported type: {parameters.name}() needs a cupy.ndarray among its arguments")
        with np.errstate(all="ignore"):
            result = numpy_function(*values[: len(args)], **dict(zip(kwargs, values[len(args) :])))
        return wrap(result, found)

    function.__name__ = function.__qualname__ = parameters.name
    return function


def question(parameters: Parameters, numpy_function: Callable) -> Callable:
    """A function whose answer is a plain value."""

    def function(*args: Any, **kwargs: Any) -> Any:
        values = [inside(label, value, []) for label, value in parameters.label(args, kwargs)]
        return numpy_function(*values[: len(args)], **dict(zip(kwargs, values[len(args) :])))

    return function


class ufunc:
    """An elementwise function with the few methods that CuPy's have."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._numpy = getattr(np, name)
        self.nin, self.nout, self.nargs = self._numpy.nin, self._numpy.nout, self._numpy.nargs

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.__name__}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> "ndarray":
        if kwargs.keys() - {"out", "dtype", "casting"}:
            raise TypeError(f"Wrong arguments {kwargs}")
        found: list[ndarray] = []
        for value in (*args[: self.nin], *(o for o in (*args[self.nin :], kwargs.get("out")) if o is not None)):
            if not isinstance(value, (ndarray, *SCALARS)):  # lists and 0-d NumPy arrays are refused too
                raise TypeError(f"Unsupported type {type(value)}")
        values = [inside("x", value, found) for value in args]
        kwargs = {key: inside(key, value, found) for key, value in kwargs.items()}
        with np.errstate(all="ignore"):
            return wrap(self._numpy(*values, **kwargs), found)

    def at(self, a: "ndarray", indices: Any, b: Any = None) -> None:
        if self.__name__ not in AT:
            raise NotImplementedError(f"`cupy_{self.__name__}.at` is not supported yet")
        if a.dtype.name not in AT[self.__name__].split():
            raise TypeError(f"cupy.{self.__name__}.at only supports {AT[self.__name__]}, not {a.dtype}")
        self._numpy.at(a._a, numpy_index(indices, a.shape), inside("b", b, []))

    def _fold(self, sums: str, array: "ndarray", *args: Any, **kwargs: Any) -> "ndarray":
        method = dict(zip(("add", "multiply"), sums.split())).get(self.__name__)
        if method is None:
            raise NotImplementedError(f"`cupy_{self.__name__}.reduce` is not supported yet")
        return getattr(array, method)(*args, **kwargs)

    def reduce(
        self, array: "ndarray", axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        return self._fold("sum prod", array, axis, dtype, out, keepdims)

    def accumulate(self, array: "ndarray", axis: int = 0, dtype: Any = None, out: Any = None) -> "ndarray":
        return self._fold("cumsum cumprod", array, axis, dtype, out)

    def outer(self, a: "ndarray", b: "ndarray", **kwargs: Any) -> "ndarray":
        return self(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)
