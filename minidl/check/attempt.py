"""Running code that somebody has just written: whatever happens is told calmly, with the line where it happened."""

import inspect
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minidl.check import patience
from minidl.check.verdict import NotWritten, NotYet

# What NumPy says of shapes that do not fit, and what is mostly behind it.
OF_A_PRODUCT = "In A @ B the last axis of A has the size of the last but one of B: is a transpose missing?"
ENTRY_BY_ENTRY = "Shapes are compared from the last axis on: sizes must be equal, or 1 (as keepdims=True leaves them)."
BEHIND = {
    "mismatch in its core dimension": OF_A_PRODUCT,
    "not aligned": OF_A_PRODUCT,
    "could not be broadcast together": ENTRY_BY_ENTRY,
}


def attempt(run: Callable, arguments: Mapping[str, Any], answer: Any = None) -> Any:
    """``run(*arguments)``, where any exception becomes a ``NotYet`` that says in which line of ``answer`` it arose.

    So does ``sys.exit()``, and a call that has not ended after ``patience.SECONDS``. Ctrl-C stays what it is: whoever
    presses it wants to have the prompt back.
    """
    try:
        with patience.patience(patience.SECONDS), np.errstate(all="ignore"):  # NaN is reported with the numbers
            return run(*arguments.values())
    except (NotYet, KeyboardInterrupt):
        raise
    except NotImplementedError:
        raise NotWritten from None
    except patience.TooLong as error:
        said = f"It had not ended after {patience.SECONDS:g} s, and was stopped. Does a loop never end?"
        raise _trouble(said, error, run if answer is None else answer, arguments) from None
    except BaseException as error:  # whatever the answer does wrong is a verdict, not a crash
        raise _trouble(_said(error), error, run if answer is None else answer, arguments) from None


def _trouble(said: str, error: BaseException, answer: Any, arguments: Mapping[str, Any]) -> NotYet:
    """What went wrong, in which line, with which arguments."""
    given = f"\nGiven {describe_all(arguments)}." if arguments else ""
    return NotYet(f"{_line(error, answer)}{said}{given}", inputs=dict(arguments))


def _said(error: BaseException) -> str:
    """The kind of an exception and its message, which may be long, or fail itself; and what may be behind it."""
    try:
        said = str(error) or "no message"
    except Exception:
        said = "no message"
    hint = next((f"\n{words}" for part, words in BEHIND.items() if part in said), "")
    return f"{type(error).__name__}: {said if len(said) <= 400 else said[:397] + '...'}{hint}"


def check_arguments(answer: Callable, names: tuple[str, ...]) -> None:
    """Raise ``NotYet`` when the answer cannot be called with so many arguments."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # a built-in function
        return
    try:
        signature.bind(*names)
    except TypeError:
        raise NotYet(f"It is called with ({', '.join(names)}), but it is written with {signature}.") from None


def describe_all(arguments: Mapping[str, Any]) -> str:
    """Shapes of arrays and values of numbers, by name.

    >>> describe_all({"x": np.zeros((4, 3)), "t": 2, "b": np.array(0.5)})
    'x (4, 3), t = 2, b = 0.5'
    """
    return ", ".join(
        f"{name} {np.shape(value)}" if hasattr(value, "shape") and np.ndim(value) else f"{name} = {_short(value)}"
        for name, value in arguments.items()
    )


def _short(value: Any) -> str:
    value = value.item() if isinstance(value, np.ndarray) else value  # an array with no axes is one number
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _line(error: BaseException, answer: Any) -> str:
    """The innermost line of the answer's own module that led to the error."""
    own = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__") == getattr(answer, "__module__", None)
    ]
    if not own:
        return ""
    code, line = own[-1]
    source = traceback.linecache.getline(code.co_filename, line).strip()
    return f"Stopped in line {line - code.co_firstlineno + 1} of {code.co_name}: {source}\n"
