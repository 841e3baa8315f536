"""Images in a folder, with one folder inside for each class, read batch by batch (D1.P4)."""

import os
import warnings
from collections.abc import Callable, Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from minidl.arrays import Array, default_dtype
from minidl.data.labels import to_categorical
from minidl.data.loader import DataLoader
from minidl.errors import describe, first_few, unknown_name

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}  # Pillow's name, and the channels
CLASS_MODES = ("binary", "categorical", "sparse")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


class ImageFolder(DataLoader):
    """Batches (images, labels) from files such as ``directory/cats/1.jpg`` and ``directory/dogs/1.jpg``.

    It is a ``DataLoader`` whose samples are the numbers of the files: only those of the batch in hand are in memory.
    The classes are the folders' names, sorted; files in deeper folders belong to the class too. Files with other
    endings than those of images are passed over.

    **Broken files.** Each file is opened and decoded once at the start. Those that are empty, broken or grey with more
    than 8 bits are left out, and named in one ``UserWarning``; of colours with 16 bits Pillow keeps the upper 8. Where
    nothing is left of a class, that is an error.

    Parameters
    ----------
    directory : path
    target_size : (H, W)
        All images are brought to this size.
    color_mode : {"rgb", "grayscale", "rgba"}
        C = 3, 1 or 4.
    classes : list of str, optional
        The folders to take, in the order of their labels; all, sorted, by default.
    class_mode : {"categorical", "binary", "sparse"} or None
        What the labels look like: one-hot rows (B, K); 0.0 or 1.0 for two classes, (B, 1); integers (B,). With None
        batches are images alone, for ``predict``, and the files may also stand in the directory itself.
    batch_size, shuffle, rng
        As in ``DataLoader``. For ``predict`` use ``shuffle=False``: then the outputs have the order of ``filenames``.
    interpolation : {"nearest", "bilinear", "bicubic"}
        How images are made larger or smaller.
    augment : function (images, rng) -> images, optional
        Changes each batch (B, H, W, C) of numbers 0 .. 255: an ``ImageDataGenerator``.

    Attributes
    ----------
    filenames : list of str
        Relative to ``directory``, in the order of the samples.
    classes : (N,) int64
        The label of each.
    class_indices : dict {class name: label}

    Raises
    ------
    FileNotFoundError
        There is no such directory, or no folder for one of the ``classes``.
    ValueError
        No readable image of some class; fewer than two classes, or with "binary" not exactly two; Pillow is not
        installed.

    Notes
    -----
    Differences from Keras: a loop over it ends after one epoch; labels of "binary" are (B, 1), like the output of
    ``Dense(1)``, and those of "sparse" integers; photographs are turned upright (``read_image``).
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        rng: np.random.Generator | int | None = None,
        interpolation: str = "nearest",
        augment: Callable[..., Array] | None = None,
    ):
        for name, value, known in (
            ("color_mode", color_mode, MODES),
            ("class_mode", class_mode, CLASS_MODES),
            ("interpolation", interpolation, INTERPOLATIONS),
        ):
            if value not in tuple(known) and (name, value) != ("class_mode", None):
                raise unknown_name(f"ImageFolder: {name}", value, known)
        if not isinstance(directory, (str, PathLike)):
            raise TypeError(f"ImageFolder expects the path of a folder, got {describe(directory)}.")
        if augment is not None and not callable(augment):
            raise TypeError(
                f"ImageFolder expects augment as a function (images, rng) -> images, got {describe(augment)}."
            )
        self.directory, self.target_size = Path(directory), _checked_size(target_size)
        self.color_mode, self.class_mode, self.interpolation = color_mode, class_mode, interpolation
        self.image_shape = (*self.target_size, MODES[color_mode][1])
        self.change = augment
        names = class_names(self.directory, classes, class_mode)
        self.class_indices = {name: k for k, name in enumerate(names)}
        self.filenames, labels = find_images(self.directory, names, all_of_them=class_mode is not None)
        self.classes = np.array(labels, np.int64)
        labels = [] if class_mode is None else [_as_labels(self.classes, class_mode, len(names))]
        super().__init__(
            np.arange(len(self.filenames)),
            *labels,
            batch_size=batch_size,
            shuffle=shuffle,
            rng=rng,
            augment=self._read,
        )

    def _read(self, numbers: np.ndarray, rng: np.random.Generator) -> Array:
        """The files of these numbers: (B,) -> (B, H, W, C)."""
        images = np.stack([self._read_one(self.filenames[k]) for k in numbers])  # (B, H, W, C) uint8
        images = images.astype(default_dtype())
        return images if self.change is None else self.change(images, rng=rng)

    def _read_one(self, name: str) -> np.ndarray:
        try:
            return read_image(self.directory / name, self.target_size, self.color_mode, self.interpolation)
        except Exception as error:  # see what_is_wrong
            raise ValueError(f"ImageFolder cannot read {name} any more: {error}") from error


def read_image(
    path: str | PathLike[str],
    target_size: tuple[int, int] | None = None,
    color_mode: str = "rgb",
    interpolation: str = "nearest",
) -> np.ndarray:
    """One image as (H, W, C) uint8, in its own size unless another is wanted.

    A photograph is turned upright where its camera noted how it was held (the orientation in its EXIF data).

    Raises
    ------
    OSError and others
        As Pillow says it: the file is no image, is cut off, or broken.
    ValueError
        The image is grey with more than 8 bits.
    """
    pillow = pillow_package()
    with pillow.Image.open(path) as image:
        if image.mode[0] in "IF":  # Pillow would cut off all numbers above 255
            raise ValueError(f"more than 8 bits a channel (mode {image.mode})")
        image = pillow.ImageOps.exif_transpose(image).convert(MODES[color_mode][0])
        if target_size is not None and image.size != target_size[::-1]:  # Pillow's sizes are (W, H)
            image = image.resize(target_size[::-1], pillow.Image.Resampling[interpolation.upper()])
        return np.asarray(image).reshape(*image.size[::-1], -1)  # grey (H, W) -> (H, W, 1)


def class_names(directory: Path, classes: Sequence[str] | None, class_mode: str | None) -> list[str]:
    """The folders that are classes, in the order of their labels."""
    if not directory.is_dir():
        raise FileNotFoundError(f"ImageFolder: there is no folder {str(directory)!r}.")
    inside = sorted(p.name for p in directory.iterdir() if p.is_dir() and not p.name.startswith("."))
    names = inside if classes is None else _listed_names(classes)
    absent = [name for name in names if name not in inside]
    if absent:
        raise FileNotFoundError(f"ImageFolder: {str(directory)!r} has no folder for the classes {', '.join(absent)}.")
    if class_mode is None:
        return names or ["."]
    if class_mode == "binary" and len(names) != 2:
        fix = "'categorical'" if len(names) > 2 else "None for images without labels"
        raise ValueError(
            f"ImageFolder with class_mode='binary' expects two folders, one for each class, in {str(directory)!r}, "
            f"got {len(names)}{': ' + ', '.join(names[:6]) if names else ''}.\nIs class_mode={fix} meant?"
        )
    if len(names) < 2:
        raise ValueError(
            f"ImageFolder expects a folder for each of at least two classes in {str(directory)!r}, got {names}.\n"
            "For images without labels use class_mode=None."
        )
    return names


def find_images(directory: Path, names: list[str], all_of_them: bool = True) -> tuple[list[str], list[int]]:
    """The readable images of these folders, sorted, and their labels; a warning names the others.

    With ``all_of_them`` each folder must hold one: a model cannot learn a class that it never sees.
    """
    pillow_package()  # says now when it is absent
    files, labels, faults = [], [], []
    for label, name in enumerate(names):
        for path in sorted((directory / name).rglob("*")):
            shut = path.is_dir() and not os.access(path, os.R_OK | os.X_OK)  # rglob says nothing of it
            image = path.suffix.lower() in ENDINGS and not path.name.startswith(".") and not path.is_dir()
            if not (shut or image):
                continue
            file = os.fspath(path.relative_to(directory))
            fault = "a folder that may not be read" if shut else what_is_wrong(path)
            if fault:
                faults.append(f"{file} ({fault})")
            else:
                files.append(file)
                labels.append(label)
    bare = sorted(set(range(len(names))) - set(labels)) if all_of_them else []
    if not files or bare:
        where = f" of the class {', '.join(names[k] for k in bare)}" if files else ""
        found = f"; unreadable: {first_few(faults, 3)}" if faults else ""
        raise ValueError(
            f"ImageFolder found no readable image{where} in {str(directory)!r}{found}.\n"
            f"It looks for files ending in {', '.join(ENDINGS)}."
        )
    if faults:
        n = len(faults) + len(files)
        warnings.warn(f"ImageFolder leaves out {len(faults)} of {n} files: {first_few(faults)}.", stacklevel=3)
    return files, labels


def what_is_wrong(path: Path) -> str:
    """Why a file cannot be used; an empty string where it can."""
    if not path.exists():
        return "a link to nothing"
    if path.stat().st_size == 0:
        return "empty"
    try:
        read_image(path)
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        return "no image" if cause.startswith("cannot identify") else cause
    return ""


def pillow_package() -> ModuleType:
    """``PIL`` with its ``Image`` and ``ImageOps``, or an error that says how to install it."""
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise ValueError(
            "reading image files needs the package Pillow, which is not installed.\nInstall it with: pip install pillow"
        ) from error
    return PIL


def _listed_names(classes: Any) -> list[str]:
    """The classes that were asked for, each once."""
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        raise TypeError(f"ImageFolder expects classes as a list of folders' names, got {describe(classes)}.")
    twice = [name for k, name in enumerate(classes) if name in classes[:k]]
    if twice:
        raise ValueError(f"ImageFolder expects each of the classes once, got {twice[0]!r} twice.")
    other = [name for name in classes if not isinstance(name, str)]
    if other:
        raise TypeError(f"ImageFolder expects classes as a list of folders' names, got {describe(other[0])} in it.")
    return list(classes)


def _checked_size(size: Any) -> tuple[int, int]:
    if not (
        isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(n, Integral) and n > 0 for n in size)
    ):
        raise ValueError(f"ImageFolder expects target_size as (height, width), got {size!r}.")
    return int(size[0]), int(size[1])


def _as_labels(labels: np.ndarray, class_mode: str, K: int) -> np.ndarray:
    """Integers (N,) in the form that ``class_mode`` names."""
    if class_mode == "categorical":
        return to_categorical(labels, K)  # (N, K)
    return labels[:, None].astype(default_dtype()) if class_mode == "binary" else labels  # (N, 1) or (N,)
