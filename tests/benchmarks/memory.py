"""The peak memory of training: by how much a process grows, at most, over what it held when idle.

The kernel keeps the high-water mark of a process' resident memory (``VmHWM`` in ``/proc/self/status``), and sets it
back to the present size when 5 is written to ``/proc/self/clear_refs``: see proc(5). Linux only. Whatever a library
allocates counts, on its own or through NumPy: weights, gradients, the optimizer's state, activations, scratch.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(line: str) -> int:
    """Bytes of resident memory: now (``VmRSS``), or the most since the mark was set back (``VmHWM``)."""
    for text in STATUS.read_text().splitlines():
        name, _, kilobytes = text.partition(":")
        if name == line:
            return int(kilobytes.split()[0]) * 1024
    raise OSError(f"{STATUS} has no line {line}")


def idle() -> int:
    """Give all that is free back to the system, set the high-water mark back, and return the resident bytes."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc
        libc.malloc_trim(0)
    CLEAR_REFS.write_text("5")
    return resident("VmRSS")


def peak_growth(build: Callable[[], Callable[[], object]], steps: int) -> int | None:
    """Bytes by which building a model and training it for some steps raises the peak; None where this is unknown.

    It is done twice, and only the second time counts: the first loads code and starts thread pools, which a process
    pays once, whatever it trains.
    """
    if not CLEAR_REFS.exists():
        return None
    for _ in range(2):
        before = idle()
        step = build()
        for _ in range(steps):
            step()
        growth = resident("VmHWM") - before
        del step
    return growth
