"""Normalisation layers: both modes, moving averages, axes, and the layers that add noise."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import layers
from minidl.gradcheck import check_grads
from minidl.ops.normalization import batch_moments

X = np.random.default_rng(0).normal(2, 3, (50, 4)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(-1, 2, (6, 5, 3, 4)).astype(np.float32)


def is_normal(h, axes):
    """Mean 0 and variance 1 over these axes (less the share of ε)."""
    np.testing.assert_allclose(h.mean(axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(h.var(axis=axes), 1, atol=5e-3)


# --- batch normalisation ------------------------------------------------------------------------------------------


def test_weights_and_defaults_are_those_of_keras():
    layer = layers.BatchNormalization()
    layer(X)
    assert [name for name, _ in layer.named_parameters()] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [p.trainable for p in layer.parameters()] == [True, True, False, False]
    assert (layer.momentum, layer.epsilon) == (0.99, 1e-3)
    assert len(layers.BatchNormalization(center=False, scale=False, input_shape=(4,)).parameters()) == 0
    model = md.Sequential([layers.BatchNormalization(center=False, input_shape=(4,))])
    assert model.count_params() == 12
    assert [p.requires_grad for p in model.parameters()] == [True, False, False]


@pytest.mark.parametrize("x, axes", [(X, 0), (IMAGES, (0, 1, 2))], ids=["rows", "images"])
def test_training_looks_at_the_batch_and_use_at_the_averages(x, axes):
    layer = layers.BatchNormalization(momentum=0.9)
    is_normal(layer(x).numpy(), axes)
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, rtol=1e-5)
    layer.eval()
    before = layer.state_dict()
    y = layer(x)
    np.testing.assert_allclose(y.numpy(), (x - 0.1 * mean) / np.sqrt(0.901 + 0.1 * variance), rtol=1e-4, atol=1e-5)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_array_equal(layer(x[:1]).numpy(), y.numpy()[:1])  # the other samples do not matter


def test_averages_come_near_those_of_the_data():
    layer = layers.BatchNormalization(momentum=0.5)
    for _ in range(30):
        layer(X)
    np.testing.assert_allclose(layer.moving_mean.numpy(), X.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer(X, training=False).numpy(), layer(X).numpy(), atol=1e-4)


def test_a_frozen_layer_is_in_use_also_in_training():
    layer = layers.BatchNormalization()
    layer(X)
    layer.trainable = False
    before = layer.moving_mean.numpy().copy()
    y = layer(X, training=True)
    np.testing.assert_array_equal(y.numpy(), layer(X, training=False).numpy())
    np.testing.assert_array_equal(layer.moving_mean.numpy(), before)


def test_averages_are_saved_and_loaded(tmp_path):
    model = md.Sequential([layers.BatchNormalization(momentum=0.5, input_shape=(4,))])
    model(X)
    model.save_weights(tmp_path / "w.npz")
    other = md.Sequential([layers.BatchNormalization(input_shape=(4,))])
    other.load_weights(tmp_path / "w.npz")
    np.testing.assert_array_equal(other(X, training=False).numpy(), model(X, training=False).numpy())


def test_training_step_changes_gamma_and_beta_but_not_by_gradient_the_averages():
    model = md.Sequential([layers.Dense(4, input_shape=(4,)), layers.BatchNormalization(), layers.Dense(1)])
    optimizer = md.optimizers.Adam(model.parameters())
    (model(X) ** 2).mean().backward()
    assert [p.grad is not None for p in model.layers[1].parameters()] == [True, True, False, False]
    averages = model.layers[1].moving_mean.numpy().copy()
    optimizer.step()
    np.testing.assert_array_equal(model.layers[1].moving_mean.numpy(), averages)


def test_one_call_then_another_then_backward():
    """What the second call remembers does not disturb the derivative of the first."""
    layer = layers.BatchNormalization()
    x = md.Tensor(X, requires_grad=True)
    g = np.random.default_rng(2).normal(size=X.shape).astype(np.float32)
    y = layer(x)
    layer(X * 2)
    y.backward(g)
    again = md.Tensor(X, requires_grad=True)
    layer(again).backward(g)
    np.testing.assert_array_equal(x.grad, again.grad)


def test_known_moments_change_nothing():
    x = md.Tensor(X, requires_grad=True)
    one, other = md.batch_norm(x, None, None), md.batch_norm(x, None, None, moments=batch_moments(X))
    np.testing.assert_array_equal(one.numpy(), other.numpy())
    g = np.random.default_rng(2).normal(size=X.shape).astype(np.float32)
    np.testing.assert_array_equal(md.gradients(one, [x], g)[0], md.gradients(other, [x], g)[0])
    check_grads(lambda x: md.batch_norm(x, None, None, moments=batch_moments(x.data)), X[:4, :2])


@pytest.mark.parametrize("mode", [True, False])
def test_gradients_in_both_modes(mode):
    md.set_default_dtype("float64")
    try:
        layer = layers.BatchNormalization(axis=1)
        x = IMAGES[:2, :3, :2, 0].astype(np.float64)
        layer(x)
        check_grads(lambda x: layer(x, training=mode), x, parameters=[layer.gamma, layer.beta])
    finally:
        md.set_default_dtype("float32")


def test_batch_norm_trains_alike_on_the_gpus_stand_in():
    def trained(device):
        md.seed(0)
        model = md.Sequential([layers.BatchNormalization(momentum=0.5, input_shape=(4,)), layers.Dense(1)]).to(device)
        optimizer = md.optimizers.SGD(model.parameters(), learning_rate=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (model(md.Tensor(X, device=device)) ** 2).mean().backward()
            optimizer.step()
        return model.get_weights()

    expected = trained("cpu")
    with fake_cupy.installed():
        for a, b in zip(trained("cuda"), expected):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


# --- the others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer, axes",
    [
        (layers.LayerNormalization(), 3),
        (layers.LayerNormalization(axis=1), 1),
        (layers.LayerNormalization(axis=[1, 3]), (1, 3)),
        (layers.GroupNormalization(1), (1, 2, 3)),
        (layers.GroupNormalization(-1), (1, 2)),
        (layers.GroupNormalization(1, axis=1), (1, 2, 3)),
        (layers.BatchNormalization(axis=1), (0, 2, 3)),
    ],
    ids=repr,
)
def test_what_each_normalises_over(layer, axes):
    assert layer(IMAGES).shape == IMAGES.shape
    is_normal(layer(IMAGES * 20).numpy(), axes)


def test_gamma_and_beta_lie_along_their_axis():
    for layer in (layers.LayerNormalization(axis=1), layers.GroupNormalization(5, axis=1), layers.RMSNormalization(1)):
        y = layer(IMAGES).numpy()
        layer.gamma.data = np.arange(5.0)
        np.testing.assert_allclose(layer(IMAGES).numpy(), y * np.arange(5.0)[:, None, None], rtol=1e-5, atol=1e-6)


def test_rms_keeps_the_mean():
    y = layers.RMSNormalization()(X).numpy()
    np.testing.assert_allclose((y**2).mean(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(y, X / np.sqrt((X**2).mean(axis=-1, keepdims=True)), rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [layers.LayerNormalization(), layers.RMSNormalization(), layers.GroupNormalization(2)],
    ids=lambda layer: type(layer).__name__,
)
def test_constant_samples_and_large_offsets_are_safe(layer):
    layer(X)
    x = md.Tensor(np.full((2, 4), 3.0, np.float32), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert np.isfinite(y.numpy()).all() and np.isfinite(x.grad).all()
    if layer.beta is not None:  # μ is taken away
        np.testing.assert_allclose(layer(X + 1000).numpy(), layer(X).numpy(), atol=2e-3)


def test_float64_inputs_are_converted_to_the_parameters_dtype():
    assert layers.BatchNormalization()(X.astype(np.float64)).dtype == np.float32
    assert layers.LayerNormalization()(np.arange(8).reshape(2, 4)).dtype == np.float32


def test_layers_show_their_settings():
    assert repr(layers.BatchNormalization()) == "BatchNormalization(axis=-1, epsilon=0.001)"
    assert repr(layers.GroupNormalization(2)) == "GroupNormalization(groups=2, axis=-1, epsilon=0.001)"
    assert repr(layers.GaussianNoise(0.1)) == "GaussianNoise(0.1)"


# --- noise --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer, shape", [(layers.SpatialDropout1D, (200, 6, 40)), (layers.SpatialDropout2D, (200, 3, 2, 40))]
)
def test_whole_channels_are_dropped(layer, shape):
    y = layer(0.25, rng=0)(np.ones(shape, np.float32)).numpy()
    channels = y.reshape(200, -1, 40)
    assert (channels == channels[:, :1]).all()
    assert abs((channels[:, 0] == 0).mean() - 0.25) < 5 * (0.25 * 0.75 / 8000) ** 0.5
    assert layer(0.25).eval()(y).numpy() is y


def test_gaussian_noise_has_its_spread_and_none_in_use():
    x = md.Tensor(np.zeros((200, 200), np.float32))
    layer = layers.GaussianNoise(0.5, rng=0)
    n = layer(x).numpy()
    assert abs(n.mean()) < 5 * 0.5 / 200
    assert abs(n.std() - 0.5) < 5 * 0.5 / (2 * n.size) ** 0.5
    assert (layer(x).numpy() != n).any()
    assert layer(x, training=False) is x
    md.seed(1)
    first = layers.GaussianNoise(0.5)(x).numpy()
    md.seed(1)
    np.testing.assert_array_equal(layers.GaussianNoise(0.5)(x).numpy(), first)
