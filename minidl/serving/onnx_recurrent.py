"""Recurrent layers as ONNX's operators RNN, LSTM and GRU.

ONNX reads sequences (T, N, D), gives all h_t as (T, directions, N, H), and has the matrices transposed, with an axis of
directions in front: W (1, gates H, D), R (1, gates H, H), B (1, 2 gates H) with the biases of both products.

==========  ======================  ==================================
layer       gates here              gates in ONNX
==========  ======================  ==================================
LSTM        i f g o                 i o f g (ONNX writes c for g)
GRU         z r h                   z r h; ``reset_after`` is ``linear_before_reset=1``
SimpleRNN   one
==========  ======================  ==================================
"""

from dataclasses import replace
from typing import Any

import numpy as np

from minidl import layers as L
from minidl.layers.activations import name_of
from minidl.ops.activations import relu, sigmoid
from minidl.ops.trigonometry import tanh
from minidl.serving.onnx_graph import Graph, Value, refuse

OPS = {L.SimpleRNNCell: ("RNN", (0,)), L.LSTMCell: ("LSTM", (0, 3, 1, 2)), L.GRUCell: ("GRU", (0, 1, 2))}
ACTIVATIONS = {tanh: "Tanh", sigmoid: "Sigmoid", relu: "Relu"}
MERGES = {"sum": "Add", "mul": "Mul"}


def recurrent(graph: Graph, layer: Any, x: Value) -> Value:
    """(N, T, D) → (N, H), or (N, T, H) with ``return_sequences``."""
    x, cell = graph.last(x), layer.cell
    op, _ = OPS[type(cell)]
    steps = graph.add("Transpose", x.name, perm=(1, 0, 2))  # (T, N, D)
    if layer.go_backwards:
        steps = reversed_steps(graph, steps, axis=0)
    settings = {"hidden_size": cell.units, "activations": activations(layer)}
    if op == "GRU":
        settings["linear_before_reset"] = int(cell.reset_after)
    h = graph.add(op, steps, *matrices(graph, cell), **settings)  # (T, 1, N, H)
    h = graph.add("Squeeze", h, graph.numbers(1))  # (T, N, H)
    if layer.return_sequences:
        return replace(x, name=graph.add("Transpose", h, perm=(1, 0, 2)))  # (N, T, H)
    last = graph.weight(-1)
    return replace(x, name=graph.add("Gather", h, last, axis=0))  # (N, H)


def reversed_steps(graph: Graph, name: str, axis: int) -> str:
    """The last step first."""
    first, before_all = -1, np.iinfo(np.int64).min
    return graph.add("Slice", name, *map(graph.numbers, (first, before_all, axis, -1)))


def matrices(graph: Graph, cell: Any) -> list[str]:
    """The names of W, R and B."""
    _, order = OPS[type(cell)]

    def rows(p: Any) -> np.ndarray:  # (in, gates H) → (gates H, in)
        parts = np.split(p, len(order), axis=-1)
        return np.concatenate([parts[k] for k in order], axis=-1).T

    names = [graph.weight(rows(p.numpy())[None], of=p) for p in (cell.kernel, cell.recurrent_kernel)]
    if cell.bias is None:
        return names
    b = cell.bias.numpy()
    if b.ndim == 1:  # one bias for both products
        b = np.stack([b, np.zeros_like(b)])
    return [*names, graph.weight(rows(b).T.reshape(1, -1), of=cell.bias)]  # (2, gates H) → (1, 2 gates H)


def activations(layer: Any) -> tuple[str, ...]:
    """Those of the gates, then that of the content; LSTM has another behind the cell."""
    cell = layer.cell
    inner = (cell.activation,) * cell.n_states
    functions = inner if isinstance(cell, L.SimpleRNNCell) else (cell.recurrent_activation, *inner)
    unknown = [name_of(f) for f in functions if f not in ACTIVATIONS]
    if unknown:
        known = ", ".join(name_of(f) for f in ACTIVATIONS)
        raise refuse(layer, f"the activation {unknown[0]!r}", f"Known inside recurrent layers: {known}.")
    return tuple(ACTIVATIONS[f] for f in functions)


def bidirectional(graph: Graph, layer: L.Bidirectional, x: Value) -> Value:
    """Both directions, each in its turn, and merged; the steps of the second are put back in the order of time."""
    a, b = (recurrent(graph, inner, x) for inner in (layer.forward_layer, layer.backward_layer))
    if layer.forward_layer.return_sequences:
        b = replace(b, name=reversed_steps(graph, b.name, axis=1))
    if layer.merge_mode == "concat":
        return replace(a, name=graph.add("Concat", a.name, b.name, axis=-1))
    if layer.merge_mode == "ave":
        return replace(a, name=graph.add("Mean", a.name, b.name))
    return replace(a, name=graph.add(MERGES[layer.merge_mode], a.name, b.name))
