"""Cross-entropies: what it costs to tell the right class with the probabilities that the network gives.

They take probabilities, or logits with ``from_logits=True``. Probabilities that a softmax or sigmoid has just made are
not turned back with log: the loss goes to their logits, where it is exact, and the gradient with it
(``logits_behind``). Other probabilities are kept in [ε, 1 − ε] with ε = 1e-7, as in Keras: log 0 is −∞. So is what was
computed inside ``no_grad``, where nothing remembers the logits: there a loss is at most −log ε = 16.1.

With label smoothing s (``label_smoothing``) the targets become t (1 − s) + s / C: the right one of C classes is not
quite certain, and no logit has to run away to infinity. Source: Szegedy et al., "Rethinking the Inception architecture
for computer vision", 2016, section 7.
"""

from typing import Any

import numpy as np

from minidl import edits
from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.losses.base import Loss, average, shape_hint, spread
from minidl.ops.activations import sigmoid
from minidl.ops.cross_entropy import (
    check_classes,
    check_outputs,
    check_probabilities,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from minidl.ops.exponentials import log
from minidl.ops.selection import clip
from minidl.ops.softmax import softmax
from minidl.settings import check_flag, check_number

EPSILON = 1e-7


class CrossEntropy(Loss):
    """What the cross-entropies share.

    Parameters
    ----------
    from_logits : bool
        Whether the outputs are logits, not probabilities.
    label_smoothing : float
        s, from 0 to 1.
    """

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, **rest: Any):
        super().__init__(**rest)
        who = type(self).__name__
        self.from_logits = check_flag(who, "from_logits", from_logits)
        self.label_smoothing = check_number(who, "label_smoothing", label_smoothing, "[0, 1]")

    def smoothed(self, t: Array, C: int) -> Array:
        """t (1 − s) + s / C."""
        s = self.label_smoothing
        return t * (1 - s) + s / C if s else t

    def logits(self, y_pred: Tensor, activation: Any) -> Tensor | None:
        """The logits z, if they are known: given, or behind the probabilities activation(z)."""
        return y_pred if self.from_logits else logits_behind(y_pred, activation)


