"""A picture as SVG text, in the few shapes that we need, and the object that shows itself in a notebook."""

from html import escape
from pathlib import Path

from minidl.saving import write_whole

SANS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
MONO = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Drawing:
    """A finished picture: ``.svg`` is its text, ``save`` writes it, a notebook shows it.

    >>> Drawing("<svg/>")
    Drawing(6 characters of SVG: .save('graph.svg') writes them)
    """

    def __init__(self, svg: str):
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Drawing({len(self.svg)} characters of SVG: .save('graph.svg') writes them)"

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file ending in ``.svg``; its path is returned.

        Raises
        ------
        ValueError
            Another kind of file is asked for.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ValueError(f"a drawing is saved as SVG, got the name {path.name!r}.\nUse {path.stem + '.svg'!r}.")
        write_whole(path, self.svg.encode())
        return path


def text_width(text: str, size: float, mono: bool = True) -> float:
    """About how wide a text is in pixels: the letters of the monospaced fonts above are 0.602 of their size wide."""
    return len(text) * size * (0.602 if mono else 0.58)


def rectangle(
    x: float, y: float, w: float, h: float, fill: str, stroke: str, radius: float = 5, line: float = 1
) -> str:
    """A box with round corners whose top left corner is (x, y)."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius:g}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{line:g}"/>'
    )


def text(x: float, y: float, words: str, size: float, fill: str, mono=True, anchor="start", weight="normal") -> str:
    """Words whose baseline begins (or is centred, anchor="middle") at (x, y); spaces are kept."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="{MONO if mono else SANS}" font-size="{size:g}" '
        f'font-weight="{weight}" fill="{fill}" text-anchor="{anchor}" xml:space="preserve">{escape(words)}</text>'
    )


def curve(points: list[tuple[float, float]], stroke: str, line: float = 1.4, arrow: bool = False) -> str:
    """A smooth line through points, level at each of them."""
    x0, y0 = points[0]
    path = [f"M{x0:.1f},{y0:.1f}"]
    for x1, y1 in points[1:]:
        middle = (x0 + x1) / 2
        path.append(f"C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f}")
        x0, y0 = x1, y1
    drawn = f'<path d="{" ".join(path)}" fill="none" stroke="{stroke}" stroke-width="{line:g}"/>'
    if arrow:
        head = f"{x0:.1f},{y0:.1f} {x0 - 6:.1f},{y0 - 3:.1f} {x0 - 6:.1f},{y0 + 3:.1f}"
        drawn += f'<polygon points="{head}" fill="{stroke}"/>'
    return drawn


def group(parts: list[str], tooltip: str) -> str:
    """Shapes that belong together, with a text that appears under the mouse."""
    return f"<g><title>{escape(tooltip)}</title>{''.join(parts)}</g>"


def document(parts: list[str], width: float, height: float, title: str) -> str:
    """The whole file, on white, so that it can be read on a dark page too."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">\n<title>{escape(title)}</title>\n'
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
