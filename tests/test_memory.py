import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import minidl

GLIBC = platform.libc_ver()[0] == "glibc"

KEPT = """
import numpy as np
import minidl
from minidl.training import memory
{before}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
start = resident()
a = np.ones(20_000_000, np.float32)   # 80 MB
del a
print((resident() - start) / 1e6)
"""


def run(code, **environment):
    """What the code prints, in a process of its own: these settings are for good."""
    here = {**os.environ, "PYTHONPATH": str(Path(minidl.__file__).parents[1]), **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here)
    return done.stdout.strip()


def result(expression, **environment):
    return run(
        f"from minidl.training import memory; from minidl.training.memory import *; print({expression})", **environment
    )


def test_memory_is_kept_where_glibc_can():
    assert result("keep_memory()") == result("keep_memory_for_training()") == str(GLIBC)


def test_freed_memory_stays_with_the_process_when_it_is_kept():
    if GLIBC:
        megabytes = [float(run(KEPT.format(before=f"memory.keep_memory({enable})"))) for enable in (True, False)]
        assert megabytes[0] > 70 and megabytes[1] < 10


def test_it_can_be_forbidden():
    assert result("keep_memory()", MINIDL_KEEP_MEMORY="0") == "False"
    assert result("keep_memory(False), keep_memory_for_training()") == f"{GLIBC} False"


@pytest.mark.parametrize("missing", ["memory.sys.platform = 'darwin'", "memory.ctypes.CDLL = lambda name: object()"])
def test_elsewhere_nothing_happens(missing):
    assert run(f"from minidl.training import memory\n{missing}\nprint(memory.keep_memory())") == "False"


def test_importing_changes_nothing():
    assert result("memory._chosen") == "None"
    if GLIBC:
        assert float(run(KEPT.format(before=""))) < 10
