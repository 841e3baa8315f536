"""How lessons become notebooks: what is cut out, what counts as a leak, as drift, as bad form. Runs no notebook.

The committed lessons are compared with their sources by ``python notebooks/build.py --check``.
"""

import base64
import json
import struct
from pathlib import Path

import pytest
from building.comparison import differences, text_difference
from building.form import first_picture, form_problems, output_problems, picture_problems
from building.source import metadata_of, notebook_of, written
from building.student import leaks, split_solutions, student_version
from grade import judged, read, table, verdicts

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))

EXERCISE = """\
def f(x):
    if x > 0:
        ### BEGIN SOLUTION
        y = 2 * x
        return y
        ### END SOLUTION
    return 0"""


def code(source, *outputs, number=1, tags=()):
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "id": f"cell-{number:02d}", "metadata": metadata, "source": source,
            "execution_count": number, "outputs": list(outputs)}  # fmt: skip


def text(source, number=2):
    return {"cell_type": "markdown", "id": f"cell-{number:02d}", "metadata": {}, "source": source}


def printed(words, name="stdout"):
    return {"output_type": "stream", "name": name, "text": words}


def picture(width=480, dpi=80):
    chunks = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR" + struct.pack(">II", width, 100) + b"pHYs"
    data = base64.b64encode(chunks + struct.pack(">II", round(dpi / 0.0254), 0)).decode()
    return {"output_type": "display_data", "data": {"image/png": data}, "metadata": {}}


# --- the student version --------------------------------------------------------------------------------------------


def test_a_solution_becomes_a_stub_with_its_indentation():
    stub, solutions = split_solutions(EXERCISE)
    assert stub == (
        "def f(x):\n    if x > 0:\n        # Your code here.\n        raise NotImplementedError\n    return 0"
    )
    assert solutions == ["        y = 2 * x\n        return y"]


def test_a_cell_without_solution_stays_as_it_is():
    assert split_solutions("x = 1\n\ny = 2") == ("x = 1\n\ny = 2", [])


@pytest.mark.parametrize(
    "broken",
    [
        "def f():\n    ### BEGIN SOLUTION\n    return 1",
        "def f():\n    return 1\n    ### END SOLUTION",
        "def f():\n    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
        "def f():\n    # begin solution\n    return 1\n    # end solution",
        "### BEGIN SOLUTION\nx = 1\n### END SOLUTION",
    ],
)
def test_markers_without_partner_misspelt_or_at_top_level_are_refused(broken):
    with pytest.raises(ValueError, match=r"SOLUTION|solution"):
        split_solutions(broken)


def test_the_student_version_has_the_cells_without_outputs_and_solutions():
    lesson = notebook_of([code(EXERCISE, printed("2"), number=1), text("why"), code("f(1)", printed("2"), number=3)])
    student = student_version(lesson)
    assert [cell["id"] for cell in student["cells"]] == ["cell-01", "cell-02", "cell-03"]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in student["cells"] if "outputs" in c)
    assert "2 * x" not in written(student) and "2 * x" in written(lesson)
    assert leaks(lesson, student) == []


def test_a_solution_repeated_elsewhere_is_a_leak():
    lesson = notebook_of([code(EXERCISE), code("def again(x):\n  y = 2 * x\n\n  return y", number=2)])
    assert leaks(lesson, student_version(lesson)) == ["cell-02: shows the solution of cell-01"]
    lesson = notebook_of([code(EXERCISE), text("The answer:\n```\ny = 2 * x\nreturn y\n```")])
    assert leaks(lesson, student_version(lesson)) == ["cell-02: shows the solution of cell-01"]


def test_markers_and_outputs_in_a_student_version_are_leaks():
    lesson = notebook_of([code(EXERCISE, printed("2"))])
    assert leaks(lesson, lesson) == [
        "cell-01: shows the solution of cell-01",
        "cell-01: holds a solution's marker",
        "cell-01: was run; its output may show a solution",
    ]


