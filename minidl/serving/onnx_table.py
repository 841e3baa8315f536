"""Our layers and ONNX's operators: the table of which layer becomes which nodes.

=============================  ====================================================================================
layer                          nodes
=============================  ====================================================================================
Dense                          MatMul, Add
Conv1D, Conv2D                 Conv: the kernel's axes (k ..., in, out) → (out, in, k ...)
DepthwiseConv2D                Conv with as many groups as channels
SeparableConv2D                Conv, Conv
Conv2DTranspose                ConvTranspose: the kernel's axes (kh, kw, out, in) → (in, out, kh, kw)
MaxPooling, AveragePooling     MaxPool, AveragePool
GlobalMax..., GlobalAverage... ReduceMax, ReduceMean
UpSampling2D, ZeroPadding2D    Resize, Pad
BatchNormalization             BatchNormalization, with the moving averages
LayerNormalization             LayerNormalization, over the last axes
Embedding                      Gather
SimpleRNN, LSTM, GRU           RNN, LSTM, GRU: see ``onnx_recurrent.py``
Flatten, Reshape               Flatten, Reshape
Add, Concatenate, x + y ...    Add, Concat, Add ...
Dropout and noise              nothing: they do nothing in use
activations                    the operator of the same name: see ``onnx_activations.py``
=============================  ====================================================================================

A row is a function (graph, layer, x) that adds the nodes and returns the ``Value`` behind them; x is a Value, or a list
for layers that merge. The walk in ``export.py`` tells the shape of what comes out.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from minidl import layers as L
from minidl.arrays import move
from minidl.layers.operation import Operation
from minidl.metrics.reading import plain
from minidl.ops.windows import windows
from minidl.serving.onnx_activations import ACTIVATION_LAYERS, activate
from minidl.serving.onnx_graph import Graph, Value, refuse
from minidl.serving.onnx_recurrent import bidirectional, recurrent

Row = Callable[[Graph, Any, Any], Value]


# --- products and convolutions --------------------------------------------------------------------------------------


def dense(graph: Graph, layer: L.Dense, x: Value) -> Value:
    """x W + b, whatever stands before the last axis."""
    x = graph.last(x)
    y = graph.add("MatMul", x.name, graph.weight(layer.kernel.numpy(), of=layer.kernel))
    if layer.bias is not None:
        y = graph.add("Add", y, graph.weight(layer.bias.numpy(), of=layer.bias))
    return activate(graph, layer, replace(x, name=y), layer.activation)


def window_settings(layer: Any, image: tuple, size: tuple, strides: tuple, dilation: Any = 1) -> dict[str, Any]:
    """ONNX's words for windows. With strides the zeros around "same" depend on the image, whose size may vary."""
    settings = {"kernel_shape": size, "strides": strides}
    if layer.padding == "valid" or all(k == 1 for k in size):  # for windows of 1 there are no zeros
        return settings
    if layer.padding == "causal":
        return settings | {"pads": ((size[0] - 1) * dilation[0], 0)}
    if None in image and any(s > 1 for s in strides):
        return settings | {"auto_pad": "SAME_UPPER"}  # the same shares: the odd zero at the end
    added = windows(layer.name, tuple(n or 1 for n in image), size, strides, "same", dilation).added
    return settings | {"pads": (*(before for before, _ in added), *(after for _, after in added))}


def convolution(graph: Graph, layer: Any, x: Value) -> Value:
    """``Conv1D`` and ``Conv2D``; ``DepthwiseConv2D`` has a kernel (kh, kw, C, M), a group for each channel."""
    x = graph.first(x)  # (N, C, H, W)
    W, groups = layer.kernel.numpy(), getattr(layer, "groups", 1)
    if isinstance(layer, L.DepthwiseConv2D):
        groups = W.shape[2]
        W = W.reshape(*W.shape[:2], 1, -1)  # (kh, kw, 1, C M)
    n = W.ndim
    W = W.transpose(n - 1, n - 2, *range(n - 2))  # (k ..., in, out) → (out, in, k ...)
    settings = window_settings(layer, x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate)
    settings |= {"dilations": layer.dilation_rate, "group": groups}
    y = graph.add("Conv", x.name, *kernel_and_bias(graph, layer, W), **settings)
    return activate(graph, layer, replace(x, name=y), layer.activation)


def kernel_and_bias(graph: Graph, layer: Any, W: Any) -> list[str]:
    """The names of the kernel, its axes in ONNX's order, and of the bias, if there is one."""
    names = [graph.weight(W, of=layer.kernel)]
    return names if layer.bias is None else [*names, graph.weight(layer.bias.numpy(), of=layer.bias)]


def separable(graph: Graph, layer: L.SeparableConv2D, x: Value) -> Value:
    """One after the other; the second has windows of 1 × 1, for which the size of the image does not matter."""
    return convolution(graph, layer.pointwise, convolution(graph, layer.depthwise, x))


