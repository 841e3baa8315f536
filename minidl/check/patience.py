"""An answer that never ends is stopped: a loop whose end never comes should not take the whole notebook with it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS = 60  # for one call of an answer, on arrays so small that a right one takes milliseconds


class TooLong(BaseException):
    """The answer's time is up. No ``Exception``: an answer's own ``except Exception`` shall not swallow it."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise ``TooLong`` within the block after so many seconds by the clock.

    The clock is the alarm that POSIX systems give to the main thread, where notebooks run their cells too. Elsewhere
    (Windows, another thread, an alarm that somebody has set already) nothing is timed, and Ctrl-C has to do.

    >>> with patience(0.01):
    ...     while True:
    ...         pass
    Traceback (most recent call last):
    minidl.check.patience.TooLong
    """
    if not is_free():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_free() -> bool:
    """Is there an alarm, may this thread set it, and does nobody else use it?"""
    return (
        hasattr(signal, "SIGALRM")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    )
