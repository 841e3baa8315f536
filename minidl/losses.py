"""Losses: one number from targets and outputs.

Called as Keras does, targets first: ``loss(y_true, y_pred)``. Every loss is Σₙ wₙ ℓₙ over the samples of the batch, with
wₙ = 1/N, or sample_weightₙ/N where weights are given. Shapes are compared exactly before anything is computed: (N, 1)
against (N,) would broadcast to (N, N) and train on nonsense.

| loss | ℓ of one sample | source |
|---|---|---|
| MeanSquaredError | mean (t − y)² | D2.E1 |
| HalfSumOfSquares | ½ Σ (t − y)² | D4.E4 |
| MeanAbsoluteError | mean abs(t − y) | |
| Huber | mean of ½ e² for abs(e) ≤ δ, δ (abs(e) − ½ δ) beyond | Huber 1964 |
| BinaryCrossentropy | mean of −t log p − (1 − t) log(1 − p) | D1.E1 |
| CategoricalCrossentropy | −Σⱼ tⱼ log pⱼ | D1.E1, D2.E2 |
| SparseCategoricalCrossentropy | −log p_label | D1.E1 |
| KLDivergence | Σⱼ tⱼ log(tⱼ / pⱼ) | Kullback & Leibler 1951 |

The cross-entropies take probabilities, or logits with ``from_logits=True``. Probabilities that a softmax or sigmoid has
just made are not turned back with log: the loss goes to their logits, where it is exact, and the gradient with it
(``logits_behind``).
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, move
from minidl.autograd import Tensor
from minidl.errors import unknown_name
from minidl.ops.activations import sigmoid
from minidl.ops.cross_entropy import sigmoid_cross_entropy, softmax_cross_entropy
from minidl.ops.exponentials import log
from minidl.ops.selection import abs as absolute
from minidl.ops.selection import clip, where
from minidl.ops.softmax import softmax

EPSILON = 1e-7  # probabilities are kept in [ε, 1 − ε], as in Keras: log 0 is −∞


class Loss:
    """A loss with its settings. Subclasses define ``call(y_true, y_pred, weights)``."""

    name = "loss"

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch: a Tensor of one number.

        Parameters
        ----------
        y_true
            Targets or integer labels, an array.
        y_pred
            The model's output, a Tensor.
        sample_weight : (N,), optional
            Counts each sample so many times.
        """
        if not isinstance(y_pred, Tensor):
            y_pred = Tensor(y_pred)
        y_true = y_true._data if isinstance(y_true, Tensor) else as_array(y_true)
        if array_module(y_true) is not array_module(y_pred._data):
            y_true = move(y_true, y_pred.device)
        if y_pred.shape[:1] == (0,) or y_pred.size == 0:
            raise ValueError(f"{self.name} of an empty batch has no value: got outputs of shape {y_pred.shape}.")
        y_true = self.check(y_true, y_pred)
        return self.call(y_true, y_pred, None if sample_weight is None else self.weights(sample_weight, y_pred))

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        """The equation. ``weights`` (N,) already holds 1/N; None means 1/N each."""
        raise TypeError(f"{type(self).__name__} defines no call(y_true, y_pred, weights): write the loss there.")

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        """Targets of the outputs' shape and dtype, or a ValueError."""
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{self.name} expects targets of the outputs' shape {y_pred.shape}, got {y_true.shape}.\n"
                + shape_hint(y_true.shape, y_pred.shape)
            )
        return y_true if y_true.dtype is y_pred.dtype else y_true.astype(y_pred.dtype)

    def weights(self, sample_weight: Any, y_pred: Tensor) -> Array:
        """sample_weight / N, one number for each sample."""
        N = y_pred.shape[0]
        w = move(as_array(sample_weight), y_pred.device).astype(y_pred.dtype)
        if w.shape != (N,):
            raise ValueError(f"{self.name} expects sample_weight of shape ({N},), got {w.shape}.")
        return w / N

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ElementwiseLoss(Loss):
    """A loss that is a mean over the samples of f(error), error = t − y, itself averaged over each sample's numbers."""

    def of_error(self, e: Tensor) -> Tensor:
        """F(t − y), elementwise."""
        raise TypeError(f"{type(self).__name__} defines no of_error(e).")

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        return average(self.of_error(y_true - y_pred), weights)


