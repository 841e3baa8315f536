"""Explanations by hiding: against brute force, closed forms and games whose answer is known."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import explain
from minidl import layers as L
from minidl.examples import reviews
from minidl.explain.answer import Answer
from minidl.explain.hiding import Hiding, patches
from minidl.explain.lime import ridge

RNG = np.random.default_rng(0)


# --- what is hidden ---------------------------------------------------------------------------------------------------


def test_patches_are_squares_and_smaller_at_the_edge():
    np.testing.assert_array_equal(patches((5, 4, 3), 2), [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2 + [[4, 4, 5, 5]])
    np.testing.assert_array_equal(patches((3, 3), 2), [[0, 0, 1], [0, 0, 1], [2, 2, 3]])
    np.testing.assert_array_equal(patches((2, 3), 9), np.zeros((2, 3)))
    np.testing.assert_array_equal(patches((2, 2), 1), [[0, 1], [2, 3]])
    for shape, size, error in (((4,), 2, ValueError), ((2, 5, 5, 1), 2, ValueError), ((4, 4), 0, ValueError),
                               (4, 2, ValueError), ((4, 4), "a", TypeError)):  # fmt: skip
        with pytest.raises(error, match="patches expects"):
            patches(shape, size)


def test_where_a_segment_is_hidden_stands_the_baseline():
    x = RNG.random((2, 4, 4, 3))
    x0 = RNG.random((4, 4, 3))
    hiding = Hiding(Answer("test", lambda x: x.sum(axis=(1, 2, 3)), x), patches((4, 4), 2), x0)
    assert hiding.S == 4
    rows = hiding.rows(1, [[1, 0, 1, 1], [1, 1, 1, 1]])
    expected = x[1].copy()
    expected[:2, 2:] = x0[:2, 2:]
    np.testing.assert_array_equal(rows, [expected, x[1]])
    np.testing.assert_allclose(hiding.values(1, [[0, 0, 0, 0]]), x0.sum())


def test_steps_and_columns_of_a_series():
    x = RNG.normal(size=(3, 4, 2))

    def f(x):
        return (x[:, 0] * x[:, 3]).sum(axis=1)  # (M, 4, 2) -> (M,)

    whole = f(x)
    np.testing.assert_allclose(explain.occlusion(f, x, np.arange(4)), np.stack([whole, 0 * whole, 0 * whole, whole], 1))
    own = explain.occlusion(f, x)
    assert own.shape == x.shape
    np.testing.assert_allclose(own[:, 0], x[:, 0] * x[:, 3])


def test_more_variants_than_fit_into_a_batch():
    x = RNG.normal(size=(1, 700))
    sizes = []

    def f(x):
        sizes.append(len(x))
        return x @ np.arange(700.0)

    np.testing.assert_allclose(explain.occlusion(f, x), x * np.arange(700), atol=1e-8)
    assert max(sizes) <= 256 and sum(sizes) == 1 + 2 + 700  # x; whether f takes any number; the variants


@pytest.mark.parametrize("name", ["occlusion", "lime", "shapley_values", "deletion_curve"])
def test_another_input_is_never_paired_with_variants_of_one_sample(name):
    """Three samples of three places have three variants each, whose rows are not those of the other input."""
    x, other = RNG.normal(size=(2, 3, 3))
    settings = [x] if name == "deletion_curve" else []
    with pytest.raises(ValueError, match=rf"{name} asks f .* takes 3 samples only.*\nAnother input") as caught:
        getattr(explain, name)(lambda a: (a * other).sum(axis=1), x, *settings)
    assert len(str(caught.value).splitlines()) <= 3

    def of_one(n):
        return lambda a: (a * np.repeat(other[n : n + 1], len(a), axis=0)).sum(axis=1)

    a = np.concatenate([explain.occlusion(of_one(n), x[n : n + 1]) for n in range(3)])
    np.testing.assert_allclose(a, x * other, atol=1e-12)


@pytest.mark.parametrize(
    ("x", "baseline", "words"),
    [
        (np.ones((2, 3), np.float32), 1e300, "finite baseline, .* beyond what float32 can hold"),
        (np.ones((2, 3)), np.nan, "finite baseline"),
        (np.ones((2, 3), np.uint8), -1, "baseline of whole numbers, as x holds uint8"),
        (np.ones((2, 3), np.uint8), 1e30, "baseline of whole numbers, as x holds uint8"),
        (np.ones((2, 3), int), 1e300, "baseline of whole numbers, as x holds int64"),
    ],
)
def test_a_baseline_that_x_cannot_hold(x, baseline, words):
    with pytest.raises(ValueError, match=f"occlusion expects a {words}"):
        explain.occlusion(lambda a: a.sum(axis=1) * 1.0, x, baseline=baseline)


@pytest.mark.parametrize(
    ("segments", "error", "words"),
    [
        ([0.0, 1, 1, 2], TypeError, "segments as whole numbers, got list"),
        ([0, 1, 1], ValueError, r"of the shape of one sample, \(4,\), or its first axes, got \(3,\)"),
        ([0, 1, 1, 3], ValueError, "without gaps, got 3 from 0 to 3"),
        ([1, 2, 3, 4], ValueError, "without gaps, got 4 from 1 to 4"),
        ([-1, 0, 0, 1], ValueError, "without gaps, got 3 from -1 to 1"),
        (3, ValueError, r"of the shape of one sample, \(4,\).*got \(\)"),
    ],
)
def test_segments_that_are_none(segments, error, words):
    for explanation in (explain.occlusion, explain.lime, explain.shapley_values):
        with pytest.raises(error, match=f"{explanation.__name__} expects .*{words}"):
            explanation(lambda x: x, np.ones((2, 4)), segments)


# --- occlusion --------------------------------------------------------------------------------------------------------


def test_a_word_hidden_behind_padding_is_a_word_left_out():
    """Occlusion says what ``reviews.effects`` finds by leaving the word out of the sentence."""
    md.seed(0)
    embedding = L.Embedding(10_000, 6, "random_normal", mask_zero=True, input_length=reviews.LENGTH)
    model = md.Sequential([embedding, L.LSTM(5), L.Dense(1)])
    words = "not a single good idea in this long film".split()
    row = reviews.rows([words])
    effects = reviews.effects(model, reviews.rows, words)
    a = explain.occlusion(model, row)
    np.testing.assert_allclose(a[0, -len(words) :], effects, atol=1e-6)
    assert np.ptp(effects) > 1e-3 and abs(a[0, : -len(words)]).max() < 1e-7


# --- Shapley values ---------------------------------------------------------------------------------------------------


def by_definition(v, S):
    """φ as the mean over all S! orders, for a game v of a set."""
    phi = np.zeros(S)
    orders = list(permutations(range(S)))
    for order in orders:
        for k, s in enumerate(order):
            phi[s] += v(set(order[: k + 1])) - v(set(order[:k]))
    return phi / len(orders)


@given(st.lists(st.floats(-5, 5), min_size=16, max_size=16))
def test_shapley_values_are_the_mean_over_all_orders(table):
    """Of any game of four players, given by its 16 values."""
    game = np.array(table)

    def f(x):  # (M, 4) of 0 and 1 -> (M,)
        return game[(x.numpy() @ [1, 2, 4, 8]).astype(int)]

    phi, error = explain.shapley_values(f, np.ones((1, 4)))
    expected = by_definition(lambda team: game[sum(2**s for s in team)], 4)
    np.testing.assert_allclose(phi, [expected], atol=1e-12)
    np.testing.assert_allclose(phi.sum(), game[15] - game[0], atol=1e-12)  # efficient
    assert not error.any()


def test_known_games():
    ones = np.ones((1, 3))
    gloves = explain.shapley_values(lambda x: x[:, 0] * np.maximum(x[:, 1], x[:, 2]), ones)[0]
    np.testing.assert_allclose(gloves, [[4 / 6, 1 / 6, 1 / 6]])  # one left glove and two right ones
    exclusive = explain.shapley_values(
        lambda x: x[:, 0] + x[:, 1] - 2 * x[:, 0] * x[:, 1], np.array([[1.0, 0.0, 1.0]])
    )[0]
    np.testing.assert_allclose(exclusive, [[1, 0, 0]])
    product = explain.shapley_values(lambda x: x.prod(axis=1), np.array([[2.0, 3.0, 4.0]]))[0]
    np.testing.assert_allclose(product, [[8, 8, 8]])
    shifted = explain.shapley_values(lambda x: x[:, 0] * x[:, 1], np.array([[2.0, 3.0]]), baseline=1.0)[0]
    np.testing.assert_allclose(shifted, [[((2 - 1) * 1 + (2 - 1) * 3) / 2, ((3 - 1) * 1 + (3 - 1) * 2) / 2]])


def test_players_may_be_segments():
    x = RNG.random((2, 4, 4, 1))
    own = patches((4, 4), 2)

    def f(x):
        sums = x[..., 0].reshape(-1, 2, 2, 2, 2).sum(axis=(2, 4)).reshape(-1, 4)  # (M, 4, 4, 1) -> (M, 4)
        return sums[:, 0] * sums[:, 1] + sums[:, 3]

    phi, _ = explain.shapley_values(f, x, own)
    sums = np.stack([x[:, own == s, 0].sum(axis=1) for s in range(4)], axis=1)
    half = sums[:, 0] * sums[:, 1] / 2
    np.testing.assert_allclose(phi, np.stack([half, half, 0 * half, sums[:, 3]], axis=1), atol=1e-12)


def test_drawn_orders_are_near_and_say_how_near():
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(8, 8))
    x = rng.normal(size=(1, 8))

    def f(x):
        return np.einsum("mi,ij,mj->m", x, pairs, x)

    exact, _ = explain.shapley_values(f, x)
    runs = [explain.shapley_values(f, x, permutations=10, rng=seed) for seed in range(40)]
    phi, error = (np.array(part)[:, 0] for part in zip(*runs))  # (40, 8)
    np.testing.assert_allclose(phi.sum(axis=1), f(x)[0], rtol=1e-9)  # efficient in each run
    spread = phi.std(axis=0, ddof=1)
    assert (abs(phi.mean(axis=0) - exact[0]) < 4 * spread / np.sqrt(40)).all()
    assert (0.7 < error.mean(axis=0) / spread).all() and (error.mean(axis=0) / spread < 1.4).all()


def test_the_standard_error_of_two_orders():
    """In f = x₁ x₂ = 1 whoever comes second adds all. Of a mean of 0 and 1 the standard error is ½."""
    runs = [explain.shapley_values(lambda x: x.prod(axis=1), np.ones((1, 2)), permutations=2, rng=k) for k in range(12)]
    assert {float(phi[0, 0]) for phi, _ in runs} == {0, 0.5, 1}
    for phi, error in runs:
        np.testing.assert_allclose(error, np.where(phi == 0.5, 0.5, 0))


def test_where_nothing_interacts_one_order_is_like_another():
    x = RNG.normal(size=(2, 20))
    phi, error = explain.shapley_values(lambda x: x @ np.arange(20.0), x, permutations=2, rng=0)
    np.testing.assert_allclose(phi, x * np.arange(20), atol=1e-10)
    np.testing.assert_allclose(error, 0, atol=1e-10)


def test_too_many_teams_are_refused():
    with pytest.raises(ValueError, match=r"for S up to 14, got S = 15\.\nDraw orders: permutations=100"):
        explain.shapley_values(lambda x: x, np.ones((1, 15)))
    for n, error in ((1, ValueError), (2.5, ValueError), ("a", TypeError)):
        with pytest.raises(error, match="shapley_values expects permutations as a whole number from 2 on"):
            explain.shapley_values(lambda x: x, np.ones((1, 3)), permutations=n)
    with pytest.raises(TypeError, match="rng must be"):
        explain.shapley_values(lambda x: x, np.ones((1, 3)), permutations=2, rng="a")


# --- LIME -------------------------------------------------------------------------------------------------------------


def test_ridge_solves_its_equations():
    """(ZᵀΠZ + αI) w = ZᵀΠ (y − b) with b free: the normal equations of [Z 1] with no penalty on the last."""
    z, y, weight = RNG.normal(size=(40, 5)), RNG.normal(size=40), RNG.random(40)
    Z = np.concatenate([z, np.ones((40, 1))], axis=1)
    for alpha in (0.0, 0.3, 50.0):
        penalty = alpha * np.diag([1, 1, 1, 1, 1, 0])
        wb = np.linalg.solve(Z.T @ (weight[:, None] * Z) + penalty, Z.T @ (weight * y))
        w, fit = ridge(z, y, weight, alpha)
        np.testing.assert_allclose(w, wb[:-1], atol=1e-10)
        mean = np.average(y, weights=weight)
        left = np.sum(weight * (y - Z @ wb) ** 2)
        np.testing.assert_allclose(fit, 1 - left / np.sum(weight * (y - mean) ** 2))
    assert ridge(z, np.ones(40), weight, 0.1) == (pytest.approx(np.zeros(5), abs=1e-12), 1.0)


def every_z(S):
    return np.arange(2**S)[:, None] >> np.arange(S) & 1


def test_lime_finds_the_weighted_regression_on_all_variants():
    """With many samples: least squares over all 2^S variants, each weighed by exp(−(1 − √share)² / σ²)."""
    x = np.array([[1.0, 2.0, -1.0, 0.5]])

    def f(x):
        return x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + 3 * x[:, 3] * x[:, 0] * x[:, 2]

    z = every_z(4)
    for width in (0.25, 1.0):
        root = np.exp(-(((1 - np.sqrt(z.mean(axis=1))) / width) ** 2) / 2)
        Z = np.concatenate([z, np.ones((16, 1))], axis=1)
        expected = np.linalg.lstsq(root[:, None] * Z, root * f(z * x))[0][:-1]
        w, fit = explain.lime(f, x, kernel_width=width, alpha=0, samples=40_000, rng=3)
        np.testing.assert_allclose(w, [expected], atol=0.05)
        assert 0.3 < fit[0] < 0.98
    assert abs(explain.lime(f, x, alpha=0, rng=3)[0] - expected).max() > 0.1  # the width matters


def test_lime_is_repeated_by_its_seed_and_differs_from_sample_to_sample():
    x = RNG.normal(size=(2, 6))
    x[1] = x[0]

    def f(x):
        return np.tanh(x.sum(axis=1)) * x[:, 0]

    w, fit = explain.lime(f, x, samples=50, rng=1)
    np.testing.assert_array_equal(explain.lime(f, x, samples=50, rng=1)[0], w)
    assert np.abs(w[0] - w[1]).max() > 1e-6 and (fit < 1).all()
    strong, _ = explain.lime(f, x, samples=50, rng=1, alpha=1e4)
    assert np.abs(strong).max() < 0.05 * np.abs(w).max()


def test_lime_asks_about_the_sample_itself_too():
    asked = []
    explain.lime(lambda x: (asked.append(x.numpy()), x.sum(axis=1))[1], np.ones((1, 12)), samples=14, rng=0)
    assert [rows.shape for rows in asked] == [(1, 12), (2, 12), (14, 12)]
    assert asked[2][0].all() and 4 < asked[2][1:].sum(axis=1).mean() < 8


def test_a_model_that_always_says_the_same_is_linear():
    w, fit = explain.lime(lambda x: np.full(len(x), 0.7), np.ones((3, 5)), rng=0)
    np.testing.assert_array_equal(w, np.zeros((3, 5)))
    np.testing.assert_array_equal(fit, 1)  # not the R² of rounding


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"samples": 1}, ValueError, "samples as a whole number from 2 on"),
        ({"samples": 4}, ValueError, "samples of at least S \\+ 2, got 4 for 3 segments: .*\nTake samples=30"),
        ({"kernel_width": 0.001}, ValueError, "no variant near the sample with kernel_width=0.001"),
        ({"kernel_width": 0.02}, ValueError, "no variant near the sample with kernel_width=0.02"),
        ({"samples": 20.5}, ValueError, "samples as a whole number"),
        ({"kernel_width": 0}, ValueError, "kernel_width as a number > 0|kernel_width"),
        ({"kernel_width": "a"}, TypeError, "kernel_width as a number"),
        ({"alpha": -1}, ValueError, "alpha"),
        ({"alpha": np.nan}, ValueError, "alpha as a finite number"),
        ({"rng": -1}, ValueError, "rng expects a seed"),
    ],
)
def test_settings_of_lime(settings, error, words):
    with pytest.raises(error, match=words):
        explain.lime(lambda x: x, np.ones((1, 3)), **settings)


# --- a network on images ----------------------------------------------------------------------------------------------


def test_explanations_of_a_trained_network_beat_random():
    """A small network on 8 × 8 digits: each explanation lets the logit fall faster than random orders do."""
    (x, y), (x_test, _) = md.data.digits()
    x, x_test = (a.astype(np.float32)[..., None] / 16 for a in (x, x_test[:12]))
    md.seed(0)
    model = md.Sequential(
        [L.Conv2D(8, 3, activation="relu", input_shape=(8, 8, 1)), L.Flatten(), L.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0)
    own = patches((8, 8), 2)
    a, gap = explain.integrated_gradients(model, x_test, steps=30)
    phi, _ = explain.shapley_values(model, x_test, own, permutations=5, rng=0)
    w, _ = explain.lime(model, x_test, own, samples=100, rng=0)
    assert abs(gap).max() < 0.2
    for explanation in (a, phi[:, own], w[:, own], explain.occlusion(model, x_test, own)[:, own]):
        _, explained, random = explain.deletion_curve(model, x_test, explanation, steps=8, random_orders=3, rng=0)
        assert explained.mean() < random.mean() - 1
