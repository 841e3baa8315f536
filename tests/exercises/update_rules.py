import math

import numpy as np

from tests.exercises.answers import Answers


def adam_step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_hat = m / (1 - beta_1**t)
    v_hat = v / (1 - beta_2**t)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def adam_with_loops(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    w, m, v = w.copy(), m.copy(), v.copy()
    for i in np.ndindex(w.shape):
        m[i] += (1 - beta_1) * (g[i] - m[i])
        v[i] += (1 - beta_2) * (g[i] ** 2 - v[i])
        w[i] -= learning_rate * m[i] / (1 - beta_1**t) / (math.sqrt(v[i] / (1 - beta_2**t)) + epsilon)
    return w, m, v


def adam_with_einsum(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.einsum("ij,ij->ij", g, g)
    s = math.sqrt(1 - beta_2**t)
    return w - learning_rate * s / (1 - beta_1**t) * m / (np.sqrt(v) + s * epsilon), m, v


def adam_without_correction(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate * m / (np.sqrt(v) + epsilon), m, v


def adam_counting_from_0(w, g, m, v, t, *settings):
    return (adam_step(w, g, m, v, t - 1, *settings)[0], *adam_step(w, g, m, v, t, *settings)[1:])


def adam_without_root(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    _, m, v = adam_step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon)
    return w - learning_rate * m / (1 - beta_1**t) / (v / (1 - beta_2**t) + epsilon), m, v


def adam_with_g(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g
    return w - learning_rate * m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon), m, v


def adam_the_other_way_round(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = (1 - beta_1) * m + beta_1 * g
    v = beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate * m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon), m, v


def adam_with_epsilon_under_the_root(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    _, m, v = adam_step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon)
    return w - learning_rate * m / (1 - beta_1**t) / np.sqrt(v / (1 - beta_2**t) + epsilon), m, v


def adam_with_powers_of_the_rest(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    _, m, v = adam_step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon)
    return w - learning_rate * m / (1 - beta_1) ** t / (np.sqrt(v / (1 - beta_2) ** t) + epsilon), m, v


def adam_keeping_the_corrected(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    w, m, v = adam_step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon)
    return w, m / (1 - beta_1**t), v / (1 - beta_2**t)


def adam_in_place(w, g, m, v, t, *settings):
    new_w, new_m, new_v = adam_step(w, g, m, v, t, *settings)
    m[...] = new_m
    return new_w, new_m, new_v


def largest_by_trying(curvatures):
    """Narrowed down by bisection: does (1 − α λ)ⁿ grow?"""
    low, high = 0.0, 1e3
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if all(abs(1 - middle * c) < 1 for c in curvatures) else (low, middle)
    return low


ANSWERS = [
    Answers(
        "largest_learning_rate",
        lambda curvatures: 2 / np.max(curvatures),
        [largest_by_trying, lambda curvatures: min(2 / c for c in curvatures)],
        [
            (lambda curvatures: 2 / np.min(curvatures), "the steepest one, max λ, sets the bound"),
            (lambda curvatures: 1 / np.max(curvatures), "the bound is where it is −1"),
            (lambda curvatures: 2 / (np.min(curvatures) + np.max(curvatures)), "the bound is where 1 − α λ = −1"),
            (lambda curvatures: 2 / curvatures[-1], "need not stand last"),
            (lambda curvatures: 2 / curvatures[1], "need not stand in second place"),
            (lambda curvatures: 2 / curvatures, "the smallest of these counts"),
            (lambda curvatures: 0.02, "the bound of the valley above"),
            (lambda curvatures: 0.0, "all zeros, but the right answer reaches"),
        ],
    ),
    Answers(
        "adam_step",
        adam_step,
        [adam_with_loops, adam_with_einsum],
        [
            (adam_without_correction, "without bias correction (D2.E5 as printed)"),
            (adam_counting_from_0, "the bias correction uses t − 1"),
            (adam_without_root, "the root of v is not taken"),
            (adam_with_g, "g is not squared"),
            (adam_the_other_way_round, "β₁ stands at the new gradient"),
            (adam_with_epsilon_under_the_root, "ε stands under the root"),
            (lambda *given: adam_step(*given[:-1], 0.0), "ε is missing"),
            (lambda w, *rest: (2 * w - adam_step(w, *rest)[0], *adam_step(w, *rest)[1:]), "uphill"),
            (adam_with_powers_of_the_rest, "the power belongs to β alone"),
            (adam_keeping_the_corrected, "the memories are m and v"),
            (adam_in_place, "m was edited in place"),
            (lambda w, *rest: adam_step(w, *rest)[0], "3 values are wanted: `return w, m, v`"),
        ],
    ),
]
