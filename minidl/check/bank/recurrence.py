"""Lesson 10: memory, RNN and LSTM."""

import numpy as np

from minidl.check.draws import gradients_of, upstream
from minidl.check.exercise import Exercise
from minidl.check.function import FunctionExercise
from minidl.ops.lstm import lstm_step

memory_left = FunctionExercise(
    name="memory_left",
    task="Every step multiplies the memory by the forget gate f: what share of it is left after so many steps.",
    arguments=("f", "steps"),
    returns=("share",),
    draw=lambda rng, s: {"f": rng.uniform(0.5, 0.95), "steps": s.N + s.D},
    reference=lambda f, steps: f**steps,
    slips={
        "f of what is there is kept in *each* step: shares multiply, they do not add.": lambda f, steps: f * steps,
        "1 − f is what is forgotten; f is what is kept.": lambda f, steps: (1 - f) ** steps,
        "that is one step too few.": lambda f, steps: f ** (steps - 1),
    },
)


def draw_cell(rng, s):
    return {
        "x": rng.normal(size=(s.N, s.D)),
        "h_before": rng.uniform(-1, 1, size=(s.N, s.H)),
        "c_before": rng.normal(size=(s.N, s.H)),
        "W": rng.normal(size=(s.D, 4 * s.H)) / np.sqrt(s.D),
        "U": rng.normal(size=(s.H, 4 * s.H)) / np.sqrt(s.H),
        "b": rng.normal(size=4 * s.H) / 2,
    }


def cell(x, h_before, c_before, W, U, b):
    """The library's, under the names of the exercises."""
    return lstm_step(x, h_before, c_before, W, U, b)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def four_blocks(z):
    return np.split(z, 4, axis=1)


def every_fourth_column(z):
    return [z[:, k::4] for k in range(4)]


def gates(x, h_before, W, U, b, order="ifao", candidate=np.tanh, cut=four_blocks):
    """i, f, a, o of (N, H) each, with a slip in their order, in the candidate or in the cut."""
    z = dict(zip(order, cut(x @ W + h_before @ U + b)))
    return sigmoid(z["i"]), sigmoid(z["f"]), candidate(z["a"]), sigmoid(z["o"])


def forward_with(squash=np.tanh, old_c=False, gate_input=True, memory=1.0, **slips):
    """The cell, with a slip in it."""

    def cell(x, h_before, c_before, W, U, b):
        i, f, a, o = gates(x, memory * h_before, W, U, b, **slips)
        c = f * c_before + (i * a if gate_input else a)
        return o * squash(c_before if old_c else c), c

    return cell


lstm_cell_forward = FunctionExercise(
    name="lstm_cell_forward",
    task="One step of an LSTM, gates in Keras' order i f a o: x (N, D), h_before and c_before (N, H) to (h, c).",
    arguments=("x", "h_before", "c_before", "W", "U", "b"),
    returns=("h", "c"),
    draw=draw_cell,
    reference=cell,
    slips={
        "the input and the forget gate are swapped: the order is i f a o.": forward_with(order="fiao"),
        "the order of the gates is i f a o: the candidate a comes before the output gate.": forward_with(order="ifoa"),
        "the candidate a has the sigmoid: it may be negative, so it has tanh.": forward_with(candidate=sigmoid),
        "tanh of c is missing: h = o tanh c.": forward_with(squash=lambda c: c),
        "h is made of the old c: it needs the new one.": forward_with(old_c=True),
        "the input gate is missing: c = f c_before + i a.": forward_with(gate_input=False),
        "h_before U is missing: z = x W + h_before U + b.": forward_with(memory=0.0),
        "z is cut column by column: the gates are four blocks side by side, H columns each.": forward_with(
            cut=every_fourth_column
        ),
    },
    look="c first: h is made of it.",
)


def backward_with(
    dc_from_outside=True, through_h=True, forget=True, slopes=True, old_c=False, squash=np.tanh, new_c=False
):
    """The gradients of the cell, with something left out or mistaken."""

    def cell(dh, dc, x, h_before, c_before, W, U, b):
        i, f, a, o = gates(x, h_before, W, U, b)
        c = f * c_before + i * a
        slope = 1 - squash(c_before if old_c else c) ** 2
        total = dc_from_outside * dc + through_h * dh * o * slope  # ∂L/∂c
        dz = [total * a, total * (c if new_c else c_before), total * i, dh * np.tanh(c)]  # of the gates i f a o
        if slopes:
            dz = [d * s for d, s in zip(dz, (i * (1 - i), f * (1 - f), 1 - a * a, o * (1 - o)))]
        dz = np.concatenate(dz, axis=1)
        return dz @ W.T, dz @ U.T, total * f if forget else total, x.T @ dz, h_before.T @ dz, dz.sum(axis=0)

    return cell


lstm_cell_backward = FunctionExercise(
    name="lstm_cell_backward",
    task="From dh = ∂L/∂h and dc = ∂L/∂c (N, H) of one step of an LSTM to the gradients of its six inputs.",
    arguments=("dh", "dc", "x", "h_before", "c_before", "W", "U", "b"),
    returns=("dx", "dh_before", "dc_before", "dW", "dU", "db"),
    draw=lambda rng, s: {"dh": upstream(rng, s.N, s.H), "dc": upstream(rng, s.N, s.H), **draw_cell(rng, s)},
    reference=gradients_of(cell, "x", "h_before", "c_before", "W", "U", "b", upstream=("dh", "dc")),
    slips={
        "dc from outside is forgotten: c goes on to the next step too.": backward_with(dc_from_outside=False),
        "the path from h through tanh c is forgotten: ∂h/∂c = o (1 − tanh² c).": backward_with(through_h=False),
        "dc_before lacks the factor f: c = f c_before + i a.": backward_with(forget=False),
        "the slopes of the gates are missing: σ' = σ (1 − σ), tanh' = 1 − tanh².": backward_with(slopes=False),
        "the slope of tanh is taken at the old c: h is made of the new one.": backward_with(old_c=True),
        "1 − c² in place of 1 − tanh² c: the tanh is missing.": backward_with(squash=lambda c: c),
        "the forget gate was multiplied by c_before, not by the new c.": backward_with(new_c=True),
    },
    look="the whole gradient of c first: what comes from outside, and what comes through h.",
)

EXERCISES: tuple[Exercise, ...] = (memory_left, lstm_cell_forward, lstm_cell_backward)
