"""Weights of a PyTorch network for a minidl model of the same layers. PyTorch itself is not needed.

Three questions, one after another: which module there is which layer here (``pair``), which of its arrays make which
parameter (the table in ``pytorch_table.py``), and in which order flattened images stand (``channels.py``).
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.errors import describe, first_few
from minidl.layers import Conv2D, Conv2DTranspose, Dense, Layer
from minidl.patterns import rename
from minidl.saving import load_arrays
from minidl.settings import check_flag
from minidl.transfer.channels import Orders, channels_last, find_orders, is_drawn
from minidl.transfer.pytorch_table import IGNORED, PARTS, Row, is_whole, rows_of

Module = dict[str, Array]  # the arrays of one of PyTorch's modules, by their names within it


def from_pytorch(
    model: Layer,
    weights: Mapping[str, Any] | str | os.PathLike,
    names: Mapping[str, str] | None = None,
    strict: bool = True,
    flattened: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, Array]:
    """The ``state_dict`` of a minidl model, made of PyTorch's weights.

    Parameters
    ----------
    model : Layer
        Built, of the same layers as PyTorch's network.
    weights : dict {name: array} or path
        ``network.state_dict()``, its tensors or arrays made of them; or a ``.safetensors`` or ``.npz`` file of it.
    names : dict {pattern: name}, optional
        What is called otherwise there: ``{"fc1.*": "dense.*"}``, applied as by ``minidl.transfer.rename``.
    strict : bool
        Raise unless every parameter is found and every array used. Otherwise the result holds what fits: load it with
        ``load_state_dict(state, strict=False)``, which tells the rest.
    flattened : dict {Dense's name: (H, W, C)}, optional
        The shape of the image that was flattened before a Dense. Models that were drawn (``Sequential``, or from
        ``Input``) are looked through for that; one with a ``call`` of its own has to say it, or ``{}``.

    Returns
    -------
    dict {name: array}
        For ``model.load_state_dict``.

    Raises
    ------
    ValueError
        What is missing, left over, or of another shape, with the likely remedy.

    Notes
    -----
    Layers that are called alike there and here are paired by name. Where none is, they are paired in order: that in
    which PyTorch's network was put together. A file of safetensors does not keep it; there only the numbered modules of
    a ``torch.nn.Sequential`` are paired so. Layer k of a recurrent stack (``num_layers``) counts as a module "lstm.l0",
    "lstm.l1" ...; the first may be called "lstm" here.

    Examples
    --------
    PyTorch's ``Sequential(Linear(3, 4), ReLU(), Linear(4, 2))`` has such weights:

    >>> import minidl as md, numpy as np
    >>> weights = {"0.weight": np.ones((4, 3)), "0.bias": np.zeros(4)}
    >>> weights |= {"2.weight": np.ones((2, 4)), "2.bias": np.ones(2)}
    >>> model = md.Sequential([md.layers.Dense(4, "relu", input_shape=(3,)), md.layers.Dense(2)])
    >>> model.load_state_dict(md.transfer.from_pytorch(model, weights))
    Loaded(4 loaded)
    >>> model(md.Tensor([[1.0, 2.0, 3.0]]))
    Tensor([[25., 25.]], op=linear)
    """
    if not isinstance(model, Layer):
        raise TypeError(f"from_pytorch expects a minidl model, then PyTorch's weights, got {describe(model)}.")
    check_flag("from_pytorch", "strict", strict)
    units = list(find_units(model))
    if not units:
        raise ValueError(f"from_pytorch: {model.name!r} has no weights yet. Give it an input_shape, or call it once.")
    arrays = read_weights(weights)
    modules = read_modules(rename(arrays, names) if names else arrays)
    orders = orders_of(model, flattened)
    pairs, faults = pair(units, modules, ordered=isinstance(weights, Mapping) or Path(weights).suffix == ".npz")
    state, used = {}, set()
    for unit, module in pairs:
        converted, taken, wrong = convert(unit, module, modules[module], orders)
        state |= converted
        faults += wrong
        used |= taken
    faults += [
        f"unexpected: {_joined(module, name)}"
        for module, arrays_ in modules.items()
        for name in arrays_
        if (module, name) not in used and name not in IGNORED
    ]
    if strict and faults:
        who = f"{type(model).__name__} {model.name!r}"
        raise ValueError(f"PyTorch's weights do not fit {who}:\n{first_few(faults)}.\n{_remedy(faults)}")
    return state


# --- what is here, and what is there --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """A layer with weights: its path here, and what it would be called there if all were called as here."""

    path: str
    there: str
    layer: Layer


def find_units(layer: Layer, path: str = "", there: str = "", seen: set | None = None) -> Iterator[Unit]:
    """The layers with weights, each once, in PyTorch's order."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if rows_of(layer):
        if layer.parameters():
            yield Unit(path, there, layer)
        if is_whole(layer):
            return
    parts = next((PARTS[kind] for kind in type(layer).__mro__ if kind in PARTS), {})
    children = {name: child for name, child in layer.children() if isinstance(child, Layer)}
    for name in [*parts, *(name for name in children if name not in parts)]:
        yield from find_units(children[name], _joined(path, name), _joined(there, parts.get(name, name)), seen)


def read_weights(weights: Any) -> Module:
    """The weights as NumPy arrays, from a file or a dictionary; tensors of PyTorch are asked for theirs."""
    if isinstance(weights, (str, os.PathLike)):
        weights = load_arrays(weights)
    if not isinstance(weights, Mapping):
        raise TypeError(f"from_pytorch expects a dictionary {{name: array}} or a path, got {type(weights).__name__}.")
    if not weights:
        raise ValueError("from_pytorch got no weights. Give network.state_dict() of the network in PyTorch.")
    arrays = {}
    for name, value in weights.items():
        if not isinstance(name, str):
            raise TypeError(f"from_pytorch expects names of weights such as 'fc1.weight', got {describe(name)}.")
        try:
            arrays[name] = np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"from_pytorch cannot read {name!r} ({type(value).__name__}): {str(error).splitlines()[0]}\n"
                "Give tensor.detach().cpu().float().numpy()."
            ) from None
        if arrays[name].dtype.kind not in "fiub":
            raise TypeError(f"from_pytorch expects {name!r} as an array of real numbers, got {describe(value)}.")
    return arrays


