"""Lesson 6: update rules."""

import numpy as np

from minidl.check.draws import upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise
from minidl.layers.base import Parameter
from minidl.optimizers import Adam

SETTINGS = {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.01}


def draw_adam(rng, s):
    """In the midst of a training: m and v hold something, and t is their number of steps + 1."""
    return {
        "w": rng.normal(size=(s.D, s.H)),
        "g": upstream(rng, s.D, s.H),
        "m": rng.normal(size=(s.D, s.H)),
        "v": rng.uniform(0.5, 2.0, size=(s.D, s.H)),
        "t": s.N,
        **SETTINGS,
    }


def adam_by_the_library(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    """One step of our Adam, which keeps m / (1 − β₁) and v / (1 − β₂)."""
    p = Parameter(w, dtype=np.float64)
    adam = Adam([p], learning_rate, beta_1, beta_2, epsilon)
    p.grad = np.zeros_like(w)
    adam.step()  # makes the state
    adam.load_state_dict({"iterations": t - 1, "0.m": m / (1 - beta_1), "0.v": v / (1 - beta_2)})
    p.data, p.grad = w, g
    adam.step()
    state = adam.state_dict()
    return p.numpy(), state["0.m"] * (1 - beta_1), state["0.v"] * (1 - beta_2)


def corrected(m, v, t, beta_1, beta_2):
    return m / (1 - beta_1**t), v / (1 - beta_2**t)


def divided(m_hat, v_hat, epsilon):
    return m_hat / (np.sqrt(v_hat) + epsilon)


def adam_like(m_of=None, v_of=None, correct=corrected, step_of=divided, keep=lambda m, v, m_hat, v_hat: (m, v)):
    """Adam with a slip in it."""

    def step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
        m = (m_of or (lambda m, g, b: b * m + (1 - b) * g))(m, g, beta_1)
        v = (v_of or (lambda v, g, b: b * v + (1 - b) * g * g))(v, g, beta_2)
        m_hat, v_hat = correct(m, v, t, beta_1, beta_2)
        return w - learning_rate * step_of(m_hat, v_hat, epsilon), *keep(m, v, m_hat, v_hat)

    return step


adam_step = FunctionExercise(
    name="adam_step",
    task="Step t = 1, 2, ... of Adam, for weights w, their gradient g and the memories m and v: returns new (w, m, v).",
    arguments=("w", "g", "m", "v", "t", "learning_rate", "beta_1", "beta_2", "epsilon"),
    returns=("w", "m", "v"),
    draw=draw_adam,
    reference=adam_by_the_library,
    slips={
        "m and v are used without bias correction (D2.E5 as printed): divide by 1 − β₁ᵗ and 1 − β₂ᵗ.": adam_like(
            correct=lambda m, v, t, b1, b2: (m, v)
        ),
        "the bias correction uses t − 1: the first step has t = 1.": adam_like(
            correct=lambda m, v, t, b1, b2: (m / (1 - b1 ** (t - 1)), v / (1 - b2 ** (t - 1)))
        ),
        "β₁ and β₂ are swapped in the bias correction.": adam_like(
            correct=lambda m, v, t, b1, b2: (m / (1 - b2**t), v / (1 - b1**t))
        ),
        "the root of v is not taken.": adam_like(step_of=lambda m, v, epsilon: m / (v + epsilon)),
        "ε stands under the root: it is added to the root.": adam_like(
            step_of=lambda m, v, epsilon: m / np.sqrt(v + epsilon)
        ),
        "ε is missing.": adam_like(step_of=lambda m, v, epsilon: m / np.sqrt(v)),
        "uphill: the step is taken away from w.": adam_like(step_of=lambda m, v, epsilon: -divided(m, v, epsilon)),
        "the power belongs to β alone: 1 − β**t, not (1 − β)**t.": adam_like(
            correct=lambda m, v, t, b1, b2: (m / (1 - b1) ** t, v / (1 - b2) ** t)
        ),
        "m̂ and v̂ are for this step only: the memories are m and v.": adam_like(
            keep=lambda m, v, m_hat, v_hat: (m_hat, v_hat)
        ),
        "β₁ stands at the new gradient: m ← β₁ m + (1 − β₁) g.": adam_like(m_of=lambda m, g, b: (1 - b) * m + b * g),
        "g is not squared: v ← β₂ v + (1 − β₂) g².": adam_like(v_of=lambda v, g, b: b * v + (1 - b) * g),
    },
    look="m and v first: w can only be right after them.",
)


def draw_curvatures(rng, s):
    return {"curvatures": np.roll(np.sort(rng.uniform(0.5, 50.0, size=s.H)), 3)}  # of five, the largest in the middle


largest_learning_rate = FunctionExercise(
    name="largest_learning_rate",
    task="SGD in a bowl L = ½ Σ λ_i w_i², from the curvatures λ (D,): the learning rate up to which it comes to rest.",
    arguments=("curvatures",),
    returns=("learning_rate",),
    draw=draw_curvatures,
    reference=lambda curvatures: 2 / curvatures.max(),
    slips={
        "the flattest direction was asked: the steepest one, max λ, sets the bound.": lambda curvatures: (
            2 / curvatures.min()
        ),
        "at 1/λ the factor 1 − α λ is 0, rest in one step: the bound is where it is −1.": lambda curvatures: (
            1 / curvatures.max()
        ),
        "that α suits the flattest and the steepest together: the bound is where 1 − α λ = −1.": lambda curvatures: (
            2 / (curvatures.max() + curvatures.min())
        ),
        "the mean curvature does not decide: the steepest direction alone would run away.": lambda curvatures: (
            2 / curvatures.mean()
        ),
        "a bound for each direction: all must rest, so the smallest of these counts.": lambda curvatures: (
            2 / curvatures
        ),
        "that is the bound of the valley above: use the curvatures given.": lambda curvatures: 2 / 100,
        "the largest curvature need not stand in second place.": lambda curvatures: 2 / curvatures[1],
        "the largest curvature need not stand last.": lambda curvatures: 2 / curvatures[-1],
    },
    look="1 − α λ for the steepest direction.",
)

EXERCISES: tuple[Exercise, ...] = (largest_learning_rate, adam_step)
