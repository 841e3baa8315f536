"""The ops, one family a file; in each, forward and derivative stand side by side."""

from minidl.ops.activations import (
    elu,
    gelu,
    hard_sigmoid,
    leaky_relu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
)
from minidl.ops.arithmetic import add, divide, multiply, negative, power, square, subtract
from minidl.ops.attention import attention, attention_weights, self_attention
from minidl.ops.conversion import astype, copy, identity, to_device
from minidl.ops.convolution import conv1d, conv2d
from minidl.ops.convolution_pooling import conv2d_max_pool
from minidl.ops.cross_entropy import sigmoid_cross_entropy, softmax_cross_entropy
from minidl.ops.cumulative import cumprod, cumsum, prod
from minidl.ops.depthwise_convolution import depthwise_conv2d
from minidl.ops.diagonals import diag, diagonal, trace, tril, triu
from minidl.ops.einsum import einsum
from minidl.ops.exponentials import erf, exp, exp2, expm1, log, log1p, log2, log10, reciprocal, sqrt
from minidl.ops.gru import gru
from minidl.ops.indexing import getitem, put_at, sort, take, take_along_axis
from minidl.ops.joining import (
    array_split,
    concatenate,
    concatenate_arrays,
    hstack,
    pad,
    repeat,
    split,
    stack,
    tile,
    vstack,
)
from minidl.ops.linalg import dot, euclidean_norm, inner, matmul, norm, outer, tensordot
from minidl.ops.linear import linear
from minidl.ops.lstm import lstm
from minidl.ops.normalization import batch_norm, layer_norm, rms_norm
from minidl.ops.pooling import average_pool, average_pool_along, max_pool, max_pool_along
from minidl.ops.recurrent import simple_rnn
from minidl.ops.reductions import logsumexp, max, mean, min, std, stretch, sum, var
from minidl.ops.selection import abs, clip, maximum, minimum, sign, where
from minidl.ops.shape import (
    broadcast_to,
    expand_dims,
    flip,
    moveaxis,
    ravel,
    reshape,
    roll,
    squeeze,
    swapaxes,
    transpose,
)
from minidl.ops.softmax import log_softmax, softmax
from minidl.ops.transposed_convolution import conv2d_transpose
from minidl.ops.trigonometry import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
    tanh,
)

__all__ = [
    # arithmetic
    "add", "subtract", "multiply", "divide", "negative", "square", "power",
    # exponentials
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "reciprocal", "erf",
    # trigonometry
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh",
    "arcsinh", "arccosh", "arctanh",
    # activations
    "sigmoid", "relu", "leaky_relu", "relu6", "hard_sigmoid", "elu", "selu", "softplus", "softsign", "silu", "gelu",
    # selection
    "where", "sign", "abs", "maximum", "minimum", "clip",
    # reductions
    "sum", "mean", "stretch", "var", "std", "max", "min", "logsumexp",
    # cumulative
    "cumsum", "cumprod", "prod",
    # linalg
    "matmul", "dot", "inner", "outer", "tensordot", "euclidean_norm", "norm",
    # einsum
    "einsum",
    # linear
    "linear",
    # convolution, transposed_convolution, depthwise_convolution
    "conv1d", "conv2d", "conv2d_transpose", "depthwise_conv2d",
    # pooling, convolution_pooling
    "max_pool", "average_pool", "max_pool_along", "average_pool_along", "conv2d_max_pool",
    # softmax
    "softmax", "log_softmax",
    # cross_entropy
    "softmax_cross_entropy", "sigmoid_cross_entropy",
    # normalization
    "layer_norm", "rms_norm", "batch_norm",
    # attention
    "attention_weights", "attention", "self_attention",
    # recurrent
    "simple_rnn", "lstm", "gru",
    # shape
    "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze", "broadcast_to", "flip", "roll",
    # joining
    "concatenate", "concatenate_arrays", "stack", "vstack", "hstack", "split", "array_split", "pad", "repeat", "tile",
    # indexing
    "getitem", "put_at", "take", "take_along_axis", "sort",
    # diagonals
    "tril", "triu", "diagonal", "trace", "diag",
    # conversion
    "identity", "copy", "astype", "to_device",
]  # fmt: skip
