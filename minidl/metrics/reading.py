"""What targets and outputs mean: which class each target names, and which class each output votes for.

Outputs and targets come in four pairs of forms. ``C`` counts classes; the leading axes (N,), or (N, T) for a class at
each time step, are written (...).

===========  ==========================  ==================================  ======================
kind         outputs                     targets                             predicted class
===========  ==========================  ==================================  ======================
labels       integers (...)              integers (...)                      the output itself
binary       probability (...) or        0 or 1, (...) or (..., 1)           1 where p > threshold
             (..., 1)
sparse       scores (..., C)             labels (...) or (..., 1)            argmax of the scores
categorical  scores (..., C)             one-hot rows (..., C)               argmax of the scores
===========  ==========================  ==================================  ======================

These are the rules by which Keras understands "accuracy". Everything is checked first: labels against C, because a GPU
wraps wrong indices in silence, and shapes exactly, because (N, 1) against (N,) would broadcast to (N, N).
"""

from math import log
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, device_of, is_array, move
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.settings import check_number


def plain(x: Any) -> Array:
    """The array of a Tensor, or an array of anything array-like.

    >>> plain(Tensor([1.0])), plain([1, 2])
    (array([1.], dtype=float32), array([1, 2]))
    """
    return x.data if isinstance(x, Tensor) else as_array(x)


def read_numbers(who: str, name: str, given: Any) -> Array:
    """Finite numbers of at least one sample, as float64 on the CPU.

    >>> read_numbers("drift", "actual", [1, 2])
    array([1., 2.])
    """
    x = move(given.data if isinstance(given, Tensor) else as_array(given, np.float64), "cpu")
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{who} expects {name} as numbers, got {describe(given)}.")
    if not x.ndim or not x.size:
        raise ValueError(f"{who} expects {name} of at least one sample, got shape {x.shape}.")
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError(f"{who} expects {name} of finite numbers, got NaN or infinity.")
    return x


def plain_pair(targets: Any, outputs: Any) -> tuple[Array, Array]:
    """Both as plain arrays, the targets where the outputs are."""
    targets, outputs = plain(targets), plain(outputs)
    return move(targets, device_of(outputs)), outputs


def read_classes(
    who: str, targets: Any, outputs: Any, threshold: float = 0.5, from_logits: bool = False
) -> tuple[Array, Array, int | None]:
    """Each target's class, each output's class and C, by the forms of targets and outputs (see the table above).

    Returns
    -------
    labels, predicted : arrays of integers (...)
    C : int, or None where both are given as labels

    >>> labels, predicted, C = read_classes("accuracy", [2, 0], [[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
    >>> labels, predicted, C
    (array([2, 0]), array([1, 0]), 3)
    """
    targets, outputs = plain_pair(targets, outputs)
    if outputs.dtype.kind in "iub" and outputs.shape == targets.shape:
        C = None
        return whole_numbers(who, targets, C), whole_numbers(who, outputs, C), C
    if outputs.shape[-1:] == (1,) or outputs.ndim <= 1:
        return *read_binary(who, targets, outputs, threshold, from_logits), 2
    C = outputs.shape[-1]
    if outputs.ndim > targets.ndim or targets.shape[-1:] == (1,):
        return *read_sparse(who, targets, outputs), C
    return *read_categorical(who, targets, outputs), C


def read_binary(
    who: str, targets: Any, outputs: Any, threshold: float = 0.5, from_logits: bool = False
) -> tuple[Array, Array]:
    """Classes 0 and 1: an output is class 1 where p > threshold, that is z > log(threshold / (1 − threshold)).

    A last axis of size 1 that only one of the two has is dropped. Targets between 0 and 1 (smoothed labels) count as
    the nearer class.
    """
    targets, outputs = plain_pair(targets, outputs)
    if targets.shape != outputs.shape:
        targets, outputs = without_last_axis_of_one(targets), without_last_axis_of_one(outputs)
    same_shape(who, targets, outputs)
    if targets.size and not bool(((targets >= 0) & (targets <= 1)).all()):
        raise ValueError(
            f"{who}: outputs of shape {outputs.shape} are read as probabilities of two classes, so targets must be "
            f"0 or 1,\ngot values from {targets.min()} to {targets.max()}. For more classes give (..., C) outputs; for "
            "regression use 'mae' or 'mse'."
        )
    bound = log(threshold / (1 - threshold)) if from_logits else threshold
    return (targets > 0.5).astype("int64"), (outputs > bound).astype("int64")


