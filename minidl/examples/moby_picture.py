"""The picture of ``moby_gpt``: how the bits fell, what the model writes, and what surprises it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.plot.style import BLUE, GREY, INK, VERMILLION, tidy

WIDTH = 74  # characters in a line of a sample
LETTER = {"family": "monospace", "fontsize": 12, "color": INK}
SURPRISED = 8  # bits that are shown in the darkest colour


def curves(history: Mapping[str, Sequence[float]], counts: Mapping[int, float], ax: Any) -> None:
    """Bits per character by epoch, and as lines what counting reaches."""
    epochs = range(1, len(history["bits"]) + 1)
    ax.plot(epochs, history["bits"], "o-", color=BLUE, markersize=3.5, label="training")
    if "val_bits" in history:
        ax.plot(epochs, history["val_bits"], "s-", color=VERMILLION, markersize=3.5, label="validation")
    for n, bits in counts.items():
        ax.axhline(bits, color=GREY, linewidth=1, linestyle="--")
        name = {1: "single characters", 2: "pairs"}.get(n, f"{n} characters")
        ax.annotate(
            f"counts of {name}: {bits:.2f}", (1, bits), (0, 2), ha="right", va="bottom", color=INK, fontsize=9,
            xycoords=("axes fraction", "data"), textcoords="offset points",
        )  # fmt: skip
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_title("bits per character")
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.85))  # between the lines of the counts
    tidy(ax)


def samples(texts: Mapping[float, str], ax: Any) -> None:
    """What the model writes at each temperature, one below the other."""
    ax.set_axis_off()
    parts = []
    for temperature, text in texts.items():
        lines = textwrap.wrap(" ".join(text.split()), WIDTH)
        parts.append("\n".join([f"temperature {temperature}:", *(f"  {line}" for line in lines)]))
    ax.text(0, 1, "\n\n".join(parts), va="top", family="monospace", fontsize=10, color=INK, parse_math=False)


def surprise(text: str, bits: Sequence[float], ax: Any) -> None:
    """A text on paper that is the redder, the less the model expected the character."""
    rows = text.split("\n")
    paper = np.zeros((len(rows), max(map(len, rows))))
    first = 0  # of the row's characters in the text
    for down, row in enumerate(rows):
        paper[down, : len(row)] = np.minimum(bits[first : first + len(row)], SURPRISED)
        first += len(row) + 1  # the line break is a character too
        for across, character in enumerate(row):
            if not character.isspace():
                ax.text(across, down, character, ha="center", va="center", parse_math=False, **LETTER)
    ax.imshow(paper, cmap="Reds", vmin=0, vmax=1.5 * SURPRISED, aspect="auto")  # not to the end, where it is dark
    ax.set_axis_off()
    ax.set_title(f"unseen text: white 0 bits, the reddest {SURPRISED} and more", fontsize=11)
