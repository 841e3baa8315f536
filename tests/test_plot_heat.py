"""The heat map: red where the attribution is above zero, blue below, the image in pale grey beneath."""

import numpy as np
import pytest

from minidl import plot


def drawn(image, attribution, **settings):
    ax = plot.heat_map(image, attribution, **settings)
    return ax, np.asarray(ax.images[0].get_array())


def test_the_sign_is_the_colour_and_the_image_the_brightness():
    image = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    a = np.array([[0.0, 0.0], [4.0, 4.0], [-4.0, -1.0]])
    ax, picture = drawn(image, a, label="logit")
    assert picture.shape == (3, 2, 3)
    black, white = picture[0]
    assert np.ptp(black) < 0.02 and np.ptp(white) < 0.02 and white.min() > 0.95 and 0.6 < black.max() < 0.8
    red, blue = picture[1, 1], picture[2, 0]
    assert red[0] > 2 * red[2] and blue[2] > 2 * blue[0]
    assert (picture[1, 0] <= red).all() and picture[1, 0, 0] < 0.8 * red[0]  # the same colour on darker paper
    weak = picture[2, 1]
    assert weak.min() > blue.min() and weak[2] > weak[0]
    bar = ax.figure.axes[-1]
    assert bar.get_ylim() == (-4, 4) and bar.get_ylabel() == "logit"


def test_the_bar_shows_the_half_in_use_and_channels_are_summed():
    a = np.zeros((2, 2, 3))
    a[0, 0] = [1.0, 2.0, -0.5]
    ax, picture = drawn(np.ones((2, 2, 3)), a)
    assert ax.figure.axes[-1].get_ylim() == (0, 2.5)
    same = drawn(np.ones((2, 2)), a.sum(axis=-1))[1]
    np.testing.assert_array_equal(picture, same)
    assert np.isfinite(drawn(np.zeros((2, 2, 1), np.uint8), np.zeros((2, 2)))[1]).all()


@pytest.mark.parametrize(
    ("image", "attribution", "words"),
    [
        (np.ones((5, 8, 8, 1)), np.ones((8, 8)), r"expects one image .* got shape \(5, 8, 8, 1\). Choose: x\[0\]"),
        (np.ones((8, 8, 2)), np.ones((8, 8)), r"expects one image"),
        (np.ones((8, 8)), np.ones((4, 4)), r"attributions \(8, 8\) or \(8, 8, 'C'\) of this image, got \(4, 4\)"),
        (np.ones((8, 8)), np.ones(4), r"Of segments \(N, S\): phi\[n\]\[segments\]"),
        (np.ones((8, 8)), np.full((8, 8), np.nan), "finite numbers, got NaN"),
    ],
)
def test_what_does_not_fit_is_refused(image, attribution, words):
    with pytest.raises(ValueError, match=words):
        plot.heat_map(image, attribution)
