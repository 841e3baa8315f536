"""``python -m minidl.check`` lists the exercises; with ``--write`` it makes a folder in which to solve some of them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from minidl.check.bank import EXERCISES, LESSONS
from minidl.errors import unknown_name
from minidl.saving import write_whole
from minidl.terminal import calmly

ANSWERS = '''"""Write your answers here; `pytest` in this folder checks them, `pytest -m {name}` one of them."""

import numpy as np

import minidl as md
'''

CONFTEST = '''"""Makes a test of each exercise in answers.py."""

from minidl.check.pytest_plugin import pytest_collect_file, pytest_configure

__all__ = ["pytest_collect_file", "pytest_configure"]
'''


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m minidl.check", description="Exercises, and feedback on answers.")
    parser.add_argument("--write", metavar="FOLDER", type=Path, help="make FOLDER/answers.py, to be filled in")
    parser.add_argument("names", nargs="*", help="which exercises (default: all)")
    options = parser.parse_args(arguments)
    return calmly(lambda: run(options), "minidl.check")


def run(options: argparse.Namespace) -> None:
    """List, or write."""
    for name in options.names:
        if name not in EXERCISES:
            raise unknown_name("exercise", name, EXERCISES)
    names = list(dict.fromkeys(options.names or EXERCISES))
    print(list_exercises(names) if options.write is None else write_folder(options.write, names))


def list_exercises(names: Sequence[str]) -> str:
    """Each exercise with its task, lesson by lesson."""
    lines = []
    for title, lesson in LESSONS.items():
        tasks = [f"  {exercise.name}: {exercise.task}" for exercise in lesson.EXERCISES if exercise.name in names]
        lines += [title, *tasks] if tasks else []
    return "\n".join(lines)


def write_folder(folder: Path, names: Sequence[str]) -> str:
    """Make ``answers.py`` with a stub for each exercise, and the ``conftest.py`` that lets pytest check it.

    Raises
    ------
    ValueError
        There is no exercise of this name.
    FileExistsError
        One of the files is there already: answers are not overwritten.
    """
    for name in names:
        if name not in EXERCISES:
            raise unknown_name("exercise", name, EXERCISES)
    texts = {
        "answers.py": "\n\n".join([ANSWERS.format(name=names[0]), *(EXERCISES[name].stub() for name in names)]),
        "conftest.py": CONFTEST,
    }
    for name in texts:
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} exists already, and is left as it is.\nChoose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return f"{folder / 'answers.py'} is to be filled in; `pytest` in {folder} checks it."


if __name__ == "__main__":
    sys.exit(main())
