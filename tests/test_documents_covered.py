"""Every row of the articles' equations, programs and techniques is in the library, under its ID, and tested."""

import re
from pathlib import Path

import pytest

import minidl
from minidl.check.printed import FORMULAS
from tests.test_documents import DEFINITIONS

EQUATIONS = [f"D{article}.E{n}" for article, last in enumerate((8, 2, 6, 5, 6)) for n in range(1, last + 1)]
PROGRAMS = ["D0.P1", "D0.P2", "D1.P1", "D1.P2", "D1.P3", "D1.P4", "D2.P1", "D2.P2", "D2.P3", "D3.P1", "D4.P1"]
TECHNIQUES = [f"D.T{n}" for n in range(1, 15)]


def text_of(folder):
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


LIBRARY, TESTS = text_of(Path(minidl.__file__).parent), text_of(Path(__file__).parent)


def cited(id, text):
    return re.search(rf"(?<!\w){re.escape(id)}(?!\d)", text)


@pytest.mark.parametrize("id", [*EQUATIONS, *TECHNIQUES])
def test_the_library_says_where_it_is(id):
    assert cited(id, LIBRARY), f"No docstring in minidl/ names {id}: where is it?"


@pytest.mark.parametrize("id", EQUATIONS)
def test_every_equation_is_on_trial(id):
    rows = {row.id for row in [*FORMULAS, *DEFINITIONS]}
    assert id in rows or f"def test_{id.replace('.', '_')}_" in TESTS


@pytest.mark.parametrize("id", TECHNIQUES)
def test_every_technique_is_tested(id):
    assert cited(id, TESTS.replace(Path(__file__).read_text(encoding="utf-8"), "")), f"No test names {id}."


@pytest.mark.parametrize("id", PROGRAMS)
def test_every_program_runs_in_a_test(id):
    assert f"def test_{id.replace('.', '_')}_" in TESTS


def test_no_other_id_is_cited():
    """A mistyped ID leads nowhere."""
    found = set(re.findall(r"(?<!\w)D(?:[0-9]+\.[EP]|\.T)[0-9]+", LIBRARY + TESTS))
    assert found <= {*EQUATIONS, *PROGRAMS, *TECHNIQUES}
