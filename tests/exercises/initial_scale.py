import numpy as np

import minidl as md
from tests.exercises.answers import Answers


def he_normal(shape, rng):
    return rng.normal(0, np.sqrt(2 / shape[0]), size=shape)


def he_with_loops(shape, rng):
    W = np.empty(shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            W[i, j] = rng.standard_normal() * (2 / shape[0]) ** 0.5
    return W


def he_of_the_library(shape, rng):
    return md.initializers.HeNormal()(shape, rng=rng)  # normal, cut off at two standard deviations


ANSWERS = [
    Answers(
        "he_normal",
        he_normal,
        [he_with_loops, he_of_the_library],
        [
            (lambda shape, rng: rng.normal(0, np.sqrt(1 / shape[0]), shape), "√(1/D), which is LeCun's"),
            (lambda shape, rng: rng.normal(0, np.sqrt(2 / sum(shape)), shape), "which is Glorot's"),
            (lambda shape, rng: rng.normal(0, np.sqrt(2 / shape[1]), shape), "√(2/H): D is the number of inputs"),
            (lambda shape, rng: rng.normal(0, 2 / shape[0], shape), "2/D, the variance"),
            (lambda shape, rng: 3 * he_normal(shape, rng), "expected 0.1000 for D = 200, H = 120"),
            (lambda shape, rng: rng.uniform(-1, 1, shape) * np.sqrt(6 / shape[0]), "uniform"),
            (lambda shape, rng: he_normal(shape, np.random.default_rng()), "Two calls with rng from the same seed"),
            (lambda shape, rng: he_normal(shape, np.random.default_rng(0)), "they are not drawn from rng"),
            (lambda shape, rng: he_normal(shape[::-1], rng), "Wanted: the result has the shape asked for"),
            (lambda shape, rng: 0.01 + he_normal(shape, rng), "Wanted: its mean is 0"),
        ],
    ),
]
