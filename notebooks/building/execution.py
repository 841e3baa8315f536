"""Notebooks run in fresh kernels, some at a time, each with one thread for BLAS."""

import asyncio
import os
from copy import deepcopy
from pathlib import Path

ROOT = Path(__file__).parents[2]  # the checkout, whose minidl is used
OFFLINE = Path(__file__).with_name("offline.py")  # run in each kernel before the lesson


def run_all(
    notebooks: list[dict], jobs: int, seconds: list[float], keep_going: bool = False
) -> list[tuple[dict, float]]:
    """Each notebook with its outputs, and the processor seconds that its kernel took.

    Parameters
    ----------
    notebooks : without outputs; they are not changed
    jobs : how many kernels run at the same time
    seconds : for each notebook, how long one cell may take; a cell that takes longer ends its notebook with an error
    keep_going : whether the next cells are run after one that fails
    """
    return asyncio.run(_run_all(notebooks, jobs, seconds, keep_going))


async def _run_all(notebooks, jobs, seconds, keep_going):
    free = asyncio.Semaphore(jobs)

    async def run(notebook, limit):
        async with free:
            return await _run(notebook, limit, keep_going)

    return await asyncio.gather(*[run(notebook, limit) for notebook, limit in zip(notebooks, seconds)])


async def _run(notebook: dict, seconds: float, keep_going: bool) -> tuple[dict, float]:
    """One notebook, cell after cell; an error stands in the outputs, and ends it unless we keep going."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    running = nbformat.from_dict(deepcopy(notebook))
    offline = f"exec(open({str(OFFLINE)!r}).read(), {{}})"
    client = NotebookClient(
        running,
        timeout=seconds,
        allow_errors=keep_going,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
        extra_arguments=[f"--IPKernelApp.exec_lines={offline}", "--IPKernelApp.log_level=40"],
        coalesce_streams=True,  # what is printed in one cell is one output
        record_timing=False,  # so that a second run gives the same file
    )
    cpu = 0.0
    async with client.async_setup_kernel(env=environment()):
        try:
            number = 0
            for at, cell in enumerate(running.cells):
                number += cell.cell_type == "code" and bool(cell.source.strip())
                await client.async_execute_cell(cell, at, execution_count=number)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            if not any(output.output_type == "error" for output in cell.outputs):
                cell.outputs.append(
                    nbformat.v4.new_output("error", ename=type(error).__name__, evalue=str(error)[:300], traceback=[])
                )
        cpu = _processor_seconds(client)
    return running, cpu


def environment() -> dict[str, str]:
    """For the kernel: this checkout's minidl, one thread, the notebook's own way to show pictures."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "PYTHONSTARTUP")}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}


def _processor_seconds(client) -> float:
    """Of the kernel so far. Unlike the clock's time it does not grow when others use the machine too."""
    import psutil

    try:
        times = psutil.Process(client.km.provisioner.pid).cpu_times()
    except (psutil.NoSuchProcess, TypeError):  # a cell has ended the kernel
        return 0.0
    return times.user + times.system
