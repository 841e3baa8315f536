"""A model's weights as one vector, which is what travels; and whether all workers have the same model."""

import numpy as np

from minidl.arrays import move
from minidl.distributed.communicator import Communicator
from minidl.layers import Layer
from minidl.training.requirements import check_weights


def get_vector(model: Layer) -> np.ndarray:
    """All parameters one after another, (D,), in main memory; float64 where some of them are.

    >>> import minidl as md
    >>> get_vector(md.Sequential([md.layers.Dense(1, kernel_initializer="ones", input_shape=(3,))]))
    array([1., 1., 1., 0.], dtype=float32)
    """
    return np.concatenate([np.zeros(0, np.float32), *(move(p.data, "cpu").ravel() for p in model.parameters())])


def set_vector(model: Layer, vector: np.ndarray) -> None:
    """Give the parameters the numbers of such a vector."""
    end = 0
    for p in model.parameters():
        start, end = end, end + p.size
        p.data[...] = move(vector[start:end].reshape(p.shape), p.device)
        p.data = p.data  # an edit that backward must know of


def share_weights(who: str, comm: Communicator, model: Layer) -> None:
    """Give every worker's model the weights of worker 0's.

    Raises
    ------
    TypeError
        This is no model.
    ValueError
        It is not built; or it is not the same model at all workers: then all of them raise this.
    """
    check_weights(who, model)
    check_same(who, comm, model)
    set_vector(model, comm.bcast(get_vector(model)))


def check_same(who: str, comm: Communicator, model: Layer) -> None:
    """Raise, at every worker, unless all have parameters of the same names, shapes and dtypes."""
    own = [f"{name} {p.shape} {p.dtype}{'' if p.requires_grad else ' frozen'}" for name, p in model.named_parameters()]
    lists = comm.allgather(own)
    for rank, other in enumerate(lists):
        if other != lists[0]:
            here, there = next((a, b) for a, b in zip([*lists[0], "no more"], [*other, "no more"]) if a != b)
            raise ValueError(
                f"{who} expects the same model at every worker; worker 0 has {here}, worker {rank} has {there}."
            )