class MeanSquaredError(ElementwiseLoss):
    """MSE = (1/n) Σ (tᵢ − yᵢ)² (D2.E1).

    D2.E1's worked example, whose printed value 0.356 is wrong:

    >>> y_true = np.array([2, 3, 4, 5, 6], np.float32); y_pred = np.array([2.5, 3.1, 3.9, 4.2, 5.0], np.float32)
    >>> print(f"{MeanSquaredError()(y_true, y_pred).item():.3f}")
    0.382
    """

    name = "mean_squared_error"

    def of_error(self, e: Tensor) -> Tensor:
        return e * e


class HalfSumOfSquares(Loss):
    """L = ½ Σ (t − y)² over each sample's numbers, averaged over the batch; ∂L/∂y = (y − t) / N (D4.E4)."""

    name = "half_sum_of_squares"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        e = y_pred - y_true
        per_sample = 0.5 * (e * e).reshape(len(e), -1).sum(axis=1)  # (N,)
        return average(per_sample, weights)


class MeanAbsoluteError(ElementwiseLoss):
    """MAE = (1/n) Σ |tᵢ − yᵢ|; its slope where t = y is taken as 0."""

    name = "mean_absolute_error"

    def of_error(self, e: Tensor) -> Tensor:
        return absolute(e)


class Huber(ElementwiseLoss):
    """Squared for small errors, linear for large: ½ e² for |e| ≤ δ, δ (|e| − ½ δ) beyond (Huber 1964)."""

    name = "huber"

    def __init__(self, delta: float = 1.0):
        if not delta > 0:
            raise ValueError(f"Huber expects delta > 0, got {delta!r}.")
        self.delta = float(delta)

    def of_error(self, e: Tensor) -> Tensor:
        size = absolute(e)
        return where(size <= self.delta, 0.5 * e * e, self.delta * (size - 0.5 * self.delta))


