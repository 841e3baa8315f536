"""PyTorch's layers and ours: the table of who calls what how, and in which order its numbers stand.

=========================  =============================================  ==========================================
here                       PyTorch                                        what is done
=========================  =============================================  ==========================================
Dense                      Linear: weight (out, in)                       transposed
Conv2D, Conv1D             weight (out, in / groups, kh, kw)              axes → (kh, kw, in / groups, out)
Conv2DTranspose            weight (in, out, kh, kw)                       axes → (kh, kw, out, in)
DepthwiseConv2D            Conv2d(groups=C): weight (C M, 1, kh, kw)      axes → (kh, kw, C, M)
Embedding                  weight (V, D)                                  as it is
PositionEmbedding          Embedding: weight (T, D)                       as it is
normalisation              weight, bias, running_mean, running_var        as they are
SimpleRNN, LSTM            weight_ih, weight_hh, bias_ih + bias_hh        transposed, the two biases added
GRU                        gates r z n, two biases                        gates → z r h, transposed, biases (2, 3H)
Bidirectional              weight_ih_l0_reverse ...                       the layer that reads backwards
MultiHeadAttention         in_proj_weight (3D, D), out_proj               cut into W_Q, W_K, W_V, each transposed
TransformerBlock           TransformerEncoderLayer                        its parts: self_attn, linear1 ...
=========================  =============================================  ==========================================

LSTM's gates stand in the order i f g o in both (Keras writes i f c o). Numbers that are settings are not weights: ε of
the norms is 1e-5 there, that of ``BatchNormalization`` 1e-3 here; padding, strides and activations are the model's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minidl import layers as L
from minidl.arrays import Array
from minidl.layers.cells import Cell
from minidl.layers.normalization import ScaleAndShift

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One parameter here, made of arrays there.

    Attributes
    ----------
    ours : str
        The parameter's name within its layer.
    theirs : tuple of str
        The arrays' names within PyTorch's module.
    make : function (shape, *arrays) -> array
        ``shape`` is that of the parameter.
    inputs, outputs : int or None
        The axis of each array there that belongs to the features that go in, or come out.
    """

    ours: str
    theirs: tuple[str, ...]
    make: Callable[..., Array]
    inputs: int | None = None
    outputs: int | None = None


# --- how an array is made -------------------------------------------------------------------------------------------


def same(shape: Shape, a: Array) -> Array:
    """The array as it is."""
    return a


def transposed(shape: Shape, w: Array) -> Array:
    """(out, in) → (in, out)."""
    return w.T


def kernel_last(shape: Shape, w: Array) -> Array:
    """(out, in, k ...) → (k ..., in, out)."""
    return w.transpose(*range(2, w.ndim), 1, 0)


def of_each_channel(shape: Shape, w: Array) -> Array:
    """(C M, 1, kh, kw) → (kh, kw, C, M)."""
    _, _, C, M = shape
    if w.shape[0] != C * M:
        return w  # of another size, which is told
    return w.reshape(C, M, *w.shape[2:]).transpose(2, 3, 0, 1)


def added(shape: Shape, a: Array, b: Array) -> Array:
    """One bias in place of two."""
    return np.sum([a, b], axis=0)  # which refuses two of different shapes, where a + b may stretch one


def gates(order: tuple[int, ...], a: Array) -> Array:
    """The gates, which lie along the first axis, in another order."""
    parts = np.split(a, len(order)) if len(a) % len(order) == 0 else [a]
    return np.concatenate([parts[k] for k in order]) if len(parts) > 1 else a


Z_R_H = (1, 0, 2)  # of r z n


def gru_kernel(shape: Shape, w: Array) -> Array:
    """(3H, in), gates r z n → (in, 3H), gates z r h."""
    return gates(Z_R_H, w).T


def gru_bias(shape: Shape, b_ih: Array, b_hh: Array) -> Array:
    """Two of (3H,) → (2, 3H)."""
    return np.stack([gates(Z_R_H, b_ih), gates(Z_R_H, b_hh)])


