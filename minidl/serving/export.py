"""A trained model as an ONNX file, for other runtimes and for edge devices (D.T10).

The drawn model is followed from layer to layer, as ``Sequential`` and ``Model`` compute it; the table in
``onnx_table.py`` says which nodes each layer becomes. What the file computes is the model in use: dropout does nothing,
batch normalisation takes its moving averages.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minidl import layers as L
from minidl.errors import describe, first_few
from minidl.layers.arguments import flat
from minidl.layers.naming import unique_name
from minidl.layers.symbolic import Symbol
from minidl.models import Model, Sequential
from minidl.saving import check_folder, write_whole
from minidl.serving.onnx_graph import Graph, Value
from minidl.serving.onnx_table import TABLE, constant

OPSET, IR = 20, 9  # the version of the operators, and of the file; both of 2023


def export_onnx(model: Model, path: str | os.PathLike) -> None:
    """Write a drawn model to a ``.onnx`` file, completely or not at all. Needs the package ``onnx``.

    Parameters
    ----------
    model : Model
        A ``Sequential`` that knows its input's shape, or a ``Model`` drawn from ``Input``.
    path : str or path

    Raises
    ------
    TypeError
        No model, or one with a ``call`` of its own: what it does is Python, which no file can hold.
    ValueError
        A layer, or a setting of one, that is not in the table (all such layers are named); the model is not built; the
        package is missing; or the path will not do. Nothing is written then.

    Notes
    -----
    Inputs and outputs have their names in the model (``input_names``), the size of the batch may vary, images stay
    channels last (N, H, W, C). The file computes in float32; an input that only embeddings read is of int64. Weights
    keep their names.

    Examples
    --------
    The file in another runtime, ``import onnxruntime``::

        md.serving.export_onnx(model, "digits.onnx")
        session = onnxruntime.InferenceSession("digits.onnx")
        (probabilities,) = session.run(None, {"input": images})
    """
    path = check_onnx_path(path)
    graph, inputs, outputs = as_graph(model)
    write_whole(path, as_file(graph, inputs, outputs, model.name))


def check_onnx_path(path: Any) -> Path:
    """A path that can be written to, told before any work."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"export_onnx expects a path such as 'model.onnx', got {describe(path)}.")
    path = Path(path)
    if path.suffix != ".onnx" or path.is_dir():
        raise ValueError(f"export_onnx expects a path that ends in .onnx, of no folder, got {path.name!r}.")
    check_folder(f"export_onnx to {path.name!r}", path)
    return path


# --- from layer to layer --------------------------------------------------------------------------------------------


def as_graph(model: Any) -> tuple[Graph, list[Value], list[Value]]:
    """The nodes and weights of a model, its inputs, and its outputs."""
    if not isinstance(model, Model):
        raise TypeError(f"export_onnx expects a Sequential or a drawn Model, then a path, got {describe(model)}.")
    missing = list(without_a_row(model))
    if missing:
        raise ValueError(
            f"export_onnx has no row for: {first_few(missing)}.\n"
            "Layers with a row stand in minidl/serving/onnx_table.py."
        )
    check_masks(model)
    graph = Graph({id(p): name for name, p in model.named_parameters()})
    inputs, entered = [], []
    for name, symbol in zip(model.input_names, ends(model)[0]):
        indices = is_indices(model, symbol)
        whole = symbol.dtype if symbol.dtype.kind in "iu" else np.dtype(np.float32)
        inputs.append(Value(name, symbol.shape, np.dtype(np.int64) if indices else whole))
        entered.append(inputs[-1] if indices else graph.cast(inputs[-1], np.float32))
    names: list[str] = model.output_names or [model.layers[-1].name]
    outputs, results = [], follow(graph, model, entered)
    taken = {*model.input_names, *graph.weights, *(node.output for node in graph.nodes)}
    for name, y in zip(names, results):
        outputs.append(graph.output(y, unique_name(name, taken)))
        taken.add(outputs[-1].name)
    return graph, inputs, outputs


def ends(model: Model) -> tuple[list[Symbol], list[Symbol]]:
    """The symbols of a drawn model's inputs and outputs."""
    if model.drawing is not None:
        return model.drawing.inputs, model.drawing.outputs
    calls = model.calls()
    return [calls[0][1].inputs[0]], [calls[-1][1]]


