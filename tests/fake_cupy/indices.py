"""Indices as CuPy takes them: integer arrays wrap round their axis, and index arrays may be NumPy's, CuPy's or lists.

The functions here see the NumPy side only; an index array of the stand-in is known by its attribute ``_a``.
"""

from typing import Any

import numpy as np


def numpy_index(key: Any, shape: tuple[int, ...]) -> tuple:
    """The index for NumPy: arrays and lists become NumPy arrays whose integers are wrapped into their axis."""
    items = [as_index_array(k) for k in (key if isinstance(key, tuple) else (key,))]
    if not any(k is Ellipsis for k in items):
        items.append(Ellipsis)  # makes a[0] a view, not a scalar
    used = [0 if k is None or k is Ellipsis else k.ndim if is_mask(k) else 1 for k in items]
    axis = 0
    for i, k in enumerate(items):
        if isinstance(k, np.ndarray) and not is_mask(k) and axis < len(shape) and shape[axis]:
            items[i] = k % shape[axis]
        axis += len(shape) - sum(used) if k is Ellipsis else used[i]
    return tuple(items)


def as_index_array(k: Any) -> Any:
    k = numpy_side(k)
    if isinstance(k, (list, bool, np.bool_)):
        k = np.asarray(k)
        return k if k.size else k.astype(np.int32)  # an empty list is an empty index, not floats
    return k


def numpy_side(value: Any) -> Any:
    """What is inside a device array, or nested lists with each device array in them replaced so."""
    if isinstance(value, (list, tuple)):
        return [numpy_side(v) for v in value]
    return getattr(value, "_a", value)


def is_mask(k: Any) -> bool:
    return isinstance(k, np.ndarray) and k.dtype == bool


def where(condition: np.ndarray, *x_and_y: Any) -> np.ndarray:
    if not isinstance(condition, np.ndarray):
        raise TypeError(f"Unsupported type {type(condition)}: where() needs a condition on the device")
    return np.where(condition, *x_and_y)


def take(a: np.ndarray, indices: Any, axis: int | None = None, out: Any = None) -> np.ndarray:
    return np.take(a, np.asarray(indices, int) if isinstance(indices, (list, tuple)) else indices, axis, out, "wrap")


def take_along_axis(a: np.ndarray, indices: np.ndarray, axis: int | None) -> np.ndarray:
    return np.take_along_axis(a, indices % max(a.size if axis is None else a.shape[axis], 1), axis)


def put_along_axis(a: np.ndarray, indices: np.ndarray, values: Any, axis: int | None) -> None:
    np.put_along_axis(a, indices % max(a.size if axis is None else a.shape[axis], 1), values, axis)
