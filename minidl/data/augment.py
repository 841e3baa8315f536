"""Augmentation: new training images from old ones, whose labels stay right (D.T1, D.T5)."""

import numpy as np

from minidl.arrays import Array, array_module, generator


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
    if images.ndim not in (3, 4):
        raise ValueError(
            f"random_shift expects images (N, H, W) or (N, H, W, C), got shape {images.shape}.\n"
            "Flatten after it, not before."
        )
    if not 0 <= most < min(images.shape[1:3]):
        raise ValueError(f"random_shift expects 0 <= most < image size, got {most!r} for shape {images.shape}.")
    xp = array_module(images)
    N, H, W = images.shape[:3]
    padding = [(0, 0), (most, most), (most, most)] + [(0, 0)] * (images.ndim - 3)
    padded = xp.pad(images, padding)  # (N, H + 2 most, W + 2 most, ...)
    down, right = xp.asarray(generator(rng).integers(0, 2 * most + 1, (2, N)))  # (N,) each
    rows = down[:, None] + xp.arange(H)  # (N, H): the rows of the padded image that are kept
    columns = right[:, None] + xp.arange(W)  # (N, W)
    return padded[xp.arange(N)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (N, H, W, ...)
