"""Data parallel: every worker has the whole model and a part of each batch (D.T8, D3.E3, D3.E4).

The mean of a batch's losses is the mean of its parts' means, each weighted by its nᵢ samples; so is the gradient:

    L = Σᵢ nᵢ Lᵢ / N        ∂L/∂w = Σᵢ nᵢ ∂Lᵢ/∂w / N        N = Σᵢ nᵢ

All workers begin with the same weights, average their gradients (``ring_allreduce``) and make the same step: so they
have the same weights ever after, and these are, to rounding, those of one worker that saw the whole batch. With equal
parts and plain gradient descent it is the mean of the workers' weights, θ ← (1/N) Σ θᵢ (D3.E3), without a server.

Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 3; Li et al. 2020, "PyTorch distributed", section 3,
whose one flat buffer for all gradients is used here: one long message instead of many short ones.
"""

from typing import Any

import numpy as np

from minidl import losses
from minidl.arrays import move
from minidl.distributed.allreduce import ring_allreduce
from minidl.distributed.communicator import Communicator, check_communicator
from minidl.distributed.fitting import train_step
from minidl.distributed.samples import number_of, rows_of_part, take
from minidl.distributed.streams import Stream
from minidl.distributed.vector import share_weights
from minidl.layers import Layer
from minidl.settings import check_whole
from minidl.training.requirements import check_separable


class DataParallel:
    """A model that workers train together. Two lines of a training loop are new:

        parallel = DataParallel(comm, model)
        for x, y in loader:
            optimizer.zero_grad()
            parallel.backward(x, y, loss)           # for: loss(y, model(x)).backward()
            optimizer.step()

    Parameters
    ----------
    comm : Communicator
        All its workers make a DataParallel, at the same time.
    model : Layer
        Built, the same at every worker; it is given the weights of worker 0's.

    Raises
    ------
    ValueError, TypeError
        The workers have different models; ``BatchNormalization``, which looks at the whole batch, is trained.

    Notes
    -----
    The random generators of all workers are brought into the state of worker 0's, so that loaders shuffle alike. In
    the forward pass each worker draws from a stream of its own: see ``streams.py``.

    Examples
    --------
    >>> import minidl as md
    >>> x, y = np.arange(10.0).reshape(5, 2), np.ones((5, 1))
    >>> def gradient(comm):
    ...     model = md.Sequential([md.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    ...     DataParallel(comm, model).backward(x, y, md.losses.MeanSquaredError())
    ...     return model.parameters()[0].grad.ravel()
    >>> from minidl.distributed import run
    >>> np.allclose(run(3, gradient), run(1, gradient)[0])
    True
    """

    def __init__(self, comm: Communicator, model: Layer):
        self.comm = check_communicator("DataParallel", comm)
        share_weights("DataParallel", comm, model)
        check_separable("DataParallel", model)
        self.model = model
        self.stream = Stream(comm)

    def backward(self, x: Any, y: Any, loss: Any) -> float:
        """``L = loss(y, model(x)); L.backward()`` for the whole batch, of which this worker computes its part.

        Parameters
        ----------
        x, y : array, Tensor or list of them
            (N, ...) each, the same at every worker.
        loss : Loss, name or function (y_true, y_pred)
            A mean over the samples.

        Returns
        -------
        L : float
            The loss of the whole batch, the same at every worker.
        """
        loss = losses.get(loss)
        N = number_of("DataParallel.backward", x, y)
        rows = rows_of_part(N, self.comm.Get_rank(), self.comm.Get_size())
        n, L = rows.stop - rows.start, 0.0
        if n:
            with self.stream:
                own = loss(take(y, rows), self.model(take(x, rows)))
            own.backward()
            L = own.item()
        total, L = self.reduce(n, L)
        if total != N:
            raise ValueError(
                f"DataParallel.backward expects the same batch at every worker: this one has {N} samples, the parts "
                f"of all are {total}.\nLet each worker load its own part and call average(samples) instead?"
            )
        return L

    def average(self, samples: int, loss: float = 0.0) -> float:
        """g ← Σ nᵢ gᵢ / Σ nᵢ for every parameter, where each worker has called ``backward`` on samples of its own.

        Parameters
        ----------
        samples : int
            nᵢ: this worker's gradients are of the mean loss of so many; 0 where it had none.
        loss : float
            Lᵢ, to be averaged too.

        Returns
        -------
        L : float
            Σ nᵢ Lᵢ / Σ nᵢ

        Notes
        -----
        A parameter of which no worker has a gradient is left without.
        """
        N, L = self.reduce(check_whole("DataParallel.average", "samples", samples, lowest=0), float(loss))
        if N == 0:
            raise ValueError("DataParallel.average expects samples at one worker at least, got 0 at all of them.")
        return L

    def fit(self, x: Any, y: Any = None, **settings: Any) -> Any:
        """``model.fit(x, y, **settings)``, in which every worker computes its part of each batch: see ``fitting.py``.

        Parameters
        ----------
        x, y, **settings
            As for ``model.fit``, and the same at every worker: all the data, which ``fit`` shuffles everywhere alike.

        Returns
        -------
        History
            The same at every worker. Worker 0 alone prints.

        Raises
        ------
        TypeError
            ``resume`` or ``threads`` is given.

        Notes
        -----
        Every worker evaluates on all of the validation data. Callbacks that write files go to worker 0 only, those that
        may stop training to all.
        """
        for name in ("resume", "threads"):
            if name in settings:
                raise TypeError(f"DataParallel.fit takes what fit takes, but not {name}: workers do not share it.")
        if self.comm.Get_rank() != 0:
            settings["verbose"] = 0
        self.model.train_step = lambda *batch: train_step(self, *batch)
        try:
            return self.model.fit(x, y, **settings)
        finally:
            del self.model.train_step

    def reduce(self, n: int, loss: float) -> tuple[int, float]:
        """(N, L), the sum of all n and the mean loss; the gradients are averaged too."""
        trained = [p for p in self.model.parameters() if p.requires_grad]
        buffer = ring_allreduce(self.comm, pack(trained, n, n * loss if n else 0.0))
        N = max(buffer[-2], 1.0)
        unpack(trained, buffer, N)
        return int(buffer[-2]), float(buffer[-1] / N)


def pack(parameters: list, n: int, loss: float) -> np.ndarray:
    """One vector of all that is to be summed: n g of each parameter, whether it has a g, n and n L.

    (D + P + 2,) for P parameters of D numbers.
    """
    dtype = np.result_type(np.float32, *(p.dtype for p in parameters))
    buffer = np.zeros(sum(p.size for p in parameters) + len(parameters) + 2, dtype)
    end = 0
    for k, p in enumerate(parameters):
        start, end = end, end + p.size
        if p.grad is not None and n:
            np.multiply(move(p.grad, "cpu").ravel(), n, out=buffer[start:end])
            buffer[k - len(parameters) - 2] = 1
    buffer[-2:] = n, loss
    return buffer


def unpack(parameters: list, buffer: np.ndarray, N: float) -> None:
    """Give each parameter its Σ nᵢ gᵢ / N."""
    end = 0
    for k, p in enumerate(parameters):
        start, end = end, end + p.size
        if buffer[k - len(parameters) - 2]:
            g = (buffer[start:end] / N).astype(p.dtype).reshape(p.shape)
            p.grad = move(g, p.device)
