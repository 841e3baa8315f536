"""Counts of right and wrong answers, and their ratios: confusion matrix, precision, recall, F1 (D.T3).

M[i, j] counts the samples of class i that were predicted as class j. For class c:

    TP = M[c, c]          hits
    FP = Σ_i M[i, c] − TP  false alarms
    FN = Σ_j M[c, j] − TP  misses

    precision = TP / (TP + FP)     of those predicted as c, how many are c
    recall    = TP / (TP + FN)     of those that are c, how many were found
    F1        = 2 TP / (2 TP + FP + FN)     their harmonic mean

**0/0 is 0**: a class that was never predicted has precision 0, one that never occurs has recall 0, and F1 is 0 where
there is neither hit, false alarm nor miss (as in Keras). Source: van Rijsbergen 1979, "Information Retrieval", ch. 7.

``average`` says how the figures of C classes become one:

===========  ===================================================================================
"binary"     the figure of class 1; two classes only
"macro"      the plain mean over all C classes, rare ones counting as much as frequent ones
"micro"      from the summed TP, FP and FN of all classes; with one label a sample it is the accuracy
None         no averaging: an array (C,)
===========  ===================================================================================
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import array_module, move
from minidl.errors import unknown_name
from minidl.metrics.reading import check_threshold, plain, read_classes, spread_weights, whole_numbers
from minidl.metrics.streaming import Metric
from minidl.settings import check_whole

AVERAGES = ("binary", "macro", "micro", "none")


class ConfusionMatrix(Metric):
    """M (C, C), counted batch by batch: row = right class, column = predicted class.

    Parameters
    ----------
    num_classes : int, optional
        C. Otherwise it is the outputs' last axis, 2 for one output a sample, and the largest label + 1 for outputs that
        are labels themselves.
    threshold, from_logits
        As in ``accuracy``.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        threshold: float = 0.5,
        from_logits: bool = False,
        name: str = "confusion_matrix",
    ):
        super().__init__(name)
        self.num_classes = None if num_classes is None else check_whole(name, "num_classes", num_classes)
        self.threshold, self.from_logits = check_threshold(name, threshold, from_logits), from_logits

    def reset(self) -> None:
        self.matrix = np.zeros((0, 0), np.int64)

    def update(self, targets: Any, outputs: Any, sample_weight: Any = None) -> None:
        labels, predicted, C = read_classes(self.name, targets, outputs, self.threshold, self.from_logits)
        if labels.size == 0:
            raise ValueError(f"{self.name} of an empty batch has no value: got outputs of {plain(outputs).shape}.")
        if self.num_classes is not None:
            C = self.num_classes
            whole_numbers(self.name, labels, C)
            whole_numbers(self.name, predicted, C)
        elif C is None:
            C = max(int(labels.max()), int(predicted.max())) + 1
        C = max(C, len(self.matrix))
        w = None if sample_weight is None else spread_weights(self.name, sample_weight, labels).ravel()
        # The pair (i, j) is the number i · C + j, and bincount counts numbers.
        pairs = labels.ravel() * C + predicted.ravel()  # (...,) -> (n,)
        M = array_module(pairs).bincount(pairs, weights=w, minlength=C * C).reshape(C, C)  # (n,) -> (C, C)
        grown = C - len(self.matrix)
        self.matrix = np.pad(self.matrix, (0, grown)) + move(M, "cpu")

    def result(self) -> np.ndarray:
        return self.matrix.copy()


def confusion_matrix(
    targets: Any, outputs: Any, num_classes: int | None = None, sample_weight: Any = None, threshold: float = 0.5
) -> np.ndarray:
    """M[i, j] = how many samples of class i were predicted as class j.

    Parameters
    ----------
    targets, outputs, sample_weight, threshold
        As in ``accuracy``.
    num_classes : int, optional
        C, where it cannot be seen from the outputs.

    Returns
    -------
    array (C, C)
        Integers on the CPU; floats where weights are given.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2])
    array([[1, 1, 0],
           [0, 1, 0],
           [0, 0, 1]])
    """
    return ConfusionMatrix(num_classes, threshold).of(targets, outputs, sample_weight)


