"""Images for training: turned, moved, zoomed, cut and mirrored at random, then scaled (D.T1, D.T5, D1.P4)."""

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, default_dtype, generator
from minidl.data.affine import affine_maps, affine_transform
from minidl.data.augment import check_window, random_crop
from minidl.data.elastic import check_elastic, check_floating, displacements
from minidl.data.folders import ImageFolder
from minidl.data.interpolation import FILLS
from minidl.data.loader import DataLoader
from minidl.errors import channels_last, describe, unknown_name
from minidl.habits import settings_of, unknown_setting
from minidl.settings import check_flag, check_number


class ImageDataGenerator:
    """Random changes of images that leave their labels right, in Keras' order.

    Of each image in a batch, with numbers of its own: turned by θ, moved, zoomed and bent, in one map of the plane (see
    ``affine``); mirrored; cut. Then the whole batch goes through ``preprocessing_function`` and is multiplied by
    ``rescale``. Without arguments nothing is changed.

    Parameters
    ----------
    rotation_range : float
        θ is uniform in ± so many degrees.
    width_shift_range, height_shift_range : float
        Moves are uniform in ± this: below 1 a share of the width or height, from 1 on pixels.
    zoom_range : float or (low, high)
        Rows and columns are each zoomed by their own z, uniform in [low, high], or in 1 ± the number; below 1 enlarges.
    elastic : (alpha, sigma), optional
        Bent like a sheet of rubber, so far and so smoothly: see ``random_elastic``. (Keras has no such argument.)
    fill_mode : {"nearest", "constant"}
        What comes in from outside: the nearest pixel, or ``cval``.
    cval : float
        0 is black.
    horizontal_flip, vertical_flip : bool
        Mirror every other image, by chance: left and right; top and bottom.
    crop : (h, w), optional
        Cut a window of this size from a random place. (Keras has no such argument.)
    rescale : float, optional
        Multiplies the pixels at the end: 1/255 makes 0 .. 255 into 0 .. 1.
    preprocessing_function : function (H, W, C) -> (H, W, C), optional
        Applied to each image before ``rescale``.

    Notes
    -----
    It is a function of images and a generator, so a ``DataLoader`` takes it as its ``augment``; ``flow`` and
    ``flow_from_directory`` give such loaders. Only training images are changed at random: for validation and test use
    ``ImageDataGenerator(rescale=...)`` alone.

    Examples
    --------
    >>> generator = ImageDataGenerator(rescale=1 / 255, rotation_range=10, horizontal_flip=True)
    >>> images, labels = np.full((5, 8, 8, 3), 255, np.uint8), np.arange(5)
    >>> for x, y in generator.flow(images, labels, batch_size=3):
    ...     print(x.shape, x.dtype, x.max())
    (3, 8, 8, 3) float32 1.0
    (2, 8, 8, 3) float32 1.0
    """

    def __init__(
        self,
        *,
        rotation_range: float = 0.0,
        width_shift_range: float = 0.0,
        height_shift_range: float = 0.0,
        zoom_range: float | tuple[float, float] = 0.0,
        elastic: tuple[float, float] | None = None,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        crop: tuple[int, int] | None = None,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        **rest: Any,
    ):
        if rest:
            raise unknown_setting("ImageDataGenerator", next(iter(rest)), settings_of(ImageDataGenerator))
        if fill_mode not in FILLS:
            raise unknown_name("ImageDataGenerator: fill_mode", fill_mode, FILLS)
        who = "ImageDataGenerator"
        self.rotation_range = check_number(who, "rotation_range", rotation_range, "[0, inf)")
        self.width_shift_range = check_number(who, "width_shift_range", width_shift_range, "[0, inf)")
        self.height_shift_range = check_number(who, "height_shift_range", height_shift_range, "[0, inf)")
        self.zoom_range = _zooms(zoom_range)
        self.elastic = None if elastic is None else _elastic(elastic)
        self.fill_mode, self.cval = fill_mode, float(check_number(who, "cval", cval))
        self.horizontal_flip = check_flag(who, "horizontal_flip", horizontal_flip)
        self.vertical_flip = check_flag(who, "vertical_flip", vertical_flip)
        self.crop = None if crop is None else check_window(who, "crop", crop)
        self.rescale = check_number(who, "rescale", rescale, optional=True)
        if preprocessing_function is not None and not callable(preprocessing_function):
            raise TypeError(f"{who} expects preprocessing_function, got {describe(preprocessing_function)}.")
        self.preprocessing_function = preprocessing_function

    def __call__(self, images: Array, rng: np.random.Generator | int | None = None) -> Array:
        """(N, H, W, C) -> the same images changed at random, then scaled, in the default dtype."""
        images = as_array(images)
        check_images("ImageDataGenerator", images)
        return self.standardize(self.random_transform(images.astype(default_dtype()), rng))

    def random_transform(self, images: Array, rng: np.random.Generator | int | None = None) -> Array:
        """The random changes alone, of floating images (N, H, W, C); with ``crop`` (N, h, w, C)."""
        check_floating("ImageDataGenerator.random_transform", images)
        rng = generator(rng)
        N, H, W = images.shape[:3]
        changes = self.rotation_range, self.width_shift_range, self.height_shift_range, self.elastic
        if any(changes) or self.zoom_range != (1.0, 1.0):
            theta = rng.uniform(-1, 1, N) * self.rotation_range
            most = [pixels(self.height_shift_range, H), pixels(self.width_shift_range, W)]
            shift = rng.uniform(-1, 1, (N, 2)) * most  # (N, 2): rows, columns
            zoom = rng.uniform(*self.zoom_range, (N, 2))
            delta = displacements(N, H, W, *self.elastic, rng) if self.elastic else None  # (2, N, H, W)
            images = affine_transform(images, *affine_maps(theta, zoom, shift), self.fill_mode, self.cval, delta)
        if self.horizontal_flip:
            images = _flip(images, 2, rng)
        if self.vertical_flip:
            images = _flip(images, 1, rng)
        return images if self.crop is None else random_crop(images, self.crop, rng)

    def standardize(self, images: Array) -> Array:
        """``preprocessing_function``, then ``rescale``."""
        if self.preprocessing_function is not None:
            images = array_module(images).stack([self.preprocessing_function(image) for image in images])
        return images if self.rescale is None else images * float(self.rescale)

    # --- batches ------------------------------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        rng: np.random.Generator | int | None = None,
    ) -> DataLoader:
        """Batches of changed images from arrays, for ``fit``, ``evaluate`` and ``predict``.

        Parameters
        ----------
        x : (N, H, W, C)
        y : (N, ...), optional
        sample_weight : (N,), optional
        batch_size, shuffle, rng
            As in ``DataLoader``. In contrast to Keras' a loop over it ends after one epoch.
        """
        x = as_array(x)
        check_images("ImageDataGenerator.flow", x)
        if y is None and sample_weight is not None:
            raise ValueError("ImageDataGenerator.flow expects y with sample_weight, which else would be taken for it.")
        arrays = [x, *(as_array(a) for a in (y, sample_weight) if a is not None)]
        return DataLoader(*arrays, batch_size=batch_size, shuffle=shuffle, rng=rng, augment=self)

    def flow_from_directory(
        self, directory: str | PathLike[str], target_size: tuple[int, int] = (256, 256), **settings: Any
    ) -> ImageFolder:
        """Batches of changed images from a folder that has one folder inside for each class: see ``ImageFolder``."""
        return ImageFolder(directory, target_size, augment=self, **settings)