class BinaryCrossentropy(CrossEntropy):
    """ℓ = −t log p − (1 − t) log(1 − p), t in [0, 1] (D1.E1 for two classes).

    >>> import minidl as md
    >>> p = md.sigmoid(md.Tensor([[0.0], [0.0]]))
    >>> print(f"{BinaryCrossentropy()(np.array([[0.0], [1.0]]), p).item():.4f}")      # ln 2
    0.6931
    """

    name = "binary_crossentropy"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z, t = self.logits(y_pred, sigmoid), self.smoothed(y_true, 2)
        if z is not None:
            return sigmoid_cross_entropy(z, targets=t, weights=spread(weights, z.shape))
        check_probabilities(self.name, y_pred._data, "sigmoid", highest=1)
        eps = epsilon(y_pred.dtype)
        p = clip(y_pred, eps, 1 - eps)
        return average(-(log(p) * t + log(1 - p) * (1 - t)), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        y_true = super().check(y_true, y_pred)
        if array_module(y_true).count_nonzero(y_true * y_true <= y_true) < y_true.size:  # t² ≤ t where 0 ≤ t ≤ 1 alone
            raise ValueError(
                f"{self.name} expects targets in [0, 1], got {y_true.min()}..{y_true.max()}.\n"
                "For more than two classes use sparse_categorical_crossentropy."
            )
        return y_true


class CategoricalCrossentropy(CrossEntropy):
    """ℓ = −Σⱼ tⱼ log pⱼ for one-hot targets or distributions (D1.E1). p is scaled to Σⱼ pⱼ = 1 first, as in Keras.

    Behind a softmax ∂L/∂z = (p − t) / N (D0.E6), computed by ``softmax_cross_entropy``.

    D2.E2's example, whose value the document does not print:

    >>> p = np.array([[0.1, 0.4, 0.5]], np.float32); t = np.array([[0.2, 0.3, 0.5]], np.float32)
    >>> print(f"{CategoricalCrossentropy()(t, p).item():.4f} nats")
    1.0820 nats
    """

    name = "categorical_crossentropy"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z, t = self.logits(y_pred, softmax), self.smoothed(y_true, y_pred.shape[-1])
        if z is not None:
            return softmax_cross_entropy(z, targets=t, weights=spread(weights, t.shape[:-1]))
        return average(-(log(clipped_shares(self.name, y_pred)) * t).sum(axis=-1), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        check_outputs(self.name, y_pred)
        if y_true.ndim == y_pred.ndim - 1:
            raise ValueError(
                f"{self.name} expects one-hot targets of shape {y_pred.shape}, got labels of shape {y_true.shape}.\n"
                "Use sparse_categorical_crossentropy, or to_categorical(labels) first."
            )
        return self.check_shares(super().check(y_true, y_pred))


class SparseCategoricalCrossentropy(CrossEntropy):
    """ℓ = −log p_label for integer labels 0 .. C−1 (D1.E1 with one-hot t). p is scaled to Σⱼ pⱼ = 1 first, as in Keras.

    (Keras has no label smoothing here, PyTorch has.)

    >>> p = np.array([[0.1, 0.9], [0.5, 0.5]], np.float32)
    >>> print(f"{SparseCategoricalCrossentropy()([1, 0], p).item():.4f}")      # (−ln 0.9 − ln 0.5) / 2
    0.3993
    """

    name = "sparse_categorical_crossentropy"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z, C = self.logits(y_pred, softmax), y_pred.shape[-1]
        if z is not None and not self.label_smoothing:
            return softmax_cross_entropy(z, targets=y_true, weights=spread(weights, y_true.shape))
        check_classes(self.name, y_pred._data, y_true)
        onehot = y_true[..., None] == array_module(y_true).arange(C)  # (N, ..., C)
        t = self.smoothed(onehot.astype(y_pred.dtype), C)
        if z is not None:
            return softmax_cross_entropy(z, targets=t, weights=spread(weights, y_true.shape))
        return average(-(log(clipped_shares(self.name, y_pred)) * t).sum(axis=-1), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        check_outputs(self.name, y_pred)
        N = y_pred.shape[:-1]
        if y_true.shape == N + (1,):
            y_true = y_true[..., 0]  # (N, 1) labels, which Keras accepts too
        if y_true.shape != N:
            hint = shape_hint(y_true.shape, N)
            if y_true.shape == y_pred.shape:
                hint = "One-hot targets go with categorical_crossentropy; labels are targets.argmax(-1)."
            raise ValueError(f"{self.name} expects labels of shape {N}, got {y_true.shape}.\n{hint}")
        if y_true.dtype.kind == "f":
            if not ((y_true == array_module(y_true).floor(y_true)) & (abs(y_true) < 2**31)).all():
                raise TypeError(f"{self.name} expects whole numbers as labels, got {y_true.dtype} with others.")
        return y_true if y_true.dtype.kind in "iu" else y_true.astype(np.int64)


def clipped_shares(who: str, p: Tensor) -> Tensor:
    """p / Σⱼ pⱼ, kept in [ε, 1 − ε]."""
    check_probabilities(who, p._data, "softmax")
    eps = epsilon(p.dtype)
    return clip(p / p.sum(axis=-1, keepdims=True), eps, 1 - eps)


def epsilon(dtype: np.dtype) -> float:
    """ε: 1e-7, or 5e-4 in float16, where 1 − 1e-7 would be 1 and the logarithm's slope 1e7 infinite."""
    return max(EPSILON, float(np.finfo(dtype).epsneg))


def logits_behind(p: Tensor, activation: Any) -> Tensor | None:
    """z where p = activation(z) was just computed over the last axis, and neither was edited since; else None."""
    if p._record is None:
        return None
    time, op, inputs, _, _, settings, *_ = p._record
    if op is not activation or settings.get("axis", -1) not in (-1, p.ndim - 1):
        return None
    z = inputs[0]
    if edits.latest > time and (edits.edited_since(z._data, time) or edits.edited_since(p._data, time)):
        return None
    return z
