"""Cross-entropy straight from logits, as one op: the loss of nearly every classifier.

| op | L | ∂L/∂z |
|---|---|---|
| softmax_cross_entropy | Σₙ wₙ (log Σⱼ e^zₙⱼ − zₙ,label) | wₙ (softmax(z) − onehot) |
| sigmoid_cross_entropy | Σₙ wₙ (log(1 + e^zₙ) − tₙ zₙ) | wₙ (σ(z) − t) |

With the default weights wₙ = 1/N the loss is the mean over the batch, and the gradient is (p − t) / N, p = softmax(z):
D0.E6, which calls them a[3] and y. Both ops are exact where the way through the probabilities is not: e^100 overflows
float32, and log of a rounded-down 0 is −∞.

Targets and weights are constants: they may be arrays, lists or Tensors that require no gradient.
"""

import math
from typing import Any

from minidl.arrays import Array, array_module, as_array, constant, filled
from minidl.autograd import Tensor, primitive
from minidl.ops.activations import softplus
from minidl.ops.softmax import log_softmax


@primitive(saves=True)
def softmax_cross_entropy(logits, /, targets, weights=None):
    """L = Σₙ wₙ ℓₙ with ℓₙ = −Σⱼ tₙⱼ log softmax(z)ₙⱼ (D1.E1).

    Parameters
    ----------
    logits : (N, ..., C)
        z, unnormalised.
    targets : integers (N, ...) or (N, ..., C)
        The right class of each sample, or a distribution over the classes (one-hot).
    weights : (N, ...), optional
        wₙ; 1/N each by default, so that L is the mean.

    Raises
    ------
    ValueError
        The shapes do not fit, a label is not one of 0 .. C−1, or there are no samples to average.
    TypeError
        Labels are not integers.

    >>> import minidl as md
    >>> z = md.Tensor([[2.0, 1.0, 0.1]], requires_grad=True)
    >>> loss = md.softmax_cross_entropy(z, [0])
    >>> loss.backward(); print(f"{loss.item():.4f}", z.grad.round(3))
    0.4170 [[-0.341  0.242  0.099]]
    """
    xp = array_module(logits)
    targets, weights = constants("softmax_cross_entropy", targets, weights)
    check_classes("softmax_cross_entropy", logits, targets, weights)
    C = logits.shape[-1]
    z = logits.reshape(-1, C)  # (N, ..., C) → (N, C): from here on N counts all of them
    z = z - z.max(axis=1, keepdims=True)  # softmax is not changed by a shift: the largest is 0, nothing overflows
    if targets.ndim < logits.ndim:
        t = (xp.arange(len(z)), targets.reshape(-1))  # where the ones of onehot are
        picked = z[t]  # z_label, (N,)
    else:
        t = targets.reshape(-1, C).astype(z.dtype, copy=False)  # (N, C)
        picked = (t * z).sum(axis=1)  # Σⱼ tⱼ zⱼ, (N,)
    p = xp.exp(z, out=z)  # in the memory of z, which is no longer needed
    s = p.sum(axis=1)  # Σⱼ e^zⱼ, (N,)
    p /= s[:, None]
    losses = xp.log(s) - picked if targets.ndim < logits.ndim else xp.log(s) * t.sum(axis=1) - picked  # (N,)
    w = filled(len(p), 1 / len(p), p) if weights is None else weights.reshape(-1).astype(p.dtype, copy=False)  # (N,)
    return losses.dot(w), (p, t, w)


@softmax_cross_entropy.joint_rule
def softmax_cross_entropy_gradient(g, y, logits, needs, saved, targets, weights):
    """∂L/∂z = wₙ (p − t): D0.E6 with the mean over the batch."""
    p, t, w = saved  # p (N, C); t (N, C), or the positions of its ones; w (N,)
    w = g * w  # with g in it
    if isinstance(t, tuple):
        dz = p * w[:, None]
        dz[t] -= w
    else:
        dz = (p * t.sum(axis=1, keepdims=True) - t) * w[:, None]
    return (dz.reshape(logits.shape),)


@softmax_cross_entropy.specified_by
def softmax_cross_entropy_composition(logits, targets, weights=None):
    """−Σ wₙ Σⱼ tₙⱼ log softmax(z)ₙⱼ, said plainly."""
    targets, weights = constants("softmax_cross_entropy", targets, weights)
    if targets.ndim < logits.ndim:
        targets = targets[..., None] == array_module(targets).arange(logits.shape[-1])  # one-hot (..., C)
    losses = -(log_softmax(logits, axis=-1) * targets.astype(logits.dtype)).sum(axis=-1)  # (...)
    return losses.mean() if weights is None else (losses * weights.astype(logits.dtype)).sum()


