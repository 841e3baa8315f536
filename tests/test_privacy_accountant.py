"""The accountant: against the closed form, the binomial sum, integrals of 30 digits, and published figures; and what it
says of T steps against what really leaks, which is computed here from the distribution of the privacy loss."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.privacy import epsilon, noise_for, renyi_divergence
from minidl.privacy.accountant import ORDERS


def binomial_sum(alpha, sigma, q):
    """D_α for whole α (Mironov, Talwar & Zhang, section 3.3): A = Σ_k C(α, k) (1 − q)^(α−k) q^k e^(k(k−1) / 2σ²)."""
    k = np.arange(alpha + 1)
    log_C = [math.lgamma(alpha + 1) - math.lgamma(i + 1) - math.lgamma(alpha - i + 1) for i in k]
    terms = log_C + (alpha - k) * math.log1p(-q) + k * math.log(q) + k * (k - 1) / (2 * sigma**2)
    return float(np.logaddexp.reduce(terms)) / (alpha - 1)


def gaussian_delta(eps, sigma):
    """What really leaks of one Gaussian step with q = 1: Balle & Wang 2018, theorem 8."""

    def Phi(z):
        return math.erfc(-z / math.sqrt(2)) / 2

    return Phi(0.5 / sigma - eps * sigma) - math.exp(eps) * Phi(-0.5 / sigma - eps * sigma)


def leaked_delta(eps, sigma, q, steps):
    """The same for T sampled steps: E[max(0, 1 − e^(ε − ℓ))] of the sum ℓ of T privacy losses, for both neighbours.

    The losses are rounded to a grid, and their distribution is folded T times with itself.
    """
    z = np.linspace(-14 * sigma, 1 + 14 * sigma, 200_001)
    p0 = np.exp(-(z**2) / (2 * sigma**2))
    p1 = (1 - q) * p0 + q * np.exp(-((z - 1) ** 2) / (2 * sigma**2))
    p0, p1 = p0 / p0.sum(), p1 / p1.sum()
    loss = np.log((1 - q) + q * np.exp((2 * z - 1) / (2 * sigma**2)))
    found = []
    n, width = 2**17, 60.0  # losses from −30 to 30
    grid = (np.arange(n) - n // 2) * (width / n)
    for p, l_ in ((p1, loss), (p0, -loss)):
        place = np.clip(np.round(l_ / (width / n)).astype(int) + n // 2, 0, n - 1)
        one = np.fft.rfft(np.fft.ifftshift(np.bincount(place, p, n)))
        all_ = np.fft.fftshift(np.fft.irfft(one**steps, n))
        found.append(float((all_ * np.maximum(0, -np.expm1(eps - grid))).sum()))
    return max(found)


# --- the divergence of one step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.71828, 50.0])
@pytest.mark.parametrize("alpha", [1.01, 2, 3.14159, 64])
def test_of_all_samples_it_is_the_closed_form(alpha, sigma):
    assert renyi_divergence(alpha, sigma) == pytest.approx(alpha / (2 * sigma**2), rel=1e-14)
    nearly_all = renyi_divergence(alpha, sigma, 1 - 1e-13)  # by the integral
    assert nearly_all == pytest.approx(alpha / (2 * sigma**2), rel=1e-9)


@pytest.mark.parametrize("q", [1e-5, 0.004, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("sigma", [0.15, 0.5, 1.0, 3.0, 40.0])
def test_for_whole_orders_it_is_the_binomial_sum(sigma, q):
    for alpha in (2, 3, 8, 32, 256):
        expected = binomial_sum(alpha, sigma, q)
        assert renyi_divergence(alpha, sigma, q) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(
    ("alpha", "sigma", "q", "expected"),
    [  # the integral of the definition by mpmath's quad, with 30 digits
        (1.01, 1, 0.01, 8.46705691363704e-5),
        (1.5, 0.5, 0.1, 0.145927089680456),
        (2.718281828, 0.8, 0.004, 8.39468932809307e-5),
        (7.3, 1.1, 0.02, 0.00242828412950612),
        (40.5, 3, 0.2, 0.656451920624819),
        (1.2, 0.3, 0.5, 3.73454783953222),
    ],
)
def test_for_other_orders_it_is_the_integral(alpha, sigma, q, expected):
    assert renyi_divergence(alpha, sigma, q) == pytest.approx(expected, rel=2e-9)


@pytest.mark.parametrize(("alpha", "expected"), [(5, 2.18075656e-03), (50, 2.38460375e-02), (100, 1.67416308e02)])
def test_published_divergences(alpha, expected):
    """50 steps at q = 0.01, σ = 2.5: from the tests of Google's dp_accounting."""
    assert 50 * renyi_divergence(alpha, 2.5, 0.01) == pytest.approx(expected, rel=1e-7)


