"""How minidl says no: who, what was expected, what came, and the likely fix, in at most three lines.

Every message is a plain ``ValueError`` (shapes and values) or ``TypeError`` (kinds), raised before any work is done.
This module holds the phrases that many rooms need; everything else is written where it is raised.
"""

import difflib
from collections.abc import Iterable, Sequence


def unknown_name(who: str, name: object, choices: Iterable[str]) -> ValueError:
    """The error for a name that is not in a table, with the nearest known name.

    >>> print(unknown_name("optimizer", "adm", ["sgd", "adam"]))
    optimizer 'adm' is not known. Did you mean 'adam'?
    Known: adam, sgd.
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(str(name).lower(), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ValueError(f"{who} {name!r} is not known.{hint}\nKnown: {', '.join(choices)}.")


def first_few(faults: list[str], n: int = 6) -> str:
    """The first n faults in one line, and how many more there are.

    >>> first_few(["missing: W", "missing: b", "unexpected: w"], n=2)
    'missing: W; missing: b; and 1 more'
    """
    return "; ".join(faults[:n]) + (f"; and {len(faults) - n} more" if len(faults) > n else "")


def channels_last(shape: Sequence[int | None], C: int | None) -> str:
    r"""The likely fix, on a line of its own, where the C channels stand before the pixels or steps instead of last.

    >>> channels_last((32, 3, 28, 28), 3)
    '\nChannels come last here: x.transpose(0, 2, 3, 1)?'
    """
    if len(shape) < 3 or shape[1] != C:
        return ""
    return f"\nChannels come last here: x.transpose{(0, *range(2, len(shape)), 1)}?"


def describe(x: object) -> str:
    """Shape and dtype of an array, or the type of anything else, for use in a message.

    >>> import numpy as np
    >>> describe(np.zeros((2, 3), np.float32))
    'float32 array of shape (2, 3)'
    >>> describe("a")
    "str 'a'"
    """
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return f"{x.dtype} array of shape {tuple(x.shape)}"
    text = " ".join(repr(x).split())  # in one line
    return f"{type(x).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
