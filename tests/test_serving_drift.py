"""Drift (D.T10): figures worked by hand and SciPy's, a monitor that sees a shift and nothing else."""

from math import log

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.serving import DriftMonitor, ks_statistic, population_stability_index
from minidl.serving.drift import inner_edges, kolmogorov

RNG = np.random.default_rng(0)
VALUES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12)

# --- Kolmogorov and Smirnov -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "q"),  # scipy.special.kolmogorov
    [
        (0.02, 1.0), (0.1, 1.0), (0.3, 0.9999906941986655), (0.5, 0.9639452436648751), (0.8, 0.5441424115741981),
        (0.99, 0.2808738392255489), (1.0, 0.26999967167735456), (1.2, 0.11224966667072497),
        (1.63, 0.009846364888486529), (2.5, 7.453306344157342e-06), (4.0, 2.532833109818835e-14),
    ],
)  # fmt: skip
def test_kolmogorovs_function_is_scipys(x, q):
    assert kolmogorov(x) == pytest.approx(q, rel=1e-12)


def test_the_two_series_meet():
    assert kolmogorov(np.nextafter(1, 0)) == pytest.approx(kolmogorov(1.0), rel=1e-12)
    assert kolmogorov(0.0399999) == kolmogorov(0.0400001) == 1.0


def test_samples_with_ties_are_scipys():
    """scipy.stats.ks_2samp gives these D, and scipy.special.kolmogorov of √(n m / (n + m)) D these p-values."""
    a, b = [0.1, 0.4, 0.4, 1.3, 2.2, 2.9, 3.5, 4.1], [0.4, 1.9, 3.0, 3.6, 3.6, 4.4, 5.0]
    assert ks_statistic(a, b) == pytest.approx((0.4642857142857143, 0.39676776512921047))
    k = np.arange(200.0)
    result = ks_statistic(np.sin(k) * 3, np.cos(k[:150] * 1.7) * 3 + 0.4)
    assert result == pytest.approx((0.17333333333333334, 0.011593285267871319))


@given(VALUES, VALUES)
def test_the_statistic_is_the_largest_distance(a, b):
    D = max(abs(np.mean([v <= x for v in a]) - np.mean([v <= x for v in b])) for x in [*a, *b])
    assert ks_statistic(a, b)[0] == pytest.approx(D) and ks_statistic(b, a)[0] == pytest.approx(D)


def test_p_values_of_what_has_not_drifted_are_spread_evenly():
    p = np.array([ks_statistic(*RNG.normal(size=(2, 200)))[1] for _ in range(400)])
    assert abs((p < 0.1).mean() - 0.1) < 0.05 and abs((p < 0.5).mean() - 0.5) < 0.08


# --- the stability index --------------------------------------------------------------------------------------------


def test_an_index_worked_by_hand():
    """Bins (−∞, 2.5] and (2.5, ∞): 2 and 2 samples before, 1 and 3 now, each counted as half a sample more."""
    e, a = (0.5, 0.5), (1.5 / 5, 3.5 / 5)
    expected = sum((q - p) * log(q / p) for p, q in zip(e, a))
    assert population_stability_index([1, 2, 3, 4], [2, 3, 5, 9], bins=2) == pytest.approx(expected)


def test_many_samples_come_near_the_integral():
    """Of normal distributions one apart in mean log(a / e) = x − ½, and ∫ (a − e) (x − ½) = 1."""
    x = RNG.normal(size=200_000)
    assert population_stability_index(x, RNG.normal(size=200_000) + 1, bins=200) == pytest.approx(1, abs=0.06)
    assert population_stability_index(x, RNG.normal(size=200_000)) < 0.001


def test_bins_lie_between_quantiles_and_hold_their_upper_edge():
    np.testing.assert_allclose(inner_edges(np.arange(101.0), 4), [25, 50, 75])
    assert population_stability_index([1, 2, 3, 4], [2.5, 2.5, 9, 9], bins=2) == 0
    assert population_stability_index([1, 2, 3, 4], [2.6, 2.5, 9, 9], bins=2) > 0.1


@pytest.mark.parametrize("now", [-1.0, 1.0])
def test_a_feature_that_was_constant_drifts_to_either_side(now):
    assert population_stability_index(np.zeros(50), np.full(50, now)) > 5
    assert population_stability_index(np.zeros(50), np.zeros(50)) == 0


@given(VALUES, VALUES, st.integers(2, 12))
def test_the_index_is_finite_and_never_below_0(a, b, bins):
    psi = population_stability_index(a, b, bins)
    assert 0 <= psi < 100
    assert population_stability_index(a, a, bins) == 0


# --- the monitor ----------------------------------------------------------------------------------------------------