def transposed(graph: Graph, layer: L.Conv2DTranspose, x: Value) -> Value:
    """With stride s and extent e of a window H becomes (H − 1) s + e; H s is asked for, or at least (H − 1) s + s."""
    x = graph.first(x)
    extents = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate)]
    settings = {
        "kernel_shape": layer.kernel_size,
        "strides": layer.strides,
        "dilations": layer.dilation_rate,
        "output_padding": tuple(max(s - e, 0) for s, e in zip(layer.strides, extents)),
    }
    if layer.padding == "same":
        surplus = [max(e - s, 0) for s, e in zip(layer.strides, extents)]
        settings["pads"] = (*(n // 2 for n in surplus), *(n - n // 2 for n in surplus))
    W = layer.kernel.numpy().transpose(3, 2, 0, 1)  # (kh, kw, F, C) → (C, F, kh, kw)
    y = graph.add("ConvTranspose", x.name, *kernel_and_bias(graph, layer, W), **settings)
    return activate(graph, layer, replace(x, name=y), layer.activation)


# --- pooling and resizing -------------------------------------------------------------------------------------------


def pooling(op: str) -> Row:
    """Windows of an image or a sequence; means are of what there is, without the zeros around."""

    def row(graph: Graph, layer: Any, x: Value) -> Value:
        x = graph.first(x)
        settings = window_settings(layer, x.shape[1:-1], layer.pool_size, layer.strides)
        if "auto_pad" in settings and any(s > k for s, k in zip(layer.strides, layer.pool_size)):
            fix = "Runtimes differ there: give Input the size of its images, or use padding='valid'."
            raise refuse(layer, "strides longer than its windows", fix)
        return replace(x, name=graph.add(op, x.name, **settings))

    return row


def global_pooling(op: str) -> Row:
    """All pixels or steps of each channel."""

    def row(graph: Graph, layer: Any, x: Value) -> Value:
        axes = graph.numbers(*(k + x.first for k in range(1, layer.axes + 1)))
        y = graph.add(op, x.name, axes, keepdims=int(layer.keepdims))
        return replace(x, name=y, first=x.first and layer.keepdims)  # (N, C) lies one way only

    return row


def upsampling(graph: Graph, layer: L.UpSampling2D, x: Value) -> Value:
    """Repeated pixels, or shares of the nearest ones, measured from the pixels' middles."""
    x = graph.first(x)
    scales = graph.weight([1.0, 1.0, *layer.size])
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    linear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    settings = nearest if layer.interpolation == "nearest" else linear
    return replace(x, name=graph.add("Resize", x.name, "", scales, **settings))


def zero_padding(graph: Graph, layer: L.ZeroPadding2D, x: Value) -> Value:
    """Zeros around."""
    x = graph.first(x)
    (top, bottom), (left, right) = layer.padding
    return replace(x, name=graph.add("Pad", x.name, graph.numbers(0, 0, top, left, 0, 0, bottom, right)))


# --- normalisation and embedding ------------------------------------------------------------------------------------


def scale_and_shift(graph: Graph, layer: Any, shape: tuple) -> list[str]:
    """The names of γ and β; ones and zeros where the layer has none, which ONNX does not allow."""
    gamma, beta = layer.gamma, layer.beta
    return [
        graph.weight(np.ones(shape) if gamma is None else gamma.numpy(), of=gamma),
        graph.weight(np.zeros(shape) if beta is None else beta.numpy(), of=beta),
    ]


def batch_normalization(graph: Graph, layer: L.BatchNormalization, x: Value) -> Value:
    """With the moving averages. ONNX's channels are always axis 1."""
    if layer.axis in (-1, len(x.shape) - 1):
        x = graph.first(x)
    elif layer.axis in (1, 1 - len(x.shape)):
        x = graph.last(x)
    else:
        raise refuse(layer, f"axis={layer.axis}", "Use the last axis, or axis 1.")
    mean, variance = layer.moving_mean, layer.moving_variance
    inputs = scale_and_shift(graph, layer, mean.shape)
    inputs += [graph.weight(p.numpy(), of=p) for p in (mean, variance)]
    return replace(x, name=graph.add("BatchNormalization", x.name, *inputs, epsilon=layer.epsilon))


def layer_normalization(graph: Graph, layer: L.LayerNormalization, x: Value) -> Value:
    """Over the last axes, one or several."""
    x = graph.last(x)
    n = len(x.shape)
    axes = [k % n for k in ([layer.axis] if isinstance(layer.axis, int) else layer.axis)]
    if axes != list(range(axes[0], n)):
        raise refuse(layer, f"axis={layer.axis}", "Use the last axis, or several up to the last.")
    inputs = scale_and_shift(graph, layer, tuple(x.shape[k] for k in axes))
    y = graph.add("LayerNormalization", x.name, *inputs, axis=axes[0], epsilon=layer.epsilon)
    return replace(x, name=y)


def embedding(graph: Graph, layer: L.Embedding, x: Value) -> Value:
    """E[x]; indices that came as floats are made whole."""
    E = layer.embeddings
    x = graph.cast(graph.last(x), np.int64)
    return replace(
        x, name=graph.add("Gather", graph.weight(E.numpy(), of=E), x.name, axis=0), dtype=np.dtype(np.float32)
    )


# --- shapes and merging ---------------------------------------------------------------------------------------------


def flatten(graph: Graph, layer: L.Flatten, x: Value) -> Value:
    """(N, ...) → (N, D), in the order in which channels stand last."""
    x = graph.last(x)
    return replace(x, name=graph.add("Flatten", x.name, axis=1))


def reshape(graph: Graph, layer: L.Reshape, x: Value) -> Value:
    """(N, ...) → (N, *target_shape); ONNX's 0 keeps the size of the batch."""
    x = graph.last(x)
    return replace(x, name=graph.add("Reshape", x.name, graph.numbers(0, *layer.target_shape)))


def nothing(graph: Graph, layer: Any, x: Value) -> Value:
    """What does nothing in use."""
    return x


def alike(graph: Graph, xs: list[Value]) -> list[Value]:
    """The values lying one way: channels first only where all do."""
    return xs if all(x.first for x in xs) else [graph.last(x) for x in xs]


def add(graph: Graph, layer: L.Add, xs: list[Value]) -> Value:
    """x₁ + x₂ + ..."""
    x, *others = alike(graph, xs)
    for other in others:
        x = replace(x, name=graph.add("Add", x.name, other.name))
    return x


def concatenate(graph: Graph, layer: L.Concatenate, xs: list[Value]) -> Value:
    """Side by side; of images that lie channels first, along axis 1 instead of the last."""
    n = len(xs[0].shape)
    if layer.axis % n != n - 1:
        xs = [graph.last(x) for x in xs]
    xs = alike(graph, xs)
    axis = 1 if xs[0].first else layer.axis % n
    return replace(xs[0], name=graph.add("Concat", *(x.name for x in xs), axis=axis))


OPERATIONS = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow", "matmul": "MatMul",
    "negative": "Neg",
}  # fmt: skip


def operation(graph: Graph, layer: Operation, xs: list[Value]) -> Value:
    """x + y, 1 − x and the like; numbers and arrays among them become constants of the file."""
    name = layer.op.__name__
    if name not in OPERATIONS:
        raise refuse(layer, f"the operation {name!r}", f"Operations with a row: {', '.join(OPERATIONS)}.")
    xs = [graph.last(x) for x in xs]  # other shapes are broadcast along the last axes
    before, after = ([constant(graph, c) for c in cs] for cs in (layer.before, layer.after))
    return replace(xs[0], name=graph.add(OPERATIONS[name], *before, *(x.name for x in xs), *after))


def constant(graph: Graph, number: Any) -> str:
    """The name of a number or array that a drawing holds."""
    return graph.weight(np.asarray(move(plain(number), "cpu"), np.float32))


TABLE: dict[type, Row] = {
    L.Dense: dense,
    L.Conv1D: convolution,
    L.Conv2D: convolution,
    L.DepthwiseConv2D: convolution,
    L.SeparableConv2D: separable,
    L.Conv2DTranspose: transposed,
    L.MaxPooling1D: pooling("MaxPool"),
    L.MaxPooling2D: pooling("MaxPool"),
    L.AveragePooling1D: pooling("AveragePool"),
    L.AveragePooling2D: pooling("AveragePool"),
    L.GlobalMaxPooling1D: global_pooling("ReduceMax"),
    L.GlobalMaxPooling2D: global_pooling("ReduceMax"),
    L.GlobalAveragePooling1D: global_pooling("ReduceMean"),
    L.GlobalAveragePooling2D: global_pooling("ReduceMean"),
    L.UpSampling2D: upsampling,
    L.ZeroPadding2D: zero_padding,
    L.BatchNormalization: batch_normalization,
    L.LayerNormalization: layer_normalization,
    L.Embedding: embedding,
    L.SimpleRNN: recurrent,
    L.LSTM: recurrent,
    L.GRU: recurrent,
    L.Bidirectional: bidirectional,
    L.Flatten: flatten,
    L.Reshape: reshape,
    L.Add: add,
    L.Concatenate: concatenate,
    Operation: operation,
    L.InputLayer: nothing,
    L.Dropout: nothing,
    L.SpatialDropout1D: nothing,
    L.SpatialDropout2D: nothing,
    L.GaussianNoise: nothing,
    **ACTIVATION_LAYERS,
}
