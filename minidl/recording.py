"""Whether this thread records what it computes: ``no_grad``."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Mode(threading.local):
    """Each thread has its own, so that a thread which evaluates does not stop another from training."""

    recording = True


mode = _Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside ``with no_grad():`` nothing is recorded, and Tensors may be edited in place.

    >>> import minidl as md
    >>> w = md.Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w
    Tensor([0.5], requires_grad=True)
    """
    before = mode.recording
    mode.recording = False
    try:
        yield
    finally:
        mode.recording = before


def is_recording() -> bool:
    """False inside ``no_grad()``."""
    return mode.recording