def test_the_feature_that_shifted_is_found_among_many():
    training, now = RNG.normal(size=(2000, 4, 5)), RNG.normal(size=(400, 4, 5))
    now[:, 2, 3] += 0.6
    monitor = DriftMonitor(training)
    for part in np.split(now, 8):
        monitor.see(part)
    drift = monitor.report()
    assert drift.seen == 400 and np.flatnonzero(drift.drifted).tolist() == [13]
    assert drift.psi.argmax() == 13 and drift.psi[13] > 0.25 and np.delete(drift.psi, 13).max() < 0.1
    assert (drift.ks[13], drift.p_value[13]) == ks_statistic(training[:, 2, 3], now[:, 2, 3])
    summary = monitor.summary(most=2)
    assert summary["features"] == 20 and summary["drifted"] == 1 and len(summary["worst"]) == 2
    assert summary["worst"][0]["feature"] == "13" and summary["worst"][0]["psi"] == drift.psi[13]


def test_the_same_numbers_in_float32_and_as_a_list_do_not_drift():
    """A training set in float32, and questions whose numbers come as text: 0.1 is not the same in both."""
    tenths = RNG.integers(0, 5, (1000, 1)) / 10
    monitor = DriftMonitor(tenths.astype(np.float32))
    monitor.see(tenths.tolist())
    drift = monitor.report()
    assert (drift.ks, drift.psi, drift.drifted) == (0, 0, False)
    assert ks_statistic(tenths[:, 0].tolist(), tenths[:, 0]) == (0, 1)
    late = 1.7e9 + np.arange(50.0)  # seconds, which float32 does not tell apart
    assert ks_statistic(late.tolist(), (late + 50).tolist())[0] == 1


def test_alpha_is_divided_by_the_number_of_features():
    training = np.tile(np.arange(100.0)[:, None], (1, 10))
    monitor = DriftMonitor(training)
    monitor.see(training + 18)
    p = monitor.report().p_value[0]
    assert monitor.report(alpha=p * 10.1).drifted.all() and not monitor.report(alpha=p * 9.9).drifted.any()


def test_only_the_last_samples_are_compared():
    monitor = DriftMonitor(RNG.normal(size=(500, 1)), names=["age"], window=100)
    assert monitor.summary() == {"seen": 0}
    monitor.see(RNG.normal(size=(300, 1)) + 5)
    assert monitor.report().drifted.all()
    monitor.see(RNG.normal(size=(100, 1)))
    assert monitor.report().seen == 100 and not monitor.report().drifted.any()
    assert monitor.summary()["worst"][0]["feature"] == "age"


def test_on_the_gpu_the_numbers_are_the_same():
    a, b = RNG.normal(size=(2, 60, 2)).astype(np.float32)
    monitor = DriftMonitor(a)
    monitor.see(b)
    with fake_cupy.installed() as cupy:
        on_gpu = DriftMonitor(cupy.asarray(a))
        on_gpu.see(cupy.asarray(b))
        np.testing.assert_array_equal(on_gpu.report().ks, monitor.report().ks)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ks_statistic([1.0, np.nan], [1.0]), ValueError, "expected of finite numbers, got NaN or infinity"),
        (lambda: ks_statistic([1.0], []), ValueError, r"actual of at least one sample, got shape \(0,\)"),
        (lambda: ks_statistic([1.0], [[1.0]]), ValueError, r"actual \(N,\), values of one feature, got shape \(1, 1\)"),
        (lambda: ks_statistic(["a"], [1.0]), TypeError, "expected numbers, got list"),
        (lambda: population_stability_index([1.0], [np.inf]), ValueError, "actual of finite numbers"),
        (
            lambda: population_stability_index([1.0], [1.0], bins=1),
            ValueError,
            "bins as a whole number from 2 on, got 1",
        ),
        (lambda: DriftMonitor([]), ValueError, "training of at least one sample"),
        (lambda: DriftMonitor([[1.0]], names="a"), TypeError, "names as a list, a text for each feature, got str 'a'"),
        (lambda: DriftMonitor([[1.0, 2.0]], names=2), TypeError, "names as a list, a text for each feature, got int 2"),
        (lambda: DriftMonitor([[1.0, 2.0]], names=["a"]), ValueError, "expects 2 names, one for each feature, got 1"),
        (lambda: DriftMonitor([[1.0]], window=0), ValueError, "window as a positive integer, got 0"),
        (lambda: DriftMonitor([[1.0]]).see([[1.0, 2.0]]), ValueError, r"inputs \(M, 1,\), got shape \(1, 2\)"),
        (lambda: DriftMonitor([[1.0]]).see([[1e300]]), ValueError, "inputs of finite numbers"),
        (lambda: DriftMonitor([[1.0]]).see([[np.nan]]), ValueError, "inputs of finite numbers"),
        (lambda: DriftMonitor([[1.0]]).report(), ValueError, "nothing was seen yet. Call see"),
        (lambda: DriftMonitor([[1.0]]).report(alpha=1.5), ValueError, r"alpha in \(0, 1\), got 1.5"),
    ],
)
def test_what_will_not_do_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