def third(k: int) -> Callable[..., Array]:
    """The k-th of three parts: (3D, in) → (in, D), (3D,) → (D,)."""
    return lambda shape, a: a[k * len(a) // 3 : (k + 1) * len(a) // 3].T


# --- the table ------------------------------------------------------------------------------------------------------


def weight_and_bias(ours: str, make: Callable[..., Array]) -> tuple[Row, ...]:
    """The two that most layers have."""
    return Row(ours, ("weight",), make), Row("bias", ("bias",), same)


NORM = (
    Row("gamma", ("weight",), same, inputs=0, outputs=0),
    Row("beta", ("bias",), same, inputs=0, outputs=0),
)
RECURRENT = (
    Row("kernel", ("weight_ih",), transposed),
    Row("recurrent_kernel", ("weight_hh",), transposed),
    Row("bias", ("bias_ih", "bias_hh"), added),
)
OUT = (Row("output_kernel", ("out_proj.weight",), transposed), Row("output_bias", ("out_proj.bias",), same))
QKV = ("query", "key", "value")
QKV_BIAS = tuple(Row(f"{name}_bias", ("in_proj_bias",), third(k)) for k, name in enumerate(QKV))

TABLE: dict[type, tuple[Row, ...]] = {
    L.Dense: (
        Row("kernel", ("weight",), transposed, inputs=1, outputs=0),
        Row("bias", ("bias",), same, outputs=0),
    ),
    L.Conv2D: weight_and_bias("kernel", kernel_last),  # Conv1D too
    L.Conv2DTranspose: weight_and_bias("kernel", kernel_last),
    L.DepthwiseConv2D: weight_and_bias("kernel", of_each_channel),
    L.Embedding: (Row("embeddings", ("weight",), same),),
    L.PositionEmbedding: (Row("positions", ("weight",), same),),
    ScaleAndShift: NORM,  # layer, RMS and group norm
    L.BatchNormalization: (
        *NORM,
        Row("moving_mean", ("running_mean",), same, inputs=0, outputs=0),
        Row("moving_variance", ("running_var",), same, inputs=0, outputs=0),
    ),
    L.SimpleRNNCell: RECURRENT,
    L.LSTMCell: RECURRENT,
    L.GRUCell: (
        Row("kernel", ("weight_ih",), gru_kernel),
        Row("recurrent_kernel", ("weight_hh",), gru_kernel),
        Row("bias", ("bias_ih", "bias_hh"), gru_bias),
    ),
    L.MultiHeadAttention: (
        *(Row(f"{name}_kernel", ("in_proj_weight",), third(k)) for k, name in enumerate(QKV)), *QKV_BIAS, *OUT,
    ),
}  # fmt: skip

# MultiHeadAttention over keys or values of another width has W_Q, W_K and W_V as arrays of their own.
APART = (*(Row(f"{name}_kernel", (f"{name[0]}_proj_weight",), transposed) for name in QKV), *QKV_BIAS, *OUT)

# Layers of several parts: ours → theirs, in PyTorch's order.
PARTS: dict[type, dict[str, str]] = {
    L.TransformerBlock: {
        "attention": "self_attn",
        "hidden": "linear1",
        "output": "linear2",
        "attention_norm": "norm1",
        "network_norm": "norm2",
    }
}

IGNORED = ("num_batches_tracked",)  # a count that nothing depends on


def rows_of(layer: Any, there: Any = ()) -> tuple[Row, ...]:
    """The rows of a layer; of one that is not in the table its parameters under their own names, as they are.

    ``there`` are the names in PyTorch's module.
    """
    if isinstance(layer, L.Bidirectional):
        backward = (replace(r, theirs=tuple(f"{t}_reverse" for t in r.theirs)) for r in rows_of(layer.backward_layer))
        return (*inside("forward_layer", rows_of(layer.forward_layer)), *inside("backward_layer", backward))
    if isinstance(layer, L.RNN):
        return inside("cell", rows_of(layer.cell))
    if isinstance(layer, L.GRUCell) and not layer.reset_after:
        raise ValueError(
            f"from_pytorch: {layer.name!r} resets before the product with U, PyTorch's GRU after it.\n"
            "Make it with reset_after=True."
        )
    if isinstance(layer, L.MultiHeadAttention) and "q_proj_weight" in there:
        return APART
    kind = next((kind for kind in type(layer).__mro__ if kind in TABLE), None)
    if kind is not None:
        return TABLE[kind]
    return tuple(Row(name, (name,), same) for name, p in layer.children() if isinstance(p, L.Parameter))


def inside(name: str, rows: Any) -> tuple[Row, ...]:
    """The rows of a layer that is this attribute of another."""
    return tuple(replace(row, ours=f"{name}.{row.ours}") for row in rows)


def is_whole(layer: Any) -> bool:
    """Whether the rows speak of all that is inside the layer too."""
    return isinstance(layer, (L.Bidirectional, L.RNN, Cell)) or any(kind in TABLE for kind in type(layer).__mro__)
