"""Lesson 8: why convolutions."""

import math

import numpy as np

from minidl import ops
from minidl.check.draws import distinct, gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise


def seen_side(kernels, strides):
    """The side of the square of input pixels that one number after the last layer depends on."""
    side, apart = 1, 1  # apart: how many pixels of the input lie between neighbours
    for k, s in zip(kernels, strides, strict=True):
        side, apart = side + (k - 1) * apart, apart * s
    return side


def draw_layers(rng, s):
    """A stack in which convolutions (stride 1) and pools (stride 2) take turns."""
    kernels = [int(rng.integers(2, 6)) for _ in range(s.D + 2)]
    return {"kernels": kernels, "strides": [1 + n % 2 for n in range(s.D + 2)]}


receptive_field = FunctionExercise(
    name="receptive_field",
    task="Layers with windows of k × k pixels, s apart: the side of what one number after the last layer has seen.",
    arguments=("kernels", "strides"),
    returns=("side",),
    draw=draw_layers,
    reference=seen_side,
    slips={
        "the strides are missing: after a pool, neighbours lie farther apart in the image.": lambda kernels, strides: (
            seen_side(kernels, [1] * len(kernels))
        ),
        "a window of k pixels adds k − 1 to what is seen, not k.": lambda kernels, strides: seen_side(
            [k + 1 for k in kernels], strides
        ),
        "a stride acts on the layers after it, not on its own.": lambda kernels, strides: seen_side(
            kernels, [strides[0] * strides[1], *strides[2:], 1]
        ),
        "a single pixel sees itself: begin with 1, not with 0.": lambda kernels, strides: (
            seen_side(kernels, strides) - 1
        ),
        "that is the area: the side of the square is asked for.": lambda kernels, strides: (
            seen_side(kernels, strides) ** 2
        ),
        "the windows were added up: neighbouring windows overlap.": lambda kernels, strides: sum(kernels),
        "the windows were multiplied: neighbouring windows overlap.": lambda kernels, strides: math.prod(kernels),
        "each stride was used once: they multiply from layer to layer.": lambda kernels, strides: (
            1 + sum((k - 1) * s for k, s in zip(kernels, [1, *strides]))
        ),
    },
    look="One layer of 3 × 3 sees 3. A second one adds 2 if the first has stride 1, and 4 if it has stride 2.",
)


def draw_images(rng, s):
    """The kernel is not square, and no side of the image is that of the result."""
    H, W = s.H + 3, s.H + 5
    return {
        "g": upstream(rng, s.N, H - 1, W - 2, s.H),
        "x": rng.normal(size=(s.N, H, W, s.D)),
        "W": rng.normal(size=(2, 3, s.D, s.H)),
        "b": rng.normal(size=s.H),
    }


by_autograd = gradients_of(lambda x, W, b: ops.conv2d(x, W, b), "x", "W", "b")


def with_slip(slip):
    """The right gradients, but of a kernel that ``slip`` has changed before and changes back afterwards."""

    def gradients(g, x, W, b):
        dx, dW, db = by_autograd(g=g, x=x, W=slip(W), b=b)
        return dx, slip(dW), db

    return gradients


def overwritten(g, x, W, b):
    """What is left when every place of the kernel writes its share over those before it."""
    OH, OW = g.shape[1:3]
    dx = np.zeros_like(x)
    for i, j in np.ndindex(*W.shape[:2]):
        dx[:, i : i + OH, j : j + OW] = g @ W[i, j].T
    return dx, *by_autograd(g=g, x=x, W=W, b=b)[1:]


conv2d_backward = FunctionExercise(
    name="conv2d_backward",
    task="y = conv(x, W) + b: from g = ∂L/∂y (N, OH, OW, F), x (N, H, W, C), W (kh, kw, C, F) to (dx, dW, db).",
    arguments=("g", "x", "W"),
    returns=("dx", "dW", "db"),
    draw=draw_images,
    reference=by_autograd,
    slips={
        "the kernel is turned round: place ij gets what belongs to the opposite place.": with_slip(
            lambda W: W[::-1, ::-1]
        ),
        "= where += is needed: a pixel lies in many windows, and their shares add up.": overwritten,
    },
    look="Place ij of the kernel sees x[:, i : i + OH, j : j + OW]: the forward line, read backwards.",
)


def by_window(x):
    """(N, H, W, C) as (N, H/2, W/2, 4, C): the four numbers of each window on one axis."""
    N, H, W, C = x.shape
    return x.reshape(N, H // 2, 2, W // 2, 2, C).swapaxes(2, 3).reshape(N, H // 2, W // 2, 4, C)


def as_image(windows):
    """``by_window`` undone."""
    N, H, W, _, C = windows.shape
    return windows.reshape(N, H, W, 2, 2, C).swapaxes(2, 3).reshape(N, 2 * H, 2 * W, C)


def shared(share):
    """Each window gets its g, shared out by ``share(window)``."""
    return lambda g, x: as_image(g[:, :, :, None] * share(by_window(x)))


max_pool_backward = FunctionExercise(
    name="max_pool_backward",
    task="y = the largest of each 2 × 2 window, windows side by side: from g (N, H/2, W/2, C), x (N, H, W, C) to dx.",
    arguments=("g", "x"),
    returns=("dx",),
    draw=lambda rng, s: {
        "g": upstream(rng, s.N, s.D, s.H, s.D),
        "x": distinct(rng, s.N, 2 * s.D, 2 * s.H, s.D),
    },
    reference=gradients_of(lambda x: ops.max_pool(x, 2), "x"),
    slips={
        "all four pixels of a window get g: only the largest does.": shared(np.ones_like),
        "every pixel gets g/4: that is the gradient of the mean.": shared(lambda w: np.full_like(w, 0.25)),
        "the first pixel of each window gets g: it belongs to the largest.": shared(
            lambda w: np.ones_like(w) * (np.arange(4) == 0)[:, None]
        ),
        "the smallest pixel gets g: it belongs to the largest.": shared(lambda w: w == w.min(axis=3, keepdims=True)),
        "g times x at the largest: the slope of a maximum is 1 there.": shared(
            lambda w: w * (w == w.max(axis=3, keepdims=True))
        ),
        "g is forgotten: the largest gets g, not 1.": lambda g, x: shared(lambda w: w == w.max(axis=3, keepdims=True))(
            np.ones_like(g), x
        ),
        "one largest for all channels: each channel has its own.": shared(
            lambda w: w == w.max(axis=(3, 4), keepdims=True)
        ),
    },
    look="Each window of dx has one number that is not 0, channel by channel.",
)

EXERCISES: tuple[Exercise, ...] = (receptive_field, conv2d_backward, max_pool_backward)
