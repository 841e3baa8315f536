"""How the tests run: three hypothesis profiles, chosen by HYPOTHESIS_PROFILE in the environment; Ctrl-C on; a home."""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)  # the default: quick, other examples on each run
settings.register_profile("ci", max_examples=25, deadline=None, derandomize=True)  # the same examples on each run
settings.register_profile("deep", max_examples=500, deadline=None)  # for an evening
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

signal.signal(signal.SIGINT, signal.default_int_handler)  # `pytest &` in a script begins with Ctrl-C off


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user who has no MNIST files: the shipped images are read."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    return tmp_path
