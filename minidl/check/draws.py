"""Inputs for exercises, and gradients to compare with: none of them typed in by hand."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.differences import random_upstream as upstream

__all__ = ["upstream", "distinct", "gradients_of"]


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers that differ from one another by 0.1 or more, in random order: no ties for a maximum."""
    return 0.1 * (rng.permutation(int(np.prod(shape))).reshape(shape) - np.prod(shape) / 2 + 0.5)


def gradients_of(f: Callable, *names: str, upstream: tuple[str, ...] = ("g",)) -> Callable[..., tuple]:
    """The reference of a backward exercise: by our own autograd, from the forward function alone.

    Parameters
    ----------
    f
        A function written with minidl's ops. Its arguments' names are those that ``draw`` gives; others keep their
        defaults.
    *names
        The arguments to differentiate by, in the order in which the exercise returns their gradients.
    upstream
        What ``draw`` calls the upstream gradients of f's outputs; ``()`` when f returns a loss.

    Returns
    -------
    callable
        From everything that was drawn, by name, to a tuple of gradients.

    Examples
    --------
    >>> reference = gradients_of(lambda x, w: x * w, "x", "w")
    >>> reference(x=np.array([2.0]), w=np.array([5.0]), g=np.array([10.0]))
    (array([50.]), array([20.]))
    """
    arguments = list(inspect.signature(f).parameters)

    def reference(**drawn: Any) -> tuple:
        leaves = {name: Tensor(drawn[name], requires_grad=True) for name in names}
        y = f(*(leaves[name] if name in leaves else drawn[name] for name in arguments if name in drawn))
        ys = y if isinstance(y, tuple) else (y,)
        gs = [drawn[g] for g in upstream] or [1.0]
        loss = sum((y * g).sum() for y, g in zip(ys, gs, strict=True))  # L = Σ ⟨g, y⟩
        return tuple(gradients(loss, [leaves[name] for name in names]))

    return reference
