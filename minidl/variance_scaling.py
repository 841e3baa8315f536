"""Random numbers of a given variance, and the fans from which initializers compute it."""

from math import prod, sqrt

import numpy as np

# The standard deviation of a standard normal variable that is cut off at ±2: √(1 − 4 φ(2) / (2 Φ(2) − 1)).
STDDEV_WITHIN_TWO = 0.8796256610342398


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many numbers feed one output (fan_in), and how many outputs one input feeds (fan_out).

    A dense kernel is (in, out). A convolution kernel (kh, kw, in, out) does the same at each of its kh · kw places.
    A vector (n,) has n and n, as in Keras.

    >>> fans((784, 64)), fans((3, 3, 16, 32)), fans((5,))
    ((784, 64), (144, 288), (5, 5))
    """
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return max(1, n), max(1, n)
    places = prod(shape[:-2])
    return max(1, places * shape[-2]), max(1, places * shape[-1])


def uniform(variance: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """U(−a, a) of this variance: a²/3, so a = √(3 variance)."""
    a = sqrt(3 * variance)
    return rng.uniform(-a, a, shape)


def truncated_normal(variance: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal numbers cut off at two standard deviations, stretched to have this variance after the cut."""
    return sqrt(variance) / STDDEV_WITHIN_TWO * normal_within_two(shape, rng)


def normal_within_two(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Standard normal numbers; those beyond ±2, about one in 22, are drawn again."""
    x = rng.standard_normal(prod(shape))
    beyond = np.abs(x) > 2
    while beyond.any():
        x[beyond] = rng.standard_normal(int(beyond.sum()))
        beyond = np.abs(x) > 2
    return x.reshape(shape)
