"""README tells the truth: its Python blocks run, one after another as a reader types them, and print what stands below
them; the files and pictures that it names exist.
"""

import contextlib
import io
import re
from pathlib import Path

import minidl

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", README, flags=re.DOTALL)  # (code, what it prints)


def test_there_are_blocks_with_output():
    assert len(BLOCKS) == README.count("```python")
    assert sum(bool(expected) for _, expected in BLOCKS) == README.count("```text") >= 2


def test_blocks_print_what_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}  # shared: a block goes on where the one before has stopped
    for code, expected in BLOCKS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert printed.getvalue() == expected, f"README's block that begins with\n{code[:200]}"


def test_every_file_named_in_readme_exists():
    package = Path(minidl.__file__).parent  # of the checkout, or installed where the tests run on a wheel
    named = re.findall(r"`((?:minidl|tests|notebooks|\.ci)/[\w./]+)`", README)
    named += re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert len(named) > 20
    for name in named:
        place = package.parent / name if name.startswith("minidl/") else ROOT / name
        assert place.exists(), f"README names {name}, which does not exist"


def test_no_number_is_left_to_be_filled_in():
    assert "{{" not in README
