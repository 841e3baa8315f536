"""The picture of ``moby_gpt``: how the bits fell, what the model writes, and what surprises it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from minidl.plot.style import BLUE, GREY, INK, VERMILLION, tidy

WIDTH = 74  # characters in a line of a sample
SURPRISED = 8.0  # bits that are shown in the darkest colour


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
            f"counts of {name}: {bits:.2f}", (1, bits), (0, -3), ha="right", va="top", color=INK, fontsize=9,
            xycoords=("axes fraction", "data"), textcoords="offset points",
        )  # fmt: skip
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_title("bits per character")
    ax.legend(frameon=False, loc="center right")
    tidy(ax)


def samples(texts: Mapping[float, str], ax: Any) -> None:
    """What the model writes at each temperature, one below the other."""
    ax.set_axis_off()
    parts = []
    for temperature, text in texts.items():
        lines = textwrap.wrap(" ".join(text.split()), WIDTH)
        parts.append("\n".join([f"temperature {temperature}:", *(f"  {line}" for line in lines)]))
    ax.text(0, 1, "\n\n".join(parts), va="top", family="monospace", fontsize=8.2, color=INK, parse_math=False)


def surprise(text: str, bits: Sequence[float], ax: Any) -> None:
    """A text on paper that is the redder, the less the model expected the character."""
    from matplotlib import colormaps

    rows = text.split("\n")
    longest = max(map(len, rows))
    left = 0
    for down, row in enumerate(rows):
        for across, character in enumerate(row):
            ax.text(
                across, -down, character, ha="center", va="center", family="monospace", fontsize=9, color=INK,
                parse_math=False,
            )  # fmt: skip
            shade = colormaps["Reds"](0.65 * min(bits[left + across] / SURPRISED, 1.0))
            ax.fill_between([across - 0.5, across + 0.5], -down - 0.5, -down + 0.5, color=shade, linewidth=0)
        left += len(row) + 1  # the line break is a character too
    ax.set_xlim(-0.5, max(longest, 40) - 0.5)
    ax.set_ylim(0.5 - len(rows), 0.7)
    ax.set_axis_off()
    ax.set_title(f"unseen text: the redder, the more bits ({SURPRISED:.0f} and more are the darkest)", fontsize=11)