def without_a_row(model: Model) -> Iterator[str]:
    """What is not in the table, here and inside."""
    if type(model).call not in (Model.call, Sequential.call):
        raise TypeError(
            f"export_onnx: {type(model).__name__} {model.name!r} has a call of its own, which only Python can follow.\n"
            "Draw it: x = Input(shape=...); Model(inputs=x, outputs=layer(x))."
        )
    calls = model.calls()
    if not calls or any(symbol is None for _, symbol in calls):
        raise ValueError(
            f"export_onnx: {model.name!r} does not know the shape of its input.\n"
            "Give it Input(shape=...) or input_shape, or call it once on some data."
        )
    for layer, symbol in calls:
        who = f"{type(layer).__name__} {layer.name!r}"
        if len(symbol.inputs) > 1 or symbol.settings.get("training") or symbol.settings.keys() - {"training"}:
            yield f"{who} called with more than its input"
        elif isinstance(layer, Model):
            yield from without_a_row(layer)
        elif type(layer) not in TABLE:
            yield who


def check_masks(model: Model) -> None:
    """Refuse masks that a layer would look at: ONNX's layers know none, and would read the padding as words."""
    layers = [layer for _, layer in model.named_layers() if not isinstance(layer, Model)]
    makers = [layer for layer in layers if getattr(layer, "mask_zero", False)]
    if makers and any(layer.uses_mask for layer in layers):
        raise ValueError(
            f"export_onnx has no row for {type(makers[0]).__name__} {makers[0].name!r} with mask_zero=True before "
            "layers that use masks.\nTrain it with mask_zero=False: the padding is then read as a word, as by ONNX."
        )


def is_indices(model: Model, symbol: Symbol) -> bool:
    """Whether nothing but embeddings read it."""
    readers = [(layer, y) for layer, y in model.calls() if any(x is symbol for x in flat(y.inputs))]
    return bool(readers) and all(
        isinstance(layer, L.Embedding)
        or (isinstance(layer, L.InputLayer) and is_indices(model, y))
        or (isinstance(layer, Model) and len(ends(layer)[0]) == 1 and is_indices(layer, ends(layer)[0][0]))
        for layer, y in readers
    )


def follow(graph: Graph, model: Model, inputs: list[Value]) -> list[Value]:
    """From the inputs of a drawn model to its outputs."""
    first, results = ends(model)
    known = {id(symbol): x for symbol, x in zip(first, inputs)}

    def value(item: Any) -> Any:
        if isinstance(item, list):
            return [value(part) for part in item]
        if isinstance(item, Symbol):
            return known[id(item)]
        return Value(constant(graph, item), tuple(item.shape), np.dtype(np.float32))  # given in place of a Symbol

    for layer, symbol in model.calls():
        (x,) = map(value, symbol.inputs)
        if isinstance(layer, Model):
            (y,) = follow(graph, layer, x if isinstance(x, list) else [x])
        else:
            y = TABLE[type(layer)](graph, layer, x)
        known[id(symbol)] = Value(y.name, symbol.shape, y.dtype, y.first)
    return [known[id(symbol)] for symbol in results]


# --- the file -------------------------------------------------------------------------------------------------------


def as_file(graph: Graph, inputs: list[Value], outputs: list[Value], name: str) -> bytes:
    """The bytes of an ONNX file, checked by the package: operators, their attributes, and all shapes."""
    onnx = onnx_package()
    make, kind = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype
    nodes = []
    for node in graph.nodes:
        settings = {key: kind(v) if isinstance(v, np.dtype) else v for key, v in node.attributes.items()}
        nodes.append(make.make_node(node.op, node.inputs, [node.output], name=node.output, **settings))

    def described(x: Value) -> Any:
        sizes = ["N" if k == 0 else f"{x.name}_{k}" if n is None else n for k, n in enumerate(x.shape)]
        return make.make_tensor_value_info(x.name, kind(x.dtype), sizes)

    drawn = make.make_graph(
        nodes,
        name,
        [described(x) for x in inputs],
        [described(y) for y in outputs],
        [onnx.numpy_helper.from_array(array, key) for key, array in graph.weights.items()],
    )
    opsets = [make.make_opsetid("", OPSET)]
    file = make.make_model(drawn, opset_imports=opsets, ir_version=IR, producer_name="minidl")
    onnx.checker.check_model(file, full_check=True)
    return file.SerializeToString()


def onnx_package() -> Any:
    """The package ``onnx``, which is an extra.

    Raises
    ------
    ValueError
        It is not installed (with the line that installs it).
    """
    try:
        import onnx
    except ImportError as error:
        raise ValueError(
            "export_onnx needs the package onnx, which is not installed.\nInstall it with: pip install 'minidl[onnx]'."
        ) from error
    return onnx
