"""Losses: one number from targets and outputs.

Called as Keras does, targets first: ``loss(y_true, y_pred)``. Every loss is Σₙ wₙ ℓₙ over the samples of the batch,
with wₙ = 1/N, or sample_weightₙ/N where weights are given. Shapes are compared exactly before anything is computed:
(N, 1) against (N,) would broadcast to (N, N) and train on nonsense.

| file | loss | ℓ of one sample | source |
|---|---|---|---|
| ``distances.py`` | MeanSquaredError | mean (t − y)² | D2.E1 |
| | HalfSumOfSquares | ½ Σ (t − y)² | D4.E4 |
| | MeanAbsoluteError | mean abs(t − y) | |
| | Huber | mean of ½ e² for abs(e) ≤ δ, δ (abs(e) − ½ δ) beyond | Huber 1964 |
| ``cross_entropy.py`` | BinaryCrossentropy | mean of −t log p − (1 − t) log(1 − p) | D1.E1 |
| | CategoricalCrossentropy | −Σⱼ tⱼ log pⱼ | D1.E1, D2.E2 |
| | SparseCategoricalCrossentropy | −log p_label | D1.E1 |
| ``divergence.py`` | KLDivergence | Σⱼ tⱼ log(tⱼ / pⱼ) | Kullback & Leibler 1951 |

``base.py`` holds what they share.
"""

from typing import Any

from minidl import habits
from minidl.errors import unknown_name
from minidl.losses.base import Loss, average
from minidl.losses.cross_entropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from minidl.losses.distances import HalfSumOfSquares, Huber, MeanAbsoluteError, MeanSquaredError
from minidl.losses.divergence import KLDivergence

__all__ = [
    "Loss", "MeanSquaredError", "HalfSumOfSquares", "MeanAbsoluteError", "Huber",
    "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy", "KLDivergence",
    "LOSSES", "get", "average",
]  # fmt: skip

__getattr__ = habits.absent_in(__name__, AttributeError)

LOSSES = {
    loss.name: loss
    for loss in (
        MeanSquaredError, HalfSumOfSquares, MeanAbsoluteError, Huber,
        BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence,
    )
} | {"mse": MeanSquaredError, "mae": MeanAbsoluteError, "kld": KLDivergence}  # fmt: skip


def get(loss: Any) -> Any:
    """A loss by Keras' name or class; an object or function ``(y_true, y_pred)`` is taken as it is.

    >>> get("mse"), get(Huber)
    (MeanSquaredError(), Huber(delta=1.0))
    """
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss.lower() not in LOSSES:
        raise unknown_name("loss", loss, LOSSES)
    return LOSSES[loss.lower()]()
