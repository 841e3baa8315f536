"""Figures that a notebook shows by itself. Imported when a picture is made, as it needs Matplotlib."""

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image  # Matplotlib writes its own PNG files with it

# In a notebook, whose file should stay small. With so few colours it is a third of the size, and no difference is seen.
DPI, COLOURS = 80, 256


class Picture(Figure):
    """A Matplotlib figure that is not known to pyplot; the last line of a notebook's cell displays it."""

    def _repr_png_(self) -> bytes:
        drawn, small = BytesIO(), BytesIO()
        self.savefig(drawn, format="png", dpi=DPI)
        image = Image.open(drawn).convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        image.save(small, format="png", optimize=True, dpi=(DPI, DPI))  # without Matplotlib's version: equal bytes
        return small.getvalue()


class PictureAxes(Axes):
    """The axes of a picture; displaying them displays the whole figure."""

    def _repr_png_(self) -> bytes:
        return self.get_figure(root=True)._repr_png_()
