"""Rows for the layers of convolution, pooling and resizing, as functions of their inputs and of their parameters."""

import numpy as np

import minidl as md
from tests.table.convolution import plain_conv1d, plain_conv2d, plain_depthwise, plain_transpose
from tests.table.pooling import along, plain_pool
from tests.table.row import Refusal, Row

L = md.layers


def given(layer, x, *parameters):
    """The layer's result for x, with these Tensors in the places of its parameters."""
    layer.build_for(x)
    if isinstance(layer, L.SeparableConv2D):
        layer.depthwise.build_for(x)
        layer.pointwise.build_for(layer.depthwise(md.Tensor(np.zeros(x.shape))))
        layer.depthwise.kernel, layer.pointwise.kernel, layer.pointwise.bias = parameters
    else:
        layer.kernel, layer.bias = (*parameters, None)[:2]
    return layer(x)


def plain_bilinear(x, sh, sw):
    """NumPy's own interpolation, line by line."""
    for axis, s in ((1, sh), (2, sw)):
        n = x.shape[axis]
        middle = (np.arange(n * s) + 0.5) / s - 0.5
        x = np.apply_along_axis(lambda line, m=middle, n=n: np.interp(m, np.arange(n), line), axis, x)
    return x


ROWS = [
    Row("Conv2D", lambda x, W, b: given(L.Conv2D(3, 2, (2, 1), "same", activation="tanh"), x, W, b),
        [(1, 3, 4, 2), (2, 2, 2, 3), (3,)],
        lambda x, W, b: np.tanh(plain_conv2d(x, W, b, (2, 1), "same"))),
    Row("Conv2D", lambda x, W: given(L.Conv2D(4, (1, 3), groups=2, dilation_rate=(3, 1), use_bias=False), x, W),
        [(1, 2, 5, 6), (1, 3, 3, 4)], lambda x, W: plain_conv2d(x, W, groups=2), "groups, no bias"),
    Row("Conv2D", lambda x, W, b: given(L.Conv2D(3, 1), x, W, b), [(1, 4, 5, 2), (1, 1, 2, 3), (3,)],
        lambda x, W, b: x @ W[0, 0] + b, "pointwise"),
    Row("Conv1D", lambda x, W, b: given(L.Conv1D(2, 4, padding="causal"), x, W, b), [(1, 5, 3), (4, 3, 2), (2,)],
        lambda x, W, b: plain_conv1d(x, W, b, 1, "causal")),
    Row("Conv2DTranspose", lambda x, W, b: given(L.Conv2DTranspose(4, (3, 2), 2, "same"), x, W, b),
        [(1, 3, 2, 2), (3, 2, 4, 2), (4,)], lambda x, W, b: plain_transpose(x, W, b, (2, 2), "same")),
    Row("Conv2DTranspose", lambda x, W, b: given(L.Conv2DTranspose(4, 1), x, W, b),
        [(1, 3, 2, 2), (1, 1, 4, 2), (4,)], lambda x, W, b: x @ W[0, 0].T + b, "pointwise"),
    Row("DepthwiseConv2D", lambda x, W, b: given(L.DepthwiseConv2D((2, 3), depth_multiplier=3), x, W, b),
        [(1, 3, 4, 2), (2, 3, 2, 3), (6,)], plain_depthwise),
    Row("SeparableConv2D", lambda x, D, P, b: given(L.SeparableConv2D(3, 2, depth_multiplier=2), x, D, P, b),
        [(1, 3, 4, 2), (2, 2, 2, 2), (1, 1, 4, 3), (3,)], lambda x, D, P, b: plain_depthwise(x, D) @ P[0, 0] + b),
    Row("MaxPooling2D", lambda x: L.MaxPooling2D((2, 3), 1)(x), [(1, 3, 5, 2)],
        lambda x: plain_pool(x, (2, 3), (1, 1), "valid", np.max)),
    Row("MaxPooling1D", lambda x: L.MaxPooling1D()(x), [(1, 5, 2)], lambda x: along(x, 2, 2, "valid", np.max)),
    Row("AveragePooling2D", lambda x: L.AveragePooling2D((3, 2), padding="same")(x), [(1, 5, 3, 2)],
        lambda x: plain_pool(x, (3, 2), (3, 2), "same", np.mean)),
    Row("AveragePooling1D", lambda x: L.AveragePooling1D(3, 1)(x), [(1, 5, 2)],
        lambda x: along(x, 3, 1, "valid", np.mean)),
    Row("GlobalMaxPooling2D", lambda x: L.GlobalMaxPooling2D()(x), [(3, 2, 4, 5)], lambda x: x.max((1, 2))),
    Row("GlobalMaxPooling1D", lambda x: L.GlobalMaxPooling1D(True)(x), [(3, 4, 5)], lambda x: x.max(1)[:, None]),
    Row("GlobalAveragePooling2D", lambda x: L.GlobalAveragePooling2D(keepdims=True)(x), [(3, 2, 4, 5)],
        lambda x: x.mean((1, 2))[:, None, None]),
    Row("GlobalAveragePooling1D", lambda x: L.GlobalAveragePooling1D()(x), [(3, 4, 5)], lambda x: x.mean(1)),
    Row("UpSampling2D", lambda x: L.UpSampling2D((2, 3))(x), [(1, 3, 2, 4)], lambda x: x.repeat(2, 1).repeat(3, 2)),
    Row("UpSampling2D", lambda x: L.UpSampling2D((3, 2), "bilinear")(x), [(1, 2, 3, 4)],
        lambda x: plain_bilinear(x, 3, 2), "bilinear"),
    Row("ZeroPadding2D", lambda x: L.ZeroPadding2D(((1, 0), (2, 3)))(x), [(1, 3, 2, 4)],
        lambda x: np.concatenate([np.zeros((1, 4, 2, 4)), np.concatenate([np.zeros((1, 1, 2, 4)), x], 1),
                                  np.zeros((1, 4, 3, 4))], 2)),
]  # fmt: skip

