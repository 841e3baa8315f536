"""Accuracy: the share of samples whose predicted class is the right one (D.T3).

    accuracy = (1/N) Σ_n 1[predicted_n = label_n]

With weights, Σ_n w_n 1[...] / Σ_n w_n. What counts as label and as prediction is told by the forms of targets and
outputs (``reading.py``). For each metric there is a function for arrays at hand and a class that collects batches.
"""

from typing import Any

from minidl.arrays import Array, array_module
from minidl.metrics.reading import (
    check_threshold,
    has_classes,
    plain_pair,
    read_binary,
    read_categorical,
    read_classes,
    read_sparse,
)
from minidl.metrics.streaming import Mean
from minidl.settings import check_whole


class Accuracy(Mean):
    """The accuracy that fits: binary, sparse or categorical, chosen by the shapes as Keras chooses for "accuracy".

    Parameters
    ----------
    threshold : float
        For one output a sample: class 1 is predicted where p > threshold.
    from_logits : bool
        Such outputs are logits z, and p = sigmoid(z).
    """

    def __init__(self, threshold: float = 0.5, from_logits: bool = False, name: str = "accuracy"):
        super().__init__(name)
        self.threshold, self.from_logits = check_threshold(name, threshold, from_logits), from_logits

    def values(self, targets: Any, outputs: Any) -> Array:
        labels, predicted, _ = read_classes(self.name, targets, outputs, self.threshold, self.from_logits)
        return labels == predicted


def accuracy(
    targets: Any, outputs: Any, threshold: float = 0.5, sample_weight: Any = None, from_logits: bool = False
) -> float:
    """Accuracy = (1/N) Σ_n 1[predicted_n = label_n], for all the forms that targets and outputs have.

    Parameters
    ----------
    targets
        Labels (N,) or (N, 1), one-hot rows (N, C), or 0 and 1 for two classes.
    outputs
        Probabilities or logits (N, C), predicted labels (N,), or for two classes the probability of class 1, (N,) or
        (N, 1).
    threshold : float
        For two classes: class 1 is predicted where p > threshold.
    sample_weight : (N,), optional
        How much each sample counts.
    from_logits : bool
        The one output a sample of a two-class model is a logit.

    Raises
    ------
    ValueError
        The shapes do not fit, a label is out of range, or the batch is empty.
    TypeError
        Labels with fractions.

    Examples
    --------
    >>> accuracy([2, 0], [[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
    0.5
    >>> accuracy([1, 0, 1], [0.9, 0.2, 0.4], sample_weight=[1, 1, 2])
    0.5
    """
    return Accuracy(threshold, from_logits).of(targets, outputs, sample_weight)


class BinaryAccuracy(Mean):
    """(1/N) Σ_n 1[(p_n > threshold) = t_n]; with (N, C) each of the C answers of a sample counts by itself."""

    def __init__(self, threshold: float = 0.5, from_logits: bool = False, name: str = "binary_accuracy"):
        super().__init__(name)
        self.threshold, self.from_logits = check_threshold(name, threshold, from_logits), from_logits

    def values(self, targets: Any, outputs: Any) -> Array:
        labels, predicted = read_binary(self.name, targets, outputs, self.threshold, self.from_logits)
        return labels == predicted


def binary_accuracy(
    targets: Any, outputs: Any, threshold: float = 0.5, sample_weight: Any = None, from_logits: bool = False
) -> float:
    """(1/N) Σ_n 1[(p_n > threshold) = t_n], arguments as ``accuracy``. (N, 1) and (N,) may meet.

    >>> binary_accuracy([[1, 0, 1], [0, 0, 1]], [[0.9, 0.1, 0.2], [0.3, 0.6, 0.8]])     # several labels a sample
    0.6666666666666666
    """
    return BinaryAccuracy(threshold, from_logits).of(targets, outputs, sample_weight)


class CategoricalAccuracy(Mean):
    """(1/N) Σ_n 1[argmax_c p[n, c] = argmax_c t[n, c]], for one-hot targets (N, C)."""

    def __init__(self, name: str = "categorical_accuracy"):
        super().__init__(name)

    def values(self, targets: Any, outputs: Any) -> Array:
        labels, predicted = read_categorical(self.name, targets, outputs)
        return labels == predicted


def categorical_accuracy(targets: Any, outputs: Any, sample_weight: Any = None) -> float:
    """(1/N) Σ_n 1[argmax_c p[n, c] = argmax_c t[n, c]], for one-hot targets (N, C).

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.3, 0.7], [0.4, 0.6]])
    0.5
    """
    return CategoricalAccuracy().of(targets, outputs, sample_weight)


class SparseCategoricalAccuracy(Mean):
    """(1/N) Σ_n 1[argmax_c p[n, c] = label_n], for labels (N,) or (N, 1)."""

    def __init__(self, name: str = "sparse_categorical_accuracy"):
        super().__init__(name)

    def values(self, targets: Any, outputs: Any) -> Array:
        labels, predicted = read_sparse(self.name, targets, outputs)
        return labels == predicted


def sparse_categorical_accuracy(targets: Any, outputs: Any, sample_weight: Any = None) -> float:
    """(1/N) Σ_n 1[argmax_c p[n, c] = label_n], for labels (N,) or, as Keras allows, (N, 1).

    >>> sparse_categorical_accuracy([1, 0], [[0.3, 0.7], [0.4, 0.6]])
    0.5
    """
    return SparseCategoricalAccuracy().of(targets, outputs, sample_weight)


class TopKAccuracy(Mean):
    """(1/N) Σ_n 1[label_n is among the k classes with the highest scores], labels (N,), (N, 1) or one-hot (N, C).

    Of equal scores the lower class goes first, as in argmax, so that k = 1 is plain accuracy; a NaN is never a hit.
    """

    def __init__(self, k: int = 5, name: str = "top_k_accuracy"):
        super().__init__(name)
        self.k = check_whole(name, "k", k)

    def values(self, targets: Any, outputs: Any) -> Array:
        targets, p = plain_pair(targets, outputs)
        has_classes(self.name, p)
        C = p.shape[-1]
        if self.k > C:
            raise ValueError(f"{self.name} with k={self.k} expects at least {self.k} classes, got outputs {p.shape}.")
        one_hot = targets.shape == p.shape and C > 1
        labels, _ = (read_categorical if one_hot else read_sparse)(self.name, targets, p)
        xp = array_module(p)
        labels = labels[..., None]  # (...,) -> (..., 1)
        own = xp.take_along_axis(p, labels, axis=-1)  # (..., C) -> (..., 1): the right class's score
        before = ~(p <= own) | ((p == own) & (xp.arange(C) < labels))  # "not <=" is also true of NaN
        return before.sum(axis=-1) < self.k  # (..., C) -> (...,)


def top_k_accuracy(targets: Any, outputs: Any, k: int = 5, sample_weight: Any = None) -> float:
    """The share of samples whose right class is among the k classes with the highest scores.

    >>> top_k_accuracy([2, 0], [[0.1, 0.7, 0.2], [0.1, 0.7, 0.2]], k=2)
    0.5
    """
    return TopKAccuracy(k).of(targets, outputs, sample_weight)
