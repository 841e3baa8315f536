import numpy as np

from tests.exercises.answers import Answers


def receptive_field(kernels, strides):
    side, apart = 1, 1
    for k, s in zip(kernels, strides):
        side += (k - 1) * apart
        apart *= s
    return side


def field_backwards(kernels, strides):
    side = 1
    for k, s in zip(kernels[::-1], strides[::-1]):
        side = (side - 1) * s + k
    return side


def field_with_products(kernels, strides):
    return 1 + sum((k - 1) * np.prod(strides[:n]) for n, k in enumerate(kernels))


def field_by_emptying_lists(kernels, strides):
    side = 1
    while kernels:
        side = (side - 1) * strides.pop() + kernels.pop()
    return side


def field_with_inserted_stride(kernels, strides):
    strides.insert(0, 1)
    return field_with_products(kernels, np.cumprod(strides))


def strides_once(kernels, strides):
    side = kernels[0]
    for k, s in zip(kernels[1:], strides):
        side += (k - 1) * s
    return side


def conv2d_backward(g, x, W):
    kh, kw, _, _ = W.shape
    _, OH, OW, _ = g.shape
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i in range(kh):
        for j in range(kw):
            seen = np.s_[:, i : i + OH, j : j + OW]
            dx[seen] += g @ W[i, j].T
            dW[i, j] = np.tensordot(x[seen], g, axes=([0, 1, 2], [0, 1, 2]))
    return dx, dW, g.sum(axis=(0, 1, 2))


def conv_with_loops(g, x, W):
    dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(W.shape[3])
    kh, kw = W.shape[:2]
    for n in range(len(x)):
        for h in range(g.shape[1]):
            for w in range(g.shape[2]):
                dW += x[n, h : h + kh, w : w + kw, :, None] * g[n, h, w]
                dx[n, h : h + kh, w : w + kw] += W @ g[n, h, w]
                db += g[n, h, w]
    return dx, dW, db


def conv_with_einsum(g, x, W):
    """dW from all windows at once; dx as a convolution of g, with zeros around it, by the turned kernel."""
    kh, kw = W.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view
    dW = np.einsum("nhwcij,nhwf->ijcf", windows(x, (kh, kw), axis=(1, 2)), g)
    around = np.pad(g, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
    dx = np.einsum("nhwfij,ijcf->nhwc", windows(around, (kh, kw), axis=(1, 2)), W[::-1, ::-1])
    return dx, dW, np.einsum("nhwf->f", g)


def kernel_turned(g, x, W):
    return conv2d_backward(g, x, W[::-1, ::-1])[0], *conv2d_backward(g, x, W)[1:]


def kernel_gradient_turned(g, x, W):
    dx, dW, db = conv2d_backward(g, x, W)
    return dx, dW[::-1, ::-1], db


def last_place_only(g, x, W):
    dx, dW, db = conv2d_backward(g, x, W)
    dx = np.zeros_like(x)
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            dx[:, i : i + g.shape[1], j : j + g.shape[2]] = g @ W[i, j].T
    return dx, dW, db


def mean_over_samples(g, x, W):
    dx, dW, db = conv2d_backward(g, x, W)
    return dx, dW / len(x), db


def bias_of_each_pixel(g, x, W):
    return *conv2d_backward(g, x, W)[:2], g.sum(axis=0)


def max_pool_backward(g, x):
    dx = np.zeros_like(x)
    corners = [np.s_[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    largest = np.max([x[corner] for corner in corners], axis=0)
    for corner in corners:
        dx[corner] = g * (x[corner] == largest)
    return dx


def pool_with_loops(g, x):
    dx = np.zeros_like(x)
    for n, h, w, c in np.ndindex(*g.shape):
        window = x[n, 2 * h : 2 * h + 2, 2 * w : 2 * w + 2, c]
        i, j = divmod(int(window.argmax()), 2)
        dx[n, 2 * h + i, 2 * w + j, c] = g[n, h, w, c]
    return dx


def spread(a):
    return a.repeat(2, axis=1).repeat(2, axis=2)


def pool_with_reshape(g, x):
    N, H, W, C = x.shape
    y = x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))
    return spread(g) * (x == spread(y))


def smallest(g, x):
    return max_pool_backward(g, -x)


def one_for_all_channels(g, x):
    N, H, W, C = x.shape
    y = x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4, 5), keepdims=True)[:, :, 0, :, 0]
    return spread(g) * (x == spread(y))


def first_of_each(g, x):
    dx = np.zeros_like(x)
    dx[:, ::2, ::2] = g
    return dx


ANSWERS = [
    Answers(
        "receptive_field",
        receptive_field,
        [field_backwards, field_with_products],
        [
            (lambda kernels, strides: 1 + sum(k - 1 for k in kernels), "the strides are missing"),
            (lambda kernels, strides: receptive_field([k + 1 for k in kernels], strides), "adds k − 1"),
            (lambda kernels, strides: receptive_field(kernels, strides) - 1, "begin with 1"),
            (lambda kernels, strides: receptive_field(kernels, strides) ** 2, "that is the area"),
            (lambda kernels, strides: sum(kernels), "the windows were added up"),
            (lambda kernels, strides: int(np.prod(kernels)), "the windows were multiplied"),
            (strides_once, "each stride was used once"),
            (
                lambda kernels, strides: 1 + sum((k - 1) * np.prod(strides[: n + 1]) for n, k in enumerate(kernels)),
                "acts on the layers after it",
            ),
            (lambda kernels, strides: receptive_field(kernels, strides) + 1, "side: too large by 1."),
            (field_by_emptying_lists, "kernels was edited in place"),
            (
                field_with_inserted_stride,
                "strides.pop() or strides.sort() does that; begin with a copy, list(strides).",
            ),
        ],
    ),
    Answers(
        "conv2d_backward",
        conv2d_backward,
        [conv_with_loops, conv_with_einsum],
        [
            (kernel_turned, "dx: the kernel is turned round"),
            (kernel_gradient_turned, "dW: the kernel is turned round"),
            (last_place_only, "= where += is needed"),
            (mean_over_samples, "mean or sum?"),
            (bias_of_each_pixel, "db: shape"),
        ],
    ),
    Answers(
        "max_pool_backward",
        max_pool_backward,
        [pool_with_loops, pool_with_reshape],
        [
            (lambda g, x: spread(g), "all four pixels of a window get g"),
            (lambda g, x: spread(g) / 4, "the gradient of the mean"),
            (first_of_each, "the first pixel of each window"),
            (smallest, "the smallest pixel"),
            (lambda g, x: max_pool_backward(np.ones_like(g), x), "g is forgotten"),
            (lambda g, x: max_pool_backward(g, x) * x, "g times x at the largest"),
            (one_for_all_channels, "one largest for all channels"),
            (lambda g, x: g, "dx: shape"),
        ],
    ),
]