@given(st.floats(1.01, 200), st.floats(0.3, 20), st.floats(1e-6, 0.999))
def test_more_noise_and_fewer_samples_give_less_away(alpha, sigma, q):
    d = renyi_divergence(alpha, sigma, q)
    slack = 1e-13 / (alpha - 1)  # rounding
    assert 0 <= d <= alpha / (2 * sigma**2) * (1 + 1e-9)
    assert renyi_divergence(alpha, sigma * 1.1, q) <= d * (1 + 1e-9) + slack
    assert renyi_divergence(alpha, sigma, q * 0.9) <= d * (1 + 1e-9) + slack
    assert renyi_divergence(alpha * 1.1, sigma, q) >= d * (1 - 1e-9) - slack


# --- ε --------------------------------------------------------------------------------------------------------------


def test_published_epsilons():
    """From the tests of Opacus (orders 1.1, 1.2 ... 63; ours are others, and lie as close), and of dp_accounting."""
    assert epsilon(1.5, 0.04, 2250, 1e-5) == pytest.approx(7.32911, rel=2e-3)
    assert epsilon(4.530877117, 1.0, 1, 1e-6) == pytest.approx(1.0, rel=2e-3)


@pytest.mark.parametrize(
    ("sigma", "q", "steps", "expected"),
    [
        (1.12, 256 / 60000, 60 * 234, 2.92),  # the tutorial of TensorFlow Privacy on MNIST
        (0.6, 256 / 60000, 30 * 234, 9.74),
        (1.2, 256 / 60000, 10 * 234, 1.20),
        (4.0, 0.01, 10_000, 1.26),  # Abadi et al. 2016, section 3.2
    ],
)
def test_published_epsilons_by_the_older_bound(sigma, q, steps, expected):
    """They have T D_α + log(1/δ) / (α − 1): Mironov 2017, proposition 3. Ours is never larger."""
    older = min(steps * renyi_divergence(a, sigma, q) - math.log(1e-5) / (a - 1) for a in ORDERS)
    assert older == pytest.approx(expected, abs=0.0101)
    assert 0.7 * older < epsilon(sigma, q, steps, 1e-5) < older


def test_the_bound_from_a_divergence_that_is_the_same_for_all_orders(monkeypatch):
    """1.1 at all orders 2 ... 32 and δ = 1e-5 is 1.32783806176: dp_accounting, by hand."""
    from minidl.privacy import accountant

    monkeypatch.setattr(accountant, "ORDERS", np.arange(2.0, 33.0))
    assert accountant._epsilon(np.full(31, 1.1), 1e-5) == pytest.approx(1.32783806176, abs=1e-11)


@pytest.mark.parametrize("delta", [1e-3, 1e-6])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("steps", [1, 100])
def test_of_all_samples_no_more_leaks_and_not_much_less(sigma, steps, delta):
    eps = epsilon(sigma, 1.0, steps, delta)
    together = sigma / math.sqrt(steps)  # T Gaussian steps are one with less noise
    assert gaussian_delta(eps, together) <= delta
    assert gaussian_delta(0.85 * eps, together) > delta


@pytest.mark.parametrize(("sigma", "q", "steps"), [(1.0, 0.01, 1000), (0.8, 0.1, 20), (2.0, 0.3, 50), (1.0, 0.5, 1)])
def test_of_drawn_samples_no_more_leaks_and_not_much_less(sigma, q, steps):
    eps = epsilon(sigma, q, steps, 1e-5)
    assert leaked_delta(eps, sigma, q, steps) <= 1e-5
    assert leaked_delta(0.75 * eps, sigma, q, steps) > 1e-5


