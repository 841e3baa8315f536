"""Lesson 4: dense networks, from XOR to digits."""

import math

import numpy as np

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
        "that is the loss for ten classes: here it is asked for any number of them.": lambda classes: math.log(10),
        "divided by C: the mean is over samples, and each has one right class.": lambda classes: (
            math.log(classes) / classes
        ),
        "summed over the classes: only the right one counts.": lambda classes: classes * math.log(classes),
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


def one_hot(logits, labels):
    return np.eye(logits.shape[1])[labels]


def columns_of_labels(logits, labels):
    """1 wherever some sample of the batch has its label."""
    return np.isin(np.arange(logits.shape[1]), labels) * np.ones_like(logits)


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
        "the 1 is taken from whole columns: sample n has its own, [np.arange(N), labels].": lambda logits, labels: (
            (ops.softmax(logits) - columns_of_labels(logits, labels)) / len(logits)
        ),
        "the softmax runs over the whole batch: each row has its own sum, axis=1.": lambda logits, labels: (
            (np.exp(logits) / np.exp(logits).sum() - one_hot(logits, labels)) / len(logits)
        ),
        "begins with log p: p itself is wanted, its exp.": lambda logits, labels: (
            (ops.log_softmax(logits) - one_hot(logits, labels)) / len(logits)
        ),
        "the number of the class was taken away: take away 1, at the place of the label.": lambda logits, labels: (
            (ops.softmax(logits) - labels[:, None]) / len(logits)
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
