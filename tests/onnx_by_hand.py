"""ONNX's operators in NumPy, written from the specification: what a file means, with nothing of minidl in it.

``run(graph, inputs, outputs)`` computes a ``Graph`` node by node. Only what minidl writes is here.
"""

from itertools import product

import numpy as np

ERF = np.vectorize(__import__("math").erf, otypes=[float])
SIGMOID = {"Sigmoid": lambda x: 1 / (1 + np.exp(-x)), "Tanh": np.tanh, "Relu": lambda x: np.maximum(x, 0)}


def run(graph, inputs):
    """{name: array} of all that is computed, in float64."""
    given = graph.weights | inputs
    values = {name: x.astype(np.float64) if x.dtype == np.float32 else x for name, x in given.items()}
    for node in graph.nodes:
        given = [values[name] if name else None for name in node.inputs]
        assert node.output not in values, f"{node.output} is made twice"
        values[node.output] = OPS[node.op](*given, **node.attributes)
    return values


# --- windows --------------------------------------------------------------------------------------------------------


def ends(x, kernel_shape, strides, pads, auto_pad, dilations):
    """(begin, end) of the padding for each axis."""
    n = len(kernel_shape)
    if auto_pad == "NOTSET":
        return [(pads[k], pads[k + n]) for k in range(n)] if pads else [(0, 0)] * n
    assert auto_pad == "SAME_UPPER"
    total = [
        max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        for size, k, s, d in zip(x.shape[2:], kernel_shape, strides, dilations)
    ]
    return [(t // 2, t - t // 2) for t in total]


def windows(x, kernel_shape, strides, pads, auto_pad, dilations, value):
    """Every window: (its place in the output, what it sees as (N, C, k ...))."""
    pads = ends(x, kernel_shape, strides, pads, auto_pad, dilations)
    x = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=value)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel_shape, dilations)]
    sizes = [(n - e) // s + 1 for n, e, s in zip(x.shape[2:], extents, strides)]
    for place in product(*map(range, sizes)):
        at = [slice(p * s, p * s + e, d) for p, s, e, d in zip(place, strides, extents, dilations)]
        yield place, x[(slice(None), slice(None), *at)]


def slide(x, channels, compute, kernel_shape, strides, pads=(), auto_pad="NOTSET", dilations=None, value=0.0):
    """(N, channels, ...) of compute(window)."""
    dilations = dilations or (1,) * len(kernel_shape)
    parts = dict(windows(x, kernel_shape, strides, pads, auto_pad, dilations, value))
    sizes = np.array(list(parts)).max(axis=0) + 1
    y = np.empty((len(x), channels, *sizes))
    for place, seen in parts.items():
        y[(slice(None), slice(None), *place)] = compute(seen)
    return y


def conv(x, W, b=None, group=1, **settings):
    F, per = W.shape[0] // group, W.shape[1]

    def compute(seen):  # (N, C, k ...) → (N, F)
        parts = [
            np.tensordot(seen[:, g * per : (g + 1) * per], W[g * F : (g + 1) * F], (range(1, W.ndim),) * 2)
            for g in range(group)
        ]
        return np.concatenate(parts, axis=1) + (0 if b is None else b)

    return slide(x, len(W), compute, **settings)


def conv_transpose(x, W, b=None, *, kernel_shape, strides, dilations, output_padding, pads=(0, 0, 0, 0)):
    N, _, *image = x.shape
    full = [
        (n - 1) * s + (k - 1) * d + 1 + o
        for n, s, k, d, o in zip(image, strides, kernel_shape, dilations, output_padding)
    ]
    y = np.zeros((N, W.shape[1], *full))
    for (h, w), (i, j) in product(np.ndindex(*image), np.ndindex(*kernel_shape)):
        y[:, :, h * strides[0] + i * dilations[0], w * strides[1] + j * dilations[1]] += x[:, :, h, w] @ W[:, :, i, j]
    y = y[:, :, pads[0] : full[0] - pads[2], pads[1] : full[1] - pads[3]]
    return y if b is None else y + b[:, None, None]


def max_pool(x, **settings):
    return slide(x, x.shape[1], lambda seen: seen.max(axis=tuple(range(2, x.ndim))), value=-np.inf, **settings)


def average_pool(x, **settings):
    return slide(x, x.shape[1], lambda seen: np.nanmean(seen, axis=tuple(range(2, x.ndim))), value=np.nan, **settings)


def resize(x, roi, scales, mode, coordinate_transformation_mode, nearest_mode=None):
    y = x
    for axis, scale in enumerate(scales):
        n = x.shape[axis]
        at = np.arange(int(n * scale))
        if mode == "nearest":
            assert (coordinate_transformation_mode, nearest_mode) == ("asymmetric", "floor")
            y = y.take(np.floor(at / scale).astype(int), axis=axis)
        else:
            assert coordinate_transformation_mode == "half_pixel"
            at = ((at + 0.5) / scale - 0.5).clip(0, n - 1)
            low = np.floor(at).astype(int)
            share = (at - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
            y = (1 - share) * y.take(low, axis=axis) + share * y.take((low + 1).clip(0, n - 1), axis=axis)
    return y


# --- recurrent ------------------------------------------------------------------------------------------------------


def recurrent(step):
    """An operator from its equation of one step: (states, x W' + b_W, h R' + b_R, ...) → states."""

    def op(X, W, R, B=None, *, hidden_size, activations, linear_before_reset=0):
        (W,), (R,) = W, R
        b_w, b_r = np.zeros((2, len(W))) if B is None else B[0].reshape(2, -1)
        f = [SIGMOID[name] for name in activations]
        states, hs = [np.zeros((X.shape[1], hidden_size))] * 2, []
        for x in X:  # (N, D)
            states = step(states, x @ W.T + b_w, R, b_r, f, linear_before_reset)
            hs.append(states[0])
        return np.stack(hs)[:, None]  # (T, 1, N, H)

    return op


def rnn_step(states, xW, R, b, f, _):
    return [f[0](xW + states[0] @ R.T + b)]


def lstm_step(states, xW, R, b, f, _):
    h, c = states
    i, o, forget, new = np.split(xW + h @ R.T + b, 4, axis=1)
    c = f[0](forget) * c + f[0](i) * f[1](new)
    return [f[0](o) * f[2](c), c]


def gru_step(states, xW, R, b, f, linear_before_reset):
    h = states[0]
    (z, r, n), (R_z, R_r, R_n), (b_z, b_r, b_n) = np.split(xW, 3, axis=1), np.split(R, 3), np.split(b, 3)
    z, r = f[0](z + h @ R_z.T + b_z), f[0](r + h @ R_r.T + b_r)
    new = f[1](n + (r * (h @ R_n.T + b_n) if linear_before_reset else (r * h) @ R_n.T + b_n))
    return [(1 - z) * new + z * h]


# --- the others -----------------------------------------------------------------------------------------------------


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def batch_normalization(x, scale, bias, mean, var, epsilon):
    scale, bias, mean, var = (p.reshape(-1, *(1,) * (x.ndim - 2)) for p in (scale, bias, mean, var))  # axis 1
    return (x - mean) / np.sqrt(var + epsilon) * scale + bias


def layer_normalization(x, scale, bias, axis, epsilon):
    axes = tuple(range(axis, x.ndim))
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon) * scale + bias


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + ERF(x / np.sqrt(2)))


