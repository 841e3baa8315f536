"""How long answers take: percentiles, because a mean hides the few that wait long.

    p-th percentile = the smallest of the times that at least p % of the times do not exceed     (nearest rank)

One slow answer in a hundred is seen by most visitors of a page that asks a hundred times: Dean & Barroso 2013, "The
tail at scale".
"""

import threading
from collections import deque
from collections.abc import Iterable
from math import ceil

from minidl.settings import check_number, check_whole

SHOWN = (50, 95, 99)


def percentile(times: Iterable[float], p: float) -> float:
    """The nearest-rank percentile, always one of the times.

    >>> percentile([0.1, 0.2, 0.3, 9.0], 50), percentile([0.1, 0.2, 0.3, 9.0], 99)
    (0.2, 9.0)
    """
    ordered = sorted(times)
    check_number("percentile", "p", p, "(0, 100]")
    if not ordered:
        raise ValueError("percentile expects times, got none.")
    return ordered[ceil(p * len(ordered) / 100) - 1]  # in this order: 7 / 100 * 100 is more than 7


class Record:
    """What a service has answered: how often, how often with an error, and how long the last answers took.

    Parameters
    ----------
    window : int
        So many times are kept.

    Examples
    --------
    >>> record = Record()
    >>> record.answered(0.004); record.answered(0.001); record.failed()
    >>> record.report()
    {'requests': 3, 'errors': 1, 'latency_ms': {'p50': 1.0, 'p95': 4.0, 'p99': 4.0}}
    """

    def __init__(self, window: int = 1000):
        self._times: deque[float] = deque(maxlen=check_whole("Record", "window", window))
        self._lock = threading.Lock()
        self.requests = self.errors = 0

    def answered(self, seconds: float) -> None:
        """One more answer, and how long it took."""
        with self._lock:
            self._times.append(seconds)
            self.requests += 1

    def failed(self) -> None:
        """One more error. Its time is not kept: refusing is quick, and would make the others look so."""
        with self._lock:
            self.requests += 1
            self.errors += 1

    def report(self) -> dict:
        """The counts, and the percentiles in milliseconds (None before the first answer)."""
        with self._lock:
            times, requests, errors = list(self._times), self.requests, self.errors
        latency = {f"p{p}": round(1000 * percentile(times, p), 3) if times else None for p in SHOWN}
        return {"requests": requests, "errors": errors, "latency_ms": latency}
