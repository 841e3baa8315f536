"""Gradients on trial, to judge judges by: thirteen that are right, fourteen that are wrong in ways that slip through.

Each has a forward function of plain arrays and a ``backward(g, *inputs)`` that returns a tuple, one gradient for each
input. What a judge has overlooked who lets a wrong one pass stands in ``overlooked``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Suspect:
    """A forward function, what claims to be its backward, and where to look at both."""

    name: str
    forward: Callable[..., np.ndarray]
    backward: Callable[..., tuple]
    draw: Callable[[np.random.Generator], tuple]
    overlooked: str = ""  # "" where the gradient is right

    @property
    def is_right(self) -> bool:
        """Whether ``backward`` gives the gradients of ``forward``."""
        return not self.overlooked


def rows(rng):
    """One input of four rows."""
    return (rng.normal(size=(4, 3)),)


# --- softmax: each row sums to 1, so Σ y never changes --------------------------------------------------------------


def softmax(x):
    """y = eˣ / Σ eˣ, row by row."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(g, x):
    """y (g − Σ g y)."""
    y = softmax(x)
    return (y * (g - (g * y).sum(axis=1, keepdims=True)),)


def softmax_with_1(g, x):
    """y (g − 1): the sum Σ g y is 1 only when g is all ones."""
    return (softmax(x) * (g - 1),)


def softmax_diagonal(g, x):
    """y (1 − y) g: each y is taken to depend on its own x alone."""
    y = softmax(x)
    return (y * (1 - y) * g,)


# --- rows with mean 0 and spread 1: their sum never changes either --------------------------------------------------


def normalise(x):
    """y = (x − μ) / σ, row by row."""
    d = x - x.mean(axis=1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=1, keepdims=True))  # x.std() has no derivative for a judge's complex steps


def normalise_backward(g, x):
    """(g − mean g − y mean(g y)) / σ."""
    y = normalise(x)
    d = g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True)
    return (d / x.std(axis=1, keepdims=True),)


def normalise_with_constant_spread(g, x):
    """(g − mean g) / σ: as if σ did not depend on x."""
    return ((g - g.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True),)


# --- products, sums and means ---------------------------------------------------------------------------------------


def product(x, W):
    """y = x W with W (3, 3): here W and Wᵀ have one shape."""
    return x @ W


def draw_product(rng):
    """x and a square W."""
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 3))


def affine(x, W, b):
    """y = x W + b."""
    return x @ W + b


def affine_backward(g, x, W, b):
    """g Wᵀ, xᵀ g, Σ g."""
    return g @ W.T, x.T @ g, g.sum(axis=0)


def draw_affine(rng):
    """x, W and b."""
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)


def mean(x):
    """y = mean over the batch."""
    return x.mean(axis=0)


# --- entry by entry -------------------------------------------------------------------------------------------------


def six(rng):
    """One input of six numbers."""
    return (rng.normal(size=6),)


def pick(x):
    """y = x₀, x₂, x₂: an entry that is used twice, and one that is not used."""
    return x[[0, 2, 2]]


def pick_backward(g, x):
    """Gradients of the same entry are added."""
    dx = np.zeros_like(x)
    np.add.at(dx, [0, 2, 2], g)
    return (dx,)


def pick_assigned(g, x):
    """The second gradient of an entry replaces the first."""
    dx = np.zeros_like(x)
    dx[[0, 2, 2]] = g
    return (dx,)


def far_out(rng):
    """Numbers around −17, where a sigmoid is nearly flat."""
    return (-17 + rng.normal(size=(4, 3)),)


def large(rng):
    """Numbers around 12, where exp is steep."""
    return (12 + rng.normal(size=(4, 3)),)


def in_float32(rng):
    """Numbers with seven digits."""
    return (rng.normal(size=(4, 3)).astype(np.float32),)


