"""Initial weights: distributions, fans, seeds and names."""

import inspect

import numpy as np
import pytest

import minidl as md
from minidl import initializers
from minidl.initializers import BY_NAME, Initializer
from minidl.variance_scaling import STDDEV_WITHIN_TWO, fans

RANDOM_BY_FANS = {
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((784, 64), (784, 64)),
        ((3, 3, 16, 32), (144, 288)),
        ((5, 2, 3), (10, 15)),
        ((0, 4), (1, 4)),
    ],
)
def test_fans_are_those_of_keras(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("name", RANDOM_BY_FANS)
@pytest.mark.parametrize("shape", [(400, 150), (3, 3, 60, 90)])
def test_the_variance_is_the_promised_one(name, shape):
    w = initializers.get(name)(shape, dtype="float64", rng=1)
    variance = RANDOM_BY_FANS[name](*fans(shape))
    # A sample variance of n numbers varies by at most √(2/n) of itself for distributions no heavier than the normal.
    assert abs(w.var() / variance - 1) < 5 * np.sqrt(2 / w.size)
    assert abs(w.mean()) < 5 * np.sqrt(variance / w.size)


@pytest.mark.parametrize("name", [n for n in RANDOM_BY_FANS if n.endswith("uniform")])
def test_uniform_ones_fill_their_interval_and_do_not_leave_it(name):
    w = initializers.get(name)((300, 200), dtype="float64", rng=2)
    a = np.sqrt(3 * RANDOM_BY_FANS[name](300, 200))
    assert 0.999 * a < np.abs(w).max() <= a


@pytest.mark.parametrize("name", [n for n in RANDOM_BY_FANS if n.endswith("normal")])
def test_normal_ones_are_cut_at_two_standard_deviations_of_the_uncut_distribution(name):
    w = initializers.get(name)((300, 200), dtype="float64", rng=3)
    limit = 2 * np.sqrt(RANDOM_BY_FANS[name](300, 200)) / 0.87962566103423978  # the constant in Keras
    assert 0.99 * limit < np.abs(w).max() <= limit


def test_the_correction_for_the_cut_follows_from_its_formula():
    from math import erf, exp, pi, sqrt

    phi, Phi = exp(-2) / sqrt(2 * pi), (1 + erf(2 / sqrt(2))) / 2
    assert STDDEV_WITHIN_TWO == pytest.approx(sqrt(1 - 4 * phi / (2 * Phi - 1)), rel=1e-14)


def test_the_given_sizes_are_kept():
    w = initializers.RandomNormal(mean=2.0, stddev=0.5)(100_000, dtype="float64", rng=4)
    assert w.mean() == pytest.approx(2, abs=0.01) and w.std() == pytest.approx(0.5, rel=0.02)
    w = initializers.TruncatedNormal(mean=2.0, stddev=0.5)(100_000, dtype="float64", rng=4)
    assert np.abs(w - 2).max() <= 1 and w.std() == pytest.approx(0.5 * STDDEV_WITHIN_TWO, rel=0.02)
    w = initializers.RandomUniform(1.0, 3.0)(100_000, dtype="float64", rng=4)
    assert w.min() >= 1 and w.max() <= 3 and w.mean() == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (3, 3, 2, 4)])
def test_orthogonal_rows_or_columns(shape):
    W = initializers.Orthogonal(gain=1.5)(shape, dtype="float64", rng=5).reshape(-1, shape[-1]) / 1.5
    rows, columns = W.shape
    product = W.T @ W if rows >= columns else W @ W.T
    np.testing.assert_allclose(product, np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_matrices_are_equally_likely_so_their_mean_is_zero():
    mean = np.mean([initializers.Orthogonal()((2, 2), "float64", rng=seed) for seed in range(2000)], axis=0)
    assert np.abs(mean).max() < 5 * np.sqrt(0.5 / 2000)


def test_constants():
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(initializers.Constant(value)((2, 3)), value)
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 2)), [[2, 0], [0, 2]])
    assert initializers.Zeros()(()).shape == ()


@pytest.mark.parametrize("name", BY_NAME)
def test_every_one_keeps_dtype_shape_and_seed(name):
    initializer = initializers.get(name)
    a, b = initializer((4, 3), rng=7), initializer((4, 3), "float64", rng=7)
    assert a.dtype == np.float32 and b.dtype == np.float64 and a.shape == (4, 3) and type(a) is np.ndarray
    np.testing.assert_array_equal(a, b.astype(np.float32))  # the same weights in either precision
    md.seed(3)
    first = initializer((4, 3))
    md.seed(3)
    np.testing.assert_array_equal(first, initializer((4, 3)))


def test_two_draws_differ():
    draw = initializers.get("glorot_uniform")
    assert not np.array_equal(draw((3, 3)), draw((3, 3)))


def test_every_initializer_has_a_name():
    classes = {c for c in vars(initializers).values() if inspect.isclass(c) and issubclass(c, Initializer)}
    assert classes - {Initializer} == set(BY_NAME.values())


def test_keras_short_names_are_known():
    short = {"zero": "zeros", "one": "ones", "uniform": "random_uniform", "normal": "random_normal"}
    assert all(initializers.get(name) == initializers.get(long) for name, long in short.items())


def test_get_takes_names_classes_objects_and_functions():
    assert initializers.get(initializers.HeNormal) == initializers.HeNormal()
    assert initializers.get(np.zeros) is np.zeros
    with pytest.raises(ValueError, match=r"'glorot_unifrom' is not known. Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(TypeError, match="must be a name"):
        initializers.get(3)


@pytest.mark.parametrize("shape", [(2.5, 3), "ab", None, (-1, 3)])
def test_impossible_shapes_are_refused(shape):
    with pytest.raises((TypeError, ValueError), match="Zeros expects"):
        initializers.Zeros()(shape)


@pytest.mark.parametrize("value", [None, "a"])
def test_a_constant_that_is_no_number(value):
    with pytest.raises(TypeError, match="expected numbers, got"):
        initializers.Constant(value)(2)


def test_shapes_that_an_initializer_cannot_fill():
    with pytest.raises(ValueError, match="two axes"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ValueError, match="matrix shape"):
        initializers.Identity()((3, 3, 3))
    with pytest.raises(ValueError, match=r"Constant holds .* shape \(2,\)"):
        initializers.Constant([1.0, 2.0])((3,))


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"orthogonal", "identity"}))
@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_single_numbers_and_empty_arrays_are_arrays(name, shape):
    w = initializers.get(name)(shape)
    assert type(w) is np.ndarray and w.shape == shape
