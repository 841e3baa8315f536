"""Lesson 2: the chain rule is a graph."""

import numpy as np

from minidl import ops
from minidl.check.draws import gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise


def draw_product(rng, s):
    return {"g": upstream(rng, s.N, s.H), "x": rng.normal(size=(s.N, s.H)), "w": rng.normal(size=(s.N, s.H))}


multiply_backward = FunctionExercise(
    name="multiply_backward",
    task="y = x w, entry by entry: from g = ∂L/∂y to (dx, dw). All of shape (N, H).",
    arguments=("g", "x", "w"),
    returns=("dx", "dw"),
    draw=draw_product,
    reference=gradients_of(lambda x, w: x * w, "x", "w"),
)


def diamond(x):
    """a is used three times on the way to y: twice by b, once by c."""
    a = ops.tanh(x)
    b, c = a * a, ops.exp(a)
    return b * c


def one_path(da):
    """Like the reference, but with this for ∂y/∂a."""
    return lambda g, x: g * da(np.tanh(x)) * (1 - np.tanh(x) ** 2)


def with_slope_of_x(g, x):
    a = np.tanh(x)
    return g * (2 * a + a * a) * np.exp(a) * (1 - x * x)


def with_paths_multiplied(g, x):
    a = np.tanh(x)
    return (g * np.exp(a) * 2 * a) * (g * a * a * np.exp(a)) * (1 - a * a)


diamond_backward = FunctionExercise(
    name="diamond_backward",
    task="y = b c with a = tanh x, b = a a, c = exp a, entry by entry: from g = ∂L/∂y to dx. All of shape (N,).",
    arguments=("g", "x"),
    returns=("dx",),
    draw=lambda rng, s: {"g": upstream(rng, s.N + s.D), "x": upstream(rng, s.N + s.D)},
    reference=gradients_of(diamond, "x"),
    slips={
        "only the path through b arrived: that through c must be added.": one_path(lambda a: 2 * a * np.exp(a)),
        "only the path through c arrived: those through b must be added.": one_path(lambda a: a * a * np.exp(a)),
        "b uses a twice: both paths count, ∂b/∂a = 2 a.": one_path(lambda a: (a + a * a) * np.exp(a)),
        "the slope of tanh is missing: the last step is times 1 − a².": lambda g, x: (
            g * (2 * np.tanh(x) + np.tanh(x) ** 2) * np.exp(np.tanh(x))
        ),
        "the slope of exp is missing: ∂c/∂a = exp a = c.": one_path(lambda a: 2 * a * np.exp(a) + a * a),
        "∂y/∂b and ∂y/∂c are swapped: y = b c, so the slope along b is c.": one_path(
            lambda a: 2 * a**3 + np.exp(2 * a)
        ),
        "the last step is times 1 − a², not 1 − x²: a is the tanh.": with_slope_of_x,
        "the two paths into a were multiplied: contributions add up.": with_paths_multiplied,
    },
)


def draw_broadcast(rng, s):
    shape = (s.D, 1)
    return {"g": upstream(rng, s.N, s.D, s.H), "shape": shape, "x": rng.normal(size=shape)}


unbroadcast_by_autograd = gradients_of(lambda x, g: x + 0 * g, "x")


def works_on_every_pair(answer, rng, s):
    for shape in [(s.N, s.D), (s.D,), (1, s.D), (s.N, 1), (1, 1), ()]:
        g = upstream(rng, s.N, s.D)
        got, (want,) = answer(g, shape), unbroadcast_by_autograd(x=np.ones(shape), g=g)
        if np.shape(got) != want.shape or not np.allclose(got, want):
            return f"g {g.shape} was summed to shape {np.shape(got)} for an input of shape {shape}."
    return True


unbroadcast = FunctionExercise(
    name="unbroadcast",
    task="x of this shape was broadcast to the shape of g: sum g back to ∂L/∂x, of the shape of x.",
    arguments=("g", "shape"),
    returns=("dx",),
    draw=draw_broadcast,
    reference=unbroadcast_by_autograd,
    slips={"averaged where it should be summed.": lambda g, shape, x: g.mean(axis=(0, 2)).reshape(shape)},
    facts={"it works for axes of size 1, for axes that are missing, and for both": works_on_every_pair},
)

EXERCISES: tuple[Exercise, ...] = (multiply_backward, diamond_backward, unbroadcast)
