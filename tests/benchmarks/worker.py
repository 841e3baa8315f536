"""The process that runs one peer: it reads one command a line, works, and answers with one line of JSON.

Commands (`run.py` sends them, one at a time):

=========  =========================  =========================================================
``do``     with                       answer
=========  =========================  =========================================================
describe                              versions, and the BLAS and thread pools loaded
prepare    workload, steps            losses of the first steps, or ``supported: false``
time       workload, steps            seconds, CPU seconds and page faults of that many steps
memory     workload, steps            bytes by which that many steps raise the peak, or None
=========  =========================  =========================================================

Threads and the BLAS core type are set by the environment, before anything is imported. A peer is a module
``peers/<name>_peer.py`` with

- ``devices: tuple[str, ...]``: ``"cpu"``, and ``"cuda"`` where it can train on a GPU;
- ``describe(device) -> dict[str, str]``: what its speed depends on; raises where the device is missing;
- ``workloads: dict[str, builder]``: ``builder(data)`` returns ``step``, a function without arguments that does
  one whole training step and returns the loss (a scalar with NumPy's ``item()``). ``data`` holds the arrays of
  `workloads.py`, ``data["dropout"]`` and ``data["device"]``.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from types import ModuleType

from memory import peak_growth
from workloads import WORKLOADS

Step = Callable[[], object]

WARM_UP = 3  # steps before each timing: the caches, and the thread pools after their sleep


def keep_freed_memory() -> None:
    """Ask glibc to keep freed arrays for the next step instead of giving them back to the system.

    Constants and meaning: ``man 3 mallopt``. Linux with glibc only.
    """
    m_trim_threshold, m_mmap_threshold = -1, -3
    libc = ctypes.CDLL("libc.so.6")
    if not (libc.mallopt(m_mmap_threshold, 1 << 30) and libc.mallopt(m_trim_threshold, 2**31 - 1)):
        raise OSError("mallopt refused the thresholds: --keep-memory needs Linux with glibc")


def thread_pools() -> list[str]:
    """The BLAS and OpenMP libraries in this process, each with its version, core type and threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ["unknown (pip install threadpoolctl)"]
    pools = []
    for pool in threadpool_info():
        words = [pool["internal_api"], pool.get("version"), pool.get("architecture"), f"{pool['num_threads']} threads"]
        pools.append(" ".join(word for word in words if word))
    return pools


def measure(step: Step, steps: int) -> dict[str, float]:
    """Time ``steps`` steps together, with the garbage collector run before and left on, as in a user's loop."""
    for _ in range(WARM_UP):
        step().item()
    gc.collect()
    before, cpu, start = resource.getrusage(resource.RUSAGE_SELF), time.process_time(), time.perf_counter()
    for _ in range(steps):
        loss = step()
    loss.item()  # a GPU works behind the program's back: a number in hand means that all before it is done
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "page_faults": after.ru_minflt - before.ru_minflt,
    }


def answer(command: dict, peer: ModuleType, device: str, steps: dict[str, Step]) -> dict:
    """Carry out one command; ``steps`` holds the workloads prepared so far."""
    if command["do"] == "describe":
        if device not in peer.devices:
            raise ValueError(f"it runs on {', '.join(peer.devices)} here, not on {device}; leave it out of --peers")
        return {"python": platform.python_version(), "versions": peer.describe(device), "pools": thread_pools()}
    name = command["workload"]
    if command["do"] == "time":
        return measure(steps[name], command["steps"])
    if name not in peer.workloads:
        return {"supported": False}
    workload = WORKLOADS[name]

    def build(dropout: float = workload.dropout) -> Step:
        return peer.workloads[name]({**workload.arrays(), "dropout": dropout, "device": device})

    if command["do"] == "memory":
        return {"supported": True, "bytes": peak_growth(build, command["steps"]) if device == "cpu" else None}
    steps[name] = build()
    judged = build(dropout=0.0) if workload.dropout else steps[name]
    return {"supported": True, "losses": [judged().item() for _ in range(command["steps"])]}


def main() -> None:
    """Serve commands until the input ends."""
    parser = argparse.ArgumentParser(description="One peer's process; started by run.py.")
    parser.add_argument("peer")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--keep-memory", action="store_true")
    options = parser.parse_args()
    # Answers go out on a copy of standard output; whatever a library prints goes to standard error instead.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if options.keep_memory:
        keep_freed_memory()
    peer = importlib.import_module(f"peers.{options.peer}_peer")
    steps: dict[str, Step] = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), peer, options.device, steps)
        except Exception as error:  # the process on the other side names the peer and ends the run
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=out)


if __name__ == "__main__":
    main()
