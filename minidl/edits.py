"""The clock, and the memory of what was edited in place.

A rule may need the very numbers that the forward pass used. When somebody overwrites them between forward and backward
(``w.data -= ...``, an optimizer's step), the gradient would be wrong in silence. So one clock numbers every recorded op
and every edit; if an edit is younger than the op that used the array, ``backward`` refuses.

While recording this costs one number for each op. On the way back an op's time is compared with ``latest``, the time of
the last edit of anything, and only when that is younger are the arrays themselves looked up.
"""

import itertools
import math
import weakref

from minidl.arrays import Array

tick = itertools.count(1).__next__  # the clock: every call is later than the one before
latest = 0  # the time of the last edit of anything

# (id of the array that owns the memory) -> [(time, first byte, one past the last)]; an entry dies with its array.
_edits: dict[int, list[tuple[int, float, float]]] = {}
_watchers: dict[int, weakref.ref] = {}


def mark_edited(array: Array) -> None:
    """Remember that this array's memory was overwritten just now."""
    global latest
    latest = tick()
    owner = _owner(array)
    key = id(owner)
    if key not in _watchers:
        _watchers[key] = weakref.ref(owner, lambda _, key=key: _forget(key))
    if owner is array:
        _edits[key] = [(latest, 0, math.inf)]  # all of it: what was known of parts is out of date
        return
    first, end = _extent(array)
    # An older edit inside the range of this one says nothing that this one does not.
    older = [edit for edit in _edits.get(key, ()) if edit[1] < first or edit[2] > end]
    _edits[key] = [*older, (latest, first, end)]


def edited_since(array: Array, time: int) -> bool:
    """Was any byte that this array spans overwritten after ``time``?"""
    edits = _edits.get(id(_owner(array)))
    if not edits:
        return False
    first, end = _extent(array)
    return any(edit > time and low < end and first < high for edit, low, high in edits)


def _forget(key: int) -> None:
    _edits.pop(key, None)
    _watchers.pop(key, None)


def _owner(array: Array) -> Array:
    """The array that owns the memory which this view shows."""
    while getattr(array.base, "shape", None) is not None:
        array = array.base
    return array


def _extent(array: Array) -> tuple[int, int]:
    """First byte and one past the last byte that the array spans."""
    interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    low = high = interface["data"][0]
    for size, stride in zip(array.shape, array.strides, strict=True):
        if stride > 0:
            high += (size - 1) * stride
        else:
            low += (size - 1) * stride
    return low, high + array.itemsize
