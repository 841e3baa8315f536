"""The communicator: how workers speak to each other. Its methods are those of mpi4py, under the same names.

Workers number themselves 0 ... p − 1 (the *rank*) and share no memory: all that one knows of another came in a message.
Seven methods are enough for everything in this room:

==============================================  ======================================================================
``Get_rank()``, ``Get_size()``                  who am I; how many are we, p
``send(x, dest=i)``, ``recv(source=i)``         any object to worker i, from worker i; ``recv()`` takes what comes first
``Sendrecv(a, dest=i, recvbuf=b, source=j)``    array a to i and at the same time b from j, without pickling
``bcast(x, root=0)``                            x of worker 0, at every worker
``allgather(x)``                                [x of worker 0, x of worker 1, ...], at every worker
==============================================  ======================================================================

``world()`` is all processes that ``mpiexec`` has started, on one machine or many: mpi4py's ``COMM_WORLD``. ``run`` in
``local.py`` starts workers that are threads of this program. Source: MPI Forum, *MPI: A Message-Passing Interface
Standard*, 4.1, 2023, chapters 3 and 6; Dalcín & Fang 2021, "mpi4py: status update after 12 years of development".
"""

from typing import Any, Protocol

from minidl.arrays import Array
from minidl.errors import describe

METHODS = ("Get_rank", "Get_size", "send", "recv", "Sendrecv", "bcast", "allgather")


class Communicator(Protocol):
    """What is asked of ``comm``: see the table above."""

    def Get_rank(self) -> int: ...

    def Get_size(self) -> int: ...

    def send(self, obj: Any, dest: int) -> None: ...

    def recv(self, *, source: int) -> Any: ...

    def Sendrecv(self, sendbuf: Array, dest: int, *, recvbuf: Array, source: int) -> None: ...

    def bcast(self, obj: Any, root: int = 0) -> Any: ...

    def allgather(self, sendobj: Any) -> list[Any]: ...


def world() -> Communicator:
    """All processes that ``mpiexec`` has started, as one communicator.

    Start them so that one that fails takes the others with it, instead of leaving them to wait for ever:

        mpiexec -n 4 python -m mpi4py train.py

    Raises
    ------
    ValueError
        mpi4py is not installed, or finds no MPI.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is there, the library that it calls is not
        raise ValueError(
            f"world needs mpi4py and an MPI ({type(error).__name__}: {str(error).splitlines()[0]}).\n"
            'Install them: pip install "minidl[mpi]" mpich\n'
            "Or use threads of this program: md.distributed.run(4, train)."
        ) from error
    return MPI.COMM_WORLD


def check_communicator(who: str, comm: Any) -> Any:
    """The communicator; a ``TypeError`` where it is none."""
    missing = [name for name in METHODS if not callable(getattr(comm, name, None))]
    if missing or isinstance(comm, type):
        raise TypeError(
            f"{who} expects a communicator first, got {describe(comm)}.\n"
            "It is what run(workers, train) gives to train, or world() in a program started by mpiexec."
        )
    return comm
