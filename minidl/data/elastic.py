"""Images bent like a sheet of rubber: what a shaking hand makes of a digit (D.T1, D.T5).

Each pixel is fetched from a place near its own, Δ = (Δr, Δc) pixels away, and neighbours have nearly the same Δ:

    y[r, c] = x[r + Δr, c + Δc]        Δr = α G ε Gᵀ,  Δc = α G ε' Gᵀ        ε, ε' independent, uniform in [−1, 1]

G blurs: row i of it is a Gaussian around i, of width σ, with sum 1,

    G[i, j] ∝ exp(−(i − j)² / 2σ²)

so that G ε Gᵀ blurs the rows and the columns of the noise ε. A small σ gives jagged digits, a large one moves the whole
image. The blur also makes the noise weaker, about 3.5 σ times: α must make up for that.

Interpolation blurs, and twice blurs twice: ``ImageDataGenerator(elastic=(α, σ))`` bends images in the same map of the
plane that turns and moves them.

Source: Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks", section 2.
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, generator, is_array
from minidl.data.interpolation import interpolate
from minidl.errors import describe
from minidl.settings import check_number


def random_elastic(
    images: Array, alpha: float = 30.0, sigma: float = 4.0, rng: np.random.Generator | int | None = None
) -> Array:
    """Bend each image in its own way, and fill with zeros.

    Parameters
    ----------
    images : (N, H, W, C), floating
    alpha : float
        α, how far: 0 changes nothing.
    sigma : float
        σ, how smoothly, in pixels.
    rng : Generator or int, optional
        The one random generator by default.

    Returns
    -------
    array, same shape and dtype as ``images``; a copy.

    >>> stroke = np.zeros((1, 28, 28, 1), np.float32)
    >>> stroke[:, 4:24, 14] = 1
    >>> bent = random_elastic(stroke, rng=0)
    >>> bent.shape, bent.dtype, bool(np.abs(bent - stroke).max() > 0.5)
    ((1, 28, 28, 1), dtype('float32'), True)
    """
    check_floating("random_elastic", images)
    check_elastic("random_elastic", alpha, sigma)
    xp = array_module(images)
    N, H, W, _ = images.shape
    delta = xp.asarray(displacements(N, H, W, alpha, sigma, generator(rng)), images.dtype)  # (2, N, H, W)
    rows, columns = xp.arange(H, dtype=images.dtype)[:, None], xp.arange(W, dtype=images.dtype)
    return interpolate(images, rows + delta[0], columns + delta[1], fill_mode="constant")


def displacements(N: int, H: int, W: int, alpha: float, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Δr and Δc for every pixel of N images: (2, N, H, W).

    >>> delta = displacements(1, 28, 28, alpha=30, sigma=4, rng=np.random.default_rng(0))
    >>> print(f"{np.abs(delta).max():.1f} pixels at most, neighbours {np.abs(np.diff(delta)).max():.1f} apart")
    3.5 pixels at most, neighbours 0.8 apart
    """
    noise = rng.random((2, N, H, W), dtype=np.float32) * 2 - 1  # ε and ε'
    return alpha * blur(H, sigma) @ noise @ blur(W, sigma).T


def check_floating(who: str, images: Any) -> None:
    """Refuse what is no array of floating images: in integers, places between pixels would be lost."""
    if not is_array(images):
        raise TypeError(f"{who} expects an array of images (N, H, W, C), got {describe(images)}.")
    if images.ndim != 4 or images.dtype.kind != "f":
        raise ValueError(f"{who} expects floating images (N, H, W, C), got {images.dtype} of shape {images.shape}.")


def check_elastic(who: str, alpha: float, sigma: float) -> None:
    """Refuse what cannot be α and σ."""
    check_number(who, "alpha", alpha, "[0, inf)")
    check_number(who, "sigma", sigma, "(0, inf)")


def blur(size: int, sigma: float) -> np.ndarray:
    """G, (size, size).

    >>> blur(3, 1.0).round(2)
    array([[0.57, 0.35, 0.08],
           [0.27, 0.45, 0.27],
           [0.08, 0.35, 0.57]], dtype=float32)
    """
    i = np.arange(size)
    G = np.exp(-((i[:, None] - i) ** 2) / (2 * sigma**2))
    return (G / G.sum(axis=1, keepdims=True)).astype(np.float32)
