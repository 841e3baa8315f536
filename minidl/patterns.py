"""Names by pattern: which weights of a state are meant by ``"encoder.*"``, left out, or called otherwise.

A *state* is a dictionary {name: array}, as ``layer.state_dict()`` gives it and a file of weights holds it. In a pattern
``*`` stands for any letters, dots too, and ``?`` for one; capitals count.

>>> state = {"encoder.dense.kernel": 1, "encoder.dense.bias": 2, "head.kernel": 3}
>>> select(state, "*.kernel")
{'encoder.dense.kernel': 1, 'head.kernel': 3}
>>> drop(state, "head.*")
{'encoder.dense.kernel': 1, 'encoder.dense.bias': 2}
>>> rename(state, {"encoder.*": "*", "head.*": "out.*"})
{'dense.kernel': 1, 'dense.bias': 2, 'out.kernel': 3}
"""

import re
from collections.abc import Mapping
from typing import Any

from minidl.errors import describe, first_few

State = Mapping[str, Any]


def select(state: State, *patterns: str) -> dict[str, Any]:
    """Those of the state whose names match one of the patterns.

    Raises
    ------
    ValueError
        A pattern matches no name, so it must be a slip of the pen.
    """
    wanted = [_read("select", state, pattern) for pattern in patterns]
    return {name: value for name, value in state.items() if any(p.fullmatch(name) for p in wanted)}


def drop(state: State, *patterns: str) -> dict[str, Any]:
    """The state without those whose names match one of the patterns; each must match one."""
    unwanted = [_read("drop", state, pattern) for pattern in patterns]
    return {name: value for name, value in state.items() if not any(p.fullmatch(name) for p in unwanted)}


def rename(state: State, names: Mapping[str, str]) -> dict[str, Any]:
    """The state under other names, {pattern: new name}; each ``*`` of the new name is what that of the pattern was.

    The first pattern that matches a name counts. Names that match none stay as they are.

    Raises
    ------
    ValueError
        A pattern matches no name or has fewer ``*`` than the new name, or two weights would get one name.
    """
    if not isinstance(names, Mapping) or not all(isinstance(new, str) for new in names.values()):
        raise TypeError(f"rename expects new names as {{'encoder.*': 'body.*'}}, got {describe(names)}.")
    rules = [(_read("rename", state, pattern), new) for pattern, new in names.items()]
    for pattern, new in names.items():
        if new.count("*") > pattern.count("*"):
            raise ValueError(f"rename expects no more * in {new!r} than in {pattern!r}, whose place they take.")
    renamed: dict[str, Any] = {}
    for name, value in state.items():
        called = next((_filled(new, match) for p, new in rules if (match := p.fullmatch(name))), name)
        if called in renamed:
            raise ValueError(f"rename would give two weights the name {called!r}. Drop one of them first.")
        renamed[called] = value
    return renamed


def _read(who: str, state: State, pattern: str) -> re.Pattern:
    """The pattern as a regular expression that matches at least one of the names, with a group for each star."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{who} expects a dictionary {{name: array}}, got {type(state).__name__}.")
    if not isinstance(pattern, str):
        raise TypeError(f"{who} expects patterns such as 'encoder.*', got {type(pattern).__name__}.")
    wild = {"*": "(.*?)", "?": "."}
    expression = re.compile("".join(wild.get(letter) or re.escape(letter) for letter in pattern))
    if not any(expression.fullmatch(name) for name in state):
        hint = f"The names are: {first_few(list(state))}." if state else "There are no weights."
        raise ValueError(f"{who}: no weight's name matches {pattern!r}.\n{hint}")
    return expression


def _filled(new: str, match: re.Match) -> str:
    """The new name, each ``*`` in it replaced by what the pattern's stood for."""
    parts = iter(match.groups())
    return re.sub(r"\*", lambda star: next(parts), new)
