"""Layers that models compute as one: the numbers and errors are those of the layers one by one."""

import copy
import pickle

import numpy as np
import pytest

import minidl as md
from minidl.layers.fusion import ConvolutionPooling, fuse

L = md.layers


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def network(activation="relu", shape=(9, 8, 2), **settings):
    layers = [L.Conv2D(3, (3, 2), activation=activation, **settings), L.MaxPooling2D(), L.Conv2D(2, 2), L.Flatten()]
    return md.Sequential([L.Input(shape=shape), *layers])


def gradients(f, model, x):
    """y, and ∂(Σ y²)/∂ of the input and of every parameter."""
    model.zero_grad()
    x = md.Tensor(x, requires_grad=True)
    y = f(x)
    (y * y).sum().backward()
    return [y.data, x.grad, *(p.grad for p in model.parameters())]


def one_by_one(model):
    def f(x):
        for layer in model.layers:
            x = layer(x)
        return x

    return f


@pytest.mark.parametrize("activation", ["relu", None])
@pytest.mark.parametrize("settings", [{}, {"use_bias": False}, {"padding": "same", "strides": 2}, {"dilation_rate": 2}])
def test_a_convolution_and_its_pooling_are_computed_as_one(activation, settings, rng):
    model = network(activation, **settings)
    x = rng.normal(size=(5, 9, 8, 2)).astype(np.float32)
    assert "conv2d_max_pool" in ops_behind(model(x))
    assert "max_pool_along" in ops_behind(one_by_one(model)(md.Tensor(x)))
    for a, b in zip(gradients(model, model, x), gradients(one_by_one(model), model, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def ops_behind(y):
    """The names of the ops that made y."""
    names, pending = set(), [y]
    while pending:
        t = pending.pop()
        if isinstance(t, md.Tensor) and t.op is not None:
            names.add(t.op.__name__)
            pending.extend(t.inputs)
    return names


def test_where_relu_cuts_and_numbers_are_equal_the_gradients_are_the_same():
    """Whole numbers: many windows have equal largest numbers, or none above zero."""
    rng = np.random.default_rng(1)
    model = network(shape=(7, 7, 1))
    for p in model.parameters():
        p.data[...] = rng.integers(-1, 2, p.shape)
    x = rng.integers(-1, 2, (20, 7, 7, 1)).astype(np.float32)
    for a, b in zip(gradients(model, model, x), gradients(one_by_one(model), model, x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_drawn_model_computes_them_as_one_where_nothing_else_needs_the_image_between(rng):
    x = rng.normal(size=(3, 8, 8, 1)).astype(np.float32)
    inputs = L.Input(shape=(8, 8, 1))
    image = L.Conv2D(4, 3, activation="relu")(inputs)
    pooled = L.MaxPooling2D()(image)
    alone, both = md.Model(inputs, pooled), md.Model(inputs, [pooled, image])
    assert ops_behind(alone(x)) == {"conv2d_max_pool", "relu"}
    y, between = both(x)
    assert "max_pool_along" in ops_behind(y)
    assert between.shape == (3, 6, 6, 4)
    np.testing.assert_allclose(alone(x).data, y.data, rtol=1e-6)
    twice = md.Model(inputs, L.Concatenate()([L.Flatten()(pooled), L.Flatten()(image)]))
    assert "max_pool_along" in ops_behind(twice(x))


@pytest.mark.parametrize(
    "first, second",
    [
        (L.Conv2D(4, 3, activation="tanh"), L.MaxPooling2D()),  # equal to the last digit only before rounding
        (L.Conv2D(4, 3, groups=2), L.MaxPooling2D()),
        (L.Conv2D(4, 3), L.MaxPooling2D(2, strides=1)),
        (L.Conv2D(4, 3), L.MaxPooling2D(2, padding="same")),
        (L.Conv2D(4, 3), L.AveragePooling2D()),
        (L.DepthwiseConv2D(3), L.MaxPooling2D()),
        (L.Dense(3), L.MaxPooling2D()),
    ],
)
def test_others_stay_by_themselves(first, second):
    assert fuse([first, second]) == [first, second]


def test_a_setting_that_is_changed_later_counts(rng):
    model = network()
    model.layers[0].activation = md.tanh
    x = rng.normal(size=(2, 9, 8, 2)).astype(np.float32)
    assert "conv2d_max_pool" not in ops_behind(model(x))
    np.testing.assert_array_equal(model(x).data, one_by_one(model)(md.Tensor(x)).data)


def test_types_that_are_mixed_later_are_as_in_the_layers(rng):
    model = md.Sequential([L.Input(shape=(9, 8, 2)), L.Conv2D(3, 3), L.MaxPooling2D()])
    conv = model.layers[0]
    conv.bias = md.Parameter(rng.normal(size=3))  # float64, beside a kernel of float32
    x = rng.normal(size=(2, 9, 8, 2)).astype(np.float32)
    for a, b in zip(gradients(model, model, x), gradients(one_by_one(model), model, x), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    conv.kernel, conv.bias, x = md.Tensor(np.ones((3, 3, 2, 4), int)), None, (10 * x).astype(int)
    np.testing.assert_array_equal(model(x).data, one_by_one(model)(md.Tensor(x)).data)


def test_a_call_that_somebody_puts_into_a_layer_counts(rng):
    model, seen = network(), []
    conv = model.layers[0]
    call = conv.call
    conv.call = lambda x: seen.append(call(x)) or seen[-1]
    model(rng.normal(size=(2, 9, 8, 2)).astype(np.float32))
    assert [y.shape for y in seen] == [(2, 7, 7, 3)]
    del conv.call
    convolve = conv.convolve
    conv.convolve = lambda x: seen.append(convolve(x)) or seen[-1]
    model(rng.normal(size=(2, 9, 8, 2)).astype(np.float32))
    assert len(seen) == 2


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_computes_with_parameters_of_its_own(duplicate, rng):
    x = rng.normal(size=(2, 9, 8, 2)).astype(np.float32)
    inputs = L.Input(shape=(9, 8, 2))
    drawn = md.Model(inputs, L.MaxPooling2D()(L.Conv2D(4, 3, activation="relu")(inputs)))
    for model in (network(), drawn):
        y, other = model(x).data, duplicate(model)
        model.layers[0].kernel.data *= 0
        np.testing.assert_array_equal(other(x).data, y)
        assert "conv2d_max_pool" in ops_behind(other(x))


def test_debug_mode_names_the_layer_that_made_the_nan(rng):
    model = network()
    model.layers[0].kernel.data[...] = np.nan
    with md.debug(), pytest.raises(FloatingPointError, match=r"^conv2d made NaN in .* in Conv2D 'conv2d', at "):
        model(rng.normal(size=(2, 9, 8, 2)).astype(np.float32))


def test_the_model_keeps_its_layers_names_and_parameters():
    model = network()
    assert [type(layer) for layer in model.layers] == [L.Conv2D, L.MaxPooling2D, L.Conv2D, L.Flatten]
    assert list(model.state_dict()) == ["conv2d.kernel", "conv2d.bias", "conv2d_1.kernel", "conv2d_1.bias"]
    steps = fuse(model.layers)
    assert isinstance(steps[0], ConvolutionPooling)
    assert steps[1:] == model.layers[2:]


def test_a_mistake_is_the_layer_s_own():
    model = md.Sequential([L.Input(shape=(None, None, 1)), L.Conv2D(2, 3, name="c"), L.MaxPooling2D(4, name="p")])
    with pytest.raises(ValueError, match=r"^Conv2D 'c' expects images \(N, H, W, 1\), got shape \(2, 8, 8, 3\)"):
        model(np.zeros((2, 8, 8, 3), np.float32))
    with pytest.raises(ValueError, match=r"^Conv2D 'c': conv2d: a window of 3 x 3 is larger"):
        model(np.zeros((2, 2, 2, 1), np.float32))
    with pytest.raises(ValueError, match=r"^MaxPooling2D 'p': max_pool: a window of 4 x 4 is larger"):
        model(np.zeros((2, 5, 5, 1), np.float32))


def test_whole_numbers_and_other_types_are_as_in_the_layers(rng):
    model = network()
    x = rng.integers(0, 255, (2, 9, 8, 2), dtype=np.uint8)
    y = model(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, one_by_one(model)(md.Tensor(x)).data, rtol=1e-5)
