"""The form that every lesson has: its size, its pictures, and what must not be in its outputs."""

import base64
import re
import struct

from building.source import code_cells, written

CELLS, WORDS, CODE, PICTURES = (25, 45), (900, 1800), (120, 250), (3, 5)
BYTES = 200_000
DPI, WIDTH = 90, 900  # of a PNG
PATH = re.compile(
    r"(?<![\w.:/])/(?:home|root|tmp|work|mnt|opt|usr|var|private|Users)/\w|[A-Z]:\\|ipykernel_\d|0x[0-9a-f]{6,}"
)


def form_problems(lesson: dict) -> list[str]:
    """Where an executed lesson is too small, too big, or lacks outputs."""
    text = " ".join(cell["source"] for cell in lesson["cells"] if cell["cell_type"] == "markdown")
    code = "\n".join(cell["source"] for cell in code_cells(lesson)).split("\n")
    lines = [line for line in code if line.strip() and not line.strip().startswith("#")]
    pictures = [output for output in outputs_of(lesson) if picture_of(output)]
    found = []
    for what, count, (low, high) in (
        ("cells", len(lesson["cells"]), CELLS),
        ("words of text", len(text.split()), WORDS),
        ("lines of code", len(lines), CODE),
        ("pictures", len(pictures), PICTURES),
    ):
        if not low <= count <= high:
            found.append(f"{count} {what}, not {low} to {high}")
    size = len(written(lesson).encode())
    if size > BYTES:
        found.append(f"{size} bytes, more than {BYTES}")
    return found + [problem for output in pictures for problem in picture_problems(output)]


def output_problems(notebook: dict) -> list[str]:
    """Errors, warnings, bars, machine paths and addresses in the outputs of a notebook that was run."""
    found = []
    for cell in code_cells(notebook):
        where = cell["id"]
        if cell["execution_count"] is None:
            found.append(f"{where}: was not run")
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                found.append(f"{where}: {output['ename']}: {output['evalue']}")
            if output.get("name") == "stderr":
                found.append(f"{where}: a warning: {output['text'].strip()[:300]}")
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                found.append(f"{where}: a widget")
            texts = [output.get("text", "")] + [str(v) for k, v in output.get("data", {}).items() if k != "image/png"]
            for text in texts:
                if "\r" in text:
                    found.append(f"{where}: a bar drawn with \\r")
                if match := PATH.search(text):
                    found.append(
                        f"{where}: a path or address of this machine: {text[match.start() : match.start() + 40]!r}"
                    )
    return found


def outputs_of(notebook: dict) -> list[dict]:
    return [output for cell in code_cells(notebook) for output in cell["outputs"]]


def picture_of(output: dict) -> str:
    """The kind of picture that an output shows, or ""."""
    return next((kind for kind in ("image/png", "image/svg+xml") if kind in output.get("data", {})), "")


def first_picture(lesson: dict) -> bytes:
    """The first PNG among the outputs: where the lesson is going."""
    pictures = [o["data"]["image/png"] for o in outputs_of(lesson) if picture_of(o) == "image/png"]
    return base64.b64decode(pictures[0]) if pictures else b""


def picture_problems(output: dict) -> list[str]:
    """A PNG's width and dots per inch, read from its header."""
    if picture_of(output) != "image/png":
        return []
    data = base64.b64decode(output["data"]["image/png"])
    (width,) = struct.unpack(">I", data[16:20])
    found = [f"a picture {width} pixels wide, more than {WIDTH}"] if width > WIDTH else []
    at = data.find(b"pHYs")
    if at > 0:
        dpi = struct.unpack(">I", data[at + 4 : at + 8])[0] * 0.0254  # from dots per metre
        if dpi > DPI + 0.5:
            found.append(f"a picture of {dpi:.0f} dots per inch, more than {DPI}")
    return found