# A recurrent layer of a stack and its direction; attention's part; or any other array of a module.
STACKED = re.compile(r"(?:(?P<module>.*)\.)?(?P<name>(?:weight|bias)_[ih]h)_l(?P<k>\d+)(?P<back>_reverse)?")
PROJECTED = re.compile(r"(?:(?P<module>.*)\.)?(?P<name>out_proj\.(?:weight|bias))")
OF_ATTENTION = ("in_proj_weight", "q_proj_weight")
PLAIN = re.compile(r"(?:(?P<module>.*)\.)?(?P<name>[^.]*)")


def read_modules(arrays: Module) -> dict[str, Module]:
    """The arrays by PyTorch's modules, in their order.

    >>> list(read_modules({"lstm.weight_ih_l1_reverse": 0, "at.in_proj_weight": 0, "at.out_proj.bias": 0, "g": 0}))
    ['lstm.l1', 'at', '']
    """
    modules: dict[str, Module] = {}
    for full_name, a in arrays.items():
        stacked, projected = STACKED.fullmatch(full_name), PROJECTED.fullmatch(full_name)
        if stacked:
            module = _joined(stacked["module"] or "", f"l{stacked['k']}")
            name = stacked["name"] + (stacked["back"] or "")
        else:
            attends = projected and any(_joined(projected["module"] or "", w) in arrays for w in OF_ATTENTION)
            match = projected if attends else PLAIN.fullmatch(full_name)
            module, name = match["module"] or "", match["name"]
        modules.setdefault(module, {})[name] = a
    return modules


def pair(units: list[Unit], modules: dict[str, Module], ordered: bool) -> tuple[list[tuple[Unit, str]], list[str]]:
    """(layer here, name of the module there), and what could not be paired."""
    by_name = [(unit, module) for unit in units if (module := _of_that_name(unit, modules)) is not None]
    if by_name:
        found = {unit.path for unit, _ in by_name}
        return by_name, [f"missing: {unit.there}.*" for unit in units if unit.path not in found]
    numbered = all(re.fullmatch(r"\d+", module) for module in modules)
    theirs = sorted(modules, key=int) if numbered else list(modules) if ordered else sorted(modules)
    if len(theirs) != len(units) or not (ordered or numbered):
        why = "they are not as many" if ordered or numbered else "a .safetensors file keeps no order"
        raise ValueError(
            f"from_pytorch finds no layer of the same name, and {why}: here {first_few([u.path for u in units], 4)};\n"
            f"there {first_few(theirs, 4)}. Say which is which: names={{'{theirs[0]}.*': '{units[0].there}.*', ...}}."
        )
    return list(zip(units, theirs)), []


