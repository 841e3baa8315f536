"""Settings are checked where they are given: no nonsense is kept until it does harm, or until NumPy complains."""

import math

import numpy as np
import pytest

import minidl as md
from minidl import callbacks, layers, optimizers, regularizers
from minidl.settings import check_flag, check_number, check_whole
from tests.small_models import LABELS, VALUES, X, classifier, regressor

INF = math.inf


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.5, np.float32(0.999), np.int8(0)], [-1e-9, 1, 1.0]),
        ("(0, 1]", [1e-9, 1], [0, 1.001]),
        ("[0, inf)", [0, 1e300], [-1]),
        ("(0, inf)", [1e-300], [0, 0.0, -1]),
        ("(-inf, inf)", [-1e300, 0], []),
    ],
)
def test_intervals(interval, inside, outside):
    for value in inside:
        assert check_number("A", "x", value, interval) is value
    for value in [*outside, INF, -INF, math.nan]:
        with pytest.raises(ValueError, match=r"^A expects x .*got "):
            check_number("A", "x", value, interval)
    for value in ["0.5", None, True, np.True_, 1j, [0.5], np.zeros(2), math.sqrt]:
        with pytest.raises(TypeError, match=r"^A expects x as a number.*got "):
            check_number("A", "x", value, interval)
    assert check_number("A", "x", None, interval, optional=True) is None


def test_whole_numbers_and_flags():
    assert [check_whole("A", "n", n, 0) for n in (0, 3, np.int64(4))] == [0, 3, 4]
    assert type(check_whole("A", "n", np.int64(4))) is int
    for value, error in [(0, ValueError), (-1, ValueError), (2.0, ValueError), (INF, ValueError), ("2", TypeError),
                         (True, TypeError), (None, TypeError)]:  # fmt: skip
        with pytest.raises(error, match="A expects n as a positive integer, got "):
            check_whole("A", "n", value)
    assert check_flag("A", "f", True) is True and check_flag("A", "f", np.False_) is False
    for value in ("yes", 1, 0, None, []):
        with pytest.raises(TypeError, match="A expects f as True or False"):
            check_flag("A", "f", value)


def fit(**settings):
    return regressor().fit(X, VALUES, verbose=0, **settings)