class CountRatio(ConfusionMatrix):
    """A ratio of counts for each class, averaged. ``ratio(TP, FP, FN)`` gives its numerator and denominator."""

    def __init__(
        self,
        average: str | None = "binary",
        num_classes: int | None = None,
        threshold: float = 0.5,
        from_logits: bool = False,
        name: str = "ratio",
    ):
        super().__init__(num_classes, threshold, from_logits, name)
        self.average = "none" if average is None else average
        if self.average not in AVERAGES:
            raise unknown_name(f"average of {name}", average, AVERAGES)

    def ratio(self, TP: np.ndarray, FP: np.ndarray, FN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise TypeError(f"{type(self).__name__} must define ratio(TP, FP, FN).")

    def update(self, targets: Any, outputs: Any, sample_weight: Any = None) -> None:
        super().update(targets, outputs, sample_weight)
        if self.average == "binary" and len(self.matrix) > 2:
            raise ValueError(
                f"{self.name} with average='binary' expects two classes, got {len(self.matrix)}.\n"
                "Choose average='macro', 'micro' or None, as in metrics=[Precision(average='macro')]."
            )

    def result(self) -> float | np.ndarray:
        return averaged(self.matrix, self.ratio, self.average)


class Precision(CountRatio):
    """TP / (TP + FP): of those predicted as c, how many are c. 0 where c was never predicted."""

    def __init__(self, average="binary", num_classes=None, threshold=0.5, from_logits=False, name="precision"):
        super().__init__(average, num_classes, threshold, from_logits, name)

    def ratio(self, TP, FP, FN):
        return TP, TP + FP


class Recall(CountRatio):
    """TP / (TP + FN): of those that are c, how many were found. 0 where c does not occur."""

    def __init__(self, average="binary", num_classes=None, threshold=0.5, from_logits=False, name="recall"):
        super().__init__(average, num_classes, threshold, from_logits, name)

    def ratio(self, TP, FP, FN):
        return TP, TP + FN


class F1Score(CountRatio):
    """2 TP / (2 TP + FP + FN) = 2 / (1/precision + 1/recall). 0 where c neither occurs nor is predicted."""

    def __init__(self, average="binary", num_classes=None, threshold=0.5, from_logits=False, name="f1_score"):
        super().__init__(average, num_classes, threshold, from_logits, name)

    def ratio(self, TP, FP, FN):
        return 2 * TP, 2 * TP + FP + FN


def averaged(M: np.ndarray, ratio: Callable, average: str) -> float | np.ndarray:
    """The ratio of each class's counts in M (C, C), and their average."""
    C = len(M)
    if C == 0:
        return float("nan")  # nothing was seen
    TP = np.diagonal(M)  # (C, C) -> (C,)
    FP = M.sum(axis=0) - TP
    FN = M.sum(axis=1) - TP
    if average == "micro":
        TP, FP, FN = TP.sum(), FP.sum(), FN.sum()
    numerator, denominator = ratio(TP, FP, FN)
    figure = numerator / np.where(denominator > 0, denominator, 1)  # 0/0 is 0: the numerator is 0 there
    if average == "binary":
        return float(figure[1]) if C == 2 else 0.0  # with labels 0 only, class 1 has not occurred: 0/0
    return figure if average == "none" else float(figure.mean())


def precision(
    targets: Any,
    outputs: Any,
    average: str | None = "binary",
    num_classes: int | None = None,
    threshold: float = 0.5,
    sample_weight: Any = None,
) -> float | np.ndarray:
    """TP / (TP + FP): of those predicted as a class, how many are of that class; 0 where it was never predicted.

    Parameters
    ----------
    targets, outputs, threshold, sample_weight
        As in ``accuracy``.
    average : "binary", "macro", "micro" or None
        How the figures of the classes become one; see the head of this module.
    num_classes : int, optional
        C, where it cannot be seen from the outputs.

    Returns
    -------
    float, or an array (C,) with ``average=None``

    Examples
    --------
    >>> precision([1, 0, 1, 1], [0.9, 0.8, 0.2, 0.7])
    0.6666666666666666
    >>> precision([0, 1, 2, 2], [0, 2, 2, 2], average=None)
    array([1.        , 0.        , 0.66666667])
    """
    return Precision(average, num_classes, threshold).of(targets, outputs, sample_weight)


def recall(
    targets: Any,
    outputs: Any,
    average: str | None = "binary",
    num_classes: int | None = None,
    threshold: float = 0.5,
    sample_weight: Any = None,
) -> float | np.ndarray:
    """TP / (TP + FN): of those of a class, how many were found; 0 where it does not occur. Arguments as ``precision``.

    >>> recall([1, 0, 1, 1, 1], [0.9, 0.8, 0.2, 0.7, 0.6])
    0.75
    """
    return Recall(average, num_classes, threshold).of(targets, outputs, sample_weight)


def f1_score(
    targets: Any,
    outputs: Any,
    average: str | None = "binary",
    num_classes: int | None = None,
    threshold: float = 0.5,
    sample_weight: Any = None,
) -> float | np.ndarray:
    """F1 = 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall; 0/0 is 0. Arguments as ``precision``.

    >>> f1_score([1, 0, 1, 1], [0.9, 0.8, 0.2, 0.7])
    0.6666666666666666
    """
    return F1Score(average, num_classes, threshold).of(targets, outputs, sample_weight)
