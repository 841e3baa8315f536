"""How many threads BLAS has, the library behind matrix products: one, while threads of our own are at work.

Its threads would hold the cores while they wait for the next product. The count belongs to the whole process, so it is
taken when the first block of ``minidl.Threads`` opens and given back when the last one closes, in whatever order.
"""

import threading
from typing import Any

_lock = threading.Lock()
_blocks = 0  # that are open
_before: Any = None  # what BLAS had before the first of them


def controller(who: str) -> Any:
    """What can tell BLAS how many threads to have.

    Raises
    ------
    ValueError
        The package ``threadpoolctl`` is missing.
    """
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError as error:
        raise ValueError(
            f"{who} needs the package threadpoolctl, to leave BLAS one thread.\n"
            'Install it with: pip install "minidl[fast]", or train without threads: BLAS has its own.'
        ) from error
    return ThreadpoolController().select(user_api="blas")


def leave_one_thread(blas: Any) -> None:
    """BLAS has one thread, until ``give_back`` was called as often as this."""
    global _blocks, _before
    with _lock:
        if _blocks == 0:
            _before = blas.limit(limits=1)
        _blocks += 1


def give_back() -> None:
    """BLAS has its own threads again, unless another block is open."""
    global _blocks
    with _lock:
        _blocks -= 1
        if _blocks == 0:
            _before.restore_original_limits()
