"""The student version of a lesson: the same cells, without outputs and without solutions.

A solution stands between nbgrader's two markers and becomes a stub that raises NotImplementedError, which ``check``
reports as "not written yet":

    def double(x):
        ### BEGIN SOLUTION                      def double(x):
        return 2 * x                     →          # Your code here.
        ### END SOLUTION                            raise NotImplementedError
"""

import re

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# Your code here.", "raise NotImplementedError")
MARKER = re.compile(r"(BEGIN|END)[ _]+(HIDDEN[ _]+)?(SOLUTION|TESTS)", re.IGNORECASE)


def split_solutions(code: str) -> tuple[str, list[str]]:
    """The code of a cell with stubs in place of its solutions, and the solutions.

    Raises
    ------
    ValueError
        A marker without its partner, misspelt, or a solution outside a function or class: its stub would end the run.
    """
    kept: list[str] = []
    solutions: list[list[str]] = []
    inside = False
    for line in code.split("\n"):
        if line.strip() == BEGIN and not inside:
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            if not indent:
                raise ValueError(f"a solution must stand inside a function, but {BEGIN!r} is not indented")
            kept += [indent + words for words in STUB]
            solutions.append([])
        elif line.strip() == END and inside:
            inside = False
        elif MARKER.search(line):
            raise ValueError(f"{line.strip()!r} is no {BEGIN!r} or {END!r}, or has no partner")
        elif inside:
            solutions[-1].append(line)
        else:
            kept.append(line)
    if inside:
        raise ValueError(f"{BEGIN!r} without {END!r}")
    return "\n".join(kept), ["\n".join(lines) for lines in solutions]


def student_version(lesson: dict) -> dict:
    """The notebook without outputs and solutions; ids and text are the lesson's."""
    cells = []
    for cell in lesson["cells"]:
        if cell["cell_type"] == "code":
            code, _ = split_solutions(cell["source"])
            cell = cell | {"source": code, "execution_count": None, "outputs": []}
        cells.append(cell)
    return lesson | {"cells": cells}


def leaks(lesson: dict, student: dict) -> list[str]:
    """What of the lesson's solutions and outputs can be seen in the student version, in words.

    A solution counts as seen where each of its lines stands somewhere in one cell of the student version, however it
    is indented there.
    """
    found = []
    seen = [(cell["id"], {line.strip() for line in cell["source"].split("\n")}) for cell in student["cells"]]
    for cell in lesson["cells"]:
        if cell["cell_type"] != "code":
            continue
        for solution in split_solutions(cell["source"])[1]:
            lines = {line.strip() for line in solution.split("\n")} - {""}
            found += [f"{where}: shows the solution of {cell['id']}" for where, there in seen if lines <= there]
    for cell in student["cells"]:
        if MARKER.search(cell["source"]):
            found.append(f"{cell['id']}: holds a solution's marker")
        if cell.get("outputs") or cell.get("execution_count"):
            found.append(f"{cell['id']}: was run; its output may show a solution")
    return found
