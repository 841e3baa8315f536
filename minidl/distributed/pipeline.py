"""A pipeline: the model itself is split over the workers, each has some of its layers (D.T8).

Worker k has stage fₖ of y = f_p₋₁( ... f₁(f₀(x))). Forward, it takes h from its left neighbour and sends fₖ(h) to the
right; back, it takes g = ∂L/∂fₖ(h) from the right and sends ∂L/∂h to the left, the chain rule with a message between
two factors. With one batch all but one worker would always wait. So the batch is cut into m micro-batches, which follow
each other through the stages:

    worker 0   f₁ f₂ f₃ .  .  .  .  b₃ b₂ b₁         f: forward, b: backward, m = 3
    worker 1   .  f₁ f₂ f₃ .  .  b₃ b₂ b₁ .
    worker 2   .  .  f₁ f₂ f₃ b₃ b₂ b₁ .  .          waiting: a share (p − 1) / (m + p − 1) of the time

Gradients are summed over the micro-batches, ∂L/∂w = Σₘ (nₘ / N) ∂Lₘ/∂w, and used when all are there: they are those of
the whole model on the whole batch, but for rounding.

Source: Huang et al. 2019, "GPipe: efficient training of giant neural networks using pipeline parallelism", section 2
(without its recomputation of activations).
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from minidl import losses
from minidl.arrays import move
from minidl.autograd import Tensor
from minidl.distributed.communicator import Communicator, check_communicator
from minidl.distributed.samples import number_of, rows_of_part, take
from minidl.distributed.streams import Stream
from minidl.distributed.vector import get_vector, set_vector, share_weights
from minidl.errors import describe
from minidl.layers import Layer, Parameter
from minidl.layers.masks import call_with_mask
from minidl.models import Sequential
from minidl.settings import check_whole
from minidl.training.requirements import check_separable
from minidl.training.trainable import device_of_model


class Pipeline:
    """A Sequential whose layers are shared out, some to each worker.

        pipeline = Pipeline(comm, model)
        optimizer = SGD(pipeline.parameters())      # for: SGD(model.parameters())
        for x, y in loader:
            optimizer.zero_grad()
            pipeline.backward(x, y, loss)           # for: loss(y, model(x)).backward()
            optimizer.step()
        pipeline.gather()

    Parameters
    ----------
    comm : Communicator
        All its p workers make a Pipeline, at the same time.
    model : Sequential
        Built, the same at every worker; it is given the weights of worker 0's.
    micro_batches : int
        m; fewer where a batch has fewer samples.
    layers : list of int, optional
        How many layers each worker gets, from the first on; by default nearly the same number each.

    Raises
    ------
    ValueError, TypeError
        The workers have different models; there are fewer layers than workers; a layer has a place in two stages;
        ``BatchNormalization``, which looks at the whole batch, is trained.

    Notes
    -----
    Each worker computes, and keeps activations, gradients and the optimizer's memory, for its own stage only. The
    weights of the other stages stay in its model as they were until ``gather``. An optimizer needs weights: choose
    ``layers`` so that every stage has some. Random numbers, such as dropout masks, are each worker's own: see
    ``streams.py``.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> from minidl.distributed import run
    >>> x, y = np.arange(8.0).reshape(4, 2), np.ones((4, 1))
    >>> def train(comm):
    ...     row = [md.layers.Dense(1, kernel_initializer="ones", input_shape=(n,)) for n in (2, 1, 1)]
    ...     pipeline = Pipeline(comm, md.Sequential(row), micro_batches=2)
    ...     return pipeline.backward(x, y, "mse"), [p.shape for p in pipeline.parameters()]
    >>> run(2, train)
    [(56.0, [(2, 1), (1,)]), (56.0, [(1, 1), (1,), (1, 1), (1,)])]
    """

    def __init__(
        self, comm: Communicator, model: Sequential, micro_batches: int = 4, layers: Sequence[int] | None = None
    ):
        self.comm = check_communicator("Pipeline", comm)
        self.micro_batches = check_whole("Pipeline", "micro_batches", micro_batches)
        self.stages = [Stage(row) for row in split(model, comm.Get_size(), layers)]
        share_weights("Pipeline", comm, model)
        check_separable("Pipeline", model)
        self.rank, self.stage = comm.Get_rank(), self.stages[comm.Get_rank()]
        self.first, self.last = self.rank == 0, self.rank == comm.Get_size() - 1
        self.stream = Stream(comm)

    def parameters(self) -> list[Parameter]:
        """Those of this worker's stage."""
        return self.stage.parameters()

    def backward(self, x: Any, y: Any, loss: Any) -> float:
        """``L = loss(y, model(x)); L.backward()``, of which this worker computes its stage.

        Parameters
        ----------
        x, y : array or Tensor
            (N, ...) each, the same at every worker; the first needs x, the last y.
        loss : Loss, name or function (y_true, y_pred)
            A mean over the samples.

        Returns
        -------
        L : float
            The loss of the whole batch, the same at every worker.
        """
        loss = losses.get(loss)
        N = number_of("Pipeline.backward", x, y)
        m = min(self.micro_batches, N)
        parts = [rows_of_part(N, k, m) for k in range(m)]
        with self.stream:
            ends = [self._forward(take(x, rows)) for rows in parts]
        L = 0.0
        for rows, (h, z) in zip(reversed(parts), reversed(ends)):
            if self.last:
                share = loss(take(y, rows), z) * ((rows.stop - rows.start) / N)  # nₘ Lₘ / N
                share.backward()
                L += share.item()
            self._backward(h, z)
        return self.comm.bcast(L, root=self.comm.Get_size() - 1)

    def gather(self) -> None:
        """Bring the weights of all stages to every worker, whose model then is the trained one."""
        for stage, vector in zip(self.stages, self.comm.allgather(get_vector(self.stage))):
            set_vector(stage, vector)

    def _forward(self, x: Any) -> tuple[Any, Tensor]:
        """(h, z = fₖ(h)) for a micro-batch; h is x at the first worker, else what the left neighbour sends."""
        h, mask = x, None
        if not self.first:
            data, mask = self.comm.recv(source=self.rank - 1)
            h = Tensor(move(data, device_of_model(self.stage)), requires_grad=data.dtype.kind == "f")
        z, mask = call_with_mask(self.stage, (h,), (mask,))
        if not self.last:
            self.comm.send((move(z.data, "cpu"), mask), dest=self.rank + 1)
        return h, z

    def _backward(self, h: Any, z: Tensor) -> None:
        """From ∂L/∂z, which the right neighbour sends, to the stage's parameters and to ∂L/∂h, for the left one."""
        if not self.last:
            g = self.comm.recv(source=self.rank + 1)
            if g is not None and z.requires_grad:
                z.backward(move(g, device_of_model(self.stage)))
        if not self.first:
            self.comm.send(None if h.grad is None else move(h.grad, "cpu"), dest=self.rank - 1)