def test_a_cell_with_a_solution_is_an_answer_for_nbgrader():
    assert metadata_of("x = 1", []) == {}
    assert metadata_of("x = 1", ["measured"]) == {"tags": ["measured"]}
    found = metadata_of(EXERCISE, [])["nbgrader"]
    assert found["grade_id"] == "f" and found["solution"] and found["grade"] and found["points"] == 1


# --- drift ----------------------------------------------------------------------------------------------------------


def test_equal_notebooks_do_not_differ():
    lesson = notebook_of([code("f(1)", printed("loss 0.6931"), picture()), text("why")])
    assert differences(lesson, json.loads(written(lesson))) == []


def test_another_source_another_output_and_a_lost_cell_are_drift():
    lesson = notebook_of([code("a = 1\nf(1)", printed("loss 0.69")), text("why")])
    (found,) = differences(lesson, notebook_of([code("a = 1\nf(2)", printed("loss 0.69")), text("why")]))
    assert found == "cell-01: the source says 'f(2)'"
    (found,) = differences(lesson, notebook_of([code("a = 1\nf(1)", printed("cost 0.69")), text("why")]))
    assert found == "cell-01: committed ...'loss#', a fresh run gives ...'cost#'"
    (found,) = differences(lesson, notebook_of([code("a = 1\nf(1)", printed("loss 0.80")), text("why")]))
    assert found == "cell-01: committed 0.69, a fresh run gives 0.80"
    (found,) = differences(lesson, notebook_of([code("a = 1\nf(1)", picture()), text("why")]))
    assert "image/png" in found and "stdout" in found
    assert differences(lesson, notebook_of([code("a = 1\nf(1)")])) == ["2 cells, but the source gives 1"]


def test_numbers_may_differ_a_little_and_in_a_measured_cell_altogether():
    assert text_difference("accuracy 0.975 of 360", "accuracy 0.97 of  360") == ""
    assert text_difference("[ 0.5 −1.0]", "[0.5 -1.00]") == ""
    verdict = "f: right.\nLargest error {} (limit 1.2e-08)."
    assert text_difference(verdict.format("2.8e-17 in db"), verdict.format("3.0e-17 in dw")) == ""
    assert text_difference("Epoch 1/5  0.4s - loss: 0.64", "Epoch 1/5  2.7s - loss: 0.64") == ""
    assert text_difference("7 errors", "9 errors") == "committed 7, a fresh run gives 9"
    assert text_difference("3.1 s", "5.2 s", numbers=False) == ""
    old, new = (notebook_of([code("f()", printed(words), tags=["measured"])]) for words in ("3.1 s", "5.2 s"))
    assert differences(old, new) == []


# --- form -----------------------------------------------------------------------------------------------------------


