"""A lesson's source, a Python file in Jupytext's percent format, read as a notebook without outputs."""

import json
import re
from pathlib import Path

from building.student import BEGIN


def read_source(path: Path) -> dict:
    """The lesson as a notebook. Ids and metadata follow from the source alone, so equal sources give equal files."""
    import jupytext

    cells = []
    for number, cell in enumerate(jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells, start=1):
        cells.append(
            {
                "cell_type": cell.cell_type,
                "id": f"cell-{number:02d}",
                "metadata": metadata_of(cell.source, cell.metadata.get("tags", [])),
                "source": cell.source,
            }
        )
        if cell.cell_type == "code":
            cells[-1] |= {"execution_count": None, "outputs": []}
    return notebook_of(cells)


def metadata_of(source: str, tags: list[str]) -> dict:
    """The cell's tags; and on a cell with a solution what nbgrader wants to know of an answer graded by a person."""
    metadata = {"tags": tags} if tags else {}
    if BEGIN in source:
        name = re.search(r"^(?:def|class) (\w+)", source, re.MULTILINE)[1]
        kind = {"solution": True, "grade": True, "locked": False, "task": False, "points": 1}
        metadata["nbgrader"] = kind | {"grade_id": name, "schema_version": 3}
    return metadata


def notebook_of(cells: list[dict]) -> dict:
    """The cells as a notebook for the Python kernel, whichever version that is."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def written(notebook: dict) -> str:
    """The notebook as the text of an .ipynb file, always in the same form."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
