"""Rows for convolutions: of images, of sequences, transposed, depthwise."""

from itertools import product

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def same_start(n, k, s, d):
    """How far the first window of "same" padding begins before the image, and how many windows there are."""
    outputs = (n + s - 1) // s
    return max((outputs - 1) * s + (k - 1) * d + 1 - n, 0) // 2, outputs


def plain_places(n, k, s, padding, d):
    """(output, place, pixel) along one axis, for every place of a window where there is a pixel."""
    start, outputs = same_start(n, k, s, d) if padding == "same" else (0, (n - (k - 1) * d - 1) // s + 1)
    found = [(o, i, o * s + i * d - start) for o in range(outputs) for i in range(k)]
    return outputs, [(o, i, p) for o, i, p in found if 0 <= p < n]


def plain_conv2d(x, W, b=None, strides=(1, 1), padding="valid", dilation=(1, 1), groups=1):
    """Every output a sum over the places of its window, written out."""
    (N, H, Wd, _), (kh, kw, c, F) = x.shape, W.shape
    OH, vertical = plain_places(H, kh, strides[0], padding, dilation[0])
    OW, horizontal = plain_places(Wd, kw, strides[1], padding, dilation[1])
    y = np.zeros((N, OH, OW, F))
    for (o, i, p), (u, j, q), f in product(vertical, horizontal, range(F)):
        first = f // (F // groups) * c
        for channel in range(c):
            y[:, o, u, f] += x[:, p, q, first + channel] * W[i, j, channel, f]
    return y if b is None else y + b


def plain_conv1d(x, W, b=None, stride=1, padding="valid", dilation=1):
    if padding == "causal":
        zeros = np.zeros((len(x), (W.shape[0] - 1) * dilation, x.shape[2]))
        x, padding = np.concatenate([zeros, x], axis=1), "valid"
    return plain_conv2d(x[:, None], W[None], b, (1, stride), padding, (1, dilation))[:, 0]


def plain_depthwise(x, W, b=None, **settings):
    """Channel by channel."""
    ys = [plain_conv2d(x[..., c : c + 1], W[:, :, c : c + 1], **settings) for c in range(x.shape[3])]
    y = np.concatenate(ys, axis=-1)
    return y if b is None else y + b


def plain_transpose(x, W, b, strides, padding, dilation=(1, 1)):
    """y = Aᵀ x with the matrix A of the convolution, one column for each pixel of y."""
    (N, h, w, _), (kh, kw, F, _) = x.shape, W.shape
    sizes = zip((h, w), (kh, kw), strides, dilation)
    H, Wd = (n * s if padding == "same" else (n - 1) * s + max((k - 1) * d + 1, s) for n, k, s, d in sizes)
    units = np.eye(H * Wd * F).reshape(-1, H, Wd, F)
    A = plain_conv2d(units, W, None, strides, padding, dilation).reshape(len(units), -1)
    return (x.reshape(N, -1) @ A.T).reshape(N, H, Wd, F) + b


ROWS = [
    Row("conv2d", lambda x, W, b: md.conv2d(x, W, b), [(2, 4, 3, 2), (3, 2, 2, 3), (3,)], plain_conv2d),
    Row("conv2d", lambda x, W, b: md.conv2d(x, W, b, (2, 1), "same"), [(1, 5, 4, 2), (2, 3, 2, 1), (1,)],
        lambda x, W, b: plain_conv2d(x, W, b, (2, 1), "same"), "strides, same"),
    Row("conv2d", lambda x, W: md.conv2d(x, W, None, 1, "same", (2, 3)), [(2, 5, 4, 1), (3, 2, 1, 3)],
        lambda x, W: plain_conv2d(x, W, None, (1, 1), "same", (2, 3)), "dilation, no bias, one channel"),
    Row("conv2d", lambda x, W, b: md.conv2d(x, W, b, (1, 2), groups=2), [(1, 2, 4, 6), (1, 2, 3, 4), (4,)],
        lambda x, W, b: plain_conv2d(x, W, b, (1, 2), groups=2), "groups"),
    Row("conv1d", lambda x, W, b: md.conv1d(x, W, b, 2, "same"), [(1, 5, 3), (4, 3, 2), (2,)],
        lambda x, W, b: plain_conv1d(x, W, b, 2, "same")),
    Row("conv1d", lambda x, W: md.conv1d(x, W, None, 1, "causal", 2), [(2, 5, 1), (3, 1, 4)],
        lambda x, W: plain_conv1d(x, W, None, 1, "causal", 2), "causal"),
    Row("conv2d_transpose", lambda x, W, b: md.conv2d_transpose(x, W, b, (2, 1)), [(2, 1, 3, 2), (3, 2, 4, 2), (4,)],
        lambda x, W, b: plain_transpose(x, W, b, (2, 1), "valid")),
    Row("conv2d_transpose", lambda x, W, b: md.conv2d_transpose(x, W, b, (1, 3), "same", (2, 1)),
        [(1, 3, 2, 2), (3, 2, 1, 2), (1,)], lambda x, W, b: plain_transpose(x, W, b, (1, 3), "same", (2, 1)),
        "strides, same, dilation"),
    Row("depthwise_conv2d", lambda x, W, b: md.depthwise_conv2d(x, W, b), [(2, 3, 4, 2), (2, 3, 2, 3), (6,)],
        plain_depthwise),
    Row("depthwise_conv2d", lambda x, W: md.depthwise_conv2d(x, W, None, (2, 1), "same", (1, 2)),
        [(1, 5, 4, 2), (3, 2, 2, 1)],
        lambda x, W: plain_depthwise(x, W, strides=(2, 1), padding="same", dilation=(1, 2)), "strides, same, dilation"),
]  # fmt: skip

KINKS = []


def ones(*shape):
    return md.Tensor(np.ones(shape, np.float32), requires_grad=True)


IMAGES, KERNEL = ones(2, 5, 4, 3), ones(3, 3, 3, 2)


REFUSALS = [
    Refusal("conv2d", lambda: md.conv2d(ones(2, 3, 5, 4), KERNEL, None), ValueError,
            r"^conv2d expects 3 channels .* got shape \(2, 3, 5, 4\)\.\n.*x\.transpose\(0, 2, 3, 1\)"),
    Refusal("conv2d", lambda: md.conv2d(ones(2, 5, 4, 1), KERNEL, None), ValueError, r"expects 3 channels .*1\)\.$"),
    Refusal("conv2d", lambda: md.conv2d(ones(2, 5, 4), KERNEL, None), ValueError, r"x\[None\] for one image"),
    Refusal("conv2d", lambda: md.conv2d(ones(5), KERNEL, None), ValueError, r"expects images \(N, H, W, C\), .*\(5,\)"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, ones(3, 3, 2), None), ValueError, r"kernel W \(kh, kw, C, F\), got"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, ones(6, 3, 3, 2), None), ValueError,
            "^conv2d: a window of 6 x 3 is larger than the image of 5 x 4"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, dilation=3), ValueError, "window of 7 x 7 is larger"),
    Refusal("conv2d", lambda: md.conv2d(ones(2, 0, 4, 3), KERNEL, None, 1, "same"), ValueError, "the image of 0 x 4"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, ones(3)), ValueError, r"bias of shape \(2,\).*got \(3,\)"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, ones(1)), ValueError, r"bias of shape \(2,\).*got \(1,\)"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, 0), ValueError, "strides of a positive integer .* 0"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, (1, 2, 1)), ValueError, r"strides of .*\(1, 2, 1\)"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, 1.5), ValueError, r"strides of .*got 1\.5"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, 1, "sane"), ValueError, "padding 'sane'.*mean 'same'"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, dilation=(0, 1)), ValueError, r"dilation of .*\(0, 1\)"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, groups=2), ValueError, "expects 6 channels"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, ones(3, 3, 1, 4), None, groups=3), ValueError, "4 channels .* 3 equal"),
    Refusal("conv2d", lambda: md.conv2d(IMAGES, KERNEL, None, groups=0), ValueError, "groups of a positive integer"),
    Refusal("conv1d", lambda: md.conv1d(IMAGES, ones(3, 3, 2), None), ValueError, r"conv1d expects x \(N, T, C\)"),
    Refusal("conv1d", lambda: md.conv1d(ones(2, 5, 3), ones(3, 3, 2), None, (1, 1)), ValueError, "conv1d expects str"),
    Refusal("conv2d_transpose", lambda: md.conv2d_transpose(IMAGES, KERNEL, None), ValueError, "expects 2 channels"),
    Refusal("conv2d_transpose", lambda: md.conv2d_transpose(IMAGES, ones(3), None), ValueError, r"W \(kh, kw, F, C\)"),
    Refusal("conv2d_transpose", lambda: md.conv2d_transpose(IMAGES, ones(3, 3, 2, 3), None, 1, "full"), ValueError,
            "^conv2d_transpose: padding 'full'"),
    Refusal("depthwise_conv2d", lambda: md.depthwise_conv2d(IMAGES[..., :2], KERNEL, None), ValueError, "3 channels"),
    Refusal("depthwise_conv2d", lambda: md.depthwise_conv2d(IMAGES, KERNEL, ones(3)), ValueError, r"shape \(6,\)"),
]  # fmt: skip
