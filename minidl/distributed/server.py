"""A parameter server: worker 0 keeps the weights θ, the others compute (D.T8).

Each worker i fetches θ, makes a step, or several, with its own optimizer on its own samples, and sends how far it came,
Δθᵢ = θᵢ − θ. Then the two differ in one line:

    θ ← θ + Σ nᵢ Δθᵢ / Σ nᵢ     synchronous: when all have sent theirs; with equal nᵢ it is θ ← (1/N) Σ θᵢ   (D3.E3)
    θ ← θ + Δθᵢ                 asynchronous: at once, whoever comes                                         (D3.E5)

Synchronous workers wait for the slowest. Asynchronous ones wait for nobody, but while one computes others change θ:
its Δθᵢ is of an older θ. How many updates older is its *staleness* τ, about the number of workers less one. Stale steps
have to be shorter: on J = ½ c θ², where every Δθᵢ = −α c θ is τ updates old, θ comes to rest only for

    α c < 2 sin(π / (4 τ + 2))          2 at τ = 0, 1 at τ = 1, 0.62 at τ = 2

Sources: Dean et al. 2012, "Large scale distributed deep networks", section 4.1 (Downpour SGD); Li et al. 2014,
"Scaling distributed machine learning with the parameter server"; the bound: Levin & May 1976, "A note on
difference-delay equations".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.distributed.communicator import Communicator, check_communicator
from minidl.distributed.streams import go_apart
from minidl.distributed.vector import get_vector, set_vector, share_weights
from minidl.layers import Layer
from minidl.settings import check_flag, check_whole


@dataclass
class Update:
    """What a worker sends: how far it came from the θ that had seen ``version`` updates, on so many samples."""

    worker: int
    version: int
    samples: int
    step: np.ndarray | None  # Δθ (D,); None: it has ended


def serve(comm: Communicator, model: Layer, synchronous: bool = True) -> list[int]:
    """Keep the weights for the workers, until all of them have ended. Called by worker 0, which does nothing else.

    Parameters
    ----------
    comm : Communicator
        The others of its workers make a ``Worker``.
    model : Layer
        Its weights are the first θ, and the last.
    synchronous : bool
        Wait for all workers and average what they send; or take each at once.

    Returns
    -------
    staleness : list of int
        τ of each update in the order in which they came: how many others θ had seen since that worker fetched it.
        Synchronous rounds count as one update; all τ are 0.

    Raises
    ------
    ValueError
        There is no other worker, or this is not worker 0.

    Examples
    --------
    >>> import minidl as md
    >>> from minidl.distributed import run
    >>> x, y, loss = np.ones((8, 2)), np.zeros((8, 1)), md.losses.MeanSquaredError()
    >>> def train(comm):
    ...     model = md.Sequential([md.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    ...     if comm.Get_rank() == 0:
    ...         staleness = serve(comm, model, synchronous=False)
    ...         return len(staleness), loss(y, model(x)).item() < 0.01
    ...     optimizer = md.optimizers.SGD(model.parameters(), learning_rate=0.02)
    ...     with Worker(comm, model) as worker:
    ...         for step in range(30):
    ...             optimizer.zero_grad()
    ...             loss(y, model(x)).backward()
    ...             optimizer.step()
    ...             worker.exchange(samples=len(x))
    >>> run(3, train)[0]
    (60, True)
    """
    check_flag("serve", "synchronous", synchronous)
    p = check_communicator("serve", comm).Get_size()
    if p < 2 or comm.Get_rank() != 0:
        raise ValueError(
            f"serve expects to be worker 0 of at least 2, got worker {comm.Get_rank()} of {p}.\n"
            "The others compute: with Worker(comm, model) as worker: ..."
        )
    share_weights("serve and Worker", comm, model)
    go_apart(comm)
    theta = get_vector(model)  # (D,)
    staleness = average_rounds(comm, theta) if synchronous else take_each(comm, theta)
    set_vector(model, theta)
    return staleness


def average_rounds(comm: Communicator, theta: np.ndarray) -> list[int]:
    """θ ← θ + Σ nᵢ Δθᵢ / Σ nᵢ, round after round, over the workers that have not ended (D3.E3)."""
    working, rounds = list(range(1, comm.Get_size())), 0
    while True:
        updates = [comm.recv(source=worker) for worker in working]
        updates = [update for update in updates if update.step is not None]
        if not updates:
            return [0] * rounds
        N = sum(update.samples for update in updates)
        theta += sum(update.samples / N * update.step for update in updates)
        rounds += 1
        working = [update.worker for update in updates]
        for worker in working:
            comm.send((rounds, theta), dest=worker)


def take_each(comm: Communicator, theta: np.ndarray) -> list[int]:
    """θ ← θ + Δθᵢ, one after the other as they come (D3.E5)."""
    working, staleness = comm.Get_size() - 1, []
    while working:
        update = comm.recv()  # from whoever comes first
        if update.step is None:
            working -= 1
            continue
        theta += update.step
        staleness.append(len(staleness) - update.version)  # τ
        comm.send((len(staleness), theta), dest=update.worker)
    return staleness


class Worker:
    """A worker of the server: what ``serve`` waits for. It begins with the server's weights.

    Inside the ``with`` block any loop trains the model, and calls ``exchange`` after each step or every few; at its end
    the server is told that nothing more comes.

    Parameters
    ----------
    comm : Communicator
    model : Layer
        Built, the same at every worker.

    Notes
    -----
    Its random generator gets a state of its own, which follows from the server's and the worker's number, for shuffling
    and dropout. A synchronous run can be repeated; an asynchronous one depends on who comes first.

    A rule that remembers, such as Adam, remembers at each worker what that has seen.
    """

    def __init__(self, comm: Communicator, model: Layer):
        if check_communicator("Worker", comm).Get_rank() == 0:
            raise ValueError("Worker expects to be another than worker 0, which keeps the weights: serve(comm, model).")
        share_weights("serve and Worker", comm, model)
        go_apart(comm)
        self.comm, self.model = comm, model
        self.version, self.theta = 0, get_vector(model)  # as fetched

    def __enter__(self) -> "Worker":
        return self

    def exchange(self, samples: int = 1) -> None:
        """Send Δθᵢ, which ``samples`` samples have given, and take the server's θ."""
        check_whole("Worker.exchange", "samples", samples)
        self._send(samples, get_vector(self.model) - self.theta)
        self.version, self.theta = self.comm.recv(source=0)
        set_vector(self.model, self.theta)

    def __exit__(self, *error: Any) -> None:
        self._send(0, None)

    def _send(self, samples: int, step: np.ndarray | None) -> None:
        self.comm.send(Update(self.comm.Get_rank(), self.version, samples, step), dest=0)
