"""Images turned, moved, zoomed and mirrored, held against plain loops; batches of them from arrays."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.data import DataLoader, ImageDataGenerator, random_crop, random_elastic
from minidl.data.affine import affine_maps, affine_transform
from minidl.layers import Dense, Flatten


def images_of(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def one_map(theta=0.0, zoom=(1.0, 1.0), shift=(0.0, 0.0), n=1):
    return affine_maps(np.full(n, theta), np.tile(zoom, (n, 1)), np.tile(shift, (n, 1)))


# --- the map ---------------------------------------------------------------------------------------------------------


def slow_affine(image, M, s, fill_mode, cval):
    """The equation, pixel by pixel."""
    H, W = image.shape
    c = np.array([(H - 1) / 2, (W - 1) / 2])

    def pixel(i, j):
        if fill_mode == "nearest":
            return image[min(max(i, 0), H - 1), min(max(j, 0), W - 1)]
        return image[i, j] if 0 <= i < H and 0 <= j < W else cval

    y = np.empty((H, W))
    for target in np.ndindex(H, W):
        row, column = M @ (np.array(target) - c) + c + s
        i, j = int(np.floor(row)), int(np.floor(column))
        u, v = row - i, column - j
        y[target] = (1 - u) * ((1 - v) * pixel(i, j) + v * pixel(i, j + 1))
        y[target] += u * ((1 - v) * pixel(i + 1, j) + v * pixel(i + 1, j + 1))
    return y


@pytest.mark.parametrize("fill_mode, cval", [("nearest", 0.0), ("constant", 0.0), ("constant", 7.0)])
def test_each_image_follows_its_own_map(fill_mode, cval):
    rng = np.random.default_rng(1)
    images = images_of(6, 5, 7, 2)
    M, s = affine_maps(rng.uniform(-180, 180, 6), rng.uniform(0.4, 2, (6, 2)), rng.uniform(-4, 4, (6, 2)))
    y = affine_transform(images, M, s, fill_mode, cval)
    for n, channel in np.ndindex(6, 2):
        expected = slow_affine(images[n, :, :, channel], M[n], s[n], fill_mode, cval)
        np.testing.assert_allclose(y[n, :, :, channel], expected, atol=1e-12)


def test_no_change_is_exactly_none():
    images = images_of(3, 5, 6, 3).astype(np.float32)
    y = affine_transform(images, *one_map(n=3))
    assert np.array_equal(y, images) and y.dtype == np.float32 and not np.shares_memory(y, images)


def test_a_quarter_turn_is_that_of_numpy():
    images = images_of(1, 6, 6, 1)
    np.testing.assert_allclose(affine_transform(images, *one_map(90.0)), np.rot90(images, -1, axes=(1, 2)), atol=1e-12)


def test_whole_pixels_move_without_interpolation():
    images = images_of(1, 5, 6, 1)
    y = affine_transform(images, *one_map(shift=(1.0, -2.0)), fill_mode="constant")
    assert np.array_equal(y[:, :4, 2:], images[:, 1:, :4])
    assert not y[:, 4:].any() and not y[:, :, :2].any()


def test_a_displacement_moves_where_each_pixel_comes_from():
    """On top of M and s: of a ramp, whose value is its column, the columns' displacement is what is added."""
    ramp = np.tile(np.arange(9.0)[:, None], (1, 9, 1, 1))  # (1, 9, 9, 1)
    delta = np.random.default_rng(0).uniform(-1, 1, (2, 1, 9, 9))
    M, s = one_map(theta=5.0, shift=(0.5, 0.0))
    bent, straight = (affine_transform(ramp, M, s, delta=d)[:, 2:-2, 2:-2] for d in (delta, None))
    np.testing.assert_allclose(bent - straight, delta[1, :, 2:-2, 2:-2, None], atol=1e-12)


def test_zoom_below_one_enlarges():
    images = np.zeros((1, 9, 9, 1))
    images[0, 3:6, 3:6] = 1
    assert affine_transform(images, *one_map(zoom=(0.5, 0.5))).sum() > 2 * images.sum()
    assert affine_transform(images, *one_map(zoom=(2.0, 2.0))).sum() < images.sum() / 2


# --- the generator ---------------------------------------------------------------------------------------------------


def test_without_arguments_nothing_changes():
    images = images_of(4, 5, 6, 3).astype(np.float32)
    assert np.array_equal(ImageDataGenerator()(images), images)


