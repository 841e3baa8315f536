"""``keras.losses``: what ``minidl/losses/`` defines."""

from minidl import habits
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSumOfSquares,
    Huber,
    KLDivergence,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    get,
)

__all__ = [
    "Loss", "MeanSquaredError", "HalfSumOfSquares", "MeanAbsoluteError", "Huber",
    "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy", "KLDivergence", "get",
]  # fmt: skip

__getattr__ = habits.absent_in(__name__)
