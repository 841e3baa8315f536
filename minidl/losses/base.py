"""What all losses share: targets are checked before anything is computed, samples are weighted and averaged."""

from math import prod
from typing import Any

from minidl.arrays import Array, array_module, as_array, default_dtype, move
from minidl.autograd import Tensor
from minidl.habits import settings_of, unknown_setting


class Loss:
    """A loss with its settings. Subclasses define ``call(y_true, y_pred, weights)``."""

    name = "loss"

    def __init__(self, **rest: Any):
        if rest:
            raise unknown_setting(type(self).__name__, next(iter(rest)), settings_of(type(self)))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch: a Tensor of one number, of the outputs' dtype.

        Parameters
        ----------
        y_true
            Targets or integer labels: an array, or a Tensor that requires no gradient.
        y_pred
            The model's output, a Tensor.
        sample_weight : (N,), optional
            Counts each sample so many times; the sum is still divided by N. Or (N, T), each step; divided by N T.

        Raises
        ------
        ValueError
            The shapes differ, a target is out of range, the batch is empty, or targets and outputs changed places.
        TypeError
            Labels are not integers.
        """
        y_pred = y_pred if isinstance(y_pred, Tensor) else Tensor(y_pred)
        if y_pred._data.dtype.kind != "f":
            y_pred = Tensor(y_pred.data, dtype=default_dtype())
        if isinstance(y_true, Tensor):
            if y_true.requires_grad:
                hint = "Change places, or use y_true.detach()."
                raise ValueError(f"{self.name}(y_true, y_pred) gives no gradient to y_true, the targets.\n{hint}")
            y_true = y_true._data
        if type(y_true) is not type(y_pred._data) or y_true.dtype.kind not in "fiub":
            y_true = move(as_array(y_true), y_pred.device)
        if y_pred._data.size == 0:
            raise ValueError(f"{self.name} of an empty batch has no value: got outputs of shape {y_pred.shape}.")
        y_true = self.check(y_true, y_pred)
        return self.call(y_true, y_pred, None if sample_weight is None else self.weights(sample_weight, y_pred))

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        """The equation. ``weights`` (N,) already holds 1/N, or (N, T) 1/(N T); None means 1/N each."""
        raise TypeError(f"{type(self).__name__} defines no call(y_true, y_pred, weights): write the loss there.")

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        """Targets of the outputs' shape and dtype, or a ValueError."""
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{self.name} expects targets of the outputs' shape {y_pred.shape}, got {y_true.shape}.\n"
                + shape_hint(y_true.shape, y_pred.shape)
            )
        return y_true.astype(y_pred.dtype, copy=False)

    def check_shares(self, y_true: Array) -> Array:
        """Targets that say how much each class counts: 1 and 0, or shares of 1; a ValueError for numbers below 0."""
        if y_true.min() < 0:
            raise ValueError(
                f"{self.name} expects targets of 0 and 1, or the classes' shares, got {y_true.min()}..{y_true.max()}."
            )
        return y_true

    def weights(self, sample_weight: Any, y_pred: Tensor) -> Array:
        """sample_weight / N, one number for each sample; or for each step, / (N T)."""
        w = sample_weight._data if isinstance(sample_weight, Tensor) else as_array(sample_weight)
        if w.ndim == 0 or w.shape != y_pred.shape[: w.ndim]:
            raise ValueError(f"{self.name} expects sample_weight of shape {y_pred.shape[:1]}, got {w.shape}.")
        return move(w, y_pred.device).astype(y_pred.dtype) / w.size

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


def average(losses: Tensor, weights: Array | None) -> Tensor:
    """Σₙ wₙ ℓₙ, where a sample's (or step's) ℓ is the mean of its numbers: the mean of all where none are given."""
    if weights is None:
        return losses.mean()
    return (losses * spread(weights, losses.shape)).sum()


def spread(weights: Array | None, shape: tuple[int, ...]) -> Array | None:
    """Give each of a sample's (or step's) numbers its share of the weight: (N,) or (N, T) → (N, ...)."""
    if weights is None or weights.shape == shape:
        return weights
    n = weights.ndim
    if weights.shape != shape[:n]:
        raise ValueError(
            f"weights of shape {weights.shape} do not fit losses of shape {shape}.\n"
            "Where steps are weighted, or masked, the loss needs a number for each step."
        )
    shares = weights / prod(shape[n:])
    return array_module(shares).broadcast_to(shares.reshape(weights.shape + (1,) * (len(shape) - n)), shape)


def shape_hint(got: tuple, expected: tuple) -> str:
    """What to type when targets and outputs do not have the same shape."""
    if got + (1,) == expected:
        return "Use targets.reshape(-1, 1), or drop the outputs' last axis."
    if got == expected + (1,):
        return "Use targets[..., 0]."
    return "Check the last layer's units and the targets."