@pytest.mark.parametrize("setting, axis", [("horizontal_flip", 2), ("vertical_flip", 1)])
def test_flips_mirror_about_half_of_the_images(setting, axis):
    images = images_of(200, 3, 4, 1)
    y = ImageDataGenerator(**{setting: True}).random_transform(images, rng=0)
    mirrored = [np.array_equal(a, b) for a, b in zip(y, np.flip(images, axis))]
    same = [np.array_equal(a, b) for a, b in zip(y, images)]
    assert 70 < sum(mirrored) < 130 and sum(mirrored) + sum(same) == 200


def test_shifts_below_one_are_shares_and_others_pixels():
    images = np.zeros((300, 20, 10, 1))
    images[:, 9, 4] = 1
    for settings, rows, columns in (
        ({"height_shift_range": 0.2}, 4, 0),
        ({"width_shift_range": 3}, 0, 3),
    ):
        y = ImageDataGenerator(**settings, fill_mode="constant").random_transform(images, rng=0)[..., 0]
        r = (y.sum(axis=2) * np.arange(20)).sum(axis=1) - 9  # the bright pixel's mean row, from where it was
        c = (y.sum(axis=1) * np.arange(10)).sum(axis=1) - 4
        assert abs(r).max() <= rows + 1e-9 and abs(c).max() <= columns + 1e-9
        assert abs(r).max() >= 0.9 * rows and abs(c).max() >= 0.9 * columns


def test_images_are_bent_as_by_random_elastic():
    images = images_of(3, 8, 7, 1)
    change = ImageDataGenerator(elastic=(12.0, 2.0), fill_mode="constant")
    bent = change.random_transform(images, rng=0)
    rng = np.random.default_rng(0)
    rng.random(5 * 3)  # θ, t and z come first: 1, 2 and 2 numbers for each image
    np.testing.assert_allclose(bent, random_elastic(images, 12.0, 2.0, rng=rng), atol=1e-12)


def test_turned_and_bent_is_interpolated_once():
    """Noise shows it: each interpolation averages some of it away."""
    images = images_of(20, 20, 20, 1)
    turned = ImageDataGenerator(rotation_range=10)
    bent = ImageDataGenerator(rotation_range=10, elastic=(20, 4))
    once, twice = bent(images, rng=0), random_elastic(turned(images, rng=0), 20, 4, rng=0)
    assert once[:, 5:-5, 5:-5].std() > 1.2 * twice[:, 5:-5, 5:-5].std()


def test_the_order_is_that_of_keras():
    """Random changes first, then the function, image by image, then the scale."""
    seen = []

    def note(image):
        seen.append(image.copy())
        return image + 1

    images = np.full((2, 4, 4, 1), 10, np.uint8)
    y = ImageDataGenerator(crop=(3, 2), preprocessing_function=note, rescale=0.5)(images, rng=0)
    assert [a.shape for a in seen] == [(3, 2, 1)] * 2 and seen[0].max() == 10
    assert y.dtype == np.float32 and np.array_equal(y, np.full((2, 3, 2, 1), 5.5))


def test_crops_are_windows_of_the_images():
    images = images_of(40, 5, 6)
    places = set()
    for image, window in zip(images, random_crop(images, (4, 3), rng=0)):
        fits = [(i, j) for i in range(2) for j in range(4) if np.array_equal(image[i : i + 4, j : j + 3], window)]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) == 8


