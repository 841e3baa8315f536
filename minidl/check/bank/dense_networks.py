"""Lesson 4: dense networks, from XOR to digits."""

import math

from minidl import ops
from minidl.check.draws import gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise
from minidl.check.layer import LayerExercise
from minidl.layers.dense import Dense

first_loss_of = FunctionExercise(
    name="first_loss_of",
    task="The cross-entropy of a network that gives each of C classes the same probability.",
    arguments=("classes",),
    returns=("loss",),
    draw=lambda rng, s: {"classes": s.N + s.D},
    reference=lambda classes: math.log(classes),
    slips={
        "that is the probability 1/C itself: the loss is −log of it.": lambda classes: 1 / classes,
        "the sign: −log(1/C) is positive.": lambda classes: -math.log(classes),
        "with the logarithm to base 2: the natural one, np.log, is meant.": lambda classes: math.log2(classes),
        "with the logarithm to base 10: the natural one, np.log, is meant.": lambda classes: math.log10(classes),
    },
)


def draw_affine(rng, s):
    return {
        "g": upstream(rng, s.N, s.H),
        "x": rng.normal(size=(s.N, s.D)),
        "W": rng.normal(size=(s.D, s.H)),
        "b": rng.normal(size=s.H),
    }


affine_backward = FunctionExercise(
    name="affine_backward",
    task="y = x W + b: from g = ∂L/∂y (N, H), x (N, D), W (D, H) to (dx, dW, db).",
    arguments=("g", "x", "W"),
    returns=("dx", "dW", "db"),
    draw=draw_affine,
    reference=gradients_of(ops.linear, "x", "W", "b"),
)


def draw_logits(rng, s):
    return {"logits": rng.normal(size=(s.N, s.H)), "labels": rng.integers(s.H, size=s.N)}


def cross_entropy(logits, labels):
    return ops.softmax_cross_entropy(logits, labels).mean()


softmax_cross_entropy_backward = FunctionExercise(
    name="softmax_cross_entropy_backward",
    task="L = mean over the batch of −log softmax(logits)[label]: from logits (N, C) and labels (N,) to dlogits.",
    arguments=("logits", "labels"),
    returns=("dlogits",),
    draw=draw_logits,
    reference=gradients_of(cross_entropy, "logits", upstream=()),
    slips={
        "equals p / N: the 1 at the right class is not taken away.": lambda logits, labels: (
            ops.softmax(logits) / len(logits)
        ),
        "equals (p − 1) / N: the 1 is taken from every class, not from the right one alone.": lambda logits, labels: (
            (ops.softmax(logits) - 1) / len(logits)
        ),
    },
)

my_dense = LayerExercise(
    name="MyDense",
    task="A layer with y = x W + b: x (N, D), W (D, units), b (units,).",
    arguments=("units",),
    library=Dense,
    make=lambda layer, s: layer(s.H),
    draw=lambda rng, s: {"x": rng.normal(size=(s.N, s.D))},
)

EXERCISES: tuple[Exercise, ...] = (first_loss_of, affine_backward, softmax_cross_entropy_backward, my_dense)
