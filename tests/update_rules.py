"""The update rules as their papers state them, on one array at a time, and steps to compare ours with them."""

import numpy as np
import pytest

import minidl as md
from minidl.optimizers import SGD, Adagrad, Adam, AdamW, Muon, RMSprop

SHAPES = [(3, 4), (4,), (), (300, 250), (2, 2, 2), (0,)]  # the fourth is larger than a block
STEPS = 7


def rng():
    return np.random.default_rng(9)


def some_parameters(dtype=np.float64, shapes=SHAPES):
    r = rng()
    return [md.Parameter(np.asarray(r.normal(size=shape), dtype)) for shape in shapes]


def some_gradients(shapes=SHAPES, steps=STEPS):
    r = np.random.default_rng(10)
    return [[np.asarray(r.normal(size=shape)) for shape in shapes] for _ in range(steps)]


def train(optimizer, parameters, gradients):
    """One step for each list of gradients; None leaves a parameter without."""
    for gs in gradients:
        for p, g in zip(parameters, gs):
            p.grad = None if g is None else g.astype(p.dtype)
        optimizer.step()
    return [p.numpy().copy() for p in parameters]


# --- the papers' equations, one number array at a time ------------------------------------------------------------


def plain_sgd(w, gs, rate=0.01):
    for g in gs:
        w = w - rate * g
    return w


def plain_momentum(w, gs, rate=0.01, momentum=0.9):
    v = 0
    for g in gs:
        v = momentum * v - rate * g
        w = w + v
    return w


def plain_nesterov(w, gs, rate=0.01, momentum=0.9):
    """Sutskever 2013: the gradient is taken at w + μ v, which is where our w stands; theirs is w − μ v."""
    v = 0
    theirs = w  # v starts at 0
    for g in gs:  # g is the gradient at theirs + μ v
        v = momentum * v - rate * g
        theirs = theirs + v
    return theirs + momentum * v


def plain_rmsprop(w, gs, rate=0.001, rho=0.9, epsilon=1e-7, momentum=0.0):
    v = m = 0
    for g in gs:
        v = rho * v + (1 - rho) * g**2
        m = momentum * m + rate * g / np.sqrt(v + epsilon)
        w = w - m
    return w


def plain_adagrad(w, gs, rate=0.001, start=0.1, epsilon=1e-7):
    v = start
    for g in gs:
        v = v + g**2
        w = w - rate * g / np.sqrt(v + epsilon)
    return w


def plain_adam(w, gs, rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, decay=0.0):
    m = v = 0
    for t, g in enumerate(gs, start=1):
        w = w - rate * decay * w
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        w = w - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return w


def plain_muon(w, gs, rate=0.001, momentum=0.95, steps=5, nesterov=True, decay=0.004, ratio=1.0):
    """The polynomial is applied to the singular values themselves."""
    if w.ndim != 2:
        return plain_adam(w, gs, rate * ratio, decay=decay)
    B = 0
    for G in gs:
        w = w - rate * decay * w
        B = momentum * B + G
        U, s, Vt = np.linalg.svd(G + momentum * B if nesterov else B, full_matrices=False)
        s = s / max(np.sqrt((s**2).sum()), 1e-7)
        for _ in range(steps):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        w = w - rate * 0.2 * np.sqrt(max(w.shape)) * (U * s) @ Vt
    return w


RULES = {
    "SGD": (SGD, {}, plain_sgd),
    "SGD, rate 0.3": (SGD, {"learning_rate": 0.3}, lambda w, gs: plain_sgd(w, gs, 0.3)),
    "momentum": (SGD, {"momentum": 0.9}, plain_momentum),
    "momentum 0.5": (SGD, {"momentum": 0.5, "learning_rate": 0.1}, lambda w, gs: plain_momentum(w, gs, 0.1, 0.5)),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, plain_nesterov),
    "RMSprop": (RMSprop, {}, plain_rmsprop),
    "RMSprop, rho 0.5": (RMSprop, {"rho": 0.5, "epsilon": 0.01}, lambda w, gs: plain_rmsprop(w, gs, 0.001, 0.5, 0.01)),
    "RMSprop, momentum": (RMSprop, {"momentum": 0.8}, lambda w, gs: plain_rmsprop(w, gs, momentum=0.8)),
    "Adagrad": (Adagrad, {}, plain_adagrad),
    "Adagrad from 0": (
        Adagrad,
        {"initial_accumulator_value": 0.0, "epsilon": 0.01},
        lambda w, gs: plain_adagrad(w, gs, 0.001, 0.0, 0.01),
    ),
    "Adam": (Adam, {}, plain_adam),
    "Adam, other settings": (
        Adam,
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.1},
        lambda w, gs: plain_adam(w, gs, 0.1, 0.5, 0.8, 0.1),
    ),
    "Adam without memory": (Adam, {"beta_1": 0.0, "beta_2": 0.0}, lambda w, gs: plain_adam(w, gs, 0.001, 0, 0)),
    "AdamW": (AdamW, {}, lambda w, gs: plain_adam(w, gs, decay=0.004)),
    "AdamW, decay 0.5": (
        AdamW,
        {"learning_rate": 0.1, "weight_decay": 0.5},
        lambda w, gs: plain_adam(w, gs, 0.1, decay=0.5),
    ),
    "Muon": (Muon, {}, plain_muon),
    "Muon, other settings": (
        Muon,
        {
            "learning_rate": 0.02,
            "momentum": 0.5,
            "ns_steps": 3,
            "nesterov": False,
            "weight_decay": 0.5,
            "adam_lr_ratio": 0.3,
        },
        lambda w, gs: plain_muon(w, gs, 0.02, 0.5, 3, False, 0.5, 0.3),
    ),
}

every_rule = pytest.mark.parametrize("rule, settings, reference", RULES.values(), ids=RULES)