KINKS = []


def ones(*shape):
    return np.ones(shape, np.float32)


def after(layer, *shapes):
    """Call a layer on images of one shape after the other."""
    for shape in shapes:
        layer(ones(*shape))


REFUSALS = [
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 3), (2, 6, 6, 3), (2, 3, 6, 6)), ValueError,
            r"^Conv2D 'conv2d' expects images \(N, H, W, 3\), got .*3, 6, 6\)\.\n.*x\.transpose\(0, 2, 3, 1\)"),
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 3), (2, 6, 6, 3), (2, 6, 6, 1)), ValueError, r", 3\), got .* 1\)\.$"),
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 3), (60, 28, 28)), ValueError, r"28, 28\)\.\n.*x\[\.\.\., None\]"),
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 3), (60, 784)), ValueError, r"images \(N, H, W, C\), .*\(60, 784\)"),
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 3), ()), ValueError, r"got shape \(\)"),
    Refusal("Conv2D", lambda: L.Conv2D(8, 3)(md.Input(shape=(9, 9, None))), ValueError, "must know the number of chan"),
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 7, name="last"), (2, 6, 6, 3)), ValueError,
            "^Conv2D 'last': conv2d: a window of 7 x 7 is larger than the image of 6 x 6"),
    Refusal("Conv2D", lambda: L.Conv2D(0, 3), ValueError, "filters as a positive integer, got 0"),
    Refusal("Conv2D", lambda: L.Conv2D(8, (3, 3, 3)), ValueError, r"kernel_size of .*\(3, 3, 3\)"),
    Refusal("Conv2D", lambda: L.Conv2D(8, 3, 0), ValueError, "Conv2D expects strides .* got 0"),
    Refusal("Conv2D", lambda: L.Conv2D(8, 3, padding="SAME"), ValueError, "padding 'SAME' .*mean 'same'"),
    Refusal("Conv2D", lambda: L.Conv2D(8, 3, groups=3), ValueError, "filters=8 into 3 equal groups"),
    Refusal("Conv2D", lambda: after(L.Conv2D(8, 3, groups=2), (2, 6, 6, 3)), ValueError, "3 channels into 2 equal"),
    Refusal("Conv2D", lambda: L.Conv2D(8, 3, activation="rellu"), ValueError, "Did you mean 'relu'"),
    Refusal("Conv1D", lambda: after(L.Conv1D(8, 3), (2, 9, 3), (2, 3, 9)), ValueError, r"x\.transpose\(0, 2, 1\)\?"),
    Refusal("Conv1D", lambda: after(L.Conv1D(8, 3), (2, 9)), ValueError, r"sequences \(N, T, C\), got shape \(2, 9\)"),
    Refusal("Conv2DTranspose", lambda: L.Conv2DTranspose(8, 3, padding="causal"), ValueError, "padding 'causal'"),
    Refusal("DepthwiseConv2D", lambda: L.DepthwiseConv2D(3, depth_multiplier=0), ValueError, "depth_multiplier as a"),
    Refusal("MaxPooling2D", lambda: after(L.MaxPooling2D(), (2, 28, 28)), ValueError, r"images (.|\n)*None"),
    Refusal("MaxPooling2D", lambda: after(L.MaxPooling2D(), (2, 1, 4, 3)), ValueError, "'max_pooling2d': max_pool: a"),
    Refusal("MaxPooling2D", lambda: L.MaxPooling2D(-2), ValueError, "MaxPooling2D expects pool_size .* got -2"),
    Refusal("AveragePooling1D", lambda: L.AveragePooling1D(padding="causal"), ValueError, "padding 'causal'"),
    Refusal("GlobalAveragePooling2D", lambda: after(L.GlobalAveragePooling2D(), (2, 3)), ValueError, "expects images"),
    Refusal("GlobalMaxPooling1D", lambda: after(L.GlobalMaxPooling1D(), (2, 0, 3)), ValueError, "at least one number"),
    Refusal("UpSampling2D", lambda: L.UpSampling2D(2, "linear"), ValueError, "Did you mean 'bilinear'"),
    Refusal("UpSampling2D", lambda: L.UpSampling2D(0.5), ValueError, r"size of .* got 0\.5"),
    Refusal("ZeroPadding2D", lambda: L.ZeroPadding2D(-1), ValueError, "not negative, got -1"),
    Refusal("ZeroPadding2D", lambda: L.ZeroPadding2D((1, 2, 3)), ValueError, r"got \(1, 2, 3\)"),
]  # fmt: skip
