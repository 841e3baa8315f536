"""LIME: a linear model that speaks like the network, near one sample.

Segments of the sample are hidden at random, and the network's answers are fitted by

    g(z) = b + Σ_s w_s z_s          minimising          Σ_m π(z_m) (f(h(z_m)) − g(z_m))² + α Σ_s w_s²

in which variants near the sample count more: π(z) = exp(−D² / σ²), where D = 1 − √(Σ z / S) is the cosine distance of z
and the whole sample, z = 1. The weight w_s is what showing the segment s adds.

Source: Ribeiro, Singh & Guestrin 2016, "Why should I trust you?", sections 3.3 and 3.4; with ridge regression on all
segments in place of K-Lasso on a few (D.T11).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import generator
from minidl.explain.answer import Answer
from minidl.explain.hiding import Hiding
from minidl.layers.base import Layer
from minidl.settings import check_number, check_whole


def lime(
    model: Layer | Callable,
    x: Any,
    segments: Any = None,
    baseline: Any = 0.0,
    target: Any = None,
    samples: int = 1000,
    kernel_width: float = 0.25,
    alpha: float = 0.01,
    rng: np.random.Generator | int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The weights of a linear model fitted to f around each sample.

    Parameters
    ----------
    model, x, segments, baseline, target
        See ``occlusion``.
    samples : int
        M, how many variants of each sample to ask the model about: at least S + 2, better ten times S.
    kernel_width : float
        σ: how near counts as near.
    alpha : float
        α, which keeps weights small that the variants do not determine.
    rng : Generator or int, optional

    Returns
    -------
    w : (N, S), or of x's shape where ``segments`` is None
    fit : (N,)
        R² of the linear model on the variants, weighted by π: 1 if f is linear in z; far below, w says little.

    Raises
    ------
    ValueError, TypeError
        As ``occlusion``; or too few samples for so many segments, or none near enough.

    Examples
    --------
    >>> w, fit = lime(lambda x: 2.0 * x[:, 0] - 3.0 * x[:, 1], np.array([[5.0, 7.0]]), alpha=0, rng=0)
    >>> w.round(6), fit.round(6)
    (array([[ 10., -21.]]), array([1.]))
    """
    check_whole("lime", "samples", samples, lowest=2)
    check_number("lime", "kernel_width", kernel_width, "(0, inf)")
    check_number("lime", "alpha", alpha, "[0, inf)")
    answer = Answer("lime", model, x, target)
    hiding = Hiding(answer, segments, baseline)
    rng, M, S = generator(rng), samples, hiding.S
    if M <= S + 1:
        raise ValueError(
            f"lime expects samples of at least S + 2, got {M} for {S} segments: any answers would fit.\n"
            f"Take samples={10 * S}, or larger segments: patches(x.shape[1:], 4)."
        )
    w, fit = np.empty((len(answer.x), S)), np.empty(len(answer.x))
    for n in range(len(w)):
        z = rng.random((M, S)) < 0.5
        z[0] = True  # the sample itself
        w[n], fit[n] = ridge(z, hiding.values(n, z), nearness(z, kernel_width), alpha)
    return hiding.like_x(w), fit


def nearness(z: np.ndarray, kernel_width: float) -> np.ndarray:
    """π(z) = exp(−D² / σ²) of M variants (M, S): (M,)."""
    D = 1 - np.sqrt(z.mean(axis=1))  # (M, S) → (M,)
    near = np.exp(-((D / kernel_width) ** 2))
    if near[~z.all(axis=1)].sum() < 1e-9:  # beside 1 for the sample itself
        raise ValueError(
            f"lime finds no variant near the sample with kernel_width={kernel_width:g}. Take a larger one."
        )
    return near


def ridge(z: np.ndarray, y: np.ndarray, weight: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """w of y ≈ b + z w, rows weighted, with the penalty α Σ w² on all but b; and R².

    Where mean(z) and mean(y), weighted, are subtracted first, b is 0, and the rest is least squares with S rows more:

        [ √π z ]         [ √π y ]
        [ √α I ] w   ≈   [  0   ]

    >>> ridge(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]), np.ones(3), alpha=0)
    (array([2.]), 1.0)
    """
    S = z.shape[1]
    y = y - y[0]  # answers that are all the same are 0 now, to the last digit
    z, y = z - np.average(z, axis=0, weights=weight), y - np.average(y, weights=weight)
    root = np.sqrt(weight)
    rows = np.concatenate([root[:, None] * z, alpha**0.5 * np.eye(S)])  # (M + S, S)
    w = np.linalg.lstsq(rows, np.concatenate([root * y, np.zeros(S)]))[0]
    total, left = np.sum(weight * y**2), np.sum(weight * (y - z @ w) ** 2)
    return w, float(1 - left / total) if total > 0 else 1.0