def test_the_same_seed_gives_the_same_images():
    change = ImageDataGenerator(rotation_range=20, zoom_range=(0.8, 1.1), width_shift_range=0.1, horizontal_flip=True)
    images = images_of(3, 6, 6, 1)
    assert np.array_equal(change(images, rng=3), change(images, rng=3))
    assert not np.array_equal(change(images, rng=3), change(images, rng=4))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"fill_mode": "neares"}, "Did you mean 'nearest'"),
        ({"rotation_range": -1}, "rotation_range >= 0, got -1"),
        ({"rotation_range": "5"}, "rotation_range as a number >= 0, got str '5'"),
        ({"width_shift_range": [-1, 1]}, "width_shift_range as a number >= 0, got list"),
        ({"horizontal_flip": "yes"}, "horizontal_flip as True or False, got str 'yes'"),
        ({"rescale": "1/255"}, "rescale as a number, or None, got str '1/255'"),
        ({"cval": "black"}, "cval as a number, got str 'black'"),
        ({"crop": 3}, r"crop as \(height, width\), got int 3"),
        ({"crop": (0, 3)}, "crop as a positive integer, got 0"),
        ({"preprocessing_function": 3}, "expects preprocessing_function, got int 3"),
        ({"elastic": 30}, r"elastic as \(alpha, sigma\), got int 30"),
        ({"elastic": ("30", 4)}, "elastic expects alpha as a number >= 0, got str '30'"),
        ({"elastic": (30, 0)}, "elastic expects sigma > 0, got 0"),
        ({"zoom_range": 1.0}, "zoom_range as z below 1"),
        ({"zoom_range": (1.2, 0.8)}, "zoom_range as z below 1"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ImageDataGenerator(**settings)


@pytest.mark.parametrize(
    "shape, words",
    [
        ((2, 8, 8), r"Add the missing axis: x\[..., None\]"),
        ((2, 3, 8, 8), r"x.transpose\(0, 2, 3, 1\)"),
        ((2, 64), "expects images"),
    ],
)
def test_wrong_shapes_are_refused_with_the_remedy(shape, words):
    with pytest.raises(ValueError, match=words):
        ImageDataGenerator().flow(np.zeros(shape))


def test_crops_larger_than_the_image_are_refused():
    with pytest.raises(ValueError, match="cannot cut windows of 9 x 2 from images of 8 x 8"):
        ImageDataGenerator(crop=(9, 2))(np.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize("images", [np.zeros((1, 8, 8, 1), np.uint8), np.zeros((8, 8, 1))])
def test_maps_of_integers_or_of_one_image_are_refused(images):
    with pytest.raises(ValueError, match=r"random_transform expects floating images \(N, H, W, C\)"):
        ImageDataGenerator(rotation_range=20).random_transform(images)


def test_a_list_is_as_good_as_an_array():
    images = images_of(1, 4, 4, 1)
    change = ImageDataGenerator(rotation_range=20)
    assert np.array_equal(change(images.tolist(), rng=0), change(images, rng=0))


# --- flow ------------------------------------------------------------------------------------------------------------


def test_flow_gives_batches_with_their_labels():
    x, y = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8), np.arange(5)
    flow = ImageDataGenerator(rotation_range=30, rescale=0.1).flow(x, y, batch_size=2, rng=0)
    assert isinstance(flow, DataLoader) and len(flow) == 3
    batches = list(flow)
    assert sorted(np.concatenate([labels for _, labels in batches])) == [0, 1, 2, 3, 4]
    for images, labels in batches:
        np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), labels * 0.1, rtol=1e-5)
    assert [b.shape for b in ImageDataGenerator().flow(x, batch_size=3)] == [(3, 4, 4, 1), (2, 4, 4, 1)]


def test_weights_without_labels_would_be_taken_for_them():
    with pytest.raises(ValueError, match="expects y with sample_weight"):
        ImageDataGenerator().flow(images_of(2, 4, 4, 1), sample_weight=[1.0, 2.0])


def test_a_model_takes_flows_and_gives_outputs_in_their_order():
    md.seed(0)
    x, y = images_of(12, 6, 6, 1) * 255, np.arange(12) % 2
    model = md.Sequential([Flatten(), Dense(2)])
    model.compile("adam", md.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(ImageDataGenerator(crop=(4, 4)).flow(x, y, batch_size=5), epochs=2, verbose=0)
    assert model.layers[1].kernel.shape == (16, 2)  # what the loader gives, not what its arrays hold
    test = ImageDataGenerator(rescale=1 / 255).flow(x[:, :4, :4], y, shuffle=False)
    np.testing.assert_allclose(model.predict(test), model.predict(x[:, :4, :4] / 255), rtol=1e-5, atol=1e-6)
    assert len(model.evaluate(test, verbose=0)) == 2


def test_an_interrupted_epoch_goes_on_with_the_same_images():
    x = images_of(10, 5, 5, 1)
    change = ImageDataGenerator(rotation_range=40, zoom_range=0.2)
    flow = change.flow(x, batch_size=3, rng=0)
    batches = iter(flow)
    next(batches)
    state = flow.state_dict()
    rest = list(batches)
    again = change.flow(x, batch_size=3, rng=9)
    again.load_state_dict(state)
    assert all(np.array_equal(a, b) for a, b in zip(again, rest, strict=True))


def test_images_on_a_gpu_change_as_on_the_cpu():
    images = images_of(4, 6, 6, 1).astype(np.float32)
    change = ImageDataGenerator(
        rotation_range=20, zoom_range=0.2, elastic=(9, 2), horizontal_flip=True, crop=(5, 4), rescale=2.0
    )
    with fake_cupy.installed() as cupy:
        moved = change(cupy.asarray(images), rng=0)
        np.testing.assert_allclose(moved.get(), change(images, rng=0), rtol=1e-5)
