"""The stand-in's module: its tables say what CuPy says (any CuPy that can be imported), and it goes away again."""

import importlib
import inspect
import operator
import re
import sys
from types import ModuleType

import fake_cupy
import numpy as np
import pytest
from fake_cupy.calls import Parameters, read_table
from fake_cupy.names import AT, CONSTANTS, CREATION, FUNCTIONS, METHODS, QUESTIONS, UFUNCS
from fake_cupy.real import importable_cupy


def disagreements(library: ModuleType) -> list[str]:
    """Names or parameters of the tables that a CuPy does not have, or has in another order."""
    found = [f"{n} is no ufunc" for n in UFUNCS.split() if not isinstance(getattr(library, n, None), library.ufunc)]
    found += [f"{n} cannot be added into" for n in AT if not hasattr(getattr(library, n), "at")]
    found += [f"no {n}" for n in CONSTANTS.split() if getattr(library, n, None) is not getattr(np, n)]
    for entry in read_table(FUNCTIONS) + read_table(CREATION) + read_table(QUESTIONS):
        try:
            function = operator.attrgetter(entry.name)(library)
        except AttributeError:
            found.append(f"no {entry.name}")
            continue
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:  # a compiled function without a signature
            continue
        positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        keywords = {p.name for p in parameters}
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            positional, keywords = entry.positional, keywords | set(entry.positional)
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            keywords = entry.keywords
        found += disagreement(entry, positional, keywords)
    for entry in read_table(METHODS):
        method = getattr(library.ndarray, entry.name, None)
        written = re.match(r"\S*\(self(?:, )?(.*?)\)(?: ->|$)", (getattr(method, "__doc__", None) or "").split("\n")[0])
        if method is None:
            found.append(f"no method {entry.name}")
        elif written:  # compiled methods tell their parameters in their docstring
            names = [p.split("=")[0].split()[-1] for p in written[1].split(", ") if p]
            named = [n for n in names if not n.startswith("*")] if entry.variadic is None else entry.positional
            found += disagreement(entry, named, {n.strip("*") for n in names})
    return found


def disagreement(entry: Parameters, positional: list[str], keywords: set[str]) -> list[str]:
    if entry.positional != positional[: len(entry.positional)] or not entry.keywords <= keywords:
        return [f"{entry.name} has {positional} and {sorted(keywords)}, not {entry.positional} and {entry.keywords}"]
    return []


def test_names_and_parameters_are_cupys():
    library = importable_cupy() or fake_cupy.cupy
    came_with_14 = ["no put_along_axis"] if getattr(library, "__version__", "14").startswith("13.") else []
    assert disagreements(library) == came_with_14


def test_the_check_of_names_finds_disagreements():
    library = ModuleType("cupy")
    vars(library).update(vars(fake_cupy.cupy))
    del library.tile
    library.sum = lambda a, axis, out: None
    library.exp = np.exp
    assert [line.split(" has")[0] for line in disagreements(library)] == ["exp is no ufunc", "sum", "no tile"]


def test_random_numbers_are_drawn_elsewhere():
    assert not hasattr(fake_cupy.cupy, "random")


def test_installed_and_gone():
    before = sys.modules.get("cupy")
    with fake_cupy.installed() as cp:
        assert importlib.import_module("cupy") is cp
    assert sys.modules.get("cupy") is before
    with pytest.raises(RuntimeError, match="inside"), fake_cupy.installed():
        raise RuntimeError("inside")
    assert sys.modules.get("cupy") is before
