"""Calibration (D.T10): tables worked by hand, temperatures that are known, refusals in words; the picture."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import plot
from minidl.serving import expected_calibration_error, fit_temperature, reliability

HALVES = [[0.55, 0.45], [0.55, 0.45], [0.1, 0.9], [0.04, 0.96]]  # confidences .55 .55 .9 .96


def drawn(n, temperature=1.0, seed=0, C=4):
    """Logits, and labels drawn with the probabilities softmax(z / T)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, C)) * 2
    p = np.exp(z / temperature)
    p /= p.sum(axis=1, keepdims=True)
    labels = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return z, labels


# --- bins -----------------------------------------------------------------------------------------------------------


def test_a_table_worked_by_hand():
    r = reliability([0, 1, 1, 0], HALVES, bins=5)  # right, wrong, right, wrong
    np.testing.assert_allclose(r.edges, [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_array_equal(r.counts, [0, 0, 2, 0, 2])
    np.testing.assert_allclose(r.accuracy, [np.nan, np.nan, 0.5, np.nan, 0.5])
    np.testing.assert_allclose(r.confidence, [np.nan, np.nan, 0.55, np.nan, 0.93])
    assert r.ece == pytest.approx(0.5 * 0.05 + 0.5 * 0.43)
    assert expected_calibration_error([0, 1, 1, 0], HALVES, bins=5) == r.ece


def test_a_confidence_at_an_edge_belongs_to_the_bin_below():
    r = reliability([0, 0, 0], [[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]], bins=4)
    np.testing.assert_array_equal(r.counts, [0, 1, 1, 1])


def test_one_bin_compares_the_means():
    z, labels = drawn(200)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    gap = abs((p.argmax(axis=1) == labels).mean() - p.max(axis=1).mean())
    assert expected_calibration_error(labels, p, bins=1) == pytest.approx(gap)


def test_a_model_that_says_how_sure_it_is_has_a_small_error_and_a_sure_one_a_large():
    z, labels = drawn(20_000)
    honest, sure = (expected_calibration_error(labels, md.softmax(k * z)) for k in (1, 5))
    assert honest < 0.015 and sure > 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_classes_in_four_forms(dtype):
    p = np.array([0.93, 0.22, 0.71, 0.44], dtype)
    labels = np.array([1, 0, 0, 1])
    forms = [
        (labels, p),
        (labels, p[:, None]),
        (labels, np.stack([1 - p, p], axis=1)),
        (np.eye(2)[labels], np.stack([1 - p, p], 1)),
    ]
    results = [reliability(y, x, bins=10) for y, x in forms]
    np.testing.assert_array_equal(results[0].counts, [0, 0, 0, 0, 0, 1, 0, 2, 0, 1])  # .56 .71 .78 .93
    for r in results[1:]:
        np.testing.assert_allclose(r.accuracy, results[0].accuracy)
        assert r.ece == pytest.approx(results[0].ece)
    assert results[0].ece == pytest.approx((0.07 + abs(0.78 + 0.71 - 1) + 0.56) / 4)


@given(st.integers(1, 30), st.integers(1, 20), st.integers(0, 99))
def test_the_error_is_that_of_the_definition(n, bins, seed):
    z, labels = drawn(n, seed=seed)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    total = 0.0
    for m in range(bins):
        inside = [i for i in range(n) if m / bins < p[i].max() <= (m + 1) / bins]
        if inside:
            right = np.mean([p[i].argmax() == labels[i] for i in inside])
            total += len(inside) / n * abs(right - np.mean([p[i].max() for i in inside]))
    assert expected_calibration_error(labels, p, bins) == pytest.approx(total)


# --- temperature ----------------------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1e3), st.integers(0, 9))
def test_logits_times_a_factor_need_a_temperature_times_it(factor, seed):
    z, labels = drawn(60, seed=seed)
    assert fit_temperature(labels, factor * z) == pytest.approx(factor * fit_temperature(labels, z), rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    z, labels = drawn(10_000, temperature)
    assert fit_temperature(labels, z) == pytest.approx(temperature, rel=0.1)


def test_two_classes_have_a_closed_form():
    """With logits ±a, a share s of which is right, σ(2a / T) = s: T = 2a / log(s / (1 − s))."""
    for a, right, wrong in ((1.0, 3, 1), (5.0, 9, 1)):
        z = np.tile([[a, -a]], (right + wrong, 1))
        labels = [0] * right + [1] * wrong
        expected = 2 * a / np.log(right / wrong)
        assert fit_temperature(labels, z) == pytest.approx(expected)
        assert fit_temperature(np.eye(2)[labels], z) == pytest.approx(expected)
        assert fit_temperature(1 - np.array(labels), np.full((len(labels), 1), 2 * a)) == pytest.approx(expected)
        assert fit_temperature(1 - np.array(labels), np.full(len(labels), 2 * a)) == pytest.approx(expected)


def test_no_other_temperature_is_likelier():
    z, labels = drawn(300, 2.0)

    def loss(T):
        return md.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, md.Tensor(z / T)).item()

    T = fit_temperature(labels, z)
    assert all(loss(T) < loss(T * k) for k in (0.5, 0.98, 1.02, 2.0))


def test_what_is_added_to_all_logits_changes_nothing():
    z, labels = drawn(50)
    T = fit_temperature(labels, z)
    assert fit_temperature(labels, z + np.arange(50)[:, None] * 1e4) == pytest.approx(T, rel=1e-6)
    assert fit_temperature(labels, np.log(md.softmax(z))) == pytest.approx(T)
    assert fit_temperature(labels, md.Tensor(z)) == pytest.approx(T)


def test_it_makes_a_model_that_is_too_sure_honest():
    z, labels = drawn(20_000, 4.0)
    T = fit_temperature(labels[:10_000], z[:10_000])
    before, after = (expected_calibration_error(labels[10_000:], md.softmax(z[10_000:] / k)) for k in (1, T))
    assert before > 0.15 and after < 0.02


def test_on_the_gpu_the_numbers_are_the_same():
    z, labels = drawn(50)
    with fake_cupy.installed() as cupy:
        assert fit_temperature(cupy.asarray(labels), cupy.asarray(z)) == fit_temperature(labels, z)
        p = md.softmax(z)
        on_gpu = expected_calibration_error(cupy.asarray(labels), cupy.asarray(p))
    assert on_gpu == expected_calibration_error(labels, p)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: reliability([0, 1], [[0.6, 0.4], [np.nan, 0.4]]),
            ValueError,
            "probabilities of finite numbers, got NaN",
        ),
        (lambda: reliability([0, 1], [[2.0, -1.0], [0.6, 0.4]]), ValueError, r"sum to 1, got -1\.\.2\.\nOf logits"),
        (lambda: reliability([0, 1], [[0.2, 0.2], [0.6, 0.4]]), ValueError, "from 0 to 1 that sum to 1"),
        (lambda: reliability([0, 2], [[0.6, 0.4], [0.6, 0.4]]), ValueError, "labels from 0 to 1, got 2"),
        (lambda: reliability([0], [[0.6, 0.4], [0.6, 0.4]]), ValueError, r"labels of shape \(2,\)"),
        (lambda: reliability([], np.zeros((0, 2))), ValueError, r"at least one sample, got shape \(0, 2\)"),
        (
            lambda: reliability([[0, 1]], np.full((1, 2, 2), 0.5)),
            ValueError,
            r"\(N, C\), got shape \(1, 2, 2\)",
        ),
        (lambda: reliability([0], [["a", "b"]]), TypeError, "expected numbers, got list"),
        (lambda: reliability([0, 1], HALVES[:2], bins=0), ValueError, "bins as a positive integer, got 0"),
        (lambda: fit_temperature([0, 1], [[1.0, 0.0], [np.inf, 0.0]]), ValueError, "logits of finite numbers, got NaN"),
        (lambda: fit_temperature([0, 1], [[1.0, 0.0], [0.0, 2.0]]), ValueError, "largest logit, .*\nGive validation"),
        (lambda: fit_temperature([1, 0], [[1.0, 0.0], [0.0, 2.0]]), ValueError, "tell nothing of these labels. Are"),
        (lambda: fit_temperature([0, 1], [[0.0, 0.0], [0.0, 0.0]]), ValueError, "largest logit"),
        (lambda: fit_temperature([0], np.zeros((1, 2, 3))), ValueError, r"logits \(N, C\), got shape \(1, 2, 3\)"),
        (lambda: fit_temperature([0.5, 1], [[1.0, 0.0], [0.0, 2.0]]), TypeError, "integer labels"),
        (lambda: plot.reliability([[0.6, 0.4]]), TypeError, r"expects bins, got list .*\nOf labels"),
    ],
)
def test_what_will_not_do_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --- the picture ----------------------------------------------------------------------------------------------------


def test_the_diagram_has_a_bar_and_a_gap_for_each_bin_with_samples():
    ax = plot.reliability(reliability([0, 1, 1, 0], HALVES, bins=5))
    bars, gaps = ax.containers
    assert [(b.get_x(), b.get_height()) for b in bars] == [(pytest.approx(0.4), 0.5), (pytest.approx(0.8), 0.5)]
    assert [(b.get_y(), b.get_height()) for b in gaps] == [(0.5, pytest.approx(0.05)), (0.5, pytest.approx(0.43))]
    assert [t.get_text() for t in ax.texts] == ["2", "2"]
    assert ax.get_title() == "expected calibration error 24.0 %"
    not_sure_enough = plot.reliability(reliability([0, 0], [[0.6, 0.4], [0.6, 0.4]], bins=30))
    (gap,) = not_sure_enough.containers[1]
    assert gap.get_y() == pytest.approx(0.6) and gap.get_height() == pytest.approx(0.4)
    assert not not_sure_enough.texts  # thirty numbers would not fit
