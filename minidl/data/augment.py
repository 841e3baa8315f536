"""Augmentation: new training images from old ones, whose labels stay right (D.T1, D.T5)."""

from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, generator, is_array
from minidl.errors import describe
from minidl.settings import check_whole


def random_shift(images: Array, most: int = 1, rng: np.random.Generator | int | None = None) -> Array:
    """Move each image by its own random whole number of pixels, and fill with zeros.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C)
    most : int
        Both ways, up to so many pixels in each direction: each of the (2 most + 1)² places is equally likely.
    rng : Generator or int, optional
        The one random generator by default.

    Returns
    -------
    array, same shape and dtype as ``images``; a copy.

    >>> image = np.zeros((1, 3, 3)); image[0, 1, 1] = 1
    >>> random_shift(image, 1, rng=0)[0]
    array([[0., 1., 0.],
           [0., 0., 0.],
           [0., 0., 0.]])
    """
    check_images("random_shift", images)
    check_whole("random_shift", "most", most, lowest=0)
    if not 0 <= most < min(images.shape[1:3]):
        raise ValueError(f"random_shift expects 0 <= most < image size, got {most!r} for shape {images.shape}.")
    xp = array_module(images)
    N, H, W = images.shape[:3]
    padding = [(0, 0), (most, most), (most, most)] + [(0, 0)] * (images.ndim - 3)
    padded = xp.pad(images, padding)  # (N, H + 2 most, W + 2 most, ...)
    down, right = generator(rng).integers(0, 2 * most + 1, (2, N))  # (N,) each
    return _cut(padded, down, right, H, W)


def random_crop(images: Array, size: tuple[int, int], rng: np.random.Generator | int | None = None) -> Array:
    """Cut a window out of each image, at its own random place.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C)
    size : (h, w)
        Not larger than the images.
    rng : Generator or int, optional
        The one random generator by default.

    Returns
    -------
    array (N, h, w, ...); a copy.

    >>> random_crop(np.arange(16.0).reshape(1, 4, 4), (2, 3), rng=0)
    array([[[ 9., 10., 11.],
            [13., 14., 15.]]])
    """
    check_images("random_crop", images)
    (N, H, W), (h, w) = images.shape[:3], check_window("random_crop", "size", size)
    if not (0 < h <= H and 0 < w <= W):
        raise ValueError(f"random_crop cannot cut windows of {h} x {w} from images of {H} x {W}.")
    rng = generator(rng)
    return _cut(images, rng.integers(0, H - h + 1, N), rng.integers(0, W - w + 1, N), h, w)


def check_images(who: str, images: Any) -> None:
    """Refuse what is no array of images."""
    if not is_array(images):
        raise TypeError(f"{who} expects an array of images (N, H, W) or (N, H, W, C), got {describe(images)}.")
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{who} expects images (N, H, W) or (N, H, W, C), got shape {images.shape}.\nFlatten after it, not before."
        )


def check_window(who: str, name: str, size: Any) -> tuple[int, int]:
    """A window's height and width."""
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise TypeError(f"{who} expects {name} as (height, width), got {describe(size)}.")
    return check_whole(who, name, size[0]), check_whole(who, name, size[1])


def _cut(images: Array, down: np.ndarray, right: np.ndarray, h: int, w: int) -> Array:
    """The window of h rows and w columns that begins at (down[n], right[n]) in image n."""
    xp = array_module(images)
    rows = xp.asarray(down)[:, None] + xp.arange(h)  # (N, h)
    columns = xp.asarray(right)[:, None] + xp.arange(w)  # (N, w)
    return images[xp.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]  # (N, h, w, ...)
