"""``with md.debug():`` remembers where every op was written, and stops at the first number that is not one.

Inside it each recorded op keeps a ``Note``: the user's file and line (or notebook cell), and a fingerprint of every
array that its rule may read. So the error that ends a run at the first NaN or infinity, forward or backward, names the
op, the line, and its operands' shapes and ranges; and an array that was edited behind the engine's back
(``t.data[0] = 5``) is caught before it makes a gradient wrong. Off by default; then it costs one ``if`` for each op.
"""

import linecache
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minidl.arrays import Array, is_array, move
from minidl.errors import describe

active = False
_PACKAGE = str(Path(__file__).parent)


@dataclass
class Note:
    """What debug mode remembers of one op."""

    place: str  # "at train.py, line 12: y = md.log(x)", or "in Dense 'dense_1', at train.py, line 20: model.fit(x, y)"
    fingerprints: list[tuple[str, Array, int]] = field(default_factory=list)  # (role, array, checksum)


@contextmanager
def debug() -> Iterator[None]:
    """Stop at the first NaN or infinity, and say which line made it.

    >>> import minidl as md
    >>> with md.debug(), np.errstate(divide="ignore"):
    ...     md.log(md.Tensor([1.0, 0.0]))
    Traceback (most recent call last):
    ...
    FloatingPointError: log made -inf in 1 of 2 numbers, at <doctest ...>, line 2: md.log(md.Tensor([1.0, 0.0]))
      input 1: float32 array of shape (2,), 0 .. 1
    """
    global active
    before = active
    active = True
    try:
        yield
    finally:
        active = before


def after_forward(op: Any, y: Array, values: list) -> Note:
    """Check what an op has computed, and note where it was called."""
    note = Note(_place())
    _check_finite(op.__name__, "made", y, values, note)
    arrays = [("output", y), *((f"input {i + 1}", v) for i, v in enumerate(values))]
    note.fingerprints = [(role, a, _checksum(a)) for role, a in arrays if is_array(a)]
    return note


def before_backward(op: Any, note: Note) -> None:
    """Raise when an array that the op's rule may read has changed since."""
    for role, array, checksum in note.fingerprints:
        if _checksum(array) != checksum:
            raise ValueError(
                f"backward: {role} of {op.__name__}, {describe(array)}, was edited in place after it was used,\n"
                f"{note.place}. Edit a copy instead: t.data.copy()."
            )


def after_backward(op: Any, dx: Any, g: Any, values: list, note: Note) -> None:
    """Check a gradient that a rule has computed."""
    _check_finite(f"the gradient of {op.__name__}", "has", _plain(dx), [*values, _plain(g)], note)


def _check_finite(who: str, verb: str, y: Any, values: list, note: Note) -> None:
    y = np.asarray(move(y, "cpu") if is_array(y) else y)
    if y.dtype.kind != "f" or np.isfinite(y).all():
        return
    bad = y[~np.isfinite(y)]
    kind = "NaN" if np.isnan(bad).any() else f"{bad.flat[0]}"
    operands = "; ".join(f"input {i + 1}: {describe(v)}{_range(v)}" for i, v in enumerate(values))
    raise FloatingPointError(f"{who} {verb} {kind} in {bad.size} of {y.size} numbers, {note.place}\n  {operands}")


def _range(x: Any) -> str:
    """Smallest and largest number, as ", 0.1 .. 2"; says so when some are NaN."""
    if not is_array(x) or x.size == 0 or x.dtype.kind not in "iuf":
        return ""
    x = move(x, "cpu")
    finite = x[np.isfinite(x)]
    span = f", {finite.min():.4g} .. {finite.max():.4g}" if finite.size else ""
    return span + ("" if finite.size == x.size else f", {x.size - finite.size} not finite")


def _plain(x: Any) -> Any:
    return x._data if hasattr(x, "_data") else x


def _checksum(x: Array) -> int:
    return zlib.crc32(np.ascontiguousarray(move(x, "cpu")).tobytes())


def _place() -> str:
    """The innermost line of the user's own code on the stack, behind the layer or loss of minidl that it led into."""
    frame, inside = sys._getframe(1), ""
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        if not inside and frame.f_code.co_name == "call":  # the equation of a layer or a loss
            layer = frame.f_locals.get("self")
            inside = f"in {type(layer).__name__} {layer.name!r}, " if hasattr(layer, "name") else ""
        frame = frame.f_back
    name, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(name, line).strip()
    return f"{inside}at {_file_or_cell(name)}, line {line}" + (f": {source}" if source else "")


def _file_or_cell(name: str) -> str:
    """A file's name, or "cell [3]" for code typed into a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    cells = getattr(getattr(shell, "compile", None), "_filename_map", {})
    if name in cells:
        return f"cell [{cells[name]}]"
    return name if name.startswith("<") else Path(name).name
