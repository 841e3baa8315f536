"""Make the lessons from their sources, or check that they are what their sources give.

    python notebooks/build.py              every lesson: run it, write NN_name.ipynb and exercises/NN_name.ipynb
    python notebooks/build.py 01 04        these lessons only
    python notebooks/build.py --student    the student versions only, without running anything
    python notebooks/build.py --check      run all, write nothing, and fail where something is not as it should be

A lesson is one file, ``notebooks/source/NN_name.py``, in Jupytext's percent format: text, code, exercises and their
solutions. Both notebooks are generated from it, and so is ``notebooks/pictures/NN_name.png``, the lesson's first
picture, for the README; edit the source, never them. Needs ``pip install ".[lessons]"``.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from building.comparison import differences
from building.execution import run_all
from building.form import first_picture, form_problems, output_problems
from building.source import code_cells, read_source, written
from building.student import leaks, student_version

HERE = Path(__file__).parent
SECONDS = 20  # of processor time for a lesson
LONG = {"08": 90, "10": 90}  # lessons that train convolutions and recurrent networks


def lesson_path(name: str) -> Path:
    return HERE / f"{name}.ipynb"


def student_path(name: str) -> Path:
    return HERE / "exercises" / f"{name}.ipynb"


def picture_path(name: str) -> Path:
    return HERE / "pictures" / f"{name}.png"


def limit(name: str) -> int:
    return LONG.get(name[:2], SECONDS)


def build(names: list[str], jobs: int) -> list[str]:
    """Run the lessons, write both versions of each, and say what is wrong with them."""
    sources = [read_source(HERE / "source" / f"{name}.py") for name in names]
    problems = []
    for name, (lesson, seconds) in zip(names, run_all(sources, jobs, [limit(name) * 3 for name in names])):
        write(lesson_path(name), lesson)
        picture_path(name).write_bytes(first_picture(lesson))
        found = form_problems(lesson) + output_problems(lesson) + too_slow(name, seconds)
        print(f"{name}: {seconds:.1f} s of processor time, {len(lesson['cells'])} cells")
        problems += [f"{name}: {problem}" for problem in found]
    return problems + build_students(names)


def build_students(names: list[str]) -> list[str]:
    """Write the student versions; nothing is run."""
    problems = []
    for name in names:
        lesson = read_source(HERE / "source" / f"{name}.py")
        student = student_version(lesson)
        write(student_path(name), student)
        problems += [f"exercises/{name}: {problem}" for problem in leaks(lesson, student)]
    return problems


def check(names: list[str], jobs: int) -> list[str]:
    """Run the lessons and the student versions and compare them with the committed files; nothing is written."""
    problems = strays(names)
    sources = [read_source(HERE / "source" / f"{name}.py") for name in names]
    students = [student_version(source) for source in sources]
    runs = run_all(sources + students, jobs, [limit(name) * 3 for name in names] * 2)
    for name, source, student, (lesson, seconds), (tried, student_seconds) in zip(
        names, sources, students, runs[: len(names)], runs[len(names) :]
    ):
        committed, committed_student = read(lesson_path(name)), read(student_path(name))
        found = differences(committed, lesson) if committed else ["was never built"]
        found += form_problems(committed or lesson) + output_problems(committed or lesson)
        found += [f"in a fresh run, {problem}" for problem in output_problems(lesson)]
        found += unchecked(lesson, ": right.") + too_slow(name, seconds)
        if not picture_path(name).is_file() or picture_path(name).read_bytes() != first_picture(committed or lesson):
            found.append(f"pictures/{name}.png is not its first picture")
        if committed and written(committed) != lesson_path(name).read_text(encoding="utf-8"):
            found.append("not in the form that build.py writes")
        problems += [f"{name}: {problem}" for problem in found]

        found = ["differs from the source"] if committed_student != student else []
        found += leaks(source, committed_student or student) + output_problems(tried)
        found += unchecked(tried, ": not written yet.") + too_slow(name, student_seconds)
        problems += [f"exercises/{name}: {problem}" for problem in found]
        print(f"{name}: {seconds:.1f} s, student version {student_seconds:.1f} s of processor time")
    return problems


def unchecked(notebook: dict, verdict: str) -> list[str]:
    """The cells that call ``check`` and whose output does not hold the verdict."""
    found = []
    for cell in code_cells(notebook):
        if any(line.startswith("check(") for line in cell["source"].split("\n")):
            shown = "".join(
                output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in cell["outputs"]
            )
            if verdict not in shown:
                found.append(f"{cell['id']}: the check says {shown[:120]!r}, not {verdict!r}")
    return found


def too_slow(name: str, seconds: float) -> list[str]:
    return [f"takes {seconds:.0f} s, more than {limit(name)} s"] if seconds > limit(name) else []


def strays(names: list[str]) -> list[str]:
    """Notebooks that have no source."""
    every = set(all_names())
    there = {path.stem for folder in (HERE, HERE / "exercises") for path in folder.glob("*.ipynb")}
    return [f"{name}: a notebook without a source" for name in sorted(there - every)]


def read(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def write(path: Path, notebook: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(written(notebook), encoding="utf-8")


def all_names() -> list[str]:
    return sorted(path.stem for path in (HERE / "source").glob("[0-9][0-9]_*.py"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons; all without any")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="compare with the committed files and write nothing")
    group.add_argument("--student", action="store_true", help="write the student versions only; nothing is run")
    parser.add_argument("--jobs", type=int, default=1, help="kernels at the same time")
    options = parser.parse_args()

    names = [name for name in all_names() if not options.lessons or name[:2] in options.lessons]
    missing = set(options.lessons) - {name[:2] for name in names}
    if missing:
        parser.error(f"no lesson {', '.join(sorted(missing))}; there are {', '.join(all_names())}")
    start = time.perf_counter()
    if options.student:
        problems = build_students(names)
    else:
        problems = (check if options.check else build)(names, options.jobs)
    print(f"{len(names)} lessons, {len(problems)} problems, {time.perf_counter() - start:.0f} s")
    for problem in problems:
        print("  " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
