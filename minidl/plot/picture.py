"""Figures that a notebook shows by itself. Imported when a picture is made, as it needs Matplotlib."""

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 80  # of a picture in a notebook, whose file should stay small


class Picture(Figure):
    """A Matplotlib figure that is not known to pyplot; the last line of a notebook's cell displays it."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})  # equal pictures give equal bytes
        return stream.getvalue()


class PictureAxes(Axes):
    """The axes of a picture; displaying them displays the whole figure."""

    def _repr_png_(self) -> bytes:
        return self.get_figure(root=True)._repr_png_()