def _of_that_name(unit: Unit, modules: dict[str, Module]) -> str | None:
    """The module that is called like the layer; of a recurrent stack its first."""
    return next((m for m in (unit.there, _joined(unit.there, "l0")) if m in modules), None)


# --- from there to here ---------------------------------------------------------------------------------------------


def convert(
    unit: Unit, module: str, arrays: Module, orders: Orders
) -> tuple[dict[str, Array], set[tuple[str, str]], list[str]]:
    """The unit's parameters as far as they fit, (module, name) of the arrays that have a use, and what does not fit."""
    own = {**dict(unit.layer.named_parameters()), **dict(unit.layer.children())}
    rows = [row for row in rows_of(unit.layer, arrays) if own.get(row.ours) is not None]  # it may have no bias
    state, faults = {}, []
    for row in rows:
        ours = _joined(unit.path, row.ours)
        if any(name not in arrays for name in row.theirs):
            faults.append(f"missing: {' and '.join(_joined(module, name) for name in row.theirs)} for {ours}")
            continue
        given = [in_our_order(arrays[name], row, unit.layer, orders) for name in row.theirs]
        shape = own[row.ours].shape
        try:
            made = row.make(shape, *given)
        except (ValueError, TypeError, IndexError):  # arrays of another kind of layer, which cannot be turned so
            made = None
        if made is None or made.shape != shape:
            there = " and ".join(f"{_joined(module, name)} of shape {a.shape}" for name, a in zip(row.theirs, given))
            faults.append(f"{ours} has shape {shape}, {there} gives {'none' if made is None else made.shape}")
            continue
        state[ours] = np.ascontiguousarray(made)
    return state, {(module, name) for row in rows for name in row.theirs}, faults


def in_our_order(a: Array, row: Row, layer: Layer, orders: Orders) -> Array:
    """The features of images that were flattened, or will be images, with the channels last."""
    for axis, order in ((row.inputs, orders.inputs.get(id(layer))), (row.outputs, orders.outputs.get(id(layer)))):
        if axis is not None and order is not None and a.ndim > axis and a.shape[axis] == len(order):
            a = a.take(order, axis=axis)
    return a


def orders_of(model: Layer, flattened: Mapping[str, tuple[int, ...]] | None) -> Orders:
    """Where flattened images stand: as the model shows, or as the user says."""
    layers = {path.removesuffix("."): layer for path, layer in model.named_layers()}
    if flattened is not None:
        check_flattened(flattened, layers)
        return Orders({id(layers[name]): channels_last(shape) for name, shape in flattened.items()}, {})
    if is_drawn(model):
        return find_orders(model)
    kinds = {Dense: [], (Conv2D, Conv2DTranspose): []}
    for path, layer in layers.items():
        for kind, found in kinds.items():
            found += [path] if isinstance(layer, kind) else []
    if all(kinds.values()):
        raise ValueError(
            f"from_pytorch cannot see where {model.name!r} flattens images: it has a call of its own.\n"
            f"For each Dense behind a Flatten say flattened={{'{kinds[Dense][0]}': (H, W, C)}}; {{}} if there is none."
        )
    return Orders({}, {})


def check_flattened(flattened: Mapping[str, tuple[int, ...]], layers: Mapping[str, Layer]) -> None:
    """Raise unless it gives, for some of the layers, an image of as many numbers as the layer takes."""
    if not isinstance(flattened, Mapping):
        raise TypeError(f"from_pytorch expects flattened as {{'dense': (H, W, C)}}, got {describe(flattened)}.")
    for name, shape in flattened.items():
        if name not in layers or not layers[name].parameters():
            known = [path for path, layer in layers.items() if path and layer.parameters()]
            raise ValueError(f"from_pytorch: flattened names {name!r}, which is not among {first_few(known)}.")
        if not isinstance(shape, (tuple, list)) or not all(isinstance(n, Integral) for n in shape):
            raise TypeError(f"from_pytorch expects the shape of an image before {name!r}, got {describe(shape)}.")
        taken = layers[name].parameters()[0].shape[0]
        if prod(shape) != taken:
            raise ValueError(f"from_pytorch: {name!r} takes {taken} features, which no image of {shape} has.")


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _remedy(faults: list[str]) -> str:
    """What to do about the first of them."""
    if faults[0].startswith("missing: ") and ".bias" in faults[0]:
        return "Layers that have no bias there are made with use_bias=False here."
    if faults[0].startswith(("missing: ", "unexpected: ")):
        return "Say what is called otherwise with names={'there.*': 'here.*'}; strict=False takes what fits."
    return "Build the model with the sizes that PyTorch's network has; strict=False takes what fits."
