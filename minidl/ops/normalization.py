"""Normalisation: numbers brought to mean 0 and variance 1, along a sample's features or over the whole batch.

| op | y | over | ∂L/∂x |
|---|---|---|---|
| layer_norm | γ h + β, h = r (x − μ) | the last axis | r (u − mean u − h mean(u h)) |
| rms_norm | γ h, h = r x | the last axis | r (u − h mean(u h)) |
| batch_norm | γ h + β, h = r (x − μ) | all axes but the last | r (u − mean u − h mean(u h)) |

with r = 1/√(σ² + ε), where σ² is the mean of (x − μ)² (in ``rms_norm`` of x²), and u = γ g = ∂L/∂h. In all three

    ∂L/∂γ = Σ g h    ∂L/∂β = Σ g    over the axes along which γ and β are the same

Where the last term comes from: moving x_i moves h_i directly, and all h_j through r. So with random g, never ones, can
these rules be checked: Σ h = 0 whatever x is. The statistics are functions of x: a rule that takes them for constants
is wrong, at second order at the latest.
"""

from minidl.arrays import Array, array_module
from minidl.autograd import primitive
from minidl.ops.exponentials import sqrt
from minidl.ops.linalg import rows

# --- along the features of each sample ------------------------------------------------------------------------------


@primitive(saves=True)
def layer_norm(x, gamma, beta, /, epsilon=1e-3):
    """y = γ (x − μ) / √(σ² + ε) + β, with mean μ and variance σ² of each sample's D features (D3.E2).

    Shapes: x (..., D), γ and β (D,) or None → y (..., D). A constant sample gives y = β. Source: Ba, Kiros & Hinton,
    "Layer normalization", 2016.

    Raises
    ------
    ValueError
        γ or β has another shape, or there are no features.

    >>> import minidl as md
    >>> md.layer_norm([[1.0, 2.0, 3.0]], None, None).round(3)
    array([[-1.224,  0.   ,  1.224]], dtype=float32)
    """
    check_shapes("layer_norm", x, gamma, beta)
    x2 = rows(x)  # (N, D): every axis but the last counts samples
    h, r = to_unit_variance(x2 - row_means(x2), epsilon)
    return shifted(scaled(h, gamma), beta).reshape(x.shape), (h, r)


@layer_norm.joint_rule
def layer_norm_gradients(g, y, x, gamma, beta, needs, saved, epsilon):
    """∂L/∂x = r (u − mean u − h mean(u h)), ∂L/∂γ = Σ g h, ∂L/∂β = Σ g."""
    g = rows(g)  # (N, D)
    dx, dgamma = unit_variance_gradients(g, gamma, *saved, needs)
    if dx is not None:
        dx -= row_means(dx)  # x − μ has mean 0, so what all features share moves nothing
        dx = dx.reshape(x.shape)
    return dx, dgamma, column_sums(g) if needs[2] else None


@layer_norm.specified_by
def layer_norm_composition(x, gamma, beta, epsilon=1e-3):
    """γ (x − μ) / √(σ² + ε) + β, said plainly."""
    d = x - x.mean(axis=-1, keepdims=True)
    h = d / sqrt((d * d).mean(axis=-1, keepdims=True) + epsilon)
    return shifted(scaled(h, gamma), beta)


@primitive(saves=True)
def rms_norm(x, gamma, /, epsilon=1e-6):
    """y = γ x / √(mean x² + ε): layer norm without the mean, which does as well and costs less.

    Shapes: x (..., D), γ (D,) or None → y (..., D). Source: Zhang & Sennrich, "Root mean square layer normalization",
    2019.

    >>> import minidl as md
    >>> md.rms_norm(md.Tensor([[3.0, 4.0]]), None, epsilon=0.0)
    Tensor([[0.84852815, 1.1313709 ]])
    """
    check_shapes("rms_norm", x, gamma)
    h, r = to_unit_variance(rows(x) * 1.0, epsilon)  # (N, D), a copy
    return scaled(h, gamma).reshape(x.shape), (h, r)


@rms_norm.joint_rule
def rms_norm_gradients(g, y, x, gamma, needs, saved, epsilon):
    """∂L/∂x = r (u − h mean(u h)), ∂L/∂γ = Σ g h."""
    dx, dgamma = unit_variance_gradients(rows(g), gamma, *saved, needs)
    return dx if dx is None else dx.reshape(x.shape), dgamma


@rms_norm.specified_by
def rms_norm_composition(x, gamma, epsilon=1e-6):
    """γ x / √(mean x² + ε), said plainly."""
    return scaled(x / sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon), gamma)


def to_unit_variance(d, epsilon):
    """h = r d with r = 1/√(mean d² + ε), written over d (N, D); and r (N, 1)."""
    xp = array_module(d)
    variance = xp.einsum("nd,nd->n", d, d)  # no array of squares
    variance *= 1 / d.shape[1]
    variance += epsilon
    r = (1 / xp.sqrt(variance))[:, None]  # (N, 1)
    d *= r
    return d, r