def slice_(x, start, end, axis, step):
    return x[(*(slice(None),) * axis[0], slice(start[0], None if end[0] < -(2**40) else end[0], step[0]))]


def reshape(x, shape):
    return x.reshape([x.shape[k] if n == 0 else n for k, n in enumerate(shape)])


def arithmetic(f):
    """Of two arrays of one dtype: ONNX converts nothing by itself."""

    def op(x, y):
        assert x.dtype == y.dtype, f"{x.dtype} and {y.dtype}"
        return f(x, y)

    return op


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


OPS = {
    "Identity": lambda x: x,
    "Cast": lambda x, to: x.astype(np.float64 if to == np.float32 else to),
    "Transpose": lambda x, perm: x.transpose(perm),
    "Flatten": lambda x, axis: x.reshape(int(np.prod(x.shape[:axis])), -1),
    "Reshape": reshape,
    "Squeeze": lambda x, axes: x.squeeze(tuple(axes)),
    "Slice": slice_,
    "Gather": lambda x, k, axis: x.take(k, axis=axis),
    "Concat": lambda *xs, axis: np.concatenate(xs, axis=axis),
    "Pad": lambda x, pads: np.pad(x, list(zip(pads[: x.ndim], pads[x.ndim :]))),
    "Resize": resize,
    "MatMul": arithmetic(np.matmul),
    "Add": arithmetic(np.add),
    "Sub": arithmetic(np.subtract),
    "Mul": arithmetic(np.multiply),
    "Div": arithmetic(np.divide),
    "Pow": arithmetic(np.power),
    "Neg": np.negative,
    "Min": arithmetic(np.minimum),
    "Mean": lambda *xs: sum(xs) / len(xs),
    "Clip": np.clip,
    "ReduceMax": lambda x, axes, keepdims: x.max(tuple(axes), keepdims=bool(keepdims)),
    "ReduceMean": lambda x, axes, keepdims: x.mean(tuple(axes), keepdims=bool(keepdims)),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "RNN": recurrent(rnn_step),
    "LSTM": recurrent(lstm_step),
    "GRU": recurrent(gru_step),
    **SIGMOID,
    "LeakyRelu": lambda x, alpha: np.where(x > 0, x, alpha * x),
    "Elu": elu,
    "Selu": lambda x: 1.05070102214813232421875 * elu(x, 1.67326319217681884765625),
    "Gelu": gelu,
    "HardSigmoid": lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    "Softplus": lambda x: np.log1p(np.exp(x)),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Exp": np.exp,
    "Softmax": softmax,
    "LogSoftmax": lambda x, axis: np.log(softmax(x, axis)),
}
