"""Augmented images (D.T1, D.T5) are the old ones, moved; and the same again after an interruption."""

import numpy as np
import pytest

from minidl.data import DataLoader, random_crop, random_shift


def test_every_image_is_a_shifted_copy():
    rng = np.random.default_rng(0)
    images = rng.random((50, 6, 5))
    moved = random_shift(images, 2, rng=1)
    places = set()
    for image, result in zip(images, moved, strict=True):
        padded = np.pad(image, 2)
        fits = [(i, j) for i in range(5) for j in range(5) if np.array_equal(padded[i : i + 6, j : j + 5], result)]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 15  # of 25: each image has its own


def test_zero_shift_copies_and_channels_move_together():
    rng = np.random.default_rng(0)
    images = rng.random((4, 5, 6, 3)).astype(np.float32)
    same = random_shift(images, 0)
    assert np.array_equal(same, images) and not np.shares_memory(same, images)
    moved = random_shift(images, 1, rng=0)
    for c in range(3):
        assert np.array_equal(moved[..., c], random_shift(images[..., c], 1, rng=0))
    assert moved.dtype == np.float32


def test_uint8_stays_uint8():
    assert random_shift(np.ones((2, 4, 4), np.uint8), 1).dtype == np.uint8


@pytest.mark.parametrize("images, most", [(np.ones((3, 16)), 1), (np.ones((2, 4, 4)), 4), (np.ones((2, 4, 4)), -1)])
def test_wrong_shapes_and_shifts_are_refused(images, most):
    with pytest.raises(ValueError, match="random_shift expects"):
        random_shift(images, most)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: random_shift(None), "an array of images .* got NoneType None"),
        (lambda: random_shift(np.ones((2, 4, 4)), "1"), "most as a whole number from 0 on, got str '1'"),
        (lambda: random_crop([[1]], (1, 1)), "an array of images .* got list"),
        (lambda: random_crop(np.ones((2, 4, 4)), 3), r"size as \(height, width\), got int 3"),
        (lambda: random_crop(np.ones((2, 4, 4)), ("a", 2)), "size as a positive integer, got str 'a'"),
    ],
)
def test_other_kinds_are_refused(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_interrupted_epoch_goes_on_with_the_same_changes(shuffle):
    images = np.random.default_rng(0).random((10, 4, 4))
    settings = {"batch_size": 3, "shuffle": shuffle, "augment": random_shift}
    loader = DataLoader(images, rng=0, **settings)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = list(batches)
    again = DataLoader(images, rng=7, **settings)
    again.load_state_dict(state)
    for a, b in zip(again, rest, strict=True):
        assert np.array_equal(a, b)