def read_sparse(who: str, targets: Any, outputs: Any) -> tuple[Array, Array]:
    """Labels (...) or (..., 1) against scores (..., C)."""
    targets, outputs = plain_pair(targets, outputs)
    has_classes(who, outputs)
    if targets.ndim == outputs.ndim:
        targets = without_last_axis_of_one(targets)  # (..., 1) -> (...,)
    if targets.shape != outputs.shape[:-1]:
        raise ValueError(
            f"{who} expects labels of shape {outputs.shape[:-1]} for outputs of shape {outputs.shape}, "
            f"got {targets.shape}."
        )
    return whole_numbers(who, targets, outputs.shape[-1]), outputs.argmax(axis=-1)  # (..., C) -> (...,)


def read_categorical(who: str, targets: Any, outputs: Any) -> tuple[Array, Array]:
    """One-hot or smoothed rows (..., C) against scores (..., C)."""
    targets, outputs = plain_pair(targets, outputs)
    has_classes(who, outputs)
    same_shape(who, targets, outputs)
    sums = targets.sum(axis=-1)  # (..., C) -> (...,)
    if sums.size and not bool((abs(sums - 1) < 1e-3).all()):
        low, high = float(sums.min()), float(sums.max())
        raise ValueError(
            f"{who} expects one-hot targets, whose rows sum to 1, got sums from {low:g} to {high:g}.\n"
            "Where each row may name several classes, use 'binary_accuracy'; for regression use 'mae' or 'mse'."
        )
    return targets.argmax(axis=-1), outputs.argmax(axis=-1)  # (..., C) -> (...,)


# --- checks -------------------------------------------------------------------------------------------------------


def has_classes(who: str, outputs: Array) -> None:
    """Outputs have a last axis with a score for each class."""
    if outputs.ndim < 2:
        raise ValueError(f"{who} expects outputs (N, C), a score for each class, got shape {outputs.shape}.")


def whole_numbers(who: str, labels: Array, C: int | None) -> Array:
    """Labels as int64 from 0 to C − 1; floats without fractions are taken too, as Keras does.

    Not in their own dtype: the confusion matrix multiplies them by C, and in uint8 25 · 26 is 138.
    """
    if labels.dtype.kind not in "iub":
        if labels.size and not bool((labels == array_module(labels).rint(labels)).all()):
            raise TypeError(f"{who} expects integer labels, got {describe(labels)} with fractions.")
    if labels.size:
        smallest, largest = int(labels.min()), int(labels.max())
        if smallest < 0 or (C is not None and largest >= C):
            wrong = smallest if smallest < 0 else largest
            raise ValueError(f"{who} expects labels from 0 {'on' if C is None else f'to {C - 1}'}, got {wrong}.")
    return labels.astype("int64", copy=False)


def check_threshold(who: str, threshold: Any, from_logits: bool) -> float:
    """A number; one in (0, 1) where it stands for a probability, whose logit is wanted."""
    return check_number(who, "threshold", threshold, "(0, 1)" if from_logits else "(-inf, inf)")


def same_shape(who: str, targets: Array, outputs: Array) -> None:
    """Targets and outputs have the same shape exactly."""
    if targets.shape != outputs.shape:
        hint = ""
        if without_last_axis_of_one(targets).shape == without_last_axis_of_one(outputs).shape:
            hint = "\nThey would broadcast to each with each. Reshape one of them: outputs[:, 0] or targets[:, None]."
        raise ValueError(
            f"{who} expects targets of the outputs' shape {outputs.shape}, got shape {targets.shape}.{hint}"
        )


def without_last_axis_of_one(x: Array) -> Array:
    """(..., 1) becomes (...,); other shapes, and (1,), stay as they are."""
    return x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x


def spread_weights(who: str, sample_weight: Any, like: Array) -> Array:
    """A weight for each entry of ``like`` (N, ...), from one for each sample (N,) or each leading position (N, T)."""
    w = move(plain(sample_weight), device_of(like)) if is_array(like) else plain(sample_weight)
    if w.ndim > like.ndim or w.shape != like.shape[: w.ndim] or w.ndim == 0:
        fix = ""
        if w.ndim > like.ndim > 0:
            fix = f"\nWhere steps are weighted, or masked, it needs a value for each step: it gave shape {like.shape}."
        raise ValueError(
            f"{who} expects sample_weight of shape {like.shape[:1]}, one for each sample, got shape {w.shape}.{fix}"
        )
    xp = array_module(like)
    return xp.broadcast_to(w.reshape(w.shape + (1,) * (like.ndim - w.ndim)), like.shape)  # (N,) -> (N, ...)
