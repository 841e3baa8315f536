"""Ctrl-C between two steps, never within one.

Python raises ``KeyboardInterrupt`` between any two bytecodes, also in the middle of an optimizer's step, when half of
the weights are new and half are old. Inside ``with deferred_interrupt() as interrupt:`` the first Ctrl-C only sets
``interrupt.requested``, and whoever is working looks there when a step is done. A second Ctrl-C raises at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupt:
    """Whether Ctrl-C was pressed, and whether twice."""

    requested = False
    forced = False

    def raise_if_requested(self) -> None:
        """The place to stop at."""
        if self.requested:
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Hold back the first Ctrl-C. Only the main thread gets signals; another's own handler is left alone.

    >>> with deferred_interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    ...     print("the step is finished first;", interrupt.requested)
    the step is finished first; True
    """
    interrupt = Interrupt()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield interrupt
        return

    def remember(number: int, frame: Any) -> None:
        if interrupt.requested:
            interrupt.forced = True
            raise KeyboardInterrupt
        interrupt.requested = True

    signal.signal(signal.SIGINT, remember)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
