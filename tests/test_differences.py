"""Finite differences: the derivative is within the limit that comes with it, and the limit is small."""

import numpy as np
import pytest

from minidl.differences import numerical_gradient, one_sided_slope

X = np.array([0.3, 1.7, 2.4])


@pytest.mark.parametrize(
    "f, derivative",
    [
        (np.sin, np.cos),
        (np.exp, np.exp),
        (np.log, lambda x: 1 / x),
        (lambda x: x**7, lambda x: 7 * x**6),
        (lambda x: 3 * x, lambda x: 3 + 0 * x),
        (lambda x: 0 * x + 5, lambda x: 0 * x),
        (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x)),
        (lambda x: 1 / x**3, lambda x: -3 / x**4),
        (lambda x: 1e-5 * np.tanh(x), lambda x: 1e-5 / np.cosh(x) ** 2),
    ],
)
def test_the_error_is_within_its_limit(f, derivative):
    estimate = numerical_gradient(lambda: [f(X)], X, [np.ones(3)])
    assert (np.abs(estimate.value - derivative(X)) <= estimate.limit).all()
    assert estimate.trusted.all()
    assert estimate.limit.max() <= 1e-5 * max(1.0, np.abs(estimate.value).max())


def test_the_array_is_put_back():
    x = X.copy()
    numerical_gradient(lambda: [np.exp(x)], x, [np.ones(3)])
    np.testing.assert_array_equal(x, X)


def test_views_of_the_array_may_be_returned():
    x = normal = np.random.default_rng(0).normal(size=(2, 3))
    estimate = numerical_gradient(lambda: [x, x.T], x, [np.ones((2, 3)), 2 * np.ones((3, 2))])
    np.testing.assert_allclose(estimate.value, 3 * np.ones_like(normal))


def test_jumps_are_not_trusted():
    x = np.array([1.0])
    assert not numerical_gradient(lambda: [np.sign(x - 1.0)], x, [np.ones(1)]).trusted.any()


@pytest.mark.filterwarnings("ignore:invalid value")
def test_no_value_is_not_trusted():
    x = np.array([0.0])
    assert not numerical_gradient(lambda: [np.sqrt(x)], x, [np.ones(1)]).trusted.any()


@pytest.mark.parametrize(
    "f, left, right",
    [
        (np.abs, -1.0, 1.0),
        (lambda x: np.maximum(x, 0), 0.0, 1.0),
        (np.sin, 1.0, 1.0),
        (np.cbrt, np.inf, np.inf),
        (lambda x: -np.sqrt(np.abs(x)), np.inf, -np.inf),
    ],
)
def test_one_sided_slopes(f, left, right):
    x = np.array(0.0)
    for side, expected in ((-1, left), (1, right)):
        slope, limit = one_sided_slope(lambda: [f(x)], x, (), side, [np.ones(())])
        assert slope == expected or abs(slope - expected) <= limit < 1e-4
