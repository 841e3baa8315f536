"""Metrics that are collected batch by batch: what ``fit`` and ``evaluate`` hold.

A metric keeps sums, never means of batches: the figure of an epoch is the figure of all its samples at once, whatever
the batch sizes. (A mean of batch means is wrong as soon as the last batch is smaller, and for precision, recall and F1,
which are ratios, even with equal batches.)
"""

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.habits import MetricHabits
from minidl.metrics.reading import plain, plain_pair, spread_weights


class Metric(MetricHabits):
    """A figure over all samples seen since ``reset``.

    ``update(targets, outputs, sample_weight=None)`` adds a batch, ``result()`` is the figure so far (NaN when nothing
    was seen), ``reset()`` forgets everything. ``name`` is its key in ``History``.
    """

    def __init__(self, name: str):
        self.name = name
        self.reset()

    def reset(self) -> None:
        raise TypeError(f"{type(self).__name__} must define reset().")

    def update(self, targets: Any, outputs: Any, sample_weight: Any = None) -> None:
        raise TypeError(f"{type(self).__name__} must define update(targets, outputs, sample_weight).")

    def result(self) -> float:
        raise TypeError(f"{type(self).__name__} must define result().")

    def of(self, targets: Any, outputs: Any, sample_weight: Any = None) -> Any:
        """The figure of this batch alone; what was collected before is forgotten."""
        self.reset()
        self.update(targets, outputs, sample_weight)
        return self.result()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class Mean(Metric):
    """Σ_n w_n v_n / Σ_n w_n, with a value v_n for each sample: the kind of every metric but the ratios of counts.

    ``result`` is ``finish`` of that mean: the mean itself unless a subclass takes its root or exponential.
    """

    def reset(self) -> None:
        self.total = 0.0  # Σ_n w_n v_n
        self.weight = 0.0  # Σ_n w_n

    def values(self, targets: Any, outputs: Any) -> Array:
        """v (N, ...): the equation, and the one method that such a metric defines."""
        raise TypeError(f"{type(self).__name__} must define values(targets, outputs).")

    def finish(self, mean: float) -> float:
        return mean

    def update(self, targets: Any, outputs: Any, sample_weight: Any = None) -> None:
        v = self.values(targets, outputs)
        if v.size == 0:
            raise ValueError(f"{self.name} of an empty batch has no value: got outputs of {plain(outputs).shape}.")
        if sample_weight is None:
            self.total += float(v.sum(dtype=np.float64))
            self.weight += float(v.size)
        else:
            w = spread_weights(self.name, sample_weight, v)
            self.total += float((w * v).sum(dtype=np.float64))
            self.weight += float(w.sum(dtype=np.float64))

    def result(self) -> float:
        return self.finish(self.total / self.weight) if self.weight else nan


class FunctionMetric(Mean):
    """The mean of any function (targets, outputs) that gives a value for each sample, or one for the whole batch.

    >>> metric = FunctionMetric(lambda targets, outputs: np.abs(targets - outputs), "distance")
    >>> metric.update([1.0, 2.0], [1.5, 2.5]); metric.update([3.0], [5.0])
    >>> metric.result()
    1.0
    """

    def __init__(self, function: Callable[[Any, Any], Any], name: str):
        self.function = function
        super().__init__(name)

    def values(self, targets: Any, outputs: Any) -> Array:
        targets, outputs = plain_pair(targets, outputs)
        v = plain(self.function(targets, outputs))
        if v.ndim == 0:
            v = np.full(len(outputs), float(v))  # one number for the batch counts for each of its samples
        return v
