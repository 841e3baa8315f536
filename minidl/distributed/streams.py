"""Random numbers of many workers: alike where they must agree, different where they must not.

Where all workers see the same batches (``Stream``) what decides on the batches, the order of the samples above all,
must be the same everywhere: so all workers' generators are brought into one state, and go on in step. But dropout masks
are drawn for a worker's own samples; masks that were alike on all workers would be less random than they look. So
during the forward pass each worker draws from a stream of its own, which follows from the common state and its number.
``minidl/threads.py`` does the same for the threads that share a batch.

Where each worker has batches of its own (``go_apart``) all that it draws is its own.

Either way a run can be repeated, with the same number of workers.
"""

import numpy as np

from minidl.arrays import generator, here
from minidl.distributed.communicator import Communicator


class Stream:
    """``with stream:`` all random numbers come from this worker's own stream, whatever generator a layer was given.

    Making it brings the one generator of every worker into the state of worker 0's.
    """

    def __init__(self, comm: Communicator):
        common = generator()
        common.bit_generator.state = comm.bcast(common.bit_generator.state)
        self._own = np.random.default_rng([int(common.integers(2**63)), comm.Get_rank()])

    def stream(self, rng: np.random.Generator) -> np.random.Generator:
        """The generator to draw from in place of rng: see ``minidl.arrays.generator``."""
        return self._own

    def __enter__(self) -> None:
        here.part = self

    def __exit__(self, *error: object) -> None:
        here.part = None


def go_apart(comm: Communicator) -> None:
    """Bring each worker's one generator but worker 0's into a state of its own, drawn from worker 0's."""
    number = comm.bcast(int(generator().integers(2**63)) if comm.Get_rank() == 0 else None)
    if comm.Get_rank() != 0:
        own = np.random.default_rng([number, comm.Get_rank()])
        generator().bit_generator.state = own.bit_generator.state
