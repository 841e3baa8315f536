"""Lesson 1: one neuron, one slope."""

import numpy as np

from minidl import ops
from minidl.check.draws import gradients_of
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise


def draw_labels(rng, s):
    return {"y": rng.integers(2, size=s.N + s.D).astype(float)}


first_loss = FunctionExercise(
    name="first_loss",
    task="The mean of −log(probability given to the right answer) for a neuron that says ½ to each of N images.",
    arguments=("y",),
    returns=("loss",),
    draw=draw_labels,
    reference=lambda y: ops.sigmoid_cross_entropy(np.zeros(len(y)), y),  # its z is 0, whatever the image
    slips={
        "that is the probability ½ itself: the loss is −log of it.": lambda y: 0.5,
        "summed over the images: the loss is their mean.": lambda y: len(y) * np.log(2),
        "with the logarithm to base 2: the natural one, np.log, is meant.": lambda y: 1.0,
        "only the images with y = 1 were counted: −log(1 − p) is the loss of the others.": lambda y: (
            y.mean() * np.log(2)
        ),
    },
)


def draw_images(rng, s):
    return {
        "x": rng.normal(size=(s.N, s.D)),
        "w": rng.normal(size=s.D),
        "b": np.array(rng.normal()),
        "y": rng.permutation(np.arange(s.N) % 2).astype(float),  # both labels
    }


def neuron_loss(x, w, b, y):
    """The mean binary cross-entropy of p = σ(x w + b)."""
    return ops.sigmoid_cross_entropy(x @ w + b, y)


def from_error(error):
    """What follows from a wrong ∂L/∂z of each image: dw and db, averaged as they should be."""

    def slip(x, w, b, y):
        e = error(x @ w + b, y)
        return x.T @ e / len(y), e.mean()

    return slip


def with_z_turned_round(x, w, b, y):
    """1 − p for p. It is dw that shows it: since half of the labels are 1, db has only its sign turned."""
    return from_error(lambda z, y: ops.sigmoid(-z) - y)(x, w, b, y)[0], np.nan


bce_backward = FunctionExercise(
    name="bce_backward",
    task="L = mean binary cross-entropy of p = σ(x w + b): from x (N, D), w (D,), b (), y (N,) to (dw, db).",
    arguments=("x", "w", "b", "y"),
    returns=("dw", "db"),
    draw=draw_images,
    reference=gradients_of(neuron_loss, "w", "b", upstream=()),
    slips={
        "the factor p (1 − p) is still there: it cancels with that of ∂L/∂p.": from_error(
            lambda z, y: (ops.sigmoid(z) - y) * ops.sigmoid(z) * (1 - ops.sigmoid(z))
        ),
        "equals what z − y gives: the sigmoid is missing, p = σ(z).": from_error(lambda z, y: z - y),
        "equals what p alone gives: the labels are missing, p − y.": from_error(lambda z, y: ops.sigmoid(z)),
        "equals what 1 − p gives for p: the sign of z is lost, p = 1 / (1 + exp(−z)).": with_z_turned_round,
        "the bias is missing: z = x w + b.": lambda x, w, b, y: from_error(lambda z, y: ops.sigmoid(z) - y)(x, w, 0, y),
        "the mean error times the mean image: multiply image by image, then take the mean.": lambda x, w, b, y: (
            (ops.sigmoid(x @ w + b) - y).mean() * x.mean(axis=0),
            (ops.sigmoid(x @ w + b) - y).mean(),
        ),
        "one number for all pixels: take the mean over the images only, axis 0.": lambda x, w, b, y: (
            ((ops.sigmoid(x @ w + b) - y)[:, None] * x).mean(),
            (ops.sigmoid(x @ w + b) - y).mean(),
        ),
    },
)

EXERCISES: tuple[Exercise, ...] = (first_loss, bce_backward)