MISTAKES = [
    (lambda: optimizers.SGD(learning_rate=INF), "SGD expects learning_rate as a finite number >= 0, got inf"),
    (lambda: optimizers.Adam(learning_rate=True), "Adam expects learning_rate as a number >= 0, got bool True"),
    (lambda: optimizers.AdamW(weight_decay=-0.1), "AdamW expects weight_decay >= 0, or None, got -0.1"),
    (lambda: optimizers.Adam(epsilon=-1e-7), "Adam expects epsilon >= 0, got -1e-07"),
    (lambda: optimizers.Adam(beta_1="a"), r"Adam expects beta_1 as a number in \[0, 1\), got str 'a'"),
    (lambda: optimizers.SGD(momentum="a"), r"SGD expects momentum as a number in \[0, 1\), got str 'a'"),
    (lambda: optimizers.SGD(clipnorm="a"), "SGD expects clipnorm as a number > 0, or None, got str 'a'"),
    (lambda: optimizers.RMSprop(rho=1.5), r"RMSprop expects rho in \[0, 1\), got 1.5"),
    (lambda: optimizers.RMSprop(epsilon=None), "RMSprop expects epsilon as a number"),
    (lambda: optimizers.Adagrad(initial_accumulator_value=-1), "Adagrad expects initial_accumulator_value >= 0"),
    (lambda: optimizers.SGD(nesterov="no"), "SGD expects nesterov as True or False"),
    (
        lambda: optimizers.Adam(learning_rate=lambda step: -0.1).current_learning_rate,
        "Adam expects the rate of its schedule >= 0, got -0.1",
    ),
    (lambda: md.schedules.PiecewiseConstantDecay([1], [0.1, -1]), "PiecewiseConstantDecay expects values >= 0, got -1"),
    (lambda: md.initializers.RandomUniform(1, 0), "RandomUniform expects minval <= maxval, got 1 and 0"),
    (lambda: fit(shuffle="no"), "DataLoader expects shuffle as True or False, got str 'no'"),
    (lambda: regularizers.L2(-0.01), "L2 expects l2 >= 0, got -0.01"),
    (lambda: regularizers.L1("a"), "L1 expects l1 as a number >= 0, got str 'a'"),
    (lambda: regularizers.L1L2(0.1, math.nan), "L1L2 expects l2 as a finite number >= 0, got nan"),
    (lambda: md.initializers.RandomNormal(stddev=-1), "RandomNormal expects stddev >= 0, got -1"),
    (lambda: md.initializers.RandomUniform("a"), "RandomUniform expects minval as a number, got str 'a'"),
    (lambda: layers.Dropout("a"), r"Dropout expects rate as a number in \[0, 1\), got str 'a'"),
    (lambda: layers.GaussianNoise(INF), "GaussianNoise expects stddev as a finite number"),
    (lambda: layers.LSTM(3, dropout=1), r"Dropout expects rate in \[0, 1\), got 1"),
    (lambda: layers.Dense(3, use_bias="no"), "Dense expects use_bias as True or False, got str 'no'"),
    (lambda: layers.LSTM(3, return_sequences="no"), "LSTM expects return_sequences as True or False"),
    (lambda: layers.LSTM(3, use_bias=None), "LSTMCell expects use_bias as True or False"),
    (lambda: layers.Softmax("a"), "Softmax expects axis as a whole number, got str 'a'"),
    (lambda: layers.Concatenate(axis=None), "Concatenate expects axis as a whole number"),
    (lambda: layers.BatchNormalization(axis="a"), "BatchNormalization expects axis as a whole number"),
    (lambda: layers.LayerNormalization(axis=[1, 2.0]), "LayerNormalization expects axis as a whole number, got float"),
    (lambda: layers.Dense(3).set_weights(3), "set_weights of 'dense' expects a list of arrays, got int"),
    (lambda: layers.Dense("3"), "Dense expects units as a positive integer, got str '3'"),
    (lambda: layers.Dense(3, trainable="a"), "Dense expects trainable as True or False, got str 'a'"),
    (lambda: setattr(layers.Dense(3), "trainable", "a"), "Dense 'dense' expects trainable as True or False"),
    (lambda: layers.Parameter([1.0], trainable=1), "Parameter expects trainable as True or False, got int 1"),
    (lambda: layers.LeakyReLU("a"), "LeakyReLU expects negative_slope as a number, got str 'a'"),
    (lambda: layers.ELU(None), "ELU expects alpha as a number"),
    (lambda: layers.BatchNormalization(momentum="a"), "BatchNormalization expects momentum as a number"),
    (lambda: layers.LayerNormalization(epsilon=0), "LayerNormalization expects epsilon > 0, got 0"),
    (lambda: layers.GroupNormalization(2.5), "GroupNormalization expects groups as a positive integer, got 2.5"),
    (lambda: layers.MultiHeadAttention("2", 3), "MultiHeadAttention expects num_heads as a positive integer"),
    (lambda: layers.PositionEmbedding(None), "PositionEmbedding expects sequence_length as a positive integer"),
    (lambda: layers.TransformerBlock(0, 4), "TransformerBlock expects num_heads as a positive integer, got 0"),
    (lambda: layers.Conv2D(True, 3), "Conv2D expects filters as a positive integer, got bool True"),
    (lambda: layers.Dropout(0.5, rng=True), "rng must be a numpy.random.Generator, an integer seed or None, got bool"),
    (lambda: layers.Dropout(0.5, rng=-1), "rng expects a seed as a whole number from 0 on, got -1"),
    (lambda: md.seed(-1), "seed expects value as a whole number from 0 on, got -1"),
    (lambda: md.seed("a"), "seed expects value as a whole number from 0 on, got str 'a'"),
    (lambda: md.Tensor([1.0], dtype=complex), "Tensor expects a dtype of real numbers such as 'float32', got complex"),
    (lambda: md.Tensor([1.0], dtype="flaot32"), "Tensor expects a dtype of real numbers .* got 'flaot32'"),
    (lambda: md.Tensor([1.0]).astype(complex), "astype: a Tensor keeps to floating types, got complex128"),
    (lambda: layers.Parameter([1.0], dtype=complex), "Tensor expects a dtype of real numbers"),
    (lambda: md.Input(shape=(3,), dtype=complex), "Input expects a dtype of real numbers"),
    (lambda: md.initializers.Zeros()((2,), dtype=complex), "Zeros expects a dtype of real numbers"),
    (
        lambda: md.optimizers.Adam(learning_rate=md.schedules.CosineDecay),
        r"got the class CosineDecay. Write CosineDecay\(",
    ),
    (lambda: callbacks.EarlyStopping(monitor=3), "EarlyStopping expects monitor as a key of the logs .* got int 3"),
    (
        lambda: callbacks.EarlyStopping(patience=-1),
        "EarlyStopping expects patience as a whole number from 0 on, got -1",
    ),
    (lambda: callbacks.EarlyStopping(min_delta="a"), "EarlyStopping expects min_delta as a number, got str 'a'"),
    (lambda: callbacks.EarlyStopping(baseline="a"), "EarlyStopping expects baseline as a number, or None"),
    (lambda: callbacks.ReduceLROnPlateau(factor=1), r"ReduceLROnPlateau expects factor in \[0, 1\), got 1"),
    (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), "ReduceLROnPlateau expects min_lr >= 0, got -1"),
    (lambda: callbacks.StopAtThreshold("a"), "StopAtThreshold expects threshold as a number, got str 'a'"),
    (lambda: callbacks.CSVLogger(3), "CSVLogger expects the path of a file, got int 3"),
    (lambda: callbacks.CSVLogger("a.csv", separator="::"), "CSVLogger expects separator as one letter"),
    (lambda: callbacks.ModelCheckpoint(3), "ModelCheckpoint expects the path of a file, got int 3"),
    (
        lambda: fit(callbacks=callbacks.LearningRateScheduler(lambda epoch: -1.0)),
        "LearningRateScheduler expects its function's rate >= 0, got -1.0",
    ),
    (lambda: fit(resume=3), "cannot save: expected a path such as .weights.npz., got int"),
    (lambda: fit(epochs="2"), "fit expects epochs as a whole number from 0 on, got str '2'"),
    (lambda: fit(steps_per_epoch=0), "fit expects steps as a positive integer, got 0"),
    (lambda: fit(validation_split="a"), r"fit expects validation_split as a number in \(0, 1\), got str 'a'"),
    (
        lambda: classifier().fit(X, LABELS, class_weight={0: 1.0, 2: -3.0}, verbose=0),
        r"fit expects class_weight\[2\] >= 0, got -3.0",
    ),
    (lambda: classifier().fit(X, LABELS, class_weight={0: "a"}, verbose=0), r"class_weight\[0\] as a number >= 0"),
    (lambda: classifier().get_layer(index=99), "get_layer expects an index from 0 to 2, got 99"),
    (lambda: classifier().get_layer(), "get_layer expects a name or an index"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES, ids=[message[:50] for _, message in MISTAKES])
def test_nonsense_is_refused_at_once(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3
