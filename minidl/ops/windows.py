"""Windows: the parts of an image that a kernel or a pool looks at, one for each output.

Along one axis of n pixels, a window of k places with stride s and dilation d covers e = (k − 1) d + 1 pixels, and
output o sees at place i the pixel

    p = o s + i d − before

where ``before`` pixels were added in front of the image. ``padding`` says how many, in TensorFlow's words and ways:

=========  ============================  ==================================================================
padding    outputs                       pixels added
=========  ============================  ==================================================================
valid      ⌊(n − e) / s⌋ + 1             none
same       ⌈n / s⌉                       as few as that takes, half of them in front, an odd one behind
=========  ============================  ==================================================================

All outputs' pixels for one place i are one strided slice of the image: ``Windows.seen_at``. Convolution and pooling are
written with these slices.
"""

from collections.abc import Iterator
from itertools import product
from numbers import Integral
from typing import Any, NamedTuple

from minidl.arrays import Array, array_module
from minidl.errors import unknown_name
from minidl.ops.joining import pad

PADDINGS = ("valid", "same")


class Windows(NamedTuple):
    """The windows over the axes 1, 2, ... of x (N, H, W, C), for one size of image."""

    image: tuple[int, ...]  # (H, W)
    size: tuple[int, ...]  # (kh, kw), the places of a window
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    added: tuple[tuple[int, int], ...]  # pixels (before, after) along each axis
    outputs: tuple[int, ...]  # (OH, OW)

    @property
    def padded(self) -> tuple[int, ...]:
        """The size of the image with the pixels added."""
        return tuple(before + n + after for n, (before, after) in zip(self.image, self.added))

    @property
    def inside(self) -> tuple[slice, ...]:
        """Where the image stands in the padded one."""
        return (slice(None), *(slice(before, before + n) for n, (before, _) in zip(self.image, self.added)))

    @property
    def pointwise(self) -> bool:
        """Whether every pixel is a window of its own, and has an output."""
        return self.outputs == self.image and all(k == s == 1 for k, s in zip(self.size, self.strides))

    def places(self) -> Iterator[tuple[int, ...]]:
        """(0, 0), (0, 1), ...: the places (i, j) of a window, in reading order."""
        return product(*map(range, self.size))

    def seen_at(self, *place: int) -> tuple[slice, ...]:
        """The index that picks from the padded image what the outputs see at a place: (N, OH, OW, C).

        >>> windows("example", (6,), 3, 2, "same", 1).seen_at(1)
        (slice(None, None, None), slice(1, 6, 2))
        """
        axes = zip(place, self.strides, self.dilation, self.outputs)
        return (slice(None), *(slice(i * d, i * d + (n - 1) * s + 1, s) for i, s, d, n in axes))


def windows(who: str, image: tuple[int, ...], size: Any, strides: Any, padding: str, dilation: Any = 1) -> Windows:
    """The windows for an image of this size; ``size``, ``strides`` and ``dilation`` are a number or one for each axis.

    Raises
    ------
    ValueError
        A number is not positive, the word for the padding is not known, or a window is larger than the image.
    """
    size = per_axis(who, "a window", size, len(image))
    strides = per_axis(who, "strides", strides, len(image))
    dilation = per_axis(who, "dilation", dilation, len(image))
    extent = tuple((k - 1) * d + 1 for k, d in zip(size, dilation))
    if check_padding(who, padding) == "valid":
        added = ((0, 0),) * len(image)
    else:
        missing = [max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(image, strides, extent)]
        added = tuple((m // 2, m - m // 2) for m in missing)
    if any(n < 1 or n + sum(m) < e for n, m, e in zip(image, added, extent)):
        raise ValueError(
            f"{who}: a window of {sizes(extent)} is larger than the image of {sizes(image)}.\n"
            'Use padding="same", a smaller window, or fewer layers that shrink the image.'
        )
    outputs = tuple((n + sum(m) - e) // s + 1 for n, m, e, s in zip(image, added, extent, strides))
    return Windows(image, size, strides, dilation, added, outputs)


def per_axis(who: str, what: str, value: Any, axes: int) -> tuple[int, ...]:
    """A positive number for each axis, from one number or a tuple.

    >>> per_axis("example", "strides", 2, axes=2)
    (2, 2)
    """
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(numbers) != axes or not all(isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in numbers):
        wanted = "a positive integer" + (f" or {axes} of them" if axes > 1 else "")
        raise ValueError(f"{who} expects {what} of {wanted}, got {value!r}.")
    return tuple(int(n) for n in numbers)


def check_padding(who: str, padding: Any, known: tuple[str, ...] = PADDINGS) -> str:
    """The word for the padding, if it is known."""
    if not isinstance(padding, str) or padding not in known:
        raise unknown_name(f"{who}: padding", padding, known)
    return padding


def sizes(numbers: tuple[int, ...]) -> str:
    """Sizes as they are said: "28 x 28"."""
    return " x ".join(map(str, numbers))


def surround(x: Array, w: Windows, value: float = 0) -> Array:
    """An array x (N, H, W, C) with the windows' pixels added around it: (N, *w.padded, C)."""
    if w.padded == w.image:
        return x
    y = array_module(x).full((x.shape[0], *w.padded, *x.shape[len(w.image) + 1 :]), value, x.dtype)
    y[w.inside] = x
    return y


def surround_composition(x: Any, w: Windows, value: float = 0) -> Any:
    """The same, written with ``pad``: for Tensors too."""
    behind = x.ndim - 1 - len(w.image)
    return pad(x, ((0, 0), *w.added, *((0, 0),) * behind), constant_values=value)


def batches(N: int, numbers: int, limit: int) -> Iterator[slice]:
    """The samples a few at a time, in equal batches of at most ``limit`` numbers; each sample makes ``numbers``.

    >>> [(s.start, s.stop) for s in batches(10, numbers=300, limit=2500)]  # 5 and 5, not 8 and 2
    [(0, 5), (5, 10)]
    """
    most = max(1, limit // max(1, numbers))
    count = max(1, -(-N // most))  # rounded up
    step = max(1, -(-N // count))
    return (slice(n, n + step) for n in range(0, N, step))
