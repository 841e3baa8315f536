"""Lesson 11: attention."""

import numpy as np

from minidl import ops
from minidl.check.draws import distinct
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise

logit_spread = FunctionExercise(
    name="logit_spread",
    task="q and k have d entries each, independent, of mean 0 and variance 1: the standard deviation of q · k.",
    arguments=("d",),
    returns=("spread",),
    draw=lambda rng, s: {"d": s.N * s.D},
    reference=lambda d: np.sqrt(d),
    slips={
        "d is the variance of q · k: the standard deviation is its root.": lambda d: float(d),
        "each of the d products has variance 1, not 1/d.": lambda d: 1.0,
        "that is what q · k must be multiplied by.": lambda d: 1 / np.sqrt(d),
    },
    look="The variance of a sum of d independent products, each of variance 1.",
)


def draw_attention(rng, s):
    """Scores far apart, so that a softmax over the wrong axis shows."""
    return {
        "q": distinct(rng, s.N, s.H, s.D),
        "k": distinct(rng, s.N, s.H, s.D),
        "v": rng.normal(size=(s.N, s.H, s.N + s.D)),
    }


def gathered(see, scale=lambda d: 1 / np.sqrt(d), axis=-1):
    """Attention in which step t sees step s where see(t, s); with a slip in it."""

    def attend(q, k, v):
        T = q.shape[1]
        seen = see(*np.indices((T, T)))  # (T, T)
        scores = np.where(seen, q @ k.swapaxes(1, 2) * scale(q.shape[2]), -1e30)  # (N, T, T)
        return np.asarray(ops.softmax(scores, axis=axis)) * seen @ v

    return attend


def masked_by_zero(q, k, v):
    return np.asarray(ops.softmax(np.tril(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])))) @ v


def scaled_by_steps(q, k, v):
    T, d = q.shape[1:]
    return gathered(lambda t, s: s <= t)(q * np.sqrt(d / T), k, v)


def masked_afterwards(q, k, v):
    P = ops.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2]))
    return np.tril(P) @ v


def sees_no_later_step(answer, rng, s):
    """Whatever happens from step t on, the results before t must stay as they are: to the last bit.

    An answer that masks after the softmax and then divides by what is left of each row has the right formula, but an
    extreme later score would leave nothing of it: 0/0. So of a change by rounding alone it is said what to do.
    """
    inputs = draw_attention(rng, s)
    before = np.asarray(answer(*(a.copy() for a in inputs.values())))  # by position: it may call them Q, K, V
    for t in range(1, s.H):
        changed = {name: a.copy() for name, a in inputs.items()}
        for a in changed.values():
            a[:, t:] = rng.normal(size=a[:, t:].shape)
        after = np.asarray(answer(*changed.values()))
        if not np.array_equal(before[:, :t], after[:, :t]):
            moved = np.argmax((before != after).any(axis=(0, 2))[:t])
            said = f"Steps {t} and later were changed, and the result of step {moved} changed with them"
            if np.abs(before[:, :t] - after[:, :t]).max() < 1e-14 * np.abs(before).max():
                return f"{said},\nthough only by rounding: some maximum or sum goes over all steps. Mask first."
            return f"{said}."
    return True


causal_attention = FunctionExercise(
    name="causal_attention",
    task="softmax(Q Kᵀ / √d) V in which step t sees the steps 0 ... t: q, k (N, T, d) and v (N, T, e) to y (N, T, e).",
    arguments=("q", "k", "v"),
    returns=("y",),
    draw=draw_attention,
    reference=lambda q, k, v: ops.attention(q, k, v, causal=True),
    slips={
        "every step sees all steps: the mask is missing.": gathered(lambda t, s: t == t),
        "the mask is the wrong way round: each step sees itself and the later ones.": gathered(lambda t, s: s >= t),
        "a step does not see itself: the mask cuts off one too many.": gathered(lambda t, s: s < t),
        "a step also sees the next one: the mask cuts off one too few.": gathered(lambda t, s: s <= t + 1),
        "the scores are not divided by √d.": gathered(lambda t, s: s <= t, scale=lambda d: 1),
        "the scores are divided by d, not by its root.": gathered(lambda t, s: s <= t, scale=lambda d: 1 / d),
        "the softmax goes over the queries: it belongs over the keys, the last axis.": gathered(
            lambda t, s: s <= t, axis=-2
        ),
        "masked after the softmax: the weights of a row no longer sum to 1.": masked_afterwards,
        "masked with 0: a score of 0 has the weight e⁰ = 1 still. It must be −∞.": masked_by_zero,
        "divided by the root of the number of steps: d is the size of the last axis.": scaled_by_steps,
    },
    facts={"a step sees no later one": sees_no_later_step},
    look="The first step sees only itself: its y must be its v.",
)

EXERCISES: tuple[Exercise, ...] = (logit_spread, causal_attention)
