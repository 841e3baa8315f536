"""``fit`` with many workers: the step of ``Trainable.train_step``, of which each worker does its part.

Loss and gradients are averaged as in ``data_parallel.py``; where steps of a sequence are masked a part counts by its
steps that count, Mᵢ, as the loss does. Then all workers are given all outputs, for the metrics. So ``fit`` sees the
same figures at every worker, and callbacks that decide by them, early stopping for instance, decide alike.
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, move
from minidl.autograd import Tensor
from minidl.distributed.samples import number_of, rows_of_part, take
from minidl.layers.masks import call_with_mask
from minidl.training.trainable import device_of_model


def train_step(parallel: Any, x: Any, y: Any, sample_weight: Array | None = None) -> tuple[Tensor, Any]:
    """One step on a batch. Returns its loss and outputs, those of all workers.

    Parameters
    ----------
    parallel : DataParallel
    x, y, sample_weight
        The batch, as ``Trainable.train_step`` gets it; the same at every worker.
    """
    model, comm = parallel.model, parallel.comm
    rows = rows_of_part(number_of("DataParallel.fit", x), comm.Get_rank(), comm.Get_size())
    model.optimizer.zero_grad()
    count, L, own = 0, 0.0, None
    if rows.stop > rows.start:
        w = None if sample_weight is None else sample_weight[rows]
        count, L, own = forward_and_backward(parallel, take(x, rows), take(y, rows), w)
    _, L = parallel.reduce(count, L)
    model.optimizer.step()
    outputs = gather(parallel, count, own)
    return Tensor(np.array(L)), outputs


def forward_and_backward(parallel: Any, x: Any, y: Any, w: Array | None) -> tuple[int, float, tuple]:
    """(by how much this part counts, its loss, its outputs with their masks and losses)."""
    objective = parallel.model.objective
    with parallel.stream:
        outputs, mask = call_with_mask(parallel.model, (x,), (None,))
    loss = objective(y, outputs, w, mask)
    loss.backward()
    several = list(outputs) if objective.several else [outputs]
    masked = [m for m in objective.masks if m is not None]
    if masked and objective.several:
        raise ValueError(
            "DataParallel.fit cannot average the losses of several outputs with masks: each counts other steps.\n"
            "Train without workers, or without mask_zero."
        )
    count = int(masked[0].sum()) if masked else len(several[0])
    arrays = [move(t.data, "cpu") for t in several]
    masks = [None if m is None else move(m, "cpu") for m in objective.masks]
    return count, loss.item(), (arrays, masks, objective.parts)


def gather(parallel: Any, count: int, own: tuple | None) -> Any:
    """All outputs of the batch; the objective is given their masks and the losses of each, which ``fit`` records."""
    objective, model = parallel.model.objective, parallel.model
    shares = [(n, share) for n, share in parallel.comm.allgather((count, own)) if share is not None]
    N = max(sum(n for n, _ in shares), 1)
    device = device_of_model(model)
    columns = zip(*(arrays for _, (arrays, _, _) in shares))
    outputs = [Tensor(move(np.concatenate(column), device)) for column in columns]
    columns = zip(*(masks for _, (_, masks, _) in shares))
    objective.masks = [None if c[0] is None else move(np.concatenate(c), device) for c in columns]
    objective.parts = [sum(n * L for (n, _), L in zip(shares, c)) / N for c in zip(*(s[2] for _, s in shares))]
    return outputs if objective.several else outputs[0]
