"""Training that can be stopped and gone on with, bit for bit: everything that it depends on, in one file.

=============  =====================================================================
weights        every parameter, also those that are not trained
optimizer      its count of steps, what its rule remembers, its learning rate
generators     the one random generator, and those that layers have of their own
loader         the place in the data
notes          whatever the caller wants to find again: the epoch, a history ...
=============  =====================================================================

``fit(resume=path)`` does all this by itself. In a loop of one's own it is two lines:

    save_checkpoint("run.npz", model, optimizer, loader, epoch=epoch)
    notes = load_checkpoint("run.npz", model, optimizer, loader)
"""

import json
import os
from typing import Any

import numpy as np

from minidl.arrays import generator
from minidl.data import DataLoader
from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.optimizers import Optimizer
from minidl.saving import NUMBERS, load_arrays, save_arrays

ARRAY = "array in this file"  # in the JSON: the value is the array of that name
Tree = dict[str, Any]  # dictionaries within dictionaries; their leaves are arrays, numbers, strings, lists, None


def save_checkpoint(
    path: str | os.PathLike, model: Layer, optimizer: Optimizer, loader: DataLoader | None = None, **notes: Any
) -> None:
    """Write everything that training depends on to ``path``, which ends in ``.npz`` or ``.safetensors``.

    Save after an optimizer's step, not between ``backward`` and ``step``: gradients are not kept.
    """
    write_tree(path, {**_capture(model, optimizer, loader), "notes": notes})


def load_checkpoint(
    path: str | os.PathLike, model: Layer, optimizer: Optimizer, loader: DataLoader | None = None
) -> dict[str, Any]:
    """Bring model, optimizer, loader and random generators back to where they were saved; returns the notes.

    The model is built and the optimizer bound as they were then, and the loader has the same data and batch size.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, it is damaged, or it does not fit. Nothing has been changed then.
    """
    state = read_tree(path)
    before = _capture(model, optimizer, loader)
    missing = sorted({"model", "optimizer", "generators", "loader", "notes"} - set(state))
    if missing:
        raise ValueError(
            f"{os.fspath(path)!r} is no checkpoint: it lacks {', '.join(missing)}. Are these weights only?"
        )
    try:
        _restore(state, model, optimizer, loader)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        _restore(before, model, optimizer, loader)
        raise ValueError(f"the checkpoint {os.fspath(path)!r} does not fit: {error}") from None
    return state["notes"]


def _capture(model: Layer, optimizer: Optimizer, loader: DataLoader | None) -> Tree:
    rate = optimizer.learning_rate
    return {
        "model": model.state_dict(),
        "optimizer": {
            "rule": type(optimizer).__name__,
            "learning_rate": None if callable(rate) else float(rate),  # a schedule follows from the count of steps
            "state": optimizer.state_dict(),
        },
        "generators": {name: rng.bit_generator.state for name, rng in generators_of(model).items()},
        "loader": None if loader is None else loader.state_dict(),
    }


def _restore(state: Tree, model: Layer, optimizer: Optimizer, loader: DataLoader | None) -> None:
    saved = state["optimizer"]
    if saved["rule"] != type(optimizer).__name__:
        raise ValueError(f"it was saved with {saved['rule']}, the optimizer here is {type(optimizer).__name__}.")
    model.load_state_dict(state["model"])
    expected = {f"{i}.{name}" for i in range(len(optimizer.parameters)) for name in optimizer.state_names}
    if set(saved["state"]) - {"iterations", "joined"} not in (set(), expected):
        raise ValueError("its optimizer was bound to other parameters. Were some frozen or thawed since?")
    generators = generators_of(model)
    if set(generators) != set(state["generators"]):
        raise ValueError(f"it holds the generators of {sorted(state['generators'])}, here are {sorted(generators)}.")
    if loader is not None:
        if state["loader"] is None:
            raise ValueError("it was saved without a loader.")
        loader.load_state_dict(state["loader"])
    optimizer.load_state_dict(saved["state"])
    if saved["learning_rate"] is not None and not callable(optimizer.learning_rate):
        optimizer.learning_rate = saved["learning_rate"]
    for name, rng in generators.items():
        rng.bit_generator.state = state["generators"][name]


def generators_of(model: Layer) -> dict[str, np.random.Generator]:
    """The one random generator, and those that layers keep for themselves (``Dropout(rng=0)``)."""
    found = {"minidl.seed": generator()}
    for path, layer in model.named_layers():
        for name, value in vars(layer).items():
            if isinstance(value, np.random.Generator) and value is not generator():
                found[path + name] = value
    return found


# --- trees in files -------------------------------------------------------------------------------------------------


def write_tree(path: str | os.PathLike, tree: Tree) -> None:
    """Arrays become arrays of the file, under their path; all the rest is JSON in an array of bytes called "tree"."""
    arrays: dict[str, np.ndarray] = {}

    def plain(value: Any, where: str) -> Any:
        if isinstance(value, dict):
            return {key: plain(item, f"{where}/{key}" if where else key) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item, f"{where}/{k}") for k, item in enumerate(value)]
        if isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS:
            arrays[where] = value
            return {ARRAY: where}
        return value

    text = json.dumps(plain(tree, ""), default=_listed)
    save_arrays(path, {**arrays, "tree": np.frombuffer(text.encode(), np.uint8)})


def _listed(value: Any) -> Any:
    """What JSON cannot hold by itself: NumPy's numbers, arrays of words."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"a checkpoint holds arrays, numbers, words, lists and dictionaries, got {describe(value)}.")
    return value.tolist()


def read_tree(path: str | os.PathLike) -> Tree:
    """What ``write_tree`` wrote."""
    arrays = load_arrays(path)
    if "tree" not in arrays:
        raise ValueError(f"{os.fspath(path)!r} is no checkpoint: it holds arrays only. Use load_weights for weights.")

    def full(value: Any) -> Any:
        if isinstance(value, list):
            return [full(item) for item in value]
        if not isinstance(value, dict):
            return value
        if list(value) == [ARRAY]:
            return arrays[value[ARRAY]]
        return {key: full(item) for key, item in value.items()}

    try:
        return full(json.loads(arrays["tree"].tobytes().decode()))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)!r} is a damaged checkpoint: {error}.") from None
