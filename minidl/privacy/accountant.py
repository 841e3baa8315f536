r"""The accountant: how much T noisy steps tell about one sample, as (ε, δ).

Training M is (ε, δ)-differentially private if, for all data D and D′ that differ in one sample which only one of them
has, and for every set S of outcomes,

    P[M(D) ∈ S] ≤ e^ε P[M(D′) ∈ S] + δ

A step gives away f(D) + N(0, σ²), where the sample moves f by at most 1 and is drawn with probability q. At worst the
outcomes with and without it are distributed as p₁ = (1 − q) N(0, σ²) + q N(1, σ²) and p₀ = N(0, σ²). Their Rényi
divergence of order α > 1,

    D_α = log A / (α − 1),    A = ∫ p₀(z) (p₁(z) / p₀(z))^α dz,    p₁(z) / p₀(z) = 1 − q + q e^((2z − 1) / 2σ²)

is simply added from step to step, and T D_α is turned into ε for a chosen δ in the end:

    ε = min over α of  T D_α + log((α − 1) / α) − (log δ + log α) / (α − 1)

Sources: Abadi et al. 2016, "Deep learning with differential privacy", for the idea; Mironov, Talwar & Zhang 2019,
"Rényi differential privacy of the sampled Gaussian mechanism", section 3, for A; Balle et al. 2020, "Hypothesis testing
interpretations and Rényi differential privacy", theorem 21, and Canonne, Kamath & Steinke 2020, "The discrete Gaussian
for differential privacy", proposition 12, for ε (D.T12).
"""

import math

import numpy as np

from minidl.settings import check_number, check_whole

ORDERS = 1 + np.geomspace(0.01, 1000, 150)  # the α that are tried: any of them gives a valid ε, the best the smallest
LEAST = 0.2  # the least noise: with it a single step has an ε of 25, at δ = 1e-5 and q = 0.01


def renyi_divergence(alpha: float, noise_multiplier: float, sampling_rate: float = 1.0) -> float:
    """D_α of one step.

    Parameters
    ----------
    alpha : float
        α, above 1 and up to 10,000, whole or not.
    noise_multiplier : float
        σ: the noise's standard deviation, in units of the most that a sample can change.
    sampling_rate : float
        q, the probability with which a sample takes part in a step.

    Notes
    -----
    The integral is a sum over points h apart. For a smooth function that falls off on both sides this (the trapezoid
    rule) is exact to rounding, as soon as h is small beside the function's width. That is σ, or less where σ < 1: the
    exponent (2z − 1) / 2σ² changes by 1 within σ². All that counts lies from 12 σ below 0 to 12 σ above α.

    Below σ = 0.1, where nothing is private, that would be very many points: there the bound α / 2σ² stands for D_α.

    Examples
    --------
    With all samples in each step it is α / 2σ²:

    >>> round(renyi_divergence(8, noise_multiplier=2.0), 12)
    1.0
    >>> round(renyi_divergence(8, noise_multiplier=2.0, sampling_rate=0.01), 6)
    0.000116
    """
    check_number("renyi_divergence", "alpha", alpha, "(1, 10000]")
    sigma, q = _checked("renyi_divergence", noise_multiplier, sampling_rate)
    if q == 1 or sigma < 0.1:
        return alpha / 2 / sigma / sigma  # sigma**2 may be below all floating numbers
    h = min(sigma, sigma**2) / 3
    z = np.arange(-12 * sigma, alpha + 12 * sigma, h)
    log_p0 = -(z**2) / (2 * sigma**2) - math.log(sigma * math.sqrt(2 * math.pi))
    log_ratio = np.logaddexp(math.log1p(-q), math.log(q) + (2 * z - 1) / (2 * sigma**2))
    terms = log_p0 + alpha * log_ratio  # e^terms may be beyond all floating numbers
    largest = terms.max()
    log_A = largest + math.log(h * np.exp(terms - largest).sum())
    return max(0.0, float(log_A) / (alpha - 1))  # rounding may leave −1e-16


def epsilon(noise_multiplier: float, sampling_rate: float, steps: int, delta: float) -> float:
    """ε of T steps, for a chosen δ.

    Parameters
    ----------
    noise_multiplier : float
        σ, above 0 and up to 10⁶.
    sampling_rate : float
        q in (0, 1]: the expected share of the samples in a step, batch_size / N. Each sample must be drawn by itself
        (``PrivateGradient`` does): for the batches of a shuffled epoch this ε is not proven.
    steps : int
        T
    delta : float
        δ in (0, 1), far below 1/N: a training that shows one sample to everybody has δ = 1/N.

    Returns
    -------
    float
        It is an upper bound: what really leaks is at most this.

    Examples
    --------
    60 epochs of MNIST's 60,000 images, about 256 at a time:

    >>> print(f"{epsilon(1.1, 256 / 60000, steps=60 * 234, delta=1e-5):.2f}")
    2.59
    """
    sigma, q = _checked("epsilon", noise_multiplier, sampling_rate)
    T = check_whole("epsilon", "steps", steps, lowest=0)
    check_number("epsilon", "delta", delta, "(0, 1)")
    return 0.0 if T == 0 else _epsilon(T * _divergences(sigma, q), delta)


def noise_for(epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
    """σ that makes T steps (ε, δ)-private: the least from 0.2 on, rounded up in its fourth digit.

    Raises
    ------
    ValueError
        No σ up to 10⁵ is enough.

    Examples
    --------
    >>> print(f"{noise_for(3.0, delta=1e-5, sampling_rate=0.01, steps=1000):.3f}")
    0.866
    """
    check_number("noise_for", "epsilon", epsilon, "(0, inf)")
    check_number("noise_for", "delta", delta, "(0, 1)")
    _, q = _checked("noise_for", 1.0, sampling_rate)
    T = check_whole("noise_for", "steps", steps)

    def enough(sigma: float) -> bool:
        return _epsilon(T * _divergences(sigma, q), delta) <= epsilon

    low = high = LEAST
    while not enough(high):
        low, high = high, 2 * high
        if high > 1e5:
            raise ValueError(
                f"noise_for: no noise_multiplier up to 1e5 gives epsilon={epsilon:g} at delta={delta:g}.\n"
                "Allow a larger epsilon or delta, fewer steps, or a smaller sampling_rate."
            )
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _divergences(sigma: float, q: float) -> np.ndarray:
    """D_α for all ORDERS."""
    return np.array([renyi_divergence(float(alpha), sigma, q) for alpha in ORDERS])


def _epsilon(divergences: np.ndarray, delta: float) -> float:
    """ε from T D_α, the smallest over all α; not below 0, which is what tells nothing at all."""
    alpha = ORDERS
    bounds = divergences + np.log1p(-1 / alpha) - (math.log(delta) + np.log(alpha)) / (alpha - 1)
    return max(0.0, float(bounds.min()))


def _checked(who: str, noise_multiplier: float, sampling_rate: float) -> tuple[float, float]:
    check_number(who, "noise_multiplier", noise_multiplier, "(0, 1e6]")
    check_number(who, "sampling_rate", sampling_rate, "(0, 1]")
    return float(noise_multiplier), float(sampling_rate)
