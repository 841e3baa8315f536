"""Whether this thread records what it computes: ``no_grad``, and ``recording`` for those who need a graph inside it."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class _Mode(threading.local):
    """Each thread has its own, so that a thread which evaluates does not stop another from training."""

    recording = True


mode = _Mode()


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Inside the block this thread records, or does not, whatever was said outside; behind it all is as before."""
    before = mode.recording
    mode.recording = on
    try:
        yield
    finally:
        mode.recording = before


def no_grad() -> AbstractContextManager[None]:
    """Inside ``with no_grad():`` nothing is recorded, and Tensors may be edited in place.

    >>> import minidl as md
    >>> w = md.Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w
    Tensor([0.5], requires_grad=True)
    """
    return recording(False)


def is_recording() -> bool:
    """False inside ``no_grad()``."""
    return mode.recording
