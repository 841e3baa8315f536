"""Settings, checked where they are taken: numbers in an interval, whole numbers, truth values.

Each function raises a ``TypeError`` for another kind of thing and a ``ValueError`` for a value that will not do, and
otherwise returns the setting.
"""

from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

from minidl.errors import describe


def check_number(who: str, name: str, value: Any, interval: str = "(-inf, inf)", optional: bool = False) -> Any:
    """A finite number of the interval: ``[`` and ``]`` take the end in, ``(`` and ``)`` do not; None where optional.

    >>> check_number("SGD", "momentum", 0.9, "[0, 1)")
    0.9
    >>> check_number("SGD", "momentum", 1.5, "[0, 1)")
    Traceback (most recent call last):
    ValueError: SGD expects momentum in [0, 1), got 1.5.
    >>> check_number("SGD", "clipnorm", "a", "(0, inf)", optional=True)
    Traceback (most recent call last):
    TypeError: SGD expects clipnorm as a number > 0, or None, got str 'a'.
    """
    if optional and value is None:
        return value
    low, high = (float(end) for end in interval[1:-1].split(","))
    allowed = f" in {interval}"
    if high == np.inf:
        allowed = "" if low == -np.inf else f" {'>=' if interval[0] == '[' else '>'} {low:g}"
    none = ", or None" if optional else ""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{who} expects {name} as a number{allowed}{none}, got {describe(value)}.")
    if not isfinite(value):
        raise ValueError(f"{who} expects {name} as a finite number{allowed}{none}, got {value}.")
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    if not (above and below):
        raise ValueError(f"{who} expects {name}{allowed}{none}, got {value!r}.")
    return value


def check_whole(who: str, name: str, value: Any, lowest: int = 1) -> int:
    """A whole number that is not below ``lowest``.

    >>> check_whole("Dense", "units", 0)
    Traceback (most recent call last):
    ValueError: Dense expects units as a positive integer, got 0.
    """
    expected = "a positive integer" if lowest == 1 else f"a whole number from {lowest} on"
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{who} expects {name} as {expected}, got {describe(value)}.")
    if not isinstance(value, Integral) or value < lowest:
        raise ValueError(f"{who} expects {name} as {expected}, got {value!r}.")
    return int(value)


def check_axis(who: str, value: Any) -> int:
    """The number of an axis, from the first (0, 1, ...) or the last (-1, -2, ...).

    >>> check_axis("Softmax", "a")
    Traceback (most recent call last):
    TypeError: Softmax expects axis as a whole number, got str 'a'.
    """
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{who} expects axis as a whole number, got {describe(value)}.")
    return int(value)


def check_flag(who: str, name: str, value: Any) -> bool:
    """True or False, and nothing that merely counts as such: ``"no"`` would count as True.

    >>> check_flag("Dense", "trainable", "no")
    Traceback (most recent call last):
    TypeError: Dense expects trainable as True or False, got str 'no'.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{who} expects {name} as True or False, got {describe(value)}.")
    return bool(value)
