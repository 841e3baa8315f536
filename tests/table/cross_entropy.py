"""Rows for the cross-entropies from logits."""

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def some_labels(N, C):
    """Integer labels of shape N, the same ones each time."""
    return np.random.default_rng(3).integers(0, C, N)


def some_shares(N, C):
    """Positive numbers that do not quite sum to 1: the formula does not need it."""
    return np.random.default_rng(4).uniform(0.1, 1, (*N, C)) / C


def some_weights(N):
    return np.random.default_rng(5).uniform(0.5, 2, N)


def plain_softmax_cross_entropy(z, targets, weights=None):
    """−Σₙ wₙ Σⱼ tₙⱼ log pₙⱼ, sample by sample."""
    total = 0.0
    for n in np.ndindex(z.shape[:-1]):
        p = np.exp(z[n]) / np.exp(z[n]).sum()
        loss = -np.log(p[targets[n]]) if targets.ndim < z.ndim else -(targets[n] * np.log(p)).sum()
        total += loss * (1 / z[..., 0].size if weights is None else weights[n])
    return np.asarray(total)


def plain_sigmoid_cross_entropy(z, t, weights=None):
    p = 1 / (1 + np.exp(-z))
    losses = -t * np.log(p) - (1 - t) * np.log(1 - p)
    return losses.mean() if weights is None else (losses * weights).sum()


def on(array, x):
    """The constant beside x, on its device."""
    return md.array_module(x.data).asarray(array)


def softmax_row(shape, targets, weights, label):
    return Row(
        "softmax_cross_entropy",
        lambda z: md.softmax_cross_entropy(z, on(targets, z), None if weights is None else on(weights, z)),
        [shape],
        lambda z: plain_softmax_cross_entropy(z, targets, weights),
        label,
        domain=(-3.0, 3.0),
    )


def sigmoid_row(shape, weights, label):
    t = np.random.default_rng(6).uniform(0, 1, shape)
    return Row(
        "sigmoid_cross_entropy",
        lambda z: md.sigmoid_cross_entropy(z, on(t, z), None if weights is None else on(weights, z)),
        [shape],
        lambda z: plain_sigmoid_cross_entropy(z, t, weights),
        label,
        domain=(-3.0, 3.0),
    )


SHAPES = {"a batch": (4, 3), "steps": (2, 4, 3), "one sample": (3,), "N=1": (1, 3), "C=1": (4, 1)}
Z = md.Tensor(np.ones((4, 3), np.float32), requires_grad=True)
SOFTMAX, SIGMOID = "softmax_cross_entropy", "sigmoid_cross_entropy"

ROWS = [
    *(softmax_row((*N, C), some_labels(N, C), None, f"labels, {name}") for name, (*N, C) in SHAPES.items()),
    *(softmax_row((*N, C), some_shares(N, C), None, f"distributions, {name}") for name, (*N, C) in SHAPES.items()),
    *(softmax_row((*N, C), some_labels(N, C), some_weights(N), f"weights, {name}") for name, (*N, C) in SHAPES.items()),
    softmax_row((4, 3), some_shares((4,), 3), some_weights((4,)), "distributions with weights"),
    softmax_row((4, 3), np.eye(3)[[0, 2, 1, 1]], None, "one-hot"),
    softmax_row((4, 3), np.eye(3, dtype=int)[[0, 2, 1, 1]], None, "one-hot of integers"),
    softmax_row((4, 3), np.array([0, 2, 1, 1], np.uint8), None, "labels of one byte"),
    softmax_row((4, 3), np.array([0, 2, 1, 1]), np.array([1, 0, 2, 1]), "weights of integers"),
    *(sigmoid_row(s, None, label) for label, s in {**SHAPES, "0-d": ()}.items()),
    *(sigmoid_row(s, some_weights(s), f"weights, {label}") for label, s in SHAPES.items()),
]  # fmt: skip

KINKS = []

REFUSALS = [
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, [0, 1, 2, 3]), ValueError, r"labels 0\.\.2 for 3.*0\.\.3"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, [0, 1, 2, -1]), ValueError, r"labels 0\.\.2 for 3.*-1\.\.2"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, [0, 1, 2]), ValueError, r"labels of shape \(4,\).*\(3,\)"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, [[0], [1], [2], [0]]), ValueError, r"labels\[:, 0\]"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, [0.0, 1.0, 2.0, 0.0]), TypeError, r"integer labels.*float32"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, [0] * 4, [[1.0]] * 4), ValueError, r"weights of shape \(4,\)"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z[:0], np.zeros(0, int)), ValueError, r"no samples .*\(0, 3\)"),
    Refusal(
        SOFTMAX, lambda: md.softmax_cross_entropy(Z[:, :0], np.zeros(4, int)), ValueError, r"no classes .*\(4, 0\)"
    ),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z[0, 0], 0), ValueError, r"no classes .*\(\)"),
    Refusal(SOFTMAX, lambda: md.softmax_cross_entropy(Z, Z), ValueError, r"no gradient to targets"),
    Refusal(SIGMOID, lambda: md.sigmoid_cross_entropy(Z, np.ones(4)), ValueError, r"targets .*\(4, 3\), got \(4,\)"),
    Refusal(SIGMOID, lambda: md.sigmoid_cross_entropy(Z[:, :1], np.ones(4)), ValueError, r"reshape\(-1, 1\)"),
    Refusal(SIGMOID, lambda: md.sigmoid_cross_entropy(Z[:, 0], np.ones(4), np.ones((4, 1))), ValueError, r"weights"),
    Refusal(SIGMOID, lambda: md.sigmoid_cross_entropy(Z[:0], np.ones((0, 3))), ValueError, r"no mean.*\(0, 3\)"),
    Refusal(SIGMOID, lambda: md.sigmoid_cross_entropy(Z, np.ones((4, 3)), Z), ValueError, r"no gradient to weights"),
]
