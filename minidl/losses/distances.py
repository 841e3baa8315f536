"""Losses of numbers: how far the outputs are from the targets."""

from math import prod
from typing import Any

from minidl.arrays import Array
from minidl.autograd import Tensor
from minidl.losses.base import Loss, average
from minidl.ops.selection import abs as absolute
from minidl.ops.selection import clip
from minidl.settings import check_number


class MeanSquaredError(Loss):
    """MSE = (1/n) Σ (tᵢ − yᵢ)² (D2.E1).

    D2.E1's worked example, whose printed value 0.356 is wrong:

    >>> import numpy as np
    >>> y_true = np.array([2, 3, 4, 5, 6], np.float32); y_pred = np.array([2.5, 3.1, 3.9, 4.2, 5.0], np.float32)
    >>> print(f"{MeanSquaredError()(y_true, y_pred).item():.3f}")
    0.382
    """

    name = "mean_squared_error"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        e = y_pred - y_true
        return average(e * e, weights)


class HalfSumOfSquares(Loss):
    """L = ½ Σ (t − y)² over each sample's numbers, averaged over the batch; ∂L/∂y = (y − t) / N (D4.E4)."""

    name = "half_sum_of_squares"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        e = y_pred - y_true
        D = prod(e.shape[1:])  # numbers a sample: their sum is D times their mean
        return average(0.5 * D * (e * e), weights)


class MeanAbsoluteError(Loss):
    """MAE = (1/n) Σ |tᵢ − yᵢ|; its slope where t = y is taken as 0."""

    name = "mean_absolute_error"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        return average(absolute(y_pred - y_true), weights)


class Huber(Loss):
    """Squared for small errors, linear for large: ½ e² for |e| ≤ δ, δ (|e| − ½ δ) beyond (Huber 1964).

    Both are c (e − ½ c), where c is e held between −δ and δ, and c is the slope.
    """

    name = "huber"

    def __init__(self, delta: float = 1.0, **rest: Any):
        super().__init__(**rest)
        self.delta = float(check_number("Huber", "delta", delta, "(0, inf)"))

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        e = y_pred - y_true
        c = clip(e, -self.delta, self.delta)
        return average(c * (e - 0.5 * c), weights)
