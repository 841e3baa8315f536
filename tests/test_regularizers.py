"""Penalties on weights: their values, where they are found, and that fit and a loop agree."""

import copy
import pickle

import numpy as np
import pytest

import minidl as md
from minidl import regularizers
from minidl.layers import (
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SeparableConv2D,
)

W = np.array([[3.0, -1.0], [0.5, 0.0]])


@pytest.mark.parametrize(
    "regularizer, value, slope",
    [
        (regularizers.L1(0.1), 0.45, 0.1 * np.sign(W)),
        (regularizers.L2(0.1), 1.025, 0.2 * W),
        (regularizers.L1L2(0.1, 0.1), 1.475, 0.1 * np.sign(W) + 0.2 * W),
        (regularizers.get("l1"), 0.045, 0.01 * np.sign(W)),
        (regularizers.get(regularizers.L2), 0.1025, 0.02 * W),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_slopes(regularizer, value, slope, dtype):
    w = md.Tensor(W.astype(dtype), requires_grad=True)
    penalty = regularizer(w)
    penalty.backward()
    assert penalty.dtype == w.grad.dtype == dtype
    assert penalty.item() == pytest.approx(value)
    np.testing.assert_allclose(w.grad, slope, rtol=1e-6)


@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2])
def test_a_factor_of_numpy_keeps_the_dtype(kind):
    assert kind(np.float64(0.5))(md.Tensor([1.0])).dtype == np.float32


def test_names_are_looked_up():
    assert regularizers.get(None) is None
    assert regularizers.get("l1_l2") == regularizers.L1L2()
    with pytest.raises(ValueError, match="Did you mean 'l2'"):
        Dense(2, kernel_regularizer="L2")


def network(**settings):
    md.seed(0)
    return md.Sequential(
        [Dense(4, "tanh", input_shape=(3,), kernel_regularizer=regularizers.L2(0.3)), Dense(1, **settings)]
    )


def test_the_penalty_is_that_of_all_trained_parameters():
    model = network(kernel_regularizer="l1", bias_regularizer="l1")
    first, second = model.layers
    second.bias.data[...] = -2
    kernels = 0.3 * (first.kernel.data**2).sum() + 0.01 * np.abs(second.kernel.data).sum()
    assert model.penalty().item() == pytest.approx(kernels + 0.02, rel=1e-6)
    first.trainable = False
    assert model.penalty().item() == pytest.approx(0.01 * np.abs(second.kernel.data).sum() + 0.02, rel=1e-6)
    assert md.Sequential([Dense(2, input_shape=(3,))]).penalty() == 0.0


X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = X[:, :1] * 2


IMAGES = np.random.default_rng(1).normal(size=(2, 6, 6, 4)).astype(np.float32)
KERNEL, NORM = ("kernel_regularizer", "bias_regularizer"), ("gamma_regularizer", "beta_regularizer")


@pytest.mark.parametrize(
    "kind, settings, names, x",
    [
        (Conv1D, {"filters": 8, "kernel_size": 3}, KERNEL, IMAGES[0]),
        (Conv2D, {"filters": 8, "kernel_size": 3}, KERNEL, IMAGES),
        (Conv2DTranspose, {"filters": 8, "kernel_size": 3}, KERNEL, IMAGES),
        (DepthwiseConv2D, {"kernel_size": 3}, ("depthwise_regularizer", "bias_regularizer"), IMAGES),
        (
            SeparableConv2D,
            {"filters": 8, "kernel_size": 3},
            ("depthwise_regularizer", "pointwise_regularizer", "bias_regularizer"),
            IMAGES,
        ),
        (BatchNormalization, {}, NORM, IMAGES),
        (LayerNormalization, {}, NORM, IMAGES),
        (GroupNormalization, {"groups": 2}, NORM, IMAGES),
        (RMSNormalization, {}, NORM[:1], IMAGES),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_parameter_of_convolutions_and_norms_takes_its_own_penalty(kind, settings, names, x):
    strengths = [0.1 * 3**i for i in range(len(names))]
    layer = kind(**settings, **{name: regularizers.L2(s) for name, s in zip(names, strengths)})
    layer(x)
    parameters = [p for p in layer.parameters() if p.requires_grad]
    for p in parameters:
        p.data = np.random.default_rng(p.size).normal(size=p.shape).astype(p.dtype)
    expected = sum(s * float((p.data**2).sum()) for s, p in zip(strengths, parameters, strict=True))
    assert layer.penalty().item() == pytest.approx(expected, rel=1e-5)


def test_a_convolution_that_is_computed_with_its_pooling_is_penalised_in_fit():
    model = md.Sequential([Conv2D(3, 3, kernel_regularizer="l2"), md.layers.MaxPooling2D(), md.layers.Flatten()])
    model.compile("sgd", "mse")
    expected = float((model(IMAGES).numpy() ** 2).mean()) + 0.01 * float((model.layers[0].kernel.data ** 2).sum())
    history = model.fit(IMAGES, np.zeros((2, 12), np.float32), epochs=1, verbose=0).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_fit_and_a_loop_give_the_same_numbers():
    fitted, looped = network(), network()
    fitted.compile(md.optimizers.Adam(learning_rate=0.01), "mse")
    history = fitted.fit(X, Y, batch_size=12, epochs=3, verbose=0, shuffle=False).history["loss"]
    optimizer = md.optimizers.Adam(looped.parameters(), learning_rate=0.01)
    losses = []
    for _ in range(3):
        loss = md.losses.MeanSquaredError()(Y, looped(X)) + looped.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert history == losses
    for a, b in zip(fitted.get_weights(), looped.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_evaluate_and_validation_count_the_penalty():
    model = network()
    model.compile("sgd", "mse")
    expected = float(((model(X).numpy() - Y) ** 2).mean()) + model.penalty().item()
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-6)
    history = model.fit(X, Y, epochs=1, verbose=0, validation_data=(X, Y)).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)


def test_models_with_penalties_are_copied_and_pickled_with_them():

    model = network()
    model.compile("sgd", "mse")
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.fit(X, Y, epochs=1, verbose=0)
        assert other.penalty().item() != model.penalty().item()


def test_strong_penalties_keep_weights_small():
    sizes = []
    for strength in (0.0, 1.0):
        md.seed(0)
        model = md.Sequential([Dense(1, input_shape=(3,), kernel_regularizer=regularizers.L2(strength))])
        model.compile(md.optimizers.SGD(learning_rate=0.1), "mse")
        model.fit(X, Y, epochs=30, verbose=0)
        sizes.append(float(np.abs(model.layers[0].kernel.data).sum()))
    assert sizes[1] < 0.7 * sizes[0]