def check_images(who: str, x: Array) -> None:
    """Refuse what is not (N, H, W, C) with few channels."""
    if x.ndim == 4 and not (x.shape[1] in (1, 3) and x.shape[3] not in (1, 2, 3, 4)):
        return
    fix = ""
    if x.ndim == 3:
        fix = "\nAdd the missing axis: x[..., None] for one channel, x[None] for one image."
    elif x.ndim == 4:
        fix = channels_last(x.shape, x.shape[1])
    raise ValueError(f"{who} expects images (N, H, W, C), got shape {tuple(x.shape)}.{fix}")


def pixels(share: float, size: int) -> float:
    """Below 1 it is a share of the size, from 1 on pixels."""
    return share * size if share < 1 else share


def _flip(images: Array, axis: int, rng: np.random.Generator) -> Array:
    """Mirror each image along this axis, or not, with equal chances."""
    xp = array_module(images)
    chosen = xp.asarray(rng.random(len(images)) < 0.5)[:, None, None, None]  # (N, 1, 1, 1)
    return xp.where(chosen, xp.flip(images, axis), images)


def _zooms(zoom_range: float | tuple[float, float]) -> tuple[float, float]:
    """(low, high)."""
    if isinstance(zoom_range, (tuple, list)) and len(zoom_range) == 2:
        low, high = (check_number("ImageDataGenerator", "zoom_range", z, "[0, inf)") for z in zoom_range)
    else:
        z = check_number("ImageDataGenerator", "zoom_range", zoom_range, "[0, inf)")
        low, high = 1 - z, 1 + z
    if not 0 < low <= high:
        raise ValueError(f"ImageDataGenerator expects zoom_range as z below 1, or 0 < low <= high, got {zoom_range!r}.")
    return low, high


def _elastic(elastic: tuple[float, float]) -> tuple[float, float]:
    """(alpha, sigma)."""
    if not isinstance(elastic, (tuple, list)) or len(elastic) != 2:
        raise TypeError(f"ImageDataGenerator expects elastic as (alpha, sigma), got {describe(elastic)}.")
    check_elastic("ImageDataGenerator: elastic", *elastic)
    return tuple(elastic)
