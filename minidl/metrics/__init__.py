"""Metrics: how good a model is, in figures that people read (D.T3).

For each there is a function for arrays at hand, ``accuracy(targets, outputs)``, and a class whose objects collect
batches, ``Accuracy()`` with ``update``, ``result`` and ``reset``; ``fit`` and ``evaluate`` use the latter. Names are
Keras'.

=====================  ==============================================================
``reading.py``         what targets and outputs mean: labels, one-hot rows, probabilities
``streaming.py``       collecting batches
``accuracies.py``      accuracy in its forms, top-k accuracy
``counts.py``          confusion matrix, precision, recall, F1
``distances.py``       mean absolute and squared error, perplexity, bits per symbol
=====================  ==============================================================
"""

from typing import Any

from minidl import habits
from minidl.errors import describe, unknown_name
from minidl.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    top_k_accuracy,
)
from minidl.metrics.counts import (
    ConfusionMatrix,
    F1Score,
    Precision,
    Recall,
    confusion_matrix,
    f1_score,
    precision,
    recall,
)
from minidl.metrics.distances import (
    BitsPerSymbol,
    MeanAbsoluteError,
    MeanSquaredError,
    Perplexity,
    RootMeanSquaredError,
    mean_absolute_error,
    mean_squared_error,
    perplexity,
    root_mean_squared_error,
)
from minidl.metrics.streaming import FunctionMetric, Mean, Metric

BY_NAME: dict[str, type[Metric]] = {
    "accuracy": Accuracy, "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_accuracy": TopKAccuracy,
    "top_k_categorical_accuracy": TopKAccuracy,
    "sparse_top_k_categorical_accuracy": TopKAccuracy,
    "confusion_matrix": ConfusionMatrix,
    "precision": Precision, "recall": Recall, "f1_score": F1Score,
    "mean_absolute_error": MeanAbsoluteError, "mae": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError, "mse": MeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError, "rmse": RootMeanSquaredError,
    "perplexity": Perplexity,
    "bits": BitsPerSymbol,
}  # fmt: skip


def get(metric: Any, from_logits: bool = False) -> Metric:
    """A metric object by name; objects are returned as they are, functions (targets, outputs) are averaged.

    Parameters
    ----------
    metric
        A name, a ``Metric``, its class, or a function that gives a value for each sample or one for the batch.
    from_logits : bool
        For names: the model's outputs are logits, as told to the loss. (In Keras "accuracy" takes the logit of a
        two-class model for a probability and compares it with 0.5.)

    Raises
    ------
    ValueError
        The name is not known (the nearest one is suggested).
    TypeError
        Neither a name, a metric nor a function.

    >>> metric = get("acc")
    >>> metric
    Accuracy(name='acc')
    >>> metric.update([1, 0], [0.9, 0.2]); metric.update([0], [0.7])
    >>> round(metric.result(), 4)
    0.6667
    """
    if isinstance(metric, str):
        if metric not in BY_NAME:
            raise unknown_name("metric", metric, BY_NAME)
        made = BY_NAME[metric](name=metric)
        if hasattr(made, "from_logits"):
            made.from_logits = from_logits
        return made
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if callable(metric):
        name = getattr(metric, "name", None) or getattr(metric, "__name__", None) or type(metric).__name__
        return FunctionMetric(metric, name)
    raise TypeError(f"metric must be a name such as 'accuracy', a Metric or a function, got {describe(metric)}.")


__all__ = [
    "BY_NAME", "get", "Metric", "Mean", "FunctionMetric",
    "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "TopKAccuracy",
    "accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy", "top_k_accuracy",
    "ConfusionMatrix", "Precision", "Recall", "F1Score", "confusion_matrix", "precision", "recall", "f1_score",
    "MeanAbsoluteError", "MeanSquaredError", "RootMeanSquaredError", "Perplexity", "BitsPerSymbol",
    "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "perplexity",
]  # fmt: skip

__getattr__ = habits.absent_in(__name__, AttributeError)
