"""What was handed in: each notebook is run in a fresh kernel, and each exercise checked.

    python notebooks/grade.py handed_in/*.ipynb

A cell that fails does not stop the rest. The checks are those of this checkout, whatever the cells of the notebook say
about themselves. A person should still look: who hands in ``minidl``'s own function in place of an answer passes too.
Needs ``pip install ".[lessons]"``.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from building.execution import run_all
from building.source import code_cells, notebook_of

CHECK = re.compile(r"""^[^#\n]*\bcheck\( *["'](\w+)["'] *, *(\w+) *\)""", re.MULTILINE)
SECONDS = 270  # for one cell
JUDGE = """\
import json as _json
from minidl.check import check as _check
def _status(name, answer):
    if name not in _check.exercises:
        return "no such exercise"
    return _check(name, globals()[answer]).status if callable(globals().get(answer)) else "missing"
_found = {{name: _status(name, answer) for name, answer in {asked!r}.items()}}
print()
print(_json.dumps(_found))"""


def read(path: Path) -> dict | str:
    """The notebook in a file, or why there is none: one that is damaged is not to hold up the others."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        code_cells(notebook)
    except (OSError, ValueError) as error:
        return f"cannot be read: {error}"
    except (TypeError, KeyError):
        return "is no notebook"
    return notebook


def judged(notebook: dict) -> dict:
    """The code of a notebook, and a last cell that prints the verdict on each exercise which it checks."""
    sources = ["".join(cell.get("source", "")) for cell in code_cells(notebook)]
    asked = dict(pair for source in sources for pair in CHECK.findall(source))
    return notebook_of(
        [
            {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": source, "outputs": []}
            | {"execution_count": None}
            for n, source in enumerate([*sources, JUDGE.format(asked=asked)])
        ]
    )


def verdicts(run: dict) -> dict[str, str]:
    """What the last cell of a run printed in its last line; nothing if it did not get that far."""
    texts = [output["text"] for output in run["cells"][-1]["outputs"] if output.get("name") == "stdout"]
    last = "".join(texts).splitlines()[-1:]
    return json.loads(last[0]) if last and last[0].startswith("{") else {}


def table(results: dict[str, dict[str, str] | str]) -> str:
    """A line for each notebook: how many exercises are right, and what is with the others; or why there is nothing."""
    width = max(map(len, results))
    return "\n".join(f"{name:<{width}}  {summary(found)}" for name, found in results.items())


def summary(found: dict[str, str] | str) -> str:
    """One notebook's verdicts in a line."""
    if isinstance(found, str):
        return found
    if not found:
        return "no verdict: it did not run to its end, or checks nothing"
    others = "; ".join(f"{exercise}: {status}" for exercise, status in found.items() if status != "right")
    right = sum(status == "right" for status in found.values())
    return f"{right} of {len(found)} right" + (f"   {others}" if others else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="+", type=Path, help="the files that were handed in")
    parser.add_argument("--jobs", type=int, default=1, help="kernels at the same time")
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error(f"--jobs expects at least 1, got {options.jobs}")
    results = {str(path): read(path) for path in options.notebooks}
    runs = {name: judged(notebook) for name, notebook in results.items() if isinstance(notebook, dict)}
    for name, (run, _) in zip(runs, run_all([*runs.values()], options.jobs, [SECONDS] * len(runs), keep_going=True)):
        results[name] = verdicts(run)
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
