"""How far outputs are from targets: mean absolute and squared error, its root, perplexity, and bits per symbol.

t are the targets, y the outputs, n counts all their numbers (of all samples).
"""

from math import exp, inf, log, sqrt
from typing import Any

from minidl.arrays import Array, array_module, as_floating
from minidl.metrics.reading import has_classes, plain_pair, read_sparse, same_shape
from minidl.metrics.streaming import Mean
from minidl.ops.cross_entropy import check_probabilities

EPSILON = 1e-7  # probabilities below this count as this, as in Keras: log 0 is −∞


def _errors(who: str, targets: Any, outputs: Any) -> Array:
    """T − y, after their shapes were compared."""
    t, y = plain_pair(targets, outputs)
    same_shape(who, t, y)
    return as_floating(t) - as_floating(y)


class MeanAbsoluteError(Mean):
    """MAE = (1/n) Σ |t − y|, in the targets' unit."""

    def __init__(self, name: str = "mean_absolute_error"):
        super().__init__(name)

    def values(self, targets: Any, outputs: Any) -> Array:
        return abs(_errors(self.name, targets, outputs))


class MeanSquaredError(Mean):
    """MSE = (1/n) Σ (t − y)² (D2.E1), in the targets' unit squared."""

    def __init__(self, name: str = "mean_squared_error"):
        super().__init__(name)

    def values(self, targets: Any, outputs: Any) -> Array:
        return _errors(self.name, targets, outputs) ** 2


class RootMeanSquaredError(MeanSquaredError):
    """RMSE = √MSE, in the targets' unit: the root of the mean over all samples, not a mean of batches' roots."""

    def __init__(self, name: str = "root_mean_squared_error"):
        super().__init__(name)

    def finish(self, mean: float) -> float:
        return sqrt(mean)


class Perplexity(Mean):
    """exp(−(1/N) Σ_n log p[n, label_n]): among how many equally likely words a language model chooses, so to speak.

    Source: Jelinek, Mercer, Bahl & Baker 1977. Labels (N,) or (N, T); outputs (N, C) or (N, T, C) are probabilities,
    or logits with ``from_logits=True``.
    """

    def __init__(self, from_logits: bool = False, name: str = "perplexity"):
        super().__init__(name)
        self.from_logits = from_logits

    def values(self, targets: Any, outputs: Any) -> Array:
        targets, outputs = plain_pair(targets, outputs)
        has_classes(self.name, outputs)
        labels, _ = read_sparse(self.name, targets, outputs)
        xp = array_module(outputs)
        outputs = as_floating(outputs)
        own = xp.take_along_axis(outputs, labels[..., None], axis=-1)[..., 0]  # (..., C) -> (...,)
        if not self.from_logits:
            if outputs.size:
                check_probabilities(self.name, outputs, "softmax", highest=1)
            return -xp.log(xp.clip(own, EPSILON, 1.0))
        # −log softmax(z)[label] = log Σ_c e^z[c] − z[label], the largest z taken out so that nothing overflows.
        z_max = outputs.max(axis=-1)  # (..., C) -> (...,)
        return z_max + xp.log(xp.exp(outputs - z_max[..., None]).sum(axis=-1)) - own

    def finish(self, mean: float) -> float:
        try:
            return exp(mean)
        except OverflowError:  # more than 1.8e308
            return inf


class BitsPerSymbol(Perplexity):
    """−(1/N) Σ_n log₂ p[n, label_n], the logarithm of the perplexity: so long is a text that the model has packed.

    Source: Shannon 1951, "Prediction and entropy of printed English". Labels and outputs as ``Perplexity``.

    >>> metric = BitsPerSymbol()
    >>> metric.update([0, 3], [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]])
    >>> round(metric.result(), 6)
    2.0
    """

    def __init__(self, from_logits: bool = False, name: str = "bits"):
        super().__init__(from_logits, name)

    def finish(self, mean: float) -> float:
        return mean / log(2)


def mean_absolute_error(targets: Any, outputs: Any, sample_weight: Any = None) -> float:
    """MAE = (1/n) Σ |t − y|. Targets and outputs have the same shape; ``sample_weight`` is (N,).

    >>> mean_absolute_error([1.0, 2.0], [1.5, 4.0])
    1.25
    """
    return MeanAbsoluteError().of(targets, outputs, sample_weight)


def mean_squared_error(targets: Any, outputs: Any, sample_weight: Any = None) -> float:
    """MSE = (1/n) Σ (t − y)² (D2.E1). Targets and outputs have the same shape; ``sample_weight`` is (N,).

    The worked example of D2.E1, whose printed result of 0.356 is wrong:

    >>> round(mean_squared_error([2.0, 3.0, 4.0, 5.0, 6.0], [2.5, 3.1, 3.9, 4.2, 5.0]), 6)
    0.382
    """
    return MeanSquaredError().of(targets, outputs, sample_weight)


def root_mean_squared_error(targets: Any, outputs: Any, sample_weight: Any = None) -> float:
    """RMSE = √((1/n) Σ (t − y)²). Targets and outputs have the same shape; ``sample_weight`` is (N,).

    >>> root_mean_squared_error([0.0, 0.0], [3.0, 3.0])
    3.0
    """
    return RootMeanSquaredError().of(targets, outputs, sample_weight)


def perplexity(targets: Any, outputs: Any, from_logits: bool = False, sample_weight: Any = None) -> float:
    """exp(−(1/N) Σ_n log p[n, label_n]): C for a model that knows nothing, 1 for one that is always right and sure.

    >>> round(perplexity([0, 3], [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]]), 6)
    4.0
    """
    return Perplexity(from_logits).of(targets, outputs, sample_weight)
