"""Lesson 9: regularise and augment."""

from minidl.check.draws import gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise

EPSILON = 1e-3


def batch_norm(x, gamma, beta):
    """y = γ x̂ + β with x̂ = (x − μ) / √(σ² + ε), μ and σ² over the batch."""
    d = x - x.mean(axis=0)
    return gamma * d / ((d * d).mean(axis=0) + EPSILON) ** 0.5 + beta


by_autograd = gradients_of(batch_norm, "x", "gamma", "beta")


def with_constant_spread(g, x, gamma, beta, epsilon):
    """μ and σ² taken for constants: only dx depends on that."""
    return g * gamma / (x.var(axis=0) + epsilon) ** 0.5, *by_autograd(g=g, x=x, gamma=gamma, beta=beta)[1:]


def draw_batch(rng, s):
    return {
        "g": upstream(rng, s.N, s.D),
        "x": 1 + rng.normal(size=(s.N, s.D)),
        "gamma": upstream(rng, s.D),
        "beta": rng.normal(size=s.D),
        "epsilon": EPSILON,
    }


batch_norm_backward = FunctionExercise(
    name="batch_norm_backward",
    task="y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² of the batch: from g (N, D) to (dx, dgamma, dbeta).",
    arguments=("g", "x", "gamma", "epsilon"),
    returns=("dx", "dgamma", "dbeta"),
    draw=draw_batch,
    sizes=({"N": 4, "D": 3}, {"N": 6, "D": 5}),
    reference=by_autograd,
    slips={"μ and σ² are taken for constants: they depend on x too.": with_constant_spread},
)

EXERCISES: tuple[Exercise, ...] = (batch_norm_backward,)
