"""Layers of convolution, pooling and resizing: parameters, shapes, networks; the ops on configurations at random."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl as md
from minidl.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from minidl.ops import convolution, depthwise_convolution
from tests.table.convolution import plain_conv2d, plain_depthwise
from tests.table.pooling import plain_pool

# --- parameters ---------------------------------------------------------------------------------------------------


def built(layer, shape=(2, 6, 6, 4)):
    layer(np.ones(shape, np.float32))
    return layer


@pytest.mark.parametrize(
    "layer, shapes",
    [
        (Conv2D(8, (3, 2)), {"kernel": (3, 2, 4, 8), "bias": (8,)}),
        (Conv2D(8, 3, groups=2, use_bias=False), {"kernel": (3, 3, 2, 8)}),
        (Conv2DTranspose(8, (3, 2)), {"kernel": (3, 2, 8, 4), "bias": (8,)}),
        (DepthwiseConv2D(3, depth_multiplier=2), {"kernel": (3, 3, 4, 2), "bias": (8,)}),
        (
            SeparableConv2D(8, 3, depth_multiplier=2),
            {"depthwise.kernel": (3, 3, 4, 2), "pointwise.kernel": (1, 1, 8, 8), "pointwise.bias": (8,)},
        ),
    ],
    ids=repr,
)
def test_parameters_have_keras_names_and_shapes(layer, shapes):
    assert {name: p.shape for name, p in built(layer).named_parameters()} == shapes
    assert all(p.dtype == np.float32 for p in layer.parameters())


def test_kernel_and_bias_are_as_in_keras():
    md.seed(0)
    layer = built(Conv2D(16, 3), (1, 9, 9, 8))
    limit = (6 / (9 * 8 + 9 * 16)) ** 0.5
    assert 0.9 * limit < np.abs(layer.kernel.numpy()).max() <= limit
    assert not layer.bias.numpy().any()


def test_the_network_of_d0_p1_has_its_numbers_of_parameters():
    model = md.Sequential([
        Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
        MaxPooling2D((2, 2)),
        Conv2D(64, (3, 3), activation="relu"),
        MaxPooling2D((2, 2)),
        Conv2D(64, (3, 3), activation="relu"),
        Flatten(),
        Dense(64, activation="relu"),
        Dense(10, activation="softmax"),
    ])  # fmt: skip
    assert [layer.count_params() for layer in model.layers] == [320, 0, 18496, 0, 36928, 0, 36928, 650]
    p = model(np.random.default_rng(0).random((3, 28, 28, 1), dtype=np.float32))
    np.testing.assert_allclose(p.numpy().sum(axis=1), 1, rtol=1e-6)


# --- shapes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer, shape, result",
    [
        (Conv2D(8, 3), (28, 28, 1), (26, 26, 8)),
        (Conv2D(8, 3, 2, "same"), (28, 27, 1), (14, 14, 8)),
        (Conv2D(8, 3, dilation_rate=4), (28, 9, 1), (20, 1, 8)),
        (Conv1D(8, 3, 2), (10, 4), (4, 8)),
        (Conv1D(8, 3, padding="causal", dilation_rate=2), (10, 4), (10, 8)),
        (Conv2DTranspose(8, 3, 2), (7, 5, 4), (15, 11, 8)),
        (Conv2DTranspose(8, 2, 3), (7, 5, 4), (21, 15, 8)),
        (Conv2DTranspose(8, 3, 2, "same"), (7, 5, 4), (14, 10, 8)),
        (SeparableConv2D(8, 3, padding="same", activation="relu"), (7, 5, 4), (7, 5, 8)),
        (MaxPooling2D(), (5, 4, 3), (2, 2, 3)),
        (MaxPooling2D(padding="same"), (5, 4, 3), (3, 2, 3)),
        (AveragePooling2D(3, 1), (5, 4, 3), (3, 2, 3)),
        (MaxPooling1D(), (5, 3), (2, 3)),
        (AveragePooling1D(2, 3, "same"), (5, 3), (2, 3)),
        (UpSampling2D(), (5, 4, 3), (10, 8, 3)),
        (UpSampling2D(3, "bilinear"), (5, 4, 3), (15, 12, 3)),
        (ZeroPadding2D((1, 2)), (5, 4, 3), (7, 8, 3)),
    ],
    ids=str,
)
def test_shapes_of_results_also_of_empty_batches_and_of_symbols(layer, shape, result):
    assert layer(np.ones((2, *shape), np.float32)).shape == (2, *result)
    assert layer(np.ones((0, *shape), np.float32)).shape == (0, *result)
    assert layer(md.Input(shape=shape)).shape == (None, *result)


def test_images_of_unknown_size_can_be_drawn():
    x = md.Input(shape=(None, None, 3))
    for _ in range(4):
        x = MaxPooling2D()(Conv2D(4, 3, 2, "same")(x))
        assert x.shape == (None, None, None, 4)
    assert GlobalAveragePooling2D()(x).shape == (None, 4)


def test_an_empty_batch_has_gradients():
    layer = Conv2D(3, 2)
    layer(np.ones((0, 4, 4, 2), np.float32)).sum().backward()
    assert layer.kernel.grad.shape == layer.kernel.shape
    assert not layer.kernel.grad.any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_images_of_other_dtypes_are_converted_to_that_of_the_kernel(dtype):
    assert Conv2D(3, 2)(np.ones((2, 4, 4, 1), dtype)).dtype == np.float32


@pytest.mark.parametrize(
    "layer, text",
    [
        (Conv2D(32, (3, 3), activation="relu"), "Conv2D(32, (3, 3), activation='relu')"),
        (Conv2D(32, 3, 2, "same"), "Conv2D(32, (3, 3), strides=(2, 2), padding='same')"),
        (Conv1D(8, 5, padding="causal"), "Conv1D(8, 5, padding='causal')"),
        (DepthwiseConv2D(3), "DepthwiseConv2D((3, 3))"),
        (SeparableConv2D(8, 3), "SeparableConv2D(8, (3, 3))"),
        (MaxPooling2D(), "MaxPooling2D((2, 2))"),
        (MaxPooling1D(3, 1, "same"), "MaxPooling1D(3, strides=1, padding='same')"),
        (GlobalAveragePooling2D(), "GlobalAveragePooling2D()"),
        (UpSampling2D(2, "bilinear"), "UpSampling2D((2, 2), interpolation='bilinear')"),
        (ZeroPadding2D(1), "ZeroPadding2D(((1, 1), (1, 1)))"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_layers_show_their_settings(layer, text):
    assert repr(layer) == text


# --- ops ----------------------------------------------------------------------------------------------------------

SIZES = st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(deadline=None, max_examples=60)
@given(SIZES, PAIRS, PAIRS, PAIRS, st.sampled_from(["valid", "same"]), st.integers(1, 2), st.integers(0, 99))
def test_any_convolution_equals_the_loop(sizes, kernel, strides, dilation, padding, groups, seed):
    H, W, C, F = sizes
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(2, H, W, C * groups)), rng.normal(size=(*kernel, C, F * groups))
    b = rng.normal(size=F * groups)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    if padding == "valid" and (extent[0] > H or extent[1] > W):
        with pytest.raises(ValueError, match="larger than the image"):
            md.conv2d(x, w, b, strides, padding, dilation, groups)
        return
    y = md.conv2d(x, w, b, strides, padding, dilation, groups)
    np.testing.assert_allclose(y, plain_conv2d(x, w, b, strides, padding, dilation, groups), rtol=1e-10, atol=1e-12)
    w = w[:, :, :1].repeat(x.shape[-1], axis=2)  # as many kernels for each channel
    y = md.depthwise_conv2d(x, w, None, strides, padding, dilation)
    expected = plain_depthwise(x, w, strides=strides, padding=padding, dilation=dilation)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(SIZES, PAIRS, PAIRS, PAIRS, st.sampled_from(["valid", "same"]), st.integers(0, 99))
def test_transposed_convolution_is_the_transpose(sizes, kernel, strides, dilation, padding, seed):
    """⟨A x, z⟩ = ⟨x, Aᵀ z⟩ for the convolution A."""
    h, w, C, F = sizes
    rng = np.random.default_rng(seed)
    z, W = rng.normal(size=(2, h, w, C)), rng.normal(size=(*kernel, F, C))
    back = md.conv2d_transpose(z, W, None, strides, padding, dilation)
    x = rng.normal(size=back.shape)
    y = md.conv2d(x, W, None, strides, padding, dilation)
    assert y.shape == z.shape
    np.testing.assert_allclose((y * z).sum(), (x * back).sum(), rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(SIZES, PAIRS, PAIRS, st.sampled_from(["valid", "same"]), st.integers(0, 99))
def test_any_pooling_equals_the_loop(sizes, pool, strides, padding, seed):
    H, W, C, _ = sizes
    x = np.random.default_rng(seed).normal(size=(2, H, W, C))
    if padding == "valid" and (pool[0] > H or pool[1] > W):
        return
    expected = plain_pool(x, pool, strides, padding, np.max)
    np.testing.assert_array_equal(md.max_pool(x, pool, strides, padding), expected)
    expected = plain_pool(x, pool, strides, padding, np.mean)
    np.testing.assert_allclose(md.average_pool(x, pool, strides, padding), expected, rtol=1e-10, atol=1e-12)


def test_large_batches_are_worked_off_in_portions(monkeypatch):
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=(7, 5, 6, 2)), rng.normal(size=(3, 2, 2, 4)), rng.normal(size=4)
    D = rng.normal(size=(3, 2, 2, 3))

    def results(op, *arrays):
        inputs = [md.Tensor(a, requires_grad=True) for a in arrays]
        y = op(*inputs)
        (y * y).sum().backward()
        return [y.data, *(t.grad for t in inputs)]

    def all_results():
        return results(md.conv2d, x, W, b) + results(lambda x, D: md.depthwise_conv2d(x, D, None), x, D)

    whole = all_results()
    monkeypatch.setattr(convolution, "CHUNK", 500)
    monkeypatch.setattr(depthwise_convolution, "CHUNK", 100)
    for one, portions in zip(whole, all_results(), strict=True):
        np.testing.assert_allclose(one, portions, rtol=1e-12, atol=1e-12)


def test_the_first_of_equal_numbers_column_by_column_gets_the_gradient():
    x = md.Tensor(np.zeros((1, 4, 4, 1)), requires_grad=True)
    md.max_pool(x).sum().backward()
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(x.grad[0, :, :, 0], expected)
    x = md.Tensor(np.array([[0.0, 1.0], [1.0, 0.0]]).reshape(1, 2, 2, 1), requires_grad=True)
    md.max_pool(x).sum().backward()
    np.testing.assert_array_equal(x.grad.reshape(2, 2), [[0, 0], [1, 0]])


def test_nan_goes_through_pooling():
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 2] = np.nan
    for pool in (md.max_pool, md.average_pool):
        np.testing.assert_array_equal(np.isnan(pool(x)[0, :, :, 0]), [[False, True], [False, False]])


def test_causal_convolution_never_looks_ahead():
    layer = Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = np.random.default_rng(0).normal(size=(1, 9, 2)).astype(np.float32)
    before = layer(x).numpy()
    x[:, 5:] += 1
    after = layer(x).numpy()
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any(axis=-1).all()


def test_gradients_that_nobody_asked_for_are_not_computed(monkeypatch):
    monkeypatch.setattr(convolution, "spread", None)  # would fail when called
    layer = Conv2D(3, 2)
    layer(np.ones((2, 4, 4, 1), np.float32)).sum().backward()
    assert layer.kernel.grad is not None


# --- networks -----------------------------------------------------------------------------------------------------


def small_network():
    md.seed(0)
    return md.Sequential([
        Conv2D(4, 3, activation="relu", padding="same", input_shape=(8, 8, 1)),
        MaxPooling2D(),
        SeparableConv2D(4, 3, activation="relu"),
        Conv2DTranspose(3, 2, 2),
        AveragePooling2D(),
        GlobalAveragePooling2D(),
        Dense(2),
    ])  # fmt: skip


def stripes(N=64):
    """Noise with stripes across (0) or along (1)."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 2
    x = rng.normal(size=(N, 8, 8, 1)) * 0.3
    x[labels == 0, ::2] += 1
    x[labels == 1, :, ::2] += 1
    return x.astype(np.float32), labels


def test_a_convolutional_network_learns_the_direction_of_stripes():
    model = small_network()
    x, labels = stripes()
    optimizer = md.optimizers.Adam(model.parameters(), learning_rate=0.02)
    loss_function = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    for _ in range(40):
        loss = loss_function(labels, model(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(x).numpy().argmax(axis=1) == labels).mean() > 0.95


def test_a_convolutional_network_trains_alike_on_the_gpus_stand_in():
    def train(device):
        model = small_network().to(device)
        x, labels = stripes(8)
        images = md.Tensor(x).to(device)
        targets = md.Tensor(labels).to(device)
        optimizer = md.optimizers.Adam(model.parameters())
        for _ in range(2):
            loss = md.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, model(images))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return list(model.state_dict().values())

    expected = train("cpu")
    with fake_cupy.installed():
        for a, b in zip(expected, train("cuda"), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
