"""Membership inference: does a model give away who was in its training data?

A model that knows samples by heart has a lower loss on them than on others of the same kind. So the attack says "it was
a member" where the loss of a sample is at most a threshold τ. How well that works is its advantage over guessing:

    advantage = P[ℓ ≤ τ | member] − P[ℓ ≤ τ | other]         0: it learns nothing, 1: it knows all of them

Where training was (ε, δ)-private no attack at all has more than

    advantage ≤ (e^ε − 1 + 2δ) / (e^ε + 1)

This judges the trained model: an attack that finds nothing proves nothing, since a better one might, but one that finds
more than the bound proves the training wrong.

Sources: Yeom et al. 2018, "Privacy risk in machine learning: analyzing the connection to overfitting", section 3; for
the bound Kairouz, Oh & Viswanath 2015, "The composition theorem for differential privacy", section 2 (D.T12).
"""

import math
from typing import Any

import numpy as np

from minidl.arrays import as_array, move
from minidl.errors import describe
from minidl.privacy.per_sample import Data
from minidl.settings import check_number
from minidl.training.trainable import Trainable


def losses_of(model: Trainable, x: Any, y: Any, loss: Any = None) -> np.ndarray:
    """ℓₙ (N,): the loss of each sample by itself, in ``eval`` mode.

    ``loss`` is that of ``compile`` unless given. For how well the attack does, see ``membership_advantage``.

    >>> import minidl as md
    >>> model = md.Sequential([md.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    >>> losses_of(model, [[1.0], [2.0]], [[1.0], [5.0]], loss="mse")
    array([0., 9.])
    """
    if loss is None:
        loss = getattr(model, "objective", None)
        if loss is None and isinstance(model, Trainable):
            raise ValueError("losses_of needs a loss: compile the model, or give loss='...'.")
    data = Data("losses_of", model, loss, x, y)
    with model.in_mode(False):
        return data.losses()


def membership_advantage(members: Any, others: Any, threshold: float | None = None) -> float:
    """The attack's advantage, from the losses of samples that were trained on and of others.

    Parameters
    ----------
    members, others : (N,), (M,)
        Losses: see ``losses_of``. Both kinds of samples must come from the same source.
    threshold : float, optional
        τ; by default the mean loss of the members, which Yeom et al. suppose is known.

    Returns
    -------
    float
        From −1 to 1. Of N = M samples it is uncertain by about 1 / √(2N) either way, even where nothing leaks.

    Raises
    ------
    ValueError
        There are none, or they hold NaN.

    Examples
    --------
    >>> membership_advantage(members=[0.1, 0.1, 0.1, 0.9], others=[0.1, 0.5, 2.0, 3.0])
    0.5
    """
    members, others = check_losses("members", members), check_losses("others", others)
    tau = members.mean() if threshold is None else check_number("membership_advantage", "threshold", threshold)
    return float((members <= tau).mean() - (others <= tau).mean())


def advantage_bound(epsilon: float, delta: float = 0.0) -> float:
    """The most that any attack can have on training that was (ε, δ)-private.

    >>> [round(advantage_bound(epsilon, 1e-5), 3) for epsilon in (0.1, 1, 3, 8)]
    [0.05, 0.462, 0.905, 0.999]
    """
    if epsilon != math.inf:
        check_number("advantage_bound", "epsilon", epsilon, "[0, inf)")
    check_number("advantage_bound", "delta", delta, "[0, 1]")
    t = math.exp(-epsilon)  # e^ε may be beyond all floating numbers
    return (1 - t + 2 * delta * t) / (1 + t)


def check_losses(name: str, losses: Any) -> np.ndarray:
    """The losses as a NumPy array."""
    losses = move(as_array(losses), "cpu")
    if losses.ndim != 1 or not len(losses):
        raise ValueError(f"membership_advantage expects {name} as losses (N,), got {describe(losses)}.")
    if np.isnan(losses).any():
        raise ValueError(f"membership_advantage: {name} holds NaN, of which nobody can say whether it is small.")
    return losses.astype(np.float64)
