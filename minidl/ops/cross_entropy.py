"""Cross-entropy straight from logits, as one op: the loss of nearly every classifier.

| op | L | ∂L/∂z |
|---|---|---|
| softmax_cross_entropy | Σₙ wₙ (log Σⱼ e^zₙⱼ − zₙ,label) | wₙ (softmax(z) − onehot) |
| sigmoid_cross_entropy | Σₙ wₙ (max(z, 0) − z t + log(1 + e^−abs(z))) | wₙ (σ(z) − t) |

With the default weights wₙ = 1/N the loss is the mean over the batch, and the gradient is (a − y) / N: D0.E6. Both are
exact where the way through the probabilities is not: e^100 overflows float32, and log of a rounded-down 0 is −∞.
"""

from minidl.arrays import array_module
from minidl.autograd import primitive
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

    >>> import minidl as md, numpy as np
    >>> z = md.Tensor([[2.0, 1.0, 0.1]], requires_grad=True)
    >>> loss = md.softmax_cross_entropy(z, np.array([0]))
    >>> loss.backward(); print(f"{loss.item():.4f}", z.grad.round(3))
    0.4170 [[-0.341  0.242  0.099]]
    """
    xp = array_module(logits)
    _check_targets("softmax_cross_entropy", logits, targets)
    C = logits.shape[-1]
    z = logits.reshape(-1, C)  # (N, C)
    p = z - z.max(axis=1, keepdims=True)  # softmax is not changed by a shift: the largest is 0, nothing overflows
    if targets.ndim < logits.ndim:
        picked = p[xp.arange(len(p)), targets.reshape(-1)]  # (N,)
    else:
        t = targets.reshape(-1, C)
        picked = (t * p).sum(axis=1)
    xp.exp(p, out=p)
    s = p.sum(axis=1)  # (N,)
    p /= s[:, None]
    losses = xp.log(s) - picked if targets.ndim < logits.ndim else xp.log(s) * t.sum(axis=1) - picked  # (N,)
    if weights is None:
        return losses.sum() * (1.0 / max(len(p), 1)), p
    return losses.dot(weights.reshape(-1)), p


@softmax_cross_entropy.joint_rule
def softmax_cross_entropy_gradient(g, y, logits, needs, saved, targets, weights):
    """∂L/∂z = wₙ (p − t): D0.E6 with the mean over the batch."""
    xp = array_module(logits)
    p = saved  # (N, C)
    w = g / max(len(p), 1) if weights is None else g * weights.reshape(-1, 1)  # () or (N, 1)
    if targets.ndim < logits.ndim:
        dz = p * w
        dz[xp.arange(len(p)), targets.reshape(-1)] -= w if weights is None else w[:, 0]
    else:
        t = targets.reshape(p.shape)
        dz = (p * t.sum(axis=1, keepdims=True) - t) * w
    return [dz.reshape(logits.shape).astype(logits.dtype, copy=False)]


@softmax_cross_entropy.specified_by
def softmax_cross_entropy_composition(logits, targets, weights=None):
    """−Σ wₙ Σⱼ tₙⱼ log softmax(z)ₙⱼ, said plainly."""
    log_p = log_softmax(logits, axis=-1)  # (..., C)
    if targets.ndim < logits.ndim:
        xp = array_module(targets)
        targets = targets[..., None] == xp.arange(logits.shape[-1])  # one-hot (..., C)
    losses = -(log_p * targets).sum(axis=-1)  # (...)
    return losses.mean() if weights is None else (losses * weights.reshape(losses.shape)).sum()


@primitive(saves=True)
def sigmoid_cross_entropy(logits, /, targets, weights=None):
    """L = Σₙ wₙ (−tₙ log σ(zₙ) − (1 − tₙ) log(1 − σ(zₙ))), without ever forming log 0.

    Shapes: logits, targets and weights all alike. wₙ = 1/N by default, so that L is the mean.

    >>> import minidl as md
    >>> z = md.Tensor([100.0], requires_grad=True)
    >>> md.sigmoid_cross_entropy(z, md.array_module(z.data).zeros(1))
    Tensor(100., op=sigmoid_cross_entropy)
    """
    if logits.shape != targets.shape:
        raise ValueError(
            f"sigmoid_cross_entropy expects targets of the logits' shape {logits.shape}, got {targets.shape}.\n"
            "Reshape one of them, for example targets.reshape(-1, 1)."
        )
    xp = array_module(logits)
    sp = xp.logaddexp(logits, 0)  # softplus(z) = log(eᶻ + 1) = −log(1 − σ(z)), exact at both ends
    losses = sp - logits * targets
    if weights is None:
        return losses.sum() * (1.0 / max(losses.size, 1)), sp
    return (losses * weights).sum(), sp


@sigmoid_cross_entropy.joint_rule
def sigmoid_cross_entropy_gradient(g, y, logits, needs, saved, targets, weights):
    """∂L/∂z = wₙ (σ(z) − t), with σ(z) = exp(z − softplus(z))."""
    sp = saved
    p = array_module(logits).exp(logits - sp)
    w = g / max(logits.size, 1) if weights is None else g * weights
    return [((p - targets) * w).astype(logits.dtype, copy=False)]


@sigmoid_cross_entropy.specified_by
def sigmoid_cross_entropy_composition(logits, targets, weights=None):
    """softplus(z) − t z is the same loss, since −log σ(z) = softplus(z) − z and −log(1 − σ(z)) = softplus(z)."""
    losses = softplus(logits) - logits * targets
    return losses.mean() if weights is None else (losses * weights).sum()


def _check_targets(who, logits, targets):
    """Refuse targets of the wrong shape or out of range: CuPy would wrap wrong labels silently, NumPy negative ones."""
    C = logits.shape[-1]
    if targets.shape == logits.shape and targets.ndim:
        return
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"{who} expects labels of shape {logits.shape[:-1]} or one-hot targets of shape {logits.shape}, "
            f"got {targets.shape}.\nFor labels of shape (N, 1) use labels[:, 0]."
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(f"{who} expects integer labels, got {targets.dtype}. Use labels.astype(int)?")
    if targets.size and not (0 <= targets.min() and targets.max() < C):
        raise ValueError(
            f"{who} expects labels 0..{C - 1} for {C} classes, got {targets.min()}..{targets.max()}.\n"
            "Count classes from 0, or give the last layer more units."
        )
