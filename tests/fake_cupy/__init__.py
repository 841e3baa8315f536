"""A strict stand-in for CuPy, for machines with no GPU: ``with fake_cupy.installed() as cupy: ...``.

Its arrays hold NumPy arrays and behave as CuPy's do where CuPy differs from NumPy:

* nothing crosses between host and device in silence: ``asarray`` is the way in, ``.get()`` or ``asnumpy`` the way out;
* every result is a device array, of 0 dimensions where NumPy gives a scalar, and ``a[1]`` is a view even then;
* integer arrays used as indices wrap round where NumPy raises, and index arrays may be NumPy's or lists;
* only the names in ``names.py`` exist, with the parameters given there (no ``where=`` or ``initial=`` in a ``sum``);
* ``ufunc.at`` and ``ufunc.reduce`` work only for the operations and dtypes that CuPy has kernels for;
* division by zero and the like never warn.

It is stricter than CuPy in places: fewer names, no random numbers, no NumPy array or list as a stored value, no writing
through broadcast arrays, and new ``empty`` memory is full of NaN. What passes here should pass there, not the converse.
The names and parameters, checked against CuPy 13.6.0 and 14.2.0, stand in ``names.py``.
"""

import operator
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from fake_cupy import indices, wall
from fake_cupy.calls import Parameters, device_function, question, read_table, ufunc
from fake_cupy.names import CONSTANTS, CREATION, FUNCTIONS, METHODS, QUESTIONS, UFUNCS
from fake_cupy.wall import cupy, ndarray

WRITTEN_HERE = {  # where NumPy's own function would not do
    "take": indices.take,
    "take_along_axis": indices.take_along_axis,
    "put_along_axis": indices.put_along_axis,
    "where": indices.where,
    "byte_bounds": np.lib.array_utils.byte_bounds,
    "empty": lambda *args, **kwargs: wall.new_memory(np.empty(*args, **kwargs)),
    "empty_like": lambda *args, **kwargs: wall.new_memory(np.empty_like(*args, **kwargs)),
}


def numpy_function(parameters: Parameters, home: object = np):
    """The function that does the work of a table's entry."""
    return WRITTEN_HERE.get(parameters.name) or operator.attrgetter(parameters.name)(home)


def fill_module() -> None:
    """Give the module ``cupy`` and its array every name of the tables."""
    for path in ("linalg", "lib", "lib.stride_tricks"):
        put(path, ModuleType(f"cupy.{path}"))
    for name in CONSTANTS.split():
        put(name, getattr(np, name))
    for name in UFUNCS.split():
        put(name, ufunc(name))
    for entry in read_table(FUNCTIONS):
        put(entry.name, device_function(entry, numpy_function(entry)))
    for entry in read_table(CREATION):
        put(entry.name, device_function(entry, numpy_function(entry), makes=True))
    for entry in read_table(QUESTIONS):
        put(entry.name, question(entry, numpy_function(entry)))
    for written in (ndarray, ufunc, wall.array, wall.asarray, wall.asnumpy, wall.get_array_module):
        put(written.__name__, written)
    cupy.asanyarray = wall.asarray
    for entry in read_table(METHODS):
        entry.positional.insert(0, "self")
        setattr(ndarray, entry.name, device_function(entry, numpy_function(entry, np.ndarray)))


def put(path: str, value: object) -> None:
    """``put("linalg.norm", f)`` is ``cupy.linalg.norm = f``."""
    *folders, name = path.split(".")
    setattr(operator.attrgetter(".".join(folders))(cupy) if folders else cupy, name, value)


@contextmanager
def installed() -> Iterator[ModuleType]:
    """Within the block ``import cupy`` gives the stand-in; afterwards all is as it was before.

    >>> with installed() as cupy:
    ...     import cupy as imported
    >>> imported is cupy, cupy.arange(3) + 1
    (True, array([1, 2, 3]))
    """
    before = sys.modules.get("cupy")
    sys.modules["cupy"] = cupy
    try:
        yield cupy
    finally:
        del sys.modules["cupy"]
        if before is not None:
            sys.modules["cupy"] = before


fill_module()
