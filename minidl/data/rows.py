"""Samples are rows: arrays (or lists) whose first axis counts the same samples."""

from collections.abc import Sequence

import numpy as np

from minidl.arrays import Array, array_module, is_array
from minidl.errors import describe


def count_rows(who: str, arrays: Sequence[Array | Sequence]) -> int:
    """N, the number of samples that all the arrays have in common; ``who`` speaks in the error message.

    Raises
    ------
    TypeError
        There is no array, or one of them has no rows (a number, a string).
    ValueError
        The lengths differ, or there are no samples.

    Examples
    --------
    >>> count_rows("fit", [np.zeros((3, 2)), ["a", "b", "c"]])
    3
    """
    if not arrays:
        raise TypeError(f"{who} expects at least one array, got none.")
    for a in arrays:
        if not (is_array(a) and a.ndim > 0) and not isinstance(a, (list, tuple)):
            got = "a Tensor. Give its array: tensor.data" if hasattr(a, "requires_grad") else describe(a)
            raise TypeError(f"{who} expects arrays or lists with one row per sample, got {got}.")
    lengths = [len(a) for a in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"{who} expects the same number of samples everywhere, got lengths {lengths}.")
    if lengths[0] == 0:
        raise ValueError(f"{who} expects at least one sample, got none.")
    return lengths[0]


def take_rows(a: Array | Sequence, rows: np.ndarray) -> Array | list:
    """A copy of the chosen rows, in their order: an array from an array (on its own device), a list from a list.

    >>> take_rows(["a", "b", "c"], np.array([2, 0]))
    ['c', 'a']
    """
    if is_array(a):
        return a.take(array_module(a).asarray(rows), axis=0)  # (N, ...) -> (len(rows), ...)
    return [a[i] for i in rows]