def sigmoid(x):
    """y = 1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(g, x):
    """g y (1 − y)."""
    y = sigmoid(x)
    return (g * y * (1 - y),)


def pairs(rng):
    """Two inputs of one shape."""
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


ONES = "its outputs have a constant sum, so with an upstream of ones the right gradient is 0: draw g at random"

SUSPECTS = (
    Suspect("softmax", softmax, softmax_backward, rows),
    Suspect("softmax: zeros", softmax, lambda g, x: (0 * x,), rows, ONES),
    Suspect("softmax: y (g − 1)", softmax, softmax_with_1, rows, ONES),
    Suspect("softmax: y (1 − y) g", softmax, softmax_diagonal, rows, "it is wrong for every g: was it judged at all?"),
    Suspect("normalise", normalise, normalise_backward, rows),
    Suspect("normalise: zeros", normalise, lambda g, x: (0 * x,), rows, ONES),
    Suspect("normalise: σ a constant", normalise, normalise_with_constant_spread, rows, ONES),
    Suspect("product", product, lambda g, x, W: (g @ W.T, x.T @ g), draw_product),
    Suspect(
        "product: dW transposed", product, lambda g, x, W: (g @ W.T, g[:, :3].T @ x), draw_product,
        "only dW is wrong: look at the gradient of every input",
    ),
    Suspect("affine", affine, affine_backward, draw_affine),
    Suspect(
        "affine: db of shape (1, 5)", affine,
        lambda g, x, W, b: (g @ W.T, x.T @ g, g.sum(axis=0, keepdims=True)), draw_affine,
        "(1, 5) − (5,) broadcasts: compare shapes before numbers",
    ),
    Suspect("mean", mean, lambda g, x: (np.tile(g / 4, (4, 1)),), rows),
    Suspect(
        "mean: 1/N lost", mean, lambda g, x: (np.tile(g, (4, 1)),), rows,
        "it is 4 times too large: was the size compared, or only the sign?",
    ),
    Suspect("multiply", lambda x, w: x * w, lambda g, x, w: (g * w, g * x), pairs),
    Suspect(
        "multiply: dw = dx", lambda x, w: x * w, lambda g, x, w: (g * w, g * w), pairs,
        "only dw is wrong: look at the gradient of every input",
    ),
    Suspect("pick", pick, pick_backward, six),
    Suspect(
        "pick: one entry lost", pick, pick_assigned, six,
        "5 of 6 entries are right: look at every entry",
    ),
    Suspect("cos", np.cos, lambda g, x: (-g * np.sin(x),), rows),
    Suspect("cos: wrong sign", np.cos, lambda g, x: (g * np.sin(x),), rows, "compare more than sizes"),
    Suspect("tanh", np.tanh, lambda g, x: (g * (1 - np.tanh(x) ** 2),), rows),
    Suspect(
        "tanh: g forgotten", np.tanh, lambda g, x: (1 - np.tanh(x) ** 2,), rows,
        "1 g = g: with an upstream of ones nobody sees that g is missing",
    ),
    Suspect("exp", np.exp, lambda g, x: (g * np.exp(x),), rows),
    Suspect(
        "exp: e is 2.718", np.exp, lambda g, x: (g * 2.718**x,), rows,
        "it is right to three digits: a limit of 1 % or 0.1 % is no limit",
    ),
    Suspect("exp of large x", np.exp, lambda g, x: (g * np.exp(x),), large),
    Suspect("exp of float32", np.exp, lambda g, x: (g * np.exp(x),), in_float32),
    Suspect("sigmoid far out", sigmoid, sigmoid_backward, far_out),
    Suspect(
        "sigmoid far out: zeros", sigmoid, lambda g, x: (0 * x,), far_out,
        "the right gradient is about 1e-7: a limit must be a share of it, not a fixed number",
    ),
)  # fmt: skip

WRONG = tuple(suspect for suspect in SUSPECTS if not suspect.is_right)
RIGHT = tuple(suspect for suspect in SUSPECTS if suspect.is_right)
