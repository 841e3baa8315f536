"""Losses: one number from targets and outputs.

Called as Keras does, targets first: ``loss(y_true, y_pred)``. Every loss is Σₙ wₙ ℓₙ over the samples of the batch,
with wₙ = 1/N, or sample_weightₙ/N where weights are given. Shapes are compared exactly before anything is computed:
(N, 1) against (N,) would broadcast to (N, N) and train on nonsense.

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
(``logits_behind``). Other probabilities are kept in [ε, 1 − ε] with ε = 1e-7, as in Keras: log 0 is −∞. So is what was
computed inside ``no_grad``, where nothing remembers the logits: there a loss is at most −log ε = 16.1.
"""

from math import prod
from typing import Any

import numpy as np

from minidl import edits
from minidl.arrays import Array, array_module, as_array, default_dtype, move
from minidl.autograd import Tensor
from minidl.errors import unknown_name
from minidl.ops.activations import sigmoid
from minidl.ops.cross_entropy import (
    check_classes,
    check_outputs,
    check_probabilities,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from minidl.ops.exponentials import log
from minidl.ops.selection import abs as absolute
from minidl.ops.selection import clip
from minidl.ops.softmax import softmax

EPSILON = 1e-7


class Loss:
    """A loss with its settings. Subclasses define ``call(y_true, y_pred, weights)``."""

    name = "loss"

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch: a Tensor of one number, of the outputs' dtype.

        Parameters
        ----------
        y_true
            Targets or integer labels: an array, or a Tensor that requires no gradient.
        y_pred
            The model's output, a Tensor.
        sample_weight : (N,), optional
            Counts each sample so many times; the sum is still divided by N.

        Raises
        ------
        ValueError
            The shapes differ, a target is out of range, the batch is empty, or targets and outputs changed places.
        TypeError
            Labels are not integers.
        """
        y_pred = y_pred if isinstance(y_pred, Tensor) else Tensor(y_pred)
        if y_pred.dtype.kind != "f":
            y_pred = Tensor(y_pred.data, dtype=default_dtype())
        if isinstance(y_true, Tensor):
            if y_true.requires_grad:
                hint = "Change places, or use y_true.detach()."
                raise ValueError(f"{self.name}(y_true, y_pred) gives no gradient to y_true, the targets.\n{hint}")
            y_true = y_true._data
        if type(y_true) is not type(y_pred._data):
            y_true = move(as_array(y_true), y_pred.device)
        if y_pred.size == 0:
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
        return y_true.astype(y_pred.dtype, copy=False)

    def weights(self, sample_weight: Any, y_pred: Tensor) -> Array:
        """sample_weight / N, one number for each sample."""
        w = sample_weight._data if isinstance(sample_weight, Tensor) else as_array(sample_weight)
        if y_pred.ndim == 0 or w.shape != y_pred.shape[:1]:
            raise ValueError(f"{self.name} expects sample_weight of shape {y_pred.shape[:1]}, got {w.shape}.")
        return move(w, y_pred.device).astype(y_pred.dtype) / len(w)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


class MeanSquaredError(Loss):
    """MSE = (1/n) Σ (tᵢ − yᵢ)² (D2.E1).

    D2.E1's worked example, whose printed value 0.356 is wrong:

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

    def __init__(self, delta: float = 1.0):
        if not delta > 0:
            raise ValueError(f"Huber expects delta > 0, got {delta!r}.")
        self.delta = float(delta)

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        e = y_pred - y_true
        c = clip(e, -self.delta, self.delta)
        return average(c * (e - 0.5 * c), weights)


class CrossEntropy(Loss):
    """What the cross-entropies share: outputs are probabilities, or logits with ``from_logits=True``."""

    def __init__(self, from_logits: bool = False):
        self.from_logits = from_logits

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
        z = self.logits(y_pred, sigmoid)
        if z is not None:
            return sigmoid_cross_entropy(z, y_true, spread(weights, z.shape))
        check_probabilities(self.name, y_pred._data, "sigmoid", highest=1)
        p = clip(y_pred, EPSILON, 1 - EPSILON)
        return average(-(log(p) * y_true + log(1 - p) * (1 - y_true)), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        y_true = super().check(y_true, y_pred)
        if not (y_true.min() >= 0 and y_true.max() <= 1):
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
        z = self.logits(y_pred, softmax)
        if z is not None:
            return softmax_cross_entropy(z, y_true, spread(weights, y_true.shape[:-1]))
        return average(-(log(clipped_shares(self.name, y_pred)) * y_true).sum(axis=-1), weights)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        check_outputs(self.name, y_pred)
        if y_true.ndim == y_pred.ndim - 1:
            raise ValueError(
                f"{self.name} expects one-hot targets of shape {y_pred.shape}, got labels of shape {y_true.shape}.\n"
                "Use sparse_categorical_crossentropy, or to_categorical(labels) first."
            )
        return super().check(y_true, y_pred)


class SparseCategoricalCrossentropy(CrossEntropy):
    """ℓ = −log p_label for integer labels 0 .. C−1 (D1.E1 with one-hot t). p is scaled to Σⱼ pⱼ = 1 first, as in Keras.

    >>> p = np.array([[0.1, 0.9], [0.5, 0.5]], np.float32)
    >>> print(f"{SparseCategoricalCrossentropy()([1, 0], p).item():.4f}")      # (−ln 0.9 − ln 0.5) / 2
    0.3993
    """

    name = "sparse_categorical_crossentropy"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        z = self.logits(y_pred, softmax)
        if z is not None:
            return softmax_cross_entropy(z, y_true, spread(weights, y_true.shape))
        check_classes(self.name, y_pred._data, y_true)
        onehot = y_true[..., None] == array_module(y_true).arange(y_pred.shape[-1])  # (N, ..., C)
        return average(-(log(clipped_shares(self.name, y_pred)) * onehot).sum(axis=-1), weights)

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


class KLDivergence(Loss):
    """ℓ = Σⱼ tⱼ log(tⱼ / pⱼ): what is lost by coding t with p (Kullback & Leibler 1951); both kept in [ε, 1]."""

    name = "kl_divergence"

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        check_outputs(self.name, y_pred)
        t = y_true.clip(EPSILON, 1)
        p = clip(y_pred, EPSILON, 1)
        return average(((array_module(t).log(t) - log(p)) * t).sum(axis=-1), weights)


# --- what they share ----------------------------------------------------------------------------------------------


def average(losses: Tensor, weights: Array | None) -> Tensor:
    """Σₙ wₙ ℓₙ, where a sample's ℓ is the mean of its numbers: the mean of all of them when no weights are given."""
    if weights is None:
        return losses.mean()
    return (losses * spread(weights, losses.shape)).sum()


def spread(weights: Array | None, shape: tuple[int, ...]) -> Array | None:
    """Give each of a sample's numbers its share of the sample's weight: (N,) → (N, ...)."""
    if weights is None or len(shape) == 1:
        return weights
    shares = weights / prod(shape[1:])
    return array_module(shares).broadcast_to(shares.reshape((-1,) + (1,) * (len(shape) - 1)), shape)


def clipped_shares(who: str, p: Tensor) -> Tensor:
    """p / Σⱼ pⱼ, kept in [ε, 1 − ε]."""
    check_probabilities(who, p._data, "softmax")
    return clip(p / p.sum(axis=-1, keepdims=True), EPSILON, 1 - EPSILON)


def logits_behind(p: Tensor, activation: Any) -> Tensor | None:
    """z where p = activation(z) was just computed over the last axis, and neither was edited since; else None."""
    if p.op is not activation or p.settings.get("axis", -1) not in (-1, p.ndim - 1):
        return None
    z, time = p.inputs[0], p._record[0]
    if edits.latest > time and (edits.edited_since(z._data, time) or edits.edited_since(p._data, time)):
        return None
    return z


def shape_hint(got: tuple, expected: tuple) -> str:
    """What to type when targets and outputs do not have the same shape."""
    if got + (1,) == expected:
        return "Use targets.reshape(-1, 1), or drop the outputs' last axis."
    if got == expected + (1,):
        return "Use targets[..., 0]."
    return "Check the last layer's units and the targets."


LOSSES = {
    loss.name: loss
    for loss in (
        MeanSquaredError, HalfSumOfSquares, MeanAbsoluteError, Huber,
        BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence,
    )
} | {"mse": MeanSquaredError, "mae": MeanAbsoluteError, "kld": KLDivergence}  # fmt: skip


def get(loss: Any) -> Any:
    """A loss by Keras' name or class; an object or function ``(y_true, y_pred)`` is taken as it is.

    >>> get("mse"), get(Huber)
    (MeanSquaredError(), Huber(delta=1.0))
    """
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss.lower() not in LOSSES:
        raise unknown_name("loss", loss, LOSSES)
    return LOSSES[loss.lower()]()
