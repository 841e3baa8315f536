"""How our programs end: on errors, on Ctrl-C, when nobody reads them, and on screens that lack characters."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minidl
from minidl.terminal import calmly


def program(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    "error, status, words",
    [
        (ValueError("no such thing"), 1, "dig: no such thing\n"),
        (FileNotFoundError(2, "No such file", "a"), 1, "dig: [Errno 2] No such file: 'a'\n"),
        (KeyboardInterrupt(), 130, "\ndig: stopped.\n"),
    ],
)
def test_a_line_and_a_status(error, status, words, capsys):
    assert calmly(program(error), "dig") == status
    captured = capsys.readouterr()
    assert captured.err == words and captured.out == ""


def test_a_mistake_of_our_own_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        calmly(program(ZeroDivisionError()), "dig")


def test_characters_that_the_screen_lacks(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    assert calmly(lambda: print("σ and −1"), "dig") == 0
    assert screen.buffer.getvalue() == b"? and ?1\n" and screen.errors == "strict"


def test_without_a_screen(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert calmly(lambda: print("hello"), "dig") == 0


def test_nobody_reads_any_more():
    code = "import sys; from minidl.terminal import calmly; sys.exit(calmly(lambda: print('a' * 100_000), 'dig'))"
    environment = {**os.environ, "PYTHONPATH": str(Path(minidl.__file__).parents[1])}
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    running.stdout.close()
    assert running.stderr.read() == b"" and running.wait() == 141
    running.stderr.close()
