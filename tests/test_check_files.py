"""The checks for those who edit files: ``python -m minidl.check --write`` and ``pytest -m NAME``."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import minidl
from minidl.check.__main__ import main
from tests.exercises import ANSWERS


def pytest_in(folder, *arguments):
    """pytest as a student runs it: in their folder, with their settings or none."""
    settings = {"PYTHONPATH": str(Path(minidl.__file__).parents[1]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment = {**os.environ, **settings}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_folder_of_answers_is_written_filled_in_and_checked(tmp_path, capsys):
    folder = tmp_path / "week4"
    assert main(["--write", str(folder), "affine_backward", "MyDense", "adam_step"]) == 0
    assert "answers.py is to be filled in" in capsys.readouterr().out
    answers = folder / "answers.py"
    assert "def affine_backward(g, x, W):" in answers.read_text(encoding="utf-8")

    solution = inspect.getsource(ANSWERS["affine_backward"].solution)
    text = answers.read_text(encoding="utf-8")
    stub = text[text.index("def affine_backward") : text.index("class MyDense")]
    answers.write_text(text.replace(stub, solution + "\n\n"), encoding="utf-8")
    code, said = pytest_in(folder, "-m", "affine_backward or MyDense")
    assert code == 1 and "1 failed, 1 passed, 1 deselected" in said
    assert "MyDense: not written yet." in said and "Traceback" not in said


def test_answers_are_not_overwritten(tmp_path, capsys):
    (tmp_path / "answers.py").write_text("mine", encoding="utf-8")
    assert main(["--write", str(tmp_path)]) == 2
    assert "exists already, and is left as it is" in capsys.readouterr().err
    assert (tmp_path / "answers.py").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "conftest.py").exists()


def test_unknown_names_are_told(tmp_path, capsys):
    assert main(["--write", str(tmp_path / "new"), "afine_backward"]) == 2
    assert "Did you mean 'affine_backward'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_exercises_are_listed_by_lesson(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said.index("Lesson 4: ") < said.index("affine_backward: ") < said.index("Lesson 6: ")
