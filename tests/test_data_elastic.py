"""Images bent at random: the equations pixel by pixel, smoothness, and the same again on another device."""

import fake_cupy
import numpy as np
import pytest

from minidl.data import random_elastic
from minidl.data.elastic import blur
from minidl.data.interpolation import interpolate


def test_each_pixel_comes_from_its_own_place():
    """The equation, with loops."""
    H, W, alpha, sigma = 6, 5, 8.0, 1.5
    images = np.random.default_rng(0).random((2, H, W, 2))
    noise = np.random.default_rng(7).random((2, 2, H, W), dtype=np.float32) * 2 - 1
    bent = random_elastic(images, alpha, sigma, rng=7)

    def weights(size, i):
        w = [np.exp(-((i - j) ** 2) / (2 * sigma**2)) for j in range(size)]
        return np.array(w) / sum(w)

    for n, r, c in np.ndindex(2, H, W):
        down, right = (alpha * weights(H, r) @ noise[k, n] @ weights(W, c) for k in (0, 1))
        expected = bilinear(images[n], r + down, c + right)
        np.testing.assert_allclose(bent[n, r, c], expected, atol=1e-5)


def bilinear(image, row, column):
    """The value of an image (H, W, C) at one place; 0 outside."""
    i, j = int(np.floor(row)), int(np.floor(column))
    y = 0.0
    for k, near_row in ((i, 1 - (row - i)), (i + 1, row - i)):
        for m, near_column in ((j, 1 - (column - j)), (j + 1, column - j)):
            if 0 <= k < image.shape[0] and 0 <= m < image.shape[1]:
                y = y + near_row * near_column * image[k, m]
    return y


def test_a_blur_keeps_the_mean_and_is_symmetric_inside():
    G = blur(28, 2.0)
    np.testing.assert_allclose(G.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(G[12:16, 12:16], G[12:16, 12:16].T, rtol=1e-6)


def test_alpha_0_changes_nothing_and_copies():
    images = np.random.default_rng(0).random((3, 7, 6, 1)).astype(np.float32)
    same = random_elastic(images, alpha=0.0)
    assert np.array_equal(same, images) and same.dtype == np.float32 and not np.shares_memory(same, images)


def test_neighbours_move_together_and_images_do_not():
    """Of a ramp, whose value is its column, the bent image minus the ramp is Δc itself."""
    ramp = np.tile(np.arange(40.0)[:, None], (2, 40, 1, 1))  # (2, 40, 40, 1)
    delta = (random_elastic(ramp, alpha=20, sigma=4, rng=0) - ramp)[:, 10:30, 10:30, 0]
    steps = np.abs(np.diff(delta, axis=1))
    assert np.abs(delta).max() > 0.5 and steps.max() < np.abs(delta).max() / 2
    assert np.abs(delta[0] - delta[1]).max() > 0.5


def test_interpolation_reads_other_shapes():
    images = np.random.default_rng(0).random((2, 4, 5, 3))
    rows = np.broadcast_to(np.arange(2.0)[:, None], (2, 2, 5))
    columns = np.broadcast_to(np.arange(5.0), (2, 2, 5))
    np.testing.assert_array_equal(interpolate(images, rows, columns), images[:, :2])


def test_the_same_on_the_gpu():
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    expected = random_elastic(images, rng=0)
    with fake_cupy.installed() as cupy:
        bent = random_elastic(cupy.asarray(images), rng=0)
    np.testing.assert_allclose(bent.get(), expected, atol=1e-6)


@pytest.mark.parametrize(
    "images, settings, words",
    [
        (np.ones((2, 4, 4)), {}, r"expects floating images \(N, H, W, C\), got float64 of shape \(2, 4, 4\)"),
        (np.ones((2, 4, 4, 1), np.uint8), {}, "expects floating images"),
        ([[[[1.0]]]], {}, "expects an array of images"),
        (np.ones((2, 4, 4, 1)), {"alpha": -1.0}, "alpha >= 0, got -1.0"),
        (np.ones((2, 4, 4, 1)), {"alpha": np.inf}, "alpha as a finite number >= 0, got inf"),
        (np.ones((2, 4, 4, 1)), {"alpha": "much"}, "alpha as a number >= 0, got str 'much'"),
        (np.ones((2, 4, 4, 1)), {"sigma": 0.0}, "sigma > 0, got 0.0"),
    ],
)
def test_wrong_images_and_settings_are_refused(images, settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        random_elastic(images, **settings)
