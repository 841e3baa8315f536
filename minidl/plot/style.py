"""How pictures look: colours that colour-blind readers can tell apart, and new axes.

The colours are those of Okabe & Ito 2008, "Color universal design". Matplotlib is imported when a picture is made, not
before, and without pyplot: pyplot keeps every figure alive and may open windows.
"""

from typing import Any

BLUE, ORANGE, GREEN, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#b84a00"  # the last a shade darker, for text
SKY, PURPLE, YELLOW = "#56b4e9", "#cc79a7", "#f0e442"
INK, GREY, PALE = "#222222", "#8a8a8a", "#e6e6e6"
CLASS_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW, INK)
CLASS_MARKERS = "os^Dv*Xp"  # shapes too, for those who see no colours
DIVERGING = "RdBu_r"  # blue below zero, white at zero, red above
GREYS = "gray"


def new_figure(width: float, height: float) -> Any:
    """An empty Figure of this size in inches, which a notebook shows by itself."""
    from minidl.plot.picture import Picture

    return Picture(figsize=(width, height), layout="constrained")


def axes_of(ax: Any, width: float, height: float) -> Any:
    """The axes given, or new ones in a figure of this size in inches."""
    if ax is not None:
        if not hasattr(ax, "imshow"):
            raise TypeError(f"expected ax as Matplotlib's Axes, got {type(ax).__name__}. Write figure.subplots()?")
        return ax
    from minidl.plot.picture import PictureAxes

    return new_figure(width, height).add_subplot(axes_class=PictureAxes)


def figure_of(figure: Any, width: float, height: float) -> Any:
    """The figure given, or a new one of this size in inches."""
    if figure is not None and not hasattr(figure, "add_subplot"):
        raise TypeError(f"expected figure as Matplotlib's Figure, got {type(figure).__name__}. Write ax.figure?")
    return new_figure(width, height) if figure is None else figure


def tidy(ax: Any) -> None:
    """Only the lines that help reading: no frame above and at the right, a faint grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
