"""All-reduce: the sum of all workers' arrays at every worker, without a server (D3.E4).

    s = Σᵢ aᵢ,   i = 0 ... p − 1

The workers sit in a ring; each sends to its right neighbour only. The array is cut into p pieces.

1. *Scatter-reduce*, p − 1 rounds: every piece goes round the ring and each worker adds its own numbers to it. Then
   worker i has the sum of piece i + 1.
2. *All-gather*, p − 1 rounds: the sums go round the ring once more.

Each worker sends 2 (p − 1) / p of the array, less than two copies however many workers there are; a server would have
to receive and send p copies. A sum is computed once and then copied, so that all workers have the same to the last bit:
their weights never drift apart.

Source: Patarasu & Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations", section 3.
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, device_of, is_array, move
from minidl.autograd import Tensor
from minidl.distributed.communicator import Communicator, check_communicator
from minidl.errors import describe


def ring_allreduce(comm: Communicator, array: Array) -> Array:
    """The sum over all workers of the arrays that they give: a new array, the same at each.

    Parameters
    ----------
    comm : Communicator
        All its workers call this, with arrays of the same size and dtype.
    array : array (...)
        On a GPU its numbers travel through main memory.

    Raises
    ------
    TypeError
        This is no array of numbers that can be sent.
    ValueError
        Another worker's array has another size or dtype; found by ``run``, not by MPI.

    Examples
    --------
    >>> from minidl.distributed import run
    >>> run(3, lambda comm: ring_allreduce(comm, np.array([1.0, 10.0]) * comm.Get_rank()))[0]
    array([ 3., 30.])
    """
    check_communicator("ring_allreduce", comm)
    if isinstance(array, Tensor) or not is_array(array) or array.dtype.kind not in "fiu" or array.dtype == np.float16:
        raise TypeError(f"ring_allreduce expects an array of float32, float64 or integers, got {describe(array)}.")
    rank, p = comm.Get_rank(), comm.Get_size()
    total = np.array(move(array, "cpu"), order="C")  # a copy, and what is to be the sum
    pieces: list[Any] = np.array_split(total.reshape(-1), p)  # views; some may be empty
    left, right = (rank - 1) % p, (rank + 1) % p
    for step in range(p - 1):
        mine, theirs = pieces[(rank - step) % p], pieces[(rank - step - 1) % p]
        came = np.empty_like(theirs)
        comm.Sendrecv(mine, dest=right, recvbuf=came, source=left)
        theirs += came
    for step in range(p - 1):
        mine, theirs = pieces[(rank + 1 - step) % p], pieces[(rank - step) % p]
        comm.Sendrecv(mine, dest=right, recvbuf=theirs, source=left)
    return move(total, device_of(array))
