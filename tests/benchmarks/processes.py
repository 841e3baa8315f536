"""A peer's process, seen from outside: started with its own environment, and stopped whenever it has nothing to do.

Thread pools spin for a while after their last piece of work and would take the cores from the peer being timed.
So a worker is stopped (SIGSTOP) after each answer and continued (SIGCONT) before each question. It has a process
group of its own: if this process dies, the kernel continues and ends a stopped group left behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "NPROC", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",  # XLA's (JAX) and TensorFlow's own pools
)  # fmt: skip


class PeerError(RuntimeError):
    """A peer could not be started, or failed at its work."""


def environment(threads: int, coretype: str | None) -> dict[str, str]:
    """This process' environment with the thread counts set, and the OpenBLAS core type left, removed or set.

    ``coretype`` None leaves ``OPENBLAS_CORETYPE`` as it is found; "unset" removes it, so that OpenBLAS chooses.
    """
    variables = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    paths = [str(HERE), str(REPOSITORY), *filter(None, [variables.get("PYTHONPATH")])]
    variables["PYTHONPATH"] = os.pathsep.join(paths)
    if coretype == "unset":
        variables.pop("OPENBLAS_CORETYPE", None)
    elif coretype is not None:
        variables["OPENBLAS_CORETYPE"] = coretype
    return variables


class Worker:
    """One peer in one process, idle unless asked."""

    def __init__(
        self, peer: str, python: str, variables: dict[str, str], device: str = "cpu", *, keep_memory: bool = False
    ) -> None:
        self.peer = peer
        command = [python, str(HERE / "worker.py"), peer, "--device", device]
        command += ["--keep-memory"] if keep_memory else []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables, process_group=0
        )

    def ask(self, **command: object) -> dict:
        """Continue the worker, send it one command, wait for the answer, and stop it again."""
        os.kill(self._process.pid, signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"peer {self.peer!r} ended with status {self._process.wait()}; its message stands above")
        os.kill(self._process.pid, signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            task = " ".join(str(value) for value in command.values())
            raise PeerError(f"peer {self.peer!r} failed at {task!r}: {answer['error']}")
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process: a continued worker leaves its loop when its input ends."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