@primitive(saves=True)
def sigmoid_cross_entropy(logits, /, targets, weights=None):
    """L = Σₙ wₙ (−tₙ log σ(zₙ) − (1 − tₙ) log(1 − σ(zₙ))), without ever forming log 0.

    Shapes: logits, targets and weights all alike. wₙ = 1/N by default, so that L is the mean.

    Raises
    ------
    ValueError
        The shapes are not alike, or there are no numbers to average.

    >>> import minidl as md
    >>> md.sigmoid_cross_entropy(md.Tensor([100.0], requires_grad=True), [0.0])
    Tensor(100., op=sigmoid_cross_entropy)
    """
    targets, weights = constants("sigmoid_cross_entropy", targets, weights)
    check_alike("sigmoid_cross_entropy", logits, targets, weights)
    xp = array_module(logits)
    sp = xp.logaddexp(logits, constant(0, logits))  # softplus(z) = log(eᶻ + 1) = −log(1 − σ(z)), exact at both ends
    t = targets if targets.dtype is sp.dtype else targets.astype(sp.dtype)
    losses = (sp - logits * t).reshape(-1)  # (N,): from here on N counts all numbers
    N = len(losses)
    w = filled(N, 1 / N, sp) if weights is None else weights.reshape(-1).astype(sp.dtype, copy=False)  # (N,)
    return losses.dot(w), (sp, t, w)


@sigmoid_cross_entropy.joint_rule
def sigmoid_cross_entropy_gradient(g, y, logits, needs, saved, targets, weights):
    """∂L/∂z = wₙ (σ(z) − t), with σ(z) = exp(z − softplus(z))."""
    sp, t, w = saved
    p = array_module(logits).exp(logits - sp)
    return ((p - t) * (g * w).reshape(logits.shape),)


@sigmoid_cross_entropy.specified_by
def sigmoid_cross_entropy_composition(logits, targets, weights=None):
    """softplus(z) − t z is the same loss, since −log σ(z) = softplus(z) − z and −log(1 − σ(z)) = softplus(z)."""
    targets, weights = constants("sigmoid_cross_entropy", targets, weights)
    losses = softplus(logits) - logits * targets.astype(logits.dtype)
    return losses.mean() if weights is None else (losses * weights.astype(logits.dtype)).sum()


# --- what is refused ----------------------------------------------------------------------------------------------


def constants(who: str, targets: Any, weights: Any) -> tuple[Array, Array | None]:
    """Targets and weights as arrays."""
    return plain_array(who, "targets", targets), None if weights is None else plain_array(who, "weights", weights)


def plain_array(who: str, name: str, x: Any) -> Array:
    """x as an array; refused where a gradient would be lost."""
    if not isinstance(x, Tensor):
        return as_array(x)
    if x.requires_grad:
        raise ValueError(f"{who} gives no gradient to {name}, got a Tensor that requires one. Use detach()?")
    return x._data


def check_classes(who: str, logits: Array, targets: Array, weights: Array | None = None) -> None:
    """Refuse targets of the wrong shape or out of range: CuPy would wrap wrong labels silently, NumPy negative ones."""
    C = logits.shape[-1] if logits.ndim else 0
    N = logits.shape[:-1]
    if C == 0 or (not logits.size and weights is None):
        raise ValueError(f"{who} of no samples or no classes has no value: got logits of shape {logits.shape}.")
    if weights is not None and weights.shape != N:
        raise ValueError(f"{who} expects weights of shape {N}, one for each sample, got {weights.shape}.")
    if targets.shape == logits.shape:
        return
    if targets.shape != N:
        raise ValueError(
            f"{who} expects labels of shape {N} or one-hot targets of shape {logits.shape}, got {targets.shape}."
            + ("\nFor labels of shape (N, 1) use labels[:, 0]." if targets.shape == (*N, 1) else "")
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(f"{who} expects integer labels, got {targets.dtype}. Use labels.astype(int)?")
    if targets.size and not (targets.min() >= 0 and targets.max() < C):
        raise ValueError(
            f"{who} expects labels 0..{C - 1} for {C} classes, got {targets.min()}..{targets.max()}.\n"
            "Count classes from 0, or give the last layer more units."
        )


def check_alike(who: str, logits: Array, targets: Array, weights: Array | None) -> None:
    """Refuse targets and weights that would be broadcast: (N, 1) against (N,) would make (N, N)."""
    for name, x in (("targets", targets), ("weights", weights)):
        if x is not None and x.shape != logits.shape:
            raise ValueError(
                f"{who} expects {name} of the logits' shape {logits.shape}, got {x.shape}.\n"
                f"Reshape one of them, for example {name}.reshape(-1, 1)."
            )
    if not logits.size and weights is None:
        raise ValueError(f"{who} of no numbers has no mean: got logits of shape {logits.shape}.")


def check_outputs(who: str, y_pred: Any) -> None:
    """Refuse a single output a sample: its class would always be certain."""
    if y_pred.ndim < 2 or y_pred.shape[-1] < 2:
        raise ValueError(
            f"{who} expects outputs (N, C) for at least 2 classes, got shape {y_pred.shape}.\n"
            "For one output use sigmoid and binary_crossentropy."
        )


def check_probabilities(who: str, p: Array, activation: str, highest: float = math.inf) -> None:
    """Refuse logits where probabilities are expected: log of a negative number is NaN, and clipping hides the slope.

    Sums are not compared with 1, since p is scaled; and NaN passes, for TerminateOnNaN to see.
    """
    low, high = float(p.min()), float(p.max())
    if low < 0 or high > highest + 1e-3:  # a little more than 1 may be rounding
        raise ValueError(
            f"{who} expects probabilities, got outputs {low:.4g}..{high:.4g}.\n"
            f"Give the last layer activation={activation!r}, or say from_logits=True where logits are taken."
        )