def test_the_judge_of_leaks_itself():
    """Of all samples the folded distribution says what the formula says."""
    assert leaked_delta(1.5, 3.0, 1 - 1e-12, 9) == pytest.approx(gaussian_delta(1.5, 1.0), rel=1e-3)


def test_hardly_any_noise_and_very_much():
    bound = 3 / (2 * 0.0999**2)
    assert renyi_divergence(3, 0.0999, 0.01) == pytest.approx(bound, rel=1e-14)
    assert bound > renyi_divergence(3, 0.1001, 0.01) > 100
    assert epsilon(1e-4, 0.01, 1, 1e-5) > 1e6
    assert 0 < epsilon(1000, 0.5, 1, 1e-5) < 0.01
    assert epsilon(1e6, 0.5, 1, 1e-5) == pytest.approx(0, abs=0.01)


def test_noise_whose_square_is_below_all_floating_numbers_hides_nothing():
    assert epsilon(1e-300, 0.5, 1, 1e-5) == math.inf


def test_no_step_tells_nothing_and_each_adds():
    assert epsilon(1.0, 0.01, 0, 1e-5) == 0
    values = [epsilon(1.0, 0.01, T, 1e-5) for T in (1, 10, 100, 1000, 10**6)]
    assert values == sorted(values) and values[0] > 0 and math.isfinite(values[-1])
    assert epsilon(1e4, 1e-6, 1, 0.5) == 0  # δ alone covers it


@pytest.mark.parametrize(("eps", "q", "steps"), [(8.0, 0.04, 2250), (0.1, 1.0, 10)])
def test_noise_for_is_the_inverse(eps, q, steps):
    sigma = noise_for(eps, 1e-5, q, steps)
    assert epsilon(sigma, q, steps, 1e-5) <= eps < epsilon(sigma * 0.999, q, steps, 1e-5)
    if q < 1:
        assert sigma == pytest.approx(1.416, abs=2e-3)  # Opacus, to its tolerance of 0.01 in ε


def test_enough_noise_is_never_too_little_and_never_endless():
    assert noise_for(1e6, 1e-5, 0.5, 1) == 0.2
    with pytest.raises(ValueError, match="no noise_multiplier up to 1e5 gives epsilon=1e-08"):
        noise_for(1e-8, 1e-9, 1.0, 10**6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: epsilon(0, 0.1, 1, 1e-5), ValueError, r"epsilon expects noise_multiplier in \(0, 1e6\], got 0"),
        (lambda: epsilon(math.nan, 0.1, 1, 1e-5), ValueError, "noise_multiplier as a finite number"),
        (lambda: epsilon(1, 0, 1, 1e-5), ValueError, r"sampling_rate in \(0, 1\], got 0"),
        (lambda: epsilon(1, 1.5, 1, 1e-5), ValueError, r"sampling_rate in \(0, 1\], got 1.5"),
        (lambda: epsilon(1, 0.1, 1.5, 1e-5), ValueError, "steps as a whole number from 0 on, got 1.5"),
        (lambda: epsilon(1, 0.1, -1, 1e-5), ValueError, "steps as a whole number from 0 on, got -1"),
        (lambda: epsilon(1, 0.1, 1, 0), ValueError, r"delta in \(0, 1\), got 0"),
        (lambda: epsilon(1, 0.1, 1, 1), ValueError, r"delta in \(0, 1\), got 1"),
        (lambda: epsilon("1", 0.1, 1, 1e-5), TypeError, "noise_multiplier as a number in .*, got str '1'"),
        (lambda: renyi_divergence(1, 1.0), ValueError, r"renyi_divergence expects alpha in \(1, 10000\], got 1"),
        (lambda: noise_for(0, 1e-5, 0.1, 1), ValueError, "noise_for expects epsilon > 0, got 0"),
        (lambda: noise_for(1, 1e-5, 0.1, 0), ValueError, "noise_for expects steps as a positive integer, got 0"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
