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
    assert main(["--write", str(tmp_path)]) == 1
    assert "exists already, and is left as it is" in capsys.readouterr().err
    assert (tmp_path / "answers.py").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "conftest.py").exists()


def test_unknown_names_are_told(tmp_path, capsys):
    assert main(["--write", str(tmp_path / "new"), "afine_backward"]) == 1
    assert "Did you mean 'affine_backward'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_exercises_are_listed_by_lesson(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said.index("Lesson 4: ") < said.index("affine_backward: ") < said.index("Lesson 6: ")
    assert main(["affine_backward"]) == 0
    assert [line.split(":")[0].strip() for line in capsys.readouterr().out.splitlines()] == [
        "Lesson 4",
        "affine_backward",
    ]
    assert main(["afine_backward"]) == 1
    assert "Did you mean 'affine_backward'" in capsys.readouterr().err


def test_a_name_given_twice_is_written_once(tmp_path):
    assert main(["--write", str(tmp_path), "adam_step", "adam_step"]) == 0
    assert (tmp_path / "answers.py").read_text(encoding="utf-8").count("def adam_step") == 1


def test_a_place_where_no_folder_can_be_is_told(tmp_path, capsys):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "week4"):
        assert main(["--write", str(place)]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_no_answer_is_told_without_our_own_lines(tmp_path):
    assert main(["--write", str(tmp_path), "adam_step"]) == 0
    (tmp_path / "answers.py").write_text(
        "import sys\nimport pytest\n\nadam_step = 3\n\n\ndef multiply_backward(*given):\n    sys.exit(0)\n\n\n"
        "def unbroadcast(*given):\n    pytest.skip()\n",
        encoding="utf-8",
    )
    code, said = pytest_in(tmp_path)
    assert code == 1 and "3 failed" in said and "Traceback" not in said and "checker.py" not in said
    assert "check expects what you have written itself, got int 3" in said
    assert "SystemExit: 0" in said and "multiply_backward: not right yet." in said


def test_a_file_that_ends_the_program_is_an_error_of_that_file(tmp_path):
    assert main(["--write", str(tmp_path), "adam_step"]) == 0
    (tmp_path / "answers.py").write_text("import sys\n\nsys.exit(0)\n", encoding="utf-8")
    code, said = pytest_in(tmp_path)
    assert code == 2 and "answers.py ends with SystemExit(0)" in said and "INTERNALERROR" not in said


def test_the_exercises_are_listed_and_checked_without_docstrings():
    code = (
        "from minidl.check import __main__, check\n"
        "__main__.main([])\n"
        "print(check('multiply_backward', lambda g, x, w: (g * w, g * x)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(minidl.__file__).parents[1])}
    command = [sys.executable, "-OO", "-c", code]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert "Lesson 2: the chain rule is a graph." in said and "multiply_backward: right" in said
