"""Sentences whose words are coloured by a number each: an effect, or a weight."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.arrays import move
from minidl.metrics.reading import plain
from minidl.plot.style import GREY, INK, axes_of
from minidl.settings import check_number

COLOURS = "RdBu"  # red below zero, white at zero, blue above
SPACE, LINE, GAP = 0.5, 1.7, 0.5  # between words, lines and sentences, in letter sizes


def coloured_words(
    sentences: Sequence[Sequence[str]],
    effects: Sequence[Any],
    titles: Sequence[str] | None = None,
    label: str = "effect",
    width: float = 60,
    ax: Any = None,
) -> Any:
    """Write sentences and colour each word by its number: red below zero, blue above, on one scale for all.

    Parameters
    ----------
    sentences : N lists of words
    effects : N sequences of numbers
        One for each word.
    titles : N strings, optional
        Written in grey above each sentence.
    label : str
        What the numbers are, beside the bar of colours.
    width : float
        Where lines break, in letter sizes.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        There are no words, or not as many numbers as words, or as titles as sentences.

    Examples
    --------
    >>> ax = coloured_words([["not", "bad"], ["dull"]], [[0.8, -0.5], [-1.0]])
    >>> [text.get_label() for text in ax.patches if text.get_label() in ("not", "bad", "dull")]
    ['not', 'bad', 'dull']
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import FancyBboxPatch

    check_number("coloured_words", "width", width, "(0, inf)")
    for name, rows in (("sentences", sentences), ("effects", effects)):
        if isinstance(rows, str) or not hasattr(rows, "__len__"):
            raise TypeError(f"coloured_words expects {name} as a list with a row for each sentence, got {rows!r}.")
    numbers = [np.asarray(move(plain(e), "cpu"), dtype=float) for e in effects]
    _check(sentences, numbers, titles)
    largest = max(float(np.abs(e).max()) for e in numbers if e.size) or 1.0
    scale = ScalarMappable(Normalize(-largest, largest), colormaps[COLOURS])

    y = 0.0  # the line, growing downwards
    boxes, letters = [], []
    for n, (words, values) in enumerate(zip(sentences, numbers)):
        x = 0.0
        if titles is not None:
            letters.append(_text(titles[n], x, y, GREY))
            y += LINE
        for word, value in zip(words, values):
            text = _text(word, x, y, INK)
            size = text.get_path().vertices[:, 0].max(initial=x) - x  # get_extents() is exact, and slow
            if x > 0 and x + size > width:
                x, y = 0.0, y + LINE
                text = _text(word, x, y, INK)
            colour = scale.to_rgba(value)
            if np.dot(colour[:3], (0.3, 0.6, 0.1)) < 0.45:  # too dark for dark letters
                text.set_facecolor("white")
            boxes.append(FancyBboxPatch((x, y - 0.85), size, 1.15, "round,pad=0.12", facecolor=colour, linewidth=0))
            letters.append(text)
            x += size + SPACE
        y += LINE + GAP

    ax = axes_of(ax, 0.15 * width, 0.14 * y + 0.3)
    for patch in boxes + letters:
        ax.add_artist(patch)  # not add_patch, which measures every letter; the limits are known
    ax.set_xlim(-0.5, width + 0.5)
    ax.set_ylim(y - LINE, -LINE)
    ax.set_aspect("equal", anchor="NW")
    ax.set_axis_off()
    bar = ax.figure.colorbar(scale, ax=ax, label=label, shrink=0.6, fraction=0.04)
    if all((e >= 0).all() for e in numbers):
        bar.ax.set_ylim(0, largest)  # half of the colours are not in use
    return ax


def _check(sentences: Sequence[Sequence[str]], numbers: list[np.ndarray], titles: Sequence[str] | None) -> None:
    """Raise unless there is a number for each word, and a title for each sentence if any."""
    if len(numbers) != len(sentences):
        raise ValueError(f"coloured_words expects effects for {len(sentences)} sentences, got {len(numbers)}.")
    if titles is not None and len(titles) != len(sentences):
        raise ValueError(f"coloured_words expects {len(sentences)} titles, got {len(titles)}.")
    for words, values in zip(sentences, numbers):
        if isinstance(words, str):
            raise ValueError(f"coloured_words expects sentences as lists of words, got {words!r}. Use words.split().")
        if values.shape != (len(words),):
            raise ValueError(f"coloured_words expects {len(words)} numbers for {words}, got shape {values.shape}.")
        if not all(isinstance(word, str) for word in words):
            raise TypeError(f"coloured_words expects words as strings, got {words}.")
        if not np.isfinite(values).all():
            raise ValueError(f"coloured_words expects finite numbers, got NaN or infinity for {words}.")
    if not any(len(words) for words in sentences):
        raise ValueError("coloured_words expects at least one word.")


def _text(words: str, x: float, y: float, colour: str) -> Any:
    """Letters of size 1 as an outline, which grows and shrinks with the axes, the baseline beginning at (x, y)."""
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    visible = words.replace("$", r"\$") if words.strip() else "·"  # a dollar would begin a formula
    path = TextPath((0, 0), visible, size=1).transformed(Affine2D().scale(1, -1).translate(x, y))
    return PathPatch(path, facecolor=colour, linewidth=0, label=words)
