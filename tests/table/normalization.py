"""Rows for normalisation: the ops and the layers."""

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def plain_norm(x, axes, gamma=1.0, beta=0.0, epsilon=1e-3):
    """γ (x − μ) / √(σ² + ε) + β, μ and σ² over these axes."""
    return gamma * (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon) + beta


def plain_rms(x, gamma=1.0, epsilon=1e-6):
    """Each sample divided by the root of the mean of its squares."""
    y = np.empty_like(x)
    for n in np.ndindex(x.shape[:-1]):
        y[n] = gamma * x[n] / np.sqrt(sum(v * v for v in x[n]) / x.shape[-1] + epsilon)
    return y


X, IMAGE = (4, 3), (2, 3, 1, 4)
ROWS = [
    Row("layer_norm", lambda x, c, b: md.layer_norm(x, c, b), [X, (3,), (3,)],
        lambda x, c, b: plain_norm(x, -1, c, b), "a batch"),
    Row("layer_norm", lambda x, c: md.layer_norm(x, c, None, 0.1), [(2, 4, 3), (3,)],
        lambda x, c: plain_norm(x, -1, c, epsilon=0.1), "steps, no beta"),
    Row("layer_norm", lambda x: md.layer_norm(x, None, None), [X], lambda x: plain_norm(x, -1), "x alone"),
    Row("rms_norm", lambda x, c: md.rms_norm(x, c), [(2, 4, 3), (3,)], plain_rms, "steps"),
    Row("rms_norm", lambda x: md.rms_norm(x, None, 0.1), [(3,)], lambda x: plain_rms(x, epsilon=0.1), "x alone"),
    Row("batch_norm", lambda x, c, b: md.batch_norm(x, c, b), [X, (3,), (3,)],
        lambda x, c, b: plain_norm(x, 0, c, b), "a batch"),
    Row("batch_norm", lambda x, c: md.batch_norm(x, c, None, 0.1), [IMAGE, (4,)],
        lambda x, c: plain_norm(x, (0, 1, 2), c, epsilon=0.1), "images, no beta"),
    Row("batch_norm", lambda x: md.batch_norm(x, None, None), [X], lambda x: plain_norm(x, 0), "x alone"),
]  # fmt: skip

KINKS = []

ONES = np.ones(X, np.float32)

REFUSALS = [
    Refusal("layer_norm", lambda: md.layer_norm(ONES, ONES[0, :1], None), ValueError, r"gamma of shape \(3,\), got"),
    Refusal("layer_norm", lambda: md.layer_norm(ONES, None, ONES), ValueError, r"beta of shape \(3,\), got \(4, 3\)"),
    Refusal("rms_norm", lambda: md.rms_norm(ONES[:, :0], None), ValueError, r"at least one feature, got \(4, 0\)"),
    Refusal("batch_norm", lambda: md.batch_norm(ONES[:0], None, None), ValueError, "at least one sample in training"),
    Refusal("batch_norm", lambda: md.batch_norm([[1, 2]], None, None), TypeError, r"floating numbers, got int64"),
]  # fmt: skip
