"""Rows for normalisation: the ops and the layers."""

import numpy as np

import minidl as md
from minidl import layers
from tests.table.layers import given
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


def batch_norm_layer(x, c, b, mean=None, variance=None, **settings):
    """The layer in training, or in use where its averages are given."""
    layer = layers.BatchNormalization(**settings)
    layer.training = mean is None
    if layer.training:
        mean = variance = md.Tensor(md.array_module(x.data).ones(3, x.dtype))
    return given(layer, gamma=c, beta=b, moving_mean=mean, moving_variance=variance)(x)


def plain_groups(x, c, b, groups):
    """Each sample's channels in groups, one after the other."""
    parts = [plain_norm(x[n : n + 1, :, i], None) for n in range(len(x)) for i in np.split(np.arange(4), groups)]
    rows_of_groups = [np.concatenate(parts[n * groups : (n + 1) * groups], axis=2) for n in range(len(x))]
    return np.concatenate(rows_of_groups) * c + b


def noise(shape):
    return np.random.default_rng(5).standard_normal(shape, np.float32).astype(float)


def kept(shape):
    """What a dropout layer with rate 0.5 and seed 5 keeps, times 2."""
    return (np.random.default_rng(5).integers(0, 256, shape, np.uint8) >= 128) * 2.0


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
    Row("BatchNormalization", batch_norm_layer, [X, (3,), (3,)], lambda x, c, b: plain_norm(x, 0, c, b), "training"),
    Row("BatchNormalization", lambda x, c: batch_norm_layer(x, c, None, axis=1), [(2, 3, 4), (3,)],
        lambda x, c: plain_norm(x, (0, 2), c[:, None]), "training, axis=1, no beta"),
    Row("BatchNormalization", batch_norm_layer, [X, (3,), (3,), (3,), (3,)],
        lambda x, c, b, mean, variance: (x - mean) / np.sqrt(variance + 1e-3) * c + b, "in use", domain=(0.5, 2.0)),
    Row("LayerNormalization", lambda x, c, b: given(layers.LayerNormalization(), gamma=c, beta=b)(x), [X, (3,), (3,)],
        lambda x, c, b: plain_norm(x, -1, c, b)),
    Row("LayerNormalization", lambda x, c: given(layers.LayerNormalization([1, 2]), gamma=c)(x), [(2, 3, 1, 2), (3, 1)],
        lambda x, c: plain_norm(x, (1, 2), c[..., None]), "two axes, no beta"),
    Row("RMSNormalization", lambda x, c: given(layers.RMSNormalization(), gamma=c)(x), [X, (3,)], plain_rms),
    Row("GroupNormalization", lambda x, c, b: given(layers.GroupNormalization(2), gamma=c, beta=b)(x),
        [(2, 3, 4), (4,), (4,)], lambda x, c, b: plain_groups(x, c, b, 2), "2 groups"),
    Row("SpatialDropout1D", lambda x: layers.SpatialDropout1D(0.5, rng=5)(x), [(2, 3, 4)],
        lambda x: x * kept((2, 1, 4))),
    Row("SpatialDropout2D", lambda x: layers.SpatialDropout2D(0.5, rng=5)(x), [IMAGE],
        lambda x: x * kept((2, 1, 1, 4))),
    Row("GaussianNoise", lambda x: layers.GaussianNoise(0.3, rng=5)(x), [X], lambda x: x + 0.3 * noise(X)),
]  # fmt: skip

KINKS = []

ONES = np.ones(X, np.float32)


def narrow(layer):
    """Call a layer that was built for 3 features on 2."""
    layer(ONES)
    return layer(ONES[:, :2])


REFUSALS = [
    Refusal("layer_norm", lambda: md.layer_norm(ONES, ONES[0, :1], None), ValueError, r"gamma of shape \(3,\), got"),
    Refusal("layer_norm", lambda: md.layer_norm(ONES, None, ONES), ValueError, r"beta of shape \(3,\), got \(4, 3\)"),
    Refusal("rms_norm", lambda: md.rms_norm(ONES[:, :0], None), ValueError, r"at least one feature, got \(4, 0\)"),
    Refusal("batch_norm", lambda: md.batch_norm(ONES[:0], None, None), ValueError, "at least one sample in training"),
    Refusal("batch_norm", lambda: md.batch_norm([[1, 2]], None, None), TypeError, r"floating numbers, got int64"),
    Refusal("BatchNormalization", lambda: layers.BatchNormalization()(ONES[0]), ValueError, r"batch as axis 0"),
    Refusal("BatchNormalization", lambda: layers.BatchNormalization(axis=0)(ONES), ValueError, r"axis 0, got shape"),
    Refusal("BatchNormalization", lambda: layers.BatchNormalization(momentum=1.0), ValueError, r"in \[0, 1\), got 1"),
    Refusal("LayerNormalization", lambda: layers.LayerNormalization(epsilon=0), ValueError, "epsilon > 0, got 0"),
    Refusal("LayerNormalization", lambda: layers.LayerNormalization()(md.Input(shape=(None,))), ValueError,
            "must know the size of axis -1"),
    Refusal("LayerNormalization", lambda: narrow(layers.LayerNormalization()), ValueError, r"\(3,\) on axis -1, got"),
    Refusal("GroupNormalization", lambda: layers.GroupNormalization(2)(ONES), ValueError, "2 groups can share, got 3"),
    Refusal("GroupNormalization", lambda: layers.GroupNormalization(0), ValueError, "a positive integer, got 0"),
    Refusal("SpatialDropout1D", lambda: layers.SpatialDropout1D(0.5)(ONES), ValueError, r"N, T, C.*got .*\(4, 3\)"),
    Refusal("GaussianNoise", lambda: layers.GaussianNoise(-1), ValueError, "stddev >= 0, got -1"),
]  # fmt: skip