def test_outputs_with_warnings_errors_bars_or_paths_are_refused():
    for output, words in [
        (printed("a.py:1: UserWarning: careful", "stderr"), "a warning"),
        ({"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}, "ValueError: no"),
        (printed("50 %\r100 %"), "a bar"),
        (printed("written to /home/me/picture.png"), "a path"),
        (printed("<Line2D at 0x7f54a8>"), "a path or address"),
    ]:
        (problem,) = output_problems(notebook_of([code("f()", output)]))
        assert words in problem
    assert output_problems(notebook_of([code("f()", printed("1/home 3/5 a/b ∂L/∂w"))])) == []
    assert output_problems(student_version(notebook_of([code("f()")]))) == ["cell-01: was not run"]


def test_form_counts_cells_words_lines_and_pictures():
    cells = [text("word " * 50, n) for n in range(20)] + [code("x = 1\n" * 13, picture(), number=n) for n in range(10)]
    assert form_problems(notebook_of(cells)) == ["10 pictures, not 3 to 5"]
    found = form_problems(notebook_of(cells[:1] + [code("x = 1 # " + "y" * 200_000)]))
    assert [problem.split(",")[0] for problem in found[:4]] == [
        "2 cells", "50 words of text", "1 lines of code", "0 pictures",
    ]  # fmt: skip
    assert "bytes" in found[4]


def test_pictures_too_wide_or_too_dense_are_refused():
    assert picture_problems(picture()) == []
    assert "901 pixels" in picture_problems(picture(width=901))[0]
    assert "100 dots" in picture_problems(picture(dpi=100))[0]


# --- the committed lessons, as far as that needs neither Jupyter nor time -------------------------------------------


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_student_version_belongs_to_its_lesson(path):
    lesson = json.loads(path.read_text(encoding="utf-8"))
    student = json.loads((path.parent / "exercises" / path.name).read_text(encoding="utf-8"))
    assert student == student_version(lesson)
    assert leaks(lesson, student) == []
    assert output_problems(lesson) == []
    assert (NOTEBOOKS / "pictures" / path.name).with_suffix(".png").read_bytes() == first_picture(lesson)


def test_each_notebook_has_a_source_and_each_student_version_a_lesson():
    names = {path.stem for path in LESSONS}
    assert names <= {path.stem for path in (NOTEBOOKS / "source").glob("*.py")}
    assert names == {path.stem for path in (NOTEBOOKS / "exercises").glob("*.ipynb")}


# --- what was handed in ---------------------------------------------------------------------------------------------


def test_each_exercise_of_a_notebook_is_judged_after_its_last_cell():
    handed_in = notebook_of([text("why"), code('def f(x):\n    return x\n\n\ncheck("twice", f)'), code("1 / 0")])
    *cells, judge = (cell["source"] for cell in judged(handed_in)["cells"])
    assert cells == [cell["source"] for cell in handed_in["cells"][1:]]
    assert "{'twice': 'f'}" in judge
    compile(judge, "judge", "exec")


def test_the_table_says_what_is_right_and_what_is_with_the_rest():
    run = notebook_of([code("print()", printed('{"twice": "right", "half": "not written yet"}'))])
    assert verdicts(run) == {"twice": "right", "half": "not written yet"}
    assert verdicts(notebook_of([code("print()")])) == {}
    assert table({"ann.ipynb": verdicts(run), "bo.ipynb": {}}).split("\n") == [
        "ann.ipynb  1 of 2 right   half: not written yet",
        "bo.ipynb   no verdict: it did not run to its end, or checks nothing",
    ]


@pytest.mark.parametrize(
    "call", ['check("twice", f)', "check( 'twice' , f )", 'verdict = check("twice", f)', 'print(check("twice", f))']
)
def test_a_check_is_found_however_it_is_written(call):
    assert "{'twice': 'f'}" in judged(notebook_of([code(call)]))["cells"][-1]["source"]
    assert "{'twice'" not in judged(notebook_of([code(f"# {call}")]))["cells"][-1]["source"]


def test_what_answers_print_is_no_verdict():
    run = notebook_of([code("print()", printed('{"twice": "wrong"}\nhello\n{"twice": "right"}\n'))])
    assert verdicts(run) == {"twice": "right"}
    assert verdicts(notebook_of([code("print()", printed("hello"))])) == {}


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "cannot be read: "),
        (b'{"cells": [', "cannot be read: "),
        (b"\xff\xfe", "cannot be read: "),
        (b"[]", "is no notebook"),
        (b"{}", "is no notebook"),
        (b'{"cells": [1]}', "is no notebook"),
        (None, "cannot be read: "),
    ],
)
def test_a_damaged_notebook_has_its_line_in_the_table_and_holds_up_nobody(tmp_path, content, words):
    path = tmp_path / "cy.ipynb"
    if content is not None:
        path.write_bytes(content)
    found = read(path)
    assert found.startswith(words)
    assert table({"cy": found, "ann": {"f": "right"}}).split("\n") == [f"cy   {found}", "ann  1 of 1 right"]
