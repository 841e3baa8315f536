"""Rows for the losses, as functions of the outputs; targets are constants."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

RNG = np.random.default_rng(11)
T = RNG.uniform(-1, 1, (4, 3))
FAR = RNG.uniform(3, 4, (4, 3)) * np.array([-1, 1, -1])  # further than any output: no error is 0
P = RNG.uniform(0.05, 1, (4, 3))
P /= P.sum(axis=1, keepdims=True)
ONEHOT = np.eye(3)[[0, 2, 1, 1]]
LABELS = np.array([0, 2, 1, 1])
STEPS = RNG.integers(0, 3, (4, 2))  # labels of two steps for each of four samples
YES_NO = RNG.integers(0, 2, (4, 3)).astype(float)
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0])

OPEN, SHARES = (-2.0, 2.0), (0.05, 0.95)  # where outputs are drawn from: any numbers, probabilities


def mean_over(of_sample, targets, weights=None):
    """Σₙ wₙ ℓₙ / N, sample by sample."""

    def reference(y):
        w = np.ones(len(y)) if weights is None else weights
        return np.asarray(sum(w[n] * of_sample(targets[n], y[n]) for n in range(len(y))) / len(y))

    return reference


def row(loss, of_sample, targets, label="", domain=OPEN, weights=None, shape=(4, 3), before=None, **more):
    """A row for ``loss(given, before(y), weights)``, where what is given may mean other targets."""
    before = before or (lambda y: y)
    given = more.pop("given", targets)
    plain_before = more.pop("plain_before", lambda y: y)
    reference = mean_over(of_sample, targets, weights)
    return Row(
        type(loss).__name__,
        lambda y: loss(given, before(y), weights),
        [shape],
        lambda y: reference(plain_before(y)),
        label,
        domain,
        **more,
    )


# --- ℓ of one sample, from the papers' formulas -------------------------------------------------------------------


def squares(t, y):
    return np.mean((t - y) ** 2)


def half_squares(t, y):
    return np.sum((t - y) ** 2) / 2


def distances(t, y):
    return np.mean(np.abs(t - y))


def huber(delta):
    def of_sample(t, y):
        e = np.abs(t - y)
        return np.mean(np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2))

    return of_sample


def binary(t, p):
    return np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p))


def categorical(t, p):
    """p is scaled to shares first; for steps, the mean over them."""
    p = p / p.sum(axis=-1, keepdims=True)
    return np.mean(-(t * np.log(p)).sum(axis=-1))


def sparse(t, p):
    return categorical(np.eye(p.shape[-1])[t], p)


def divergence(t, p):
    return np.sum(t * np.log(t / p))


def plain_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def plain_sigmoid(z):
    return 1 / (1 + np.exp(-z))


def used_twice(loss, targets, activation):
    """The probabilities go to the loss, and elsewhere as well."""

    def f(z):
        p = activation(z)
        return loss(targets, p) + (p * p).sum()

    return f


MSE, HALF, MAE = md.losses.MeanSquaredError(), md.losses.HalfSumOfSquares(), md.losses.MeanAbsoluteError()
HUBER, KL = md.losses.Huber(), md.losses.KLDivergence()
BINARY, BINARY_Z = md.losses.BinaryCrossentropy(), md.losses.BinaryCrossentropy(from_logits=True)
CATEGORICAL, CATEGORICAL_Z = md.losses.CategoricalCrossentropy(), md.losses.CategoricalCrossentropy(from_logits=True)
SPARSE, SPARSE_Z = md.losses.SparseCategoricalCrossentropy(), md.losses.SparseCategoricalCrossentropy(from_logits=True)
SMOOTH = {"label_smoothing": 0.3}
BINARY_S = md.losses.BinaryCrossentropy(**SMOOTH)
CATEGORICAL_S = md.losses.CategoricalCrossentropy(**SMOOTH)
SPARSE_S = md.losses.SparseCategoricalCrossentropy(**SMOOTH)
SOFT = {"before": md.softmax, "plain_before": plain_softmax}
SIG = {"before": md.sigmoid, "plain_before": plain_sigmoid}
Z_SOFT, Z_SIG = {"plain_before": plain_softmax}, {"plain_before": plain_sigmoid}

ROWS = [
    row(MSE, squares, T),
    row(MSE, squares, T, "weights", weights=WEIGHTS),
    row(MSE, squares, T[:, 0], "one number a sample", shape=(4,)),
    row(MSE, squares, T[:, 0], "one number a sample, weights", shape=(4,), weights=WEIGHTS),
    row(MSE, squares, T[..., None], "images", shape=(4, 3, 1)),
    row(MSE, squares, T[..., None], "images, weights", shape=(4, 3, 1), weights=WEIGHTS),
    Row("MeanSquaredError", lambda y: MSE(0.5, y), [()], lambda y: (y - 0.5) ** 2, "0-d"),
    row(HALF, half_squares, T),
    row(HALF, half_squares, T, "weights", weights=WEIGHTS),
    row(HALF, half_squares, T[:, 0], "one number a sample", shape=(4,)),
    Row("HalfSumOfSquares", lambda y: HALF(0.5, y), [()], lambda y: (y - 0.5) ** 2 / 2, "0-d"),
    row(MAE, distances, FAR),
    row(MAE, distances, FAR, "weights", weights=WEIGHTS),
    row(HUBER, huber(1.0), 0 * T, "both sides of delta", kinks=(-1, 1)),
    row(HUBER, huber(1.0), FAR, "large errors, weights", weights=WEIGHTS),
    row(md.losses.Huber(delta=0.5), huber(0.5), 0 * T, "delta=0.5", kinks=(-0.5, 0.5)),
    row(BINARY, binary, YES_NO, "probabilities", SHARES),
    row(BINARY, binary, YES_NO, "probabilities, weights", SHARES, weights=WEIGHTS),
    row(BINARY, binary, YES_NO[:, 0], "one number a sample, weights", SHARES, weights=WEIGHTS, shape=(4,)),
    row(BINARY, binary, YES_NO, "sigmoid", **SIG),
    row(BINARY, binary, YES_NO, "sigmoid, weights", weights=WEIGHTS, **SIG),
    row(BINARY_Z, binary, P, "logits, targets between 0 and 1", **Z_SIG),
    row(BINARY_Z, binary, YES_NO[:, 0], "logits, one number a sample, weights", weights=WEIGHTS, shape=(4,), **Z_SIG),
    Row("BinaryCrossentropy", used_twice(BINARY, YES_NO, md.sigmoid), [(4, 3)],
        lambda z: mean_over(binary, YES_NO)(plain_sigmoid(z)) + (plain_sigmoid(z) ** 2).sum(), "sigmoid used twice"),
    row(CATEGORICAL, categorical, P, "probabilities", SHARES),
    row(CATEGORICAL, categorical, ONEHOT, "one-hot, weights", SHARES, weights=WEIGHTS),
    row(CATEGORICAL, categorical, P, "softmax", **SOFT),
    row(CATEGORICAL, categorical, ONEHOT, "softmax, one-hot, weights", weights=WEIGHTS, **SOFT),
    row(CATEGORICAL, categorical, np.eye(3)[STEPS], "softmax, steps", weights=WEIGHTS, shape=(4, 2, 3), **SOFT),
    row(CATEGORICAL_Z, categorical, P, "logits", **Z_SOFT),
    Row("CategoricalCrossentropy", used_twice(CATEGORICAL, P, md.softmax), [(4, 3)],
        lambda z: mean_over(categorical, P)(plain_softmax(z)) + (plain_softmax(z) ** 2).sum(), "softmax used twice"),
    row(SPARSE, sparse, LABELS, "probabilities", SHARES),
    row(SPARSE, sparse, LABELS, "probabilities, weights", SHARES, weights=WEIGHTS),
    row(SPARSE, sparse, STEPS, "probabilities, steps, weights", SHARES, weights=WEIGHTS, shape=(4, 2, 3)),
    row(SPARSE, sparse, LABELS, "softmax", **SOFT),
    row(SPARSE, sparse, STEPS, "softmax, steps, weights", weights=WEIGHTS, shape=(4, 2, 3), **SOFT),
    row(SPARSE_Z, sparse, LABELS, "logits", **Z_SOFT),
    row(SPARSE_Z, sparse, LABELS, "logits, weights", weights=WEIGHTS, **Z_SOFT),
    Row("SparseCategoricalCrossentropy", lambda z: SPARSE_Z(LABELS[:, None], z), [(4, 3)],
        lambda z: mean_over(sparse, LABELS)(plain_softmax(z)), "labels (N, 1)"),
    Row("SparseCategoricalCrossentropy", lambda z: SPARSE_Z(LABELS.astype(np.float32), z), [(4, 3)],
        lambda z: mean_over(sparse, LABELS)(plain_softmax(z)), "whole floats"),
    row(BINARY_S, binary, 0.7 * YES_NO + 0.15, "probabilities, smoothed", SHARES, given=YES_NO),
    row(BINARY_S, binary, 0.7 * YES_NO + 0.15, "sigmoid, smoothed, weights", given=YES_NO, weights=WEIGHTS, **SIG),
    row(CATEGORICAL_S, categorical, 0.7 * ONEHOT + 0.1, "one-hot, smoothed", SHARES, given=ONEHOT),
    row(CATEGORICAL_S, categorical, 0.7 * ONEHOT + 0.1, "softmax, smoothed", given=ONEHOT, **SOFT),
    row(SPARSE_S, categorical, 0.7 * ONEHOT + 0.1, "probabilities, smoothed", SHARES, given=LABELS),
    row(SPARSE_S, categorical, 0.7 * ONEHOT + 0.1, "softmax, smoothed, weights", given=LABELS, weights=WEIGHTS, **SOFT),
    row(KL, divergence, P, "", SHARES),
    row(KL, divergence, P, "weights", SHARES, weights=WEIGHTS),
]  # fmt: skip

KINKS = [
    Kink("MeanAbsoluteError", lambda y: MAE(1.0, y), 1.0, -1.0, 1.0, 0.0),
    Kink("Huber", lambda y: HUBER(1.0, y), 2.0, 1.0, 1.0, 1.0),
]

Y = md.Tensor(np.full((4, 3), 0.5, np.float32), requires_grad=True)
COLUMN, ROW = Y[:, :1], Y[:, 0]
LABELS_PAST = r"labels 0\.\.2 for 3 classes, got "

REFUSALS = [
    *(
        Refusal(type(loss).__name__, lambda loss=loss: loss(YES_NO[:, 0], COLUMN), ValueError,
                r"shape \(4, 1\), got \(4,\)\.\nUse targets\.reshape\(-1, 1\)")
        for loss in (MSE, HALF, MAE, HUBER, BINARY, BINARY_Z, KL)
    ),
    *(
        Refusal(type(loss).__name__, lambda loss=loss: loss(YES_NO[:, :1], ROW), ValueError,
                r"shape \(4,\), got \(4, 1\)\.\nUse targets\[\.\.\., 0\]")
        for loss in (MSE, HALF, MAE, HUBER, BINARY, BINARY_Z, KL)
    ),
    *(
        Refusal(type(loss).__name__, lambda loss=loss, t=t: loss(t[:0], Y[:0]), ValueError, r"empty batch.*\(0, 3\)")
        for loss, t in [(MSE, T), (HALF, T), (MAE, T), (HUBER, T), (BINARY, YES_NO), (CATEGORICAL, P), (SPARSE, LABELS),
                        (KL, P), (BINARY_Z, YES_NO), (CATEGORICAL_Z, P), (SPARSE_Z, LABELS)]
    ),
    *(
        Refusal(type(loss).__name__, lambda loss=loss, t=t: loss(t, Y, np.ones((4, 1))), ValueError,
                r"sample_weight of shape \(4,\), got \(4, 1\)")
        for loss, t in [(MSE, T), (BINARY_Z, YES_NO), (CATEGORICAL, P), (SPARSE_Z, LABELS)]
    ),
    *(
        Refusal(type(loss).__name__, lambda loss=loss, t=t: loss(t, Y), ValueError, LABELS_PAST + got)
        for loss in (SPARSE, SPARSE_Z)
        for t, got in [([0, 1, 2, 3], r"0\.\.3"), ([0, 1, 2, -1], r"-1\.\.2")]
    ),
    *(
        Refusal("SparseCategoricalCrossentropy", lambda t=t: SPARSE(t, Y), TypeError, "whole numbers .* float32")
        for t in ([0, 1, 1.5, 0.0], [0, 1, np.nan, 0], [0, 1, np.inf, 0])
    ),
    Refusal("SparseCategoricalCrossentropy", lambda: SPARSE(ONEHOT, Y), ValueError, "One-hot .* categorical_crossent"),
    Refusal("SparseCategoricalCrossentropy", lambda: SPARSE(LABELS, COLUMN), ValueError, "2 classes(.|\n)*binary"),
    Refusal("CategoricalCrossentropy", lambda: CATEGORICAL(P[:, :1], COLUMN), ValueError, "2 classes(.|\n)*binary"),
    Refusal("CategoricalCrossentropy", lambda: CATEGORICAL(LABELS, Y), ValueError, "one-hot(.|\n)*sparse_categorical"),
    Refusal("CategoricalCrossentropy", lambda: CATEGORICAL(P[:, :2], Y), ValueError, r"\(4, 3\), got \(4, 2\)"),
    Refusal("BinaryCrossentropy", lambda: BINARY(LABELS[:, None], COLUMN), ValueError, r"\[0, 1\], got 0\.0\.\.2\.0"),
    Refusal("BinaryCrossentropy", lambda: BINARY(np.full((4, 3), np.nan), Y), ValueError, r"\[0, 1\], got nan"),
    Refusal("MeanSquaredError", lambda: MSE(Y, T), ValueError, "no gradient to y_true(.|\n)*Change places"),
    Refusal("Huber", lambda: md.losses.Huber(0), ValueError, "delta > 0, got 0"),
    Refusal("CategoricalCrossentropy", lambda: md.losses.CategoricalCrossentropy(label_smoothing=1.1), ValueError,
            r"label_smoothing in \[0, 1\], got 1\.1"),
    Refusal("BinaryCrossentropy", lambda: md.losses.BinaryCrossentropy("logits"), TypeError, "from_logits as True or"),
]  # fmt: skip
