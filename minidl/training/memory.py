"""Keep freed memory for the next step, instead of giving it back to the system after each one.

Every training step makes the same large arrays as the step before. glibc's ``malloc`` asks the system for each large
array anew and gives it back when it dies, and the system must zero every page again: this costs more than the
arithmetic of a small convolution. Two settings stop it, for the whole process:

    M_MMAP_THRESHOLD   arrays below this size come from memory that is kept, not from the system
    M_TRIM_THRESHOLD   so much free memory is kept before any is given back

``fit`` asks for this; importing minidl does not. The price is that memory, once used, stays with the process. It can be
forbidden by ``keep_memory(False)`` or, before the start, by the environment variable ``MINIDL_KEEP_MEMORY=0``.
Only Linux with glibc has these settings; elsewhere nothing happens. Source: mallopt(3).
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers of <malloc.h>
DEFAULT = 128 * 1024  # glibc's own value of both
LARGEST = 2**31 - 1
GIGABYTE = 2**30
OLD_LIMIT = 2**25  # before version 2.35 glibc refuses a larger M_MMAP_THRESHOLD

_chosen: bool | None = None  # what the user asked for, which a later fit respects


def keep_memory(enable: bool = True) -> bool:
    """Keep freed memory (True), or give it back as glibc does by itself (False); ``fit`` then leaves it at that.

    Returns
    -------
    bool
        Whether it took effect: False outside Linux with glibc, or where ``MINIDL_KEEP_MEMORY=0`` forbids it.

    Examples
    --------
    >>> took_effect = keep_memory()
    >>> isinstance(took_effect, bool)
    True
    """
    global _chosen
    _chosen = bool(enable)
    return _tune(_chosen)


def keep_memory_for_training() -> bool:
    """What ``fit`` calls: keep memory unless the user has decided otherwise."""
    return _tune(True) if _chosen is None else False


def _tune(enable: bool) -> bool:
    if os.environ.get("MINIDL_KEEP_MEMORY") == "0" or not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False  # another C library, such as musl
    if enable:
        wide = libc.mallopt(M_MMAP_THRESHOLD, GIGABYTE) or libc.mallopt(M_MMAP_THRESHOLD, OLD_LIMIT)
        return bool(wide and libc.mallopt(M_TRIM_THRESHOLD, LARGEST))
    done = libc.mallopt(M_MMAP_THRESHOLD, DEFAULT) and libc.mallopt(M_TRIM_THRESHOLD, DEFAULT)
    libc.malloc_trim(0)
    return bool(done)
