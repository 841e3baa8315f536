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

CHECK = re.compile(r'^check\("(\w+)", *(\w+)\)', re.MULTILINE)
SECONDS = 270  # for one cell
JUDGE = """\
import json as _json
from minidl.check import check as _check
print(_json.dumps({{name: _check(name, globals()[answer]).status if answer in globals() else "missing"
                   for name, answer in {asked!r}.items()}}))"""


def judged(notebook: dict) -> dict:
    """The code of a notebook, and a last cell that prints the verdict on each exercise which it checks."""
    asked = dict(pair for cell in code_cells(notebook) for pair in CHECK.findall("".join(cell["source"])))
    sources = ["".join(cell["source"]) for cell in code_cells(notebook)] + [JUDGE.format(asked=asked)]
    return notebook_of(
        [
            {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": source, "outputs": []}
            | {"execution_count": None}
            for n, source in enumerate(sources)
        ]
    )


def verdicts(run: dict) -> dict[str, str]:
    """What the last cell of a run printed; nothing if it did not get that far."""
    texts = [output["text"] for output in run["cells"][-1]["outputs"] if output.get("name") == "stdout"]
    return json.loads(texts[0]) if texts else {}


def table(results: dict[str, dict[str, str]]) -> str:
    """A line for each notebook: how many exercises are right, and what is with the others."""
    width = max(map(len, results))
    lines = []
    for name, found in results.items():
        others = "; ".join(f"{exercise}: {status}" for exercise, status in found.items() if status != "right")
        right = sum(status == "right" for status in found.values())
        said = f"{right} of {len(found)} right" if found else "no verdict: it did not run to its end, or checks nothing"
        lines.append(f"{name:<{width}}  {said}" + (f"   {others}" if others else ""))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="+", type=Path, help="the files that were handed in")
    parser.add_argument("--jobs", type=int, default=1, help="kernels at the same time")
    options = parser.parse_args()
    notebooks = [judged(json.loads(path.read_text(encoding="utf-8"))) for path in options.notebooks]
    runs = run_all(notebooks, options.jobs, [SECONDS] * len(notebooks), keep_going=True)
    print(table({str(path): verdicts(run) for path, (run, _) in zip(options.notebooks, runs)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
