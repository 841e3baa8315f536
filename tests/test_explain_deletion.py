"""The deletion curve (D.T11): explanations on trial."""

import numpy as np
import pytest

from minidl import explain
from minidl.explain.hiding import patches

RNG = np.random.default_rng(0)


def test_a_perfect_explanation_deletes_the_largest_first():
    x = np.array([[3.0, 1.0, 4.0, 1.5], [0.0, -2.0, 5.0, 1.0]])

    def f(x):
        return x.sum(axis=1)

    shares, explained, random = explain.deletion_curve(f, x, x, steps=99, random_orders=400, rng=0)
    np.testing.assert_array_equal(shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(explained, [[9.5, 5.5, 2.5, 1, 0], [4, -1, -2, -2, 0]])
    np.testing.assert_allclose(random, x.sum(axis=1, keepdims=True) * (1 - shares), atol=0.3)  # in the mean a line
    np.testing.assert_allclose(random[:, [0, -1]], explained[:, [0, -1]])
    reverse = explain.deletion_curve(f, x, -x, rng=0)[1]
    assert (explained.mean(axis=1) < random.mean(axis=1)).all() and (random.mean(axis=1) < reverse.mean(axis=1)).all()


def test_attributions_of_pixels_segments_and_channels():
    x = RNG.random((2, 4, 4, 3))
    own = patches((4, 4), 2)
    phi = np.array([[4.0, 3, 2, 1], [1, 2, 3, 4]])

    def f(x):
        return x.sum(axis=(1, 2, 3))

    _, explained, _ = explain.deletion_curve(f, x, phi, own, steps=4, rng=0, baseline=2.0)
    for n, order in ((0, [0, 1, 2, 3]), (1, [3, 2, 1, 0])):
        for k in range(5):
            left = np.where(np.isin(own, order[:k])[..., None], 2.0, x[n])
            np.testing.assert_allclose(explained[n, k], left.sum())
    shares, by_pixel, _ = explain.deletion_curve(f, x, phi[:, own], steps=4, rng=0, baseline=2.0)  # (2, 4, 4)
    np.testing.assert_allclose(by_pixel, explained)
    each, _, _ = explain.deletion_curve(f, x, x, steps=500, random_orders=1)
    assert len(each) == 49 and len(shares) == 5
    np.testing.assert_array_equal(explain.deletion_curve(f, x, x, steps=3, rng=0)[0], np.array([0, 16, 32, 48]) / 48)


def test_brightness_is_an_explanation_too():
    pixels = np.array([[3, 250, 0, 100]], np.uint8)
    _, explained, _ = explain.deletion_curve(lambda x: x.numpy().sum(axis=1), pixels, pixels, rng=0)
    np.testing.assert_array_equal(explained, [[353, 103, 3, 0, 0]])


def test_of_equal_attributions_the_first_is_hidden_first():
    x = np.arange(200.0)[None]
    curve = explain.deletion_curve(lambda x: x.sum(axis=1), x, x % 2, steps=200, rng=0)[1]
    np.testing.assert_array_equal(curve[0, 1:], x.sum() - np.concatenate([x[0, 1::2], x[0, ::2]]).cumsum())


@pytest.mark.parametrize(
    ("attributions", "settings", "words"),
    [
        (np.ones((2, 3)), {}, r"attributions of x's shape \(2, 4\), or its first axes, got \(2, 3\).\nFor \(N, S\)"),
        (np.ones(2), {}, r"got \(2,\)"),
        (np.ones((2, 3)), {"segments": [0, 0, 1, 1]}, r"a number for each of 2 segments, got shape \(2, 3\)"),
        (np.ones((1, 2)), {"segments": [0, 0, 1, 1]}, r"got shape \(1, 2\)"),
        (np.full((2, 4), np.nan), {}, "of finite numbers"),
        (np.ones((2, 4)), {"steps": 0}, "steps as a positive integer"),
        (np.ones((2, 4)), {"random_orders": 0}, "random_orders as a positive integer"),
    ],
)
def test_what_cannot_be_on_trial(attributions, settings, words):
    with pytest.raises(ValueError, match=f"deletion_curve expects .*{words}"):
        explain.deletion_curve(lambda x: x, np.ones((2, 4)), attributions, **settings)


def test_what_two_arrays_are_is_told():
    with pytest.raises(
        TypeError, match=r"as one array, got a tuple of 2.\nSome explanations return two things: a, gap"
    ):
        explain.deletion_curve(lambda x: x, np.ones((2, 4)), (np.ones((2, 4)), np.ones(2)))