class BinaryCrossentropy(Loss):
    """ℓ = −t log p − (1 − t) log(1 − p), t in [0, 1] (D1.E1 for two classes).

    >>> import minidl as md
    >>> p = md.sigmoid(md.Tensor([[0.0], [0.0]]))
    >>> print(f"{BinaryCrossentropy()(np.array([[0.0], [1.0]]), p).item():.4f}")      # ln 2
    0.6931
    """

    name = "binary_crossentropy"

    def __init__(self, from_logits: bool = False):
        self.from_logits = from_logits

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z = y_pred if self.from_logits else logits_behind(y_pred, sigmoid)
        if z is not None:
            if weights is not None:  # one weight a sample, shared by its outputs
                xp = array_module(weights)
                shape = (-1,) + (1,) * (z.ndim - 1)
                weights = xp.broadcast_to(weights.reshape(shape) * (len(weights) / z.size), z.shape)
            return sigmoid_cross_entropy(z, y_true, weights)
        p = clip(y_pred, EPSILON, 1 - EPSILON)
        return average(-(y_true * log(p) + (1 - y_true) * log(1 - p)), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        y_true = super().check(y_true, y_pred)
        if not (y_true.min() >= 0 and y_true.max() <= 1):
            raise ValueError(
                f"{self.name} expects targets in [0, 1], got {y_true.min()}..{y_true.max()}.\n"
                "For more than two classes use sparse_categorical_crossentropy."
            )
        return y_true


class CategoricalCrossentropy(Loss):
    """ℓ = −Σⱼ tⱼ log pⱼ for one-hot targets or distributions (D1.E1).

    D2.E2's example, whose value the document does not print:

    >>> p = np.array([[0.1, 0.4, 0.5]], np.float32); t = np.array([[0.2, 0.3, 0.5]], np.float32)
    >>> print(f"{CategoricalCrossentropy()(t, p).item():.4f} nats")
    1.0820 nats
    """

    name = "categorical_crossentropy"

    def __init__(self, from_logits: bool = False):
        self.from_logits = from_logits

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z = y_pred if self.from_logits else logits_behind(y_pred, softmax)
        if z is not None:
            return softmax_cross_entropy(z, y_true, spread(weights, y_true.shape[:-1]))
        p = clip(y_pred, EPSILON, 1 - EPSILON)
        return average(-(y_true * log(p)).sum(axis=-1), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        if y_true.ndim == y_pred.ndim - 1:
            raise ValueError(
                f"{self.name} expects one-hot targets of shape {y_pred.shape}, got labels of shape {y_true.shape}.\n"
                "Use sparse_categorical_crossentropy, or to_categorical(labels) first."
            )
        return super().check(y_true, y_pred)


class SparseCategoricalCrossentropy(Loss):
    """ℓ = −log p_label for integer labels 0 .. C−1 (D1.E1 with one-hot t)."""

    name = "sparse_categorical_crossentropy"

    def __init__(self, from_logits: bool = False):
        self.from_logits = from_logits

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z = y_pred if self.from_logits else logits_behind(y_pred, softmax)
        if z is not None:
            return softmax_cross_entropy(z, y_true, spread(weights, y_true.shape))
        xp = array_module(y_true)
        onehot = y_true[..., None] == xp.arange(y_pred.shape[-1])  # (N, ..., C)
        p = clip((y_pred * onehot).sum(axis=-1), EPSILON, 1 - EPSILON)  # (N, ...)
        return average(-log(p), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        C = y_pred.shape[-1]
        if y_true.shape == y_pred.shape[:-1] + (1,):
            y_true = y_true[..., 0]  # (N, 1) labels, which Keras accepts too
        if y_true.shape != y_pred.shape[:-1]:
            onehot = y_true.shape == y_pred.shape
            raise ValueError(
                f"{self.name} expects labels of shape {y_pred.shape[:-1]}, got {y_true.shape}.\n"
                + ("One-hot targets go with categorical_crossentropy; labels are targets.argmax(-1)." if onehot
                   else shape_hint(y_true.shape, y_pred.shape[:-1]))
            )  # fmt: skip
        if y_true.dtype.kind not in "iu":
            if not (y_true == y_true.astype(np.int64)).all():
                raise TypeError(f"{self.name} expects integer labels, got {y_true.dtype} with fractions.")
            y_true = y_true.astype(np.int64)
        low, high = y_true.min(), y_true.max()
        if low < 0 or high >= C:
            raise ValueError(
                f"{self.name} expects labels 0..{C - 1} for {C} outputs, got {low}..{high}.\n"
                "Count classes from 0, or give the last layer more units."
            )
        return y_true


class KLDivergence(Loss):
    """ℓ = Σⱼ tⱼ log(tⱼ / pⱼ): what is lost by coding t with p (Kullback & Leibler 1951); both kept in [ε, 1]."""

    name = "kl_divergence"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        t = y_true.clip(EPSILON, 1)
        p = clip(y_pred, EPSILON, 1)
        return average((t * (log(t) - log(p))).sum(axis=-1), weights)


def average(losses: Tensor, weights: Array | None) -> Tensor:
    """Σₙ wₙ ℓₙ, where a sample's ℓ is the mean of its numbers: the mean of all of them when no weights are given."""
    if weights is None:
        return losses.mean()
    per_sample = losses if losses.ndim == 1 else losses.reshape(len(losses), -1).mean(axis=1)  # (N,)
    return (per_sample * weights).sum()


def spread(weights: Array | None, shape: tuple[int, ...]) -> Array | None:
    """Give each of a sample's steps its share of the sample's weight: (N,) → (N, T)."""
    if len(shape) == 1:
        return weights
    steps = int(np.prod(shape[1:]))
    if weights is None:
        return None
    xp = array_module(weights)
    return xp.broadcast_to(weights.reshape((-1,) + (1,) * (len(shape) - 1)) / steps, shape)


def logits_behind(p: Tensor, activation: Any) -> Tensor | None:
    """z where p = activation(z) was just computed over the last axis, else None."""
    if p.op is not activation or p.settings.get("axis", -1) not in (-1, p.ndim - 1):
        return None
    z = p.inputs[0]
    return z if isinstance(z, Tensor) else None


def shape_hint(got: tuple, expected: tuple) -> str:
    """What to type when targets and outputs do not have the same shape."""
    if got + (1,) == expected:
        return "Use targets.reshape(-1, 1), or drop the outputs' last axis."
    if got == expected + (1,):
        return "Use targets[..., 0]."
    return "Check the last layer's units and the targets."


LOSSES = {
    cls.name: cls
    for cls in (
        MeanSquaredError,
        HalfSumOfSquares,
        MeanAbsoluteError,
        Huber,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        KLDivergence,
    )
} | {"mse": MeanSquaredError, "mae": MeanAbsoluteError}


def get(loss: Any) -> Any:
    """A loss by Keras' name; an object or function ``(y_true, y_pred)`` is taken as it is.

    >>> get("mse")
    MeanSquaredError()
    """
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss.lower() not in LOSSES:
        raise unknown_name("loss", loss, LOSSES)
    return LOSSES[loss.lower()]()
