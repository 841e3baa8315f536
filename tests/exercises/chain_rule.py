import numpy as np

from tests.exercises.answers import Answers


def multiply_backward(g, x, w):
    return g * w, g * x


def multiply_with_loops(g, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in np.ndindex(x.shape):
        dx[i], dw[i] = g[i] * w[i], g[i] * x[i]
    return dx, dw


def multiply_with_einsum(g, x, w):
    return [np.einsum("nh,nh->nh", g, w), np.einsum("nh,nh->nh", g, x)]


def diamond_backward(g, x):
    a = np.tanh(x)
    b, c = a * a, np.exp(a)
    b_bar = g * c
    c_bar = g * b
    a_bar = b_bar * 2 * a + c_bar * c
    return a_bar * (1 - a * a)


def diamond_with_loops(g, x):
    """Every path on its own: x → a → (b, b or c) → y."""
    dx = np.zeros_like(x)
    for i, (upstream, v) in enumerate(zip(g, x)):
        a = np.tanh(v)
        for along in (a * np.exp(a), a * np.exp(a), a * a * np.exp(a)):
            dx[i] += upstream * along * (1 - a * a)
    return dx


def diamond_in_one_formula(g, x):
    a = np.tanh(x)
    return g * np.exp(a) * a * (a + 2) / np.cosh(x) ** 2


def diamond_with(a_bar):
    def answer(g, x):
        a = np.tanh(x)
        return a_bar(g, a, g * np.exp(a), g * a * a, np.exp(a)) * (1 - a * a)

    return answer


def unbroadcast(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def unbroadcast_with_loops(g, shape):
    dx = np.zeros(shape)
    for i in np.ndindex(g.shape):
        own = i[len(i) - len(shape) :]
        dx[tuple(0 if n == 1 else k for k, n in zip(own, shape))] += g[i]
    return dx


def unbroadcast_by_reshaping(g, shape):
    aligned = (1,) * (g.ndim - len(shape)) + shape
    axes = tuple(i for i, n in enumerate(aligned) if n == 1)
    return g.sum(axis=axes, keepdims=True).reshape(shape)


def unbroadcast_only_missing_axes(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


ANSWERS = [
    Answers(
        "multiply_backward",
        multiply_backward,
        [multiply_with_loops, multiply_with_einsum],
        [
            (lambda g, x, w: (g * x, g * w), "dx: the right gradient, but of dw. Are two inputs swapped?"),
            (lambda g, x, w: (w, x), "dx: ∂y/∂x without the upstream gradient: multiply by g."),
            (lambda g, x, w: (g * w, x), "dw: ∂y/∂w without the upstream gradient: multiply by g."),
            (lambda g, x, w: (g * w, -g * x), "dw: right size, wrong sign."),
            (lambda g, x, w: g * w, "It returned one ndarray; 2 values are wanted: `return dx, dw`."),
        ],
    ),
    Answers(
        "diamond_backward",
        diamond_backward,
        [diamond_with_loops, diamond_in_one_formula],
        [
            (diamond_with(lambda g, a, b_bar, c_bar, c: b_bar * 2 * a), "only the path through b arrived"),
            (diamond_with(lambda g, a, b_bar, c_bar, c: c_bar * c), "only the path through c arrived"),
            (diamond_with(lambda g, a, b_bar, c_bar, c: b_bar * a + c_bar * c), "b uses a twice"),
            (diamond_with(lambda g, a, b_bar, c_bar, c: b_bar * 2 * a + c_bar), "the slope of exp is missing"),
            (lambda g, x: diamond_backward(g, x) / (1 - np.tanh(x) ** 2), "the slope of tanh is missing"),
            (lambda g, x: diamond_backward(np.ones_like(g), x), "∂y/∂x without the upstream gradient"),
            (lambda g, x: diamond_backward(g, x) / (1 - np.tanh(x) ** 2) * (1 - x * x), "times 1 − a², not 1 − x²"),
            (diamond_with(lambda g, a, b_bar, c_bar, c: c_bar * 2 * a + b_bar * c), "∂y/∂b and ∂y/∂c are swapped"),
            (diamond_with(lambda g, a, b_bar, c_bar, c: b_bar * 2 * a * c_bar * c), "the two paths into a were mult"),
        ],
    ),
    Answers(
        "unbroadcast",
        unbroadcast,
        [unbroadcast_with_loops, unbroadcast_by_reshaping],
        [
            (lambda g, shape: g, "sum over axes 0, 2"),
            (lambda g, shape: unbroadcast(g, shape) / shape[0], "0.3333 times the right size. Axis 0 of x has size 3"),
            (lambda g, shape: g.mean(axis=(0, 2)).reshape(shape), "averaged where it should be summed"),
            (unbroadcast_only_missing_axes, "shape (3, 5), but x has shape (3, 1): a broadcast input, sum over axis 1"),
            (lambda g, shape: g.sum(axis=(0, 2)).reshape(shape), "Wanted: it works for axes of size 1"),
            (
                lambda g, shape: unbroadcast(g, shape) if len(shape) == 2 else g,
                "g (4, 3) was summed to shape (4, 3) for an input of shape (3,).",
            ),
        ],
    ),
]