def unit_variance_gradients(g, gamma, h, r, needs):
    """∂L/∂d = r (u − h mean(u h)) for h = r d, y = γ h; and ∂L/∂γ = Σ g h. All (N, D), but for γ (D,)."""
    dx = dgamma = None
    gh = g * h
    if needs[1]:
        dgamma = column_sums(gh)
    if needs[0]:
        weights = gamma if gamma is not None else array_module(h).ones(h.shape[1], h.dtype)
        mean_uh = gh.dot(weights) * (1 / h.shape[1])  # (N,): Σ_d γ g h, a product of a matrix and a vector
        dx = scaled(g, gamma) * r
        gh = array_module(h).multiply(h, (mean_uh * r[:, 0])[:, None], out=gh)
        dx -= gh
    return dx, dgamma


# --- over the batch -------------------------------------------------------------------------------------------------


@primitive(saves=True)
def batch_norm(x, gamma, beta, /, epsilon=1e-3, moments=None):
    """y = γ (x − μ) / √(σ² + ε) + β, with mean μ and variance σ² of each channel over the whole batch.

    Shapes: x (..., C), γ and β (C,) or None → y (..., C). This is batch normalisation in training; in use μ and σ² are
    constants, and no op of its own is needed. Source: Ioffe & Szegedy, "Batch normalization", 2015.

    Parameters
    ----------
    x, gamma, beta
    epsilon : float
    moments : (mean, variance), optional
        What ``batch_moments(x)`` gives, where it is known already: the same numbers are then not computed twice.

    Raises
    ------
    ValueError
        γ or β has another shape, or the batch is empty.

    >>> import minidl as md
    >>> md.batch_norm(md.Tensor([[1.0, 10.0], [3.0, 30.0]]), None, None, epsilon=0.0)
    Tensor([[-1., -1.],
            [ 1.,  1.]])
    """
    check_shapes("batch_norm", x, gamma, beta)
    mean, variance = batch_moments(x) if moments is None else moments
    r = 1 / array_module(x).sqrt(variance + epsilon)  # (C,)
    y = rows(x) - mean  # (N, C): every axis but the last counts samples
    y *= r
    return shifted(scaled(y, gamma), beta).reshape(x.shape), (mean, r)


@batch_norm.joint_rule
def batch_norm_gradients(g, y, x, gamma, beta, needs, saved, epsilon, moments):
    """∂L/∂x = r (u − mean u − h mean(u h)), ∂L/∂γ = Σ g h, ∂L/∂β = Σ g; sums and means over the batch."""
    mean, r = saved
    g = rows(g)  # (N, C)
    h = rows(x) - mean  # made again, not kept: with images these arrays are large
    h *= r
    dgamma = array_module(g).einsum("nc,nc->c", g, h)
    dbeta = column_sums(g)
    dx = None
    if needs[0]:
        h *= dgamma * (1 / len(g))
        h += dbeta * (1 / len(g))
        dx = g - h
        dx *= r if gamma is None else r * gamma  # u = γ g, and γ is the same for the whole batch
        dx = dx.reshape(x.shape)
    return dx, dgamma if needs[1] else None, dbeta if needs[2] else None


@batch_norm.specified_by
def batch_norm_composition(x, gamma, beta, epsilon=1e-3, moments=None):
    """γ (x − μ) / √(σ² + ε) + β, said plainly; μ and σ² are functions of x, also where they are known already."""
    batch = tuple(range(x.ndim - 1))
    d = x - x.mean(axis=batch)
    return shifted(scaled(d / sqrt((d * d).mean(axis=batch) + epsilon), gamma), beta)


def batch_moments(x: Array) -> tuple[Array, Array]:
    """μ and σ² of each channel over the whole batch: x (..., C) → (C,), (C,). σ² is divided by N, not by N − 1.

    >>> import numpy as np
    >>> batch_moments(np.array([[1.0, 10.0], [3.0, 30.0]]))
    (array([ 2., 20.]), array([  1., 100.]))
    """
    x = rows(x)  # (N, C)
    if len(x) == 0:
        raise ValueError("batch_norm of an empty batch has no mean: it expects at least one sample in training.")
    mean = column_sums(x) * (1 / len(x))
    d = x - mean
    return mean, array_module(x).einsum("nc,nc->c", d, d) * (1 / len(x))


# --- shared ---------------------------------------------------------------------------------------------------------
# Sums are products with a vector of ones: NumPy does these a few times quicker than its sums along an axis.


def row_means(x):
    """(N, D) → (N, 1)."""
    return x.dot(array_module(x).full(x.shape[1], 1 / x.shape[1], x.dtype))[:, None]


def column_sums(x):
    """(N, D) → (D,)."""
    return array_module(x).ones(len(x), x.dtype).dot(x)


def scaled(h, gamma):
    """γ h; without γ, h."""
    return h if gamma is None else h * gamma


def shifted(y, beta):
    """y + β; without β, y."""
    return y if beta is None else y + beta


def check_shapes(who, x, *vectors):
    """Refuse vectors that would be broadcast, samples without features, and integers, which have no fractions."""
    if x.dtype.kind != "f":
        raise TypeError(f"{who} expects floating numbers, got {x.dtype}. Use x.astype('float32')?")
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"{who} expects x of shape (..., D) with at least one feature, got {x.shape}.")
    for name, vector in zip(("gamma", "beta"), vectors):
        if vector is not None and vector.shape != x.shape[-1:]:
            raise ValueError(f"{who} expects {name} of shape {x.shape[-1:]}, got {vector.shape}.")