class Stage(Layer):
    """Some of a Sequential's layers, one after another; masks go along, in and out."""

    built = True  # they are

    def __init__(self, row: list[Layer]):
        super().__init__()
        self.row = row

    def call(self, x: Tensor, mask: Any = None, *, return_mask: bool = False) -> Any:
        for layer in self.row:
            x, mask = call_with_mask(layer, (x,), (mask,))
        return (x, mask) if return_mask else x


def split(model: Any, p: int, numbers: Sequence[int] | None = None) -> list[list[Layer]]:
    """The layers of a Sequential in p rows, each as long as ``numbers`` says.

    >>> import minidl as md
    >>> [len(row) for row in split(md.Sequential([md.layers.Dense(2) for _ in range(5)]), 3)]
    [1, 2, 2]
    """
    if not isinstance(model, Sequential) or type(model).call is not Sequential.call:
        raise TypeError(f"Pipeline expects a Sequential, whose layers are known, got {describe(model)}.")
    row = [layer for layer, _ in model.calls()]
    ends = [len(row) * (k + 1) // p for k in range(p)]
    if numbers is not None:
        if not isinstance(numbers, (list, tuple)):
            raise TypeError(f"Pipeline expects layers as a list, a number for each worker, got {describe(numbers)}.")
        ends = list(accumulate(check_whole("Pipeline", "layers", n) for n in numbers))
    if len(row) < p or len(ends) != p or ends[-1] != len(row):
        raise ValueError(
            f"Pipeline expects at least one layer for each of {p} workers, of all {len(row)} in the model, "
            f"got layers={numbers}."
        )
    rows = [row[start:end] for start, end in zip([0, *ends], ends)]
    check_nothing_shared(rows)
    return rows


def check_nothing_shared(rows: list[list[Layer]]) -> None:
    """Raise where two stages have a parameter in common: each would train its own copy of it."""
    stage_of: dict[int, int] = {}
    for k, row in enumerate(rows):
        for p in Stage(row).parameters():
            if stage_of.setdefault(id(p), k) != k:
                raise ValueError(f"Pipeline: workers {stage_of[id(p)]} and {k} would share weights. Split elsewhere.")
