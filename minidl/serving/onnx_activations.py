"""Activations as ONNX's operators, whether they are layers or belong to one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from minidl import layers as L
from minidl.layers.activations import gelu_tanh, name_of
from minidl.ops import activations as a
from minidl.ops.exponentials import exp
from minidl.ops.softmax import log_softmax, softmax
from minidl.ops.trigonometry import tanh
from minidl.serving.onnx_graph import Graph, Value, refuse

ELEMENTWISE: dict[Any, tuple[str, dict[str, Any]]] = {
    a.relu: ("Relu", {}),
    a.leaky_relu: ("LeakyRelu", {"alpha": 0.2}),
    a.elu: ("Elu", {}),
    a.selu: ("Selu", {}),
    a.gelu: ("Gelu", {}),
    gelu_tanh: ("Gelu", {"approximate": "tanh"}),
    a.softplus: ("Softplus", {}),
    a.softsign: ("Softsign", {}),
    a.sigmoid: ("Sigmoid", {}),
    a.hard_sigmoid: ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    tanh: ("Tanh", {}),
    exp: ("Exp", {}),
}
OVER_THE_LAST_AXIS = {softmax: "Softmax", log_softmax: "LogSoftmax"}


def activate(graph: Graph, layer: Any, x: Value, f: Any) -> Value:
    """y = f(x), f an activation of the layer."""
    if f is None:
        return x
    if type(f) in ACTIVATION_LAYERS:  # a layer in an activation's place
        return ACTIVATION_LAYERS[type(f)](graph, f, x)
    if f in ELEMENTWISE:
        op, attributes = ELEMENTWISE[f]
        return replace(x, name=graph.add(op, x.name, **attributes))
    if f in OVER_THE_LAST_AXIS:
        x = graph.last(x)
        return replace(x, name=graph.add(OVER_THE_LAST_AXIS[f], x.name, axis=-1))
    if f is a.relu6:
        return clipped(graph, x, 6.0)
    if f is a.silu:
        return replace(x, name=graph.add("Mul", x.name, graph.add("Sigmoid", x.name)))
    fix = "Use one of minidl's by name: activation='relu'."
    raise refuse(layer, f"the activation {name_of(f)!r}", fix)


def clipped(graph: Graph, x: Value, highest: float) -> Value:
    """min(max(x, 0), highest)."""
    ends = [graph.weight(end) for end in (0.0, highest)]
    return replace(x, name=graph.add("Clip", x.name, *ends))


def rectify(graph: Graph, layer: L.ReLU, x: Value) -> Value:
    """``ReLU`` with its slope and its largest value."""
    slope, highest = layer.negative_slope, layer.max_value
    if highest is not None and not slope:
        return clipped(graph, x, highest)
    y = graph.add("LeakyRelu", x.name, alpha=slope) if slope else graph.add("Relu", x.name)
    return replace(x, name=y if highest is None else graph.add("Min", y, graph.weight(float(highest))))


def normal_exponents(graph: Graph, layer: L.Softmax, x: Value) -> Value:
    """``Softmax`` over any axis."""
    x = graph.last(x)
    return replace(x, name=graph.add("Softmax", x.name, axis=layer.axis))


def leaky(graph: Graph, layer: L.LeakyReLU, x: Value) -> Value:
    """``LeakyReLU`` with its slope."""
    return replace(x, name=graph.add("LeakyRelu", x.name, alpha=layer.negative_slope))


def exponential_linear(graph: Graph, layer: L.ELU, x: Value) -> Value:
    """``ELU`` with its α."""
    return replace(x, name=graph.add("Elu", x.name, alpha=layer.alpha))


def of_layer(graph: Graph, layer: L.Activation, x: Value) -> Value:
    """``Activation`` by any name."""
    return activate(graph, layer, x, layer.activation)


ACTIVATION_LAYERS: dict[type, Callable[[Graph, Any, Value], Value]] = {
    L.Activation: of_layer,
    L.ReLU: rectify,
    L.LeakyReLU: leaky,
    L.ELU: exponential_linear,
    L.Softmax: normal_exponents,
}
