"""A batch among workers: which samples are whose."""

from typing import Any

from minidl.errors import describe


def number_of(who: str, *arrays: Any) -> int:
    """N, the samples of a batch: of arrays or Tensors (N, ...), or of lists of them.

    >>> import numpy as np
    >>> number_of("backward", [np.zeros((5, 2)), np.zeros((5, 3))], np.zeros(5))
    5
    """
    several = [a for given in arrays for a in (given if isinstance(given, (list, tuple)) else [given])]
    for a in several:
        if not getattr(a, "shape", ()):
            raise TypeError(f"{who} expects arrays or Tensors (N, ...), or lists of them, got {describe(a)}.")
    lengths = [len(a) for a in several]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"{who} expects inputs and targets of as many samples, at least one, got {lengths}.")
    return lengths[0]


def rows_of_part(N: int, k: int, p: int) -> slice:
    """The samples of part k of p: parts of nearly equal size, in order; some are empty where N < p.

    >>> [rows_of_part(7, k, 3) for k in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    return slice(N * k // p, N * (k + 1) // p)


def take(a: Any, rows: slice) -> Any:
    """These samples of an array or Tensor, or of each of a list."""
    return [part[rows] for part in a] if isinstance(a, (list, tuple)) else a[rows]
