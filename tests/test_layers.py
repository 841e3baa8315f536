"""Layers: building, calling, drawing, modes, dropout."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import layers
from minidl.layers import Dense, Dropout, Layer
from minidl.layers import activations as layer_activations
from tests.table import ROWS
from tests.table import layers as table


def built(layer, shape=(4, 3)):
    layer(np.ones(shape, np.float32))
    return layer


# --- completeness -------------------------------------------------------------------------------------------------


def test_every_public_layer_has_a_row():
    public = {name for name in layers.__all__ if name not in ("Layer", "Parameter", "Symbol", "Input", "KeyValueCache")}
    assert not sorted(public - {row.op for row in ROWS})


def test_every_activation_has_a_row():
    assert set(layer_activations.ACTIVATIONS) == set(table.ACTIVATIONS)


# --- building and calling -----------------------------------------------------------------------------------------


def test_kernel_and_bias_are_as_in_keras():
    md.seed(0)
    layer = built(Dense(50), (1, 40))
    assert layer.kernel.shape == (40, 50)
    limit = (6 / (40 + 50)) ** 0.5
    assert 0.9 * limit < np.abs(layer.kernel.numpy()).max() <= limit
    assert not layer.bias.numpy().any()
    assert layer.kernel.dtype == layer.bias.dtype == np.float32


@pytest.mark.parametrize("settings", [{"input_shape": (3,)}, {"input_shape": [3]}, {"input_dim": 3}])
def test_the_first_layer_can_say_its_input(settings):
    assert md.Sequential([Dense(2, **settings)]).count_params() == 8


def test_a_layer_is_built_once_whatever_it_is_called_on():
    layer = built(Dense(2))
    kernel = layer.kernel
    layer(np.ones((7, 3)))
    layer(np.ones((2, 5, 3)))
    layer.build_for(np.ones((7, 9)))
    assert layer.kernel is kernel


@pytest.mark.parametrize("x", [[[1, 2, 3]], [[1.0, 2.0, 3.0]], np.array([[1, 2, 3]]), np.array([[1.0, 2.0, 3.0]])])
def test_dense_computes_in_its_own_dtype(x):
    layer = Dense(2)
    y = layer(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), np.asarray(x) @ layer.kernel.numpy(), rtol=1e-6)


def test_a_float64_input_gets_a_float64_gradient_from_a_float32_layer():
    x = md.Tensor(np.ones((4, 3)), requires_grad=True)
    built(Dense(2))(x).sum().backward()
    assert x.grad.dtype == np.float64


def test_default_dtype_is_that_of_new_parameters():
    md.set_default_dtype("float64")
    try:
        assert built(Dense(2)).kernel.dtype == np.float64
        assert md.Input(shape=(3,)).dtype == np.float64
    finally:
        md.set_default_dtype("float32")


def test_wrong_width_is_said_before_anything_changes():
    layer = built(Dense(2))
    before = layer.kernel.numpy().copy()
    with pytest.raises(ValueError, match="expects 3 features"):
        layer(np.ones((4, 5)))
    np.testing.assert_array_equal(layer.kernel.numpy(), before)


def test_other_errors_of_dense_are_not_called_a_wrong_width():
    layer = built(Dense(2))
    with fake_cupy.installed() as cupy, pytest.raises(ValueError, match="one device"):
        layer(md.Tensor(cupy.ones((4, 3), "float32")))


@pytest.mark.parametrize(
    "layer, text",
    [
        (Dense(3, activation="relu"), "Dense(3, activation='relu')"),
        (Dense(3, activation=layers.Softmax()), "Dense(3, activation='Softmax(axis=-1)')"),
        (layers.Activation("linear"), "Activation('linear')"),
        (Dense(3, activation=layers.ReLU), "Dense(3, activation='ReLU(max_value=None, negative_slope=0.0)')"),
        (layers.Activation(md.sin), "Activation('sin')"),
        (Dropout(0.5), "Dropout(0.5)"),
        (layers.Reshape((2, -1)), "Reshape((2, -1))"),
        (layers.Flatten(), "Flatten()"),
        (layers.LeakyReLU(), "LeakyReLU(0.3)"),
        (layers.InputLayer((4,)), "InputLayer(input_shape=(4,))"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_layers_show_their_settings(layer, text):
    assert repr(layer) == text


def test_empty_batches_go_through():
    model = [layers.Flatten(), Dense(4, "relu"), layers.Reshape((2, -1)), Dropout(0.5), Dense(3, "softmax")]
    x = np.ones((5, 2, 3), np.float32)
    for batch in (x, x[:0]):
        y = batch
        for layer in model:
            y = layer(y)
        assert y.shape == (len(batch), 2, 3)


# --- drawn networks -----------------------------------------------------------------------------------------------


def test_symbols_know_their_shapes():
    x = md.Input(shape=(None, 6))
    assert x.shape == (None, None, 6)
    assert Dense(4)(x).shape == (None, None, 4)
    assert layers.Reshape((-1, 2))(Dense(4)(md.Input(shape=(3,)))).shape == (None, 2, 2)
    assert layers.Flatten()(md.Input(shape=(2, 3))).shape == (None, 6)
    assert layers.Flatten()(x).shape == (None, None)
    assert layers.Concatenate()([Dense(4)(x), x]).shape == (None, None, 10)
    assert layers.Add()([x, x]).shape == (None, None, 6)
    assert Dropout(0.5)(x).shape == (None, None, 6)
    assert repr(Dense(4, name="head")(x)) == "Symbol(shape=(None, None, 4), from 'head')"


def test_windows_and_tables_of_any_size_fit_axes_of_unknown_size():
    image, sequence = md.Input(shape=(None, None, 3)), md.Input(shape=(None, 6))
    assert layers.Conv2D(4, 11)(image).shape == (None, None, None, 4)
    assert layers.MaxPooling2D(32)(image).shape == (None, None, None, 3)
    assert layers.Conv1D(4, 3, dilation_rate=50)(sequence).shape == (None, None, 4)
    assert layers.PositionEmbedding(4)(sequence).shape == (None, None, 6)
    with pytest.raises(ValueError, match=r"11 x 11 is larger than the image of 10 x 10"):
        layers.Conv2D(4, 11)(md.Input(shape=(10, 10, 3)))


def test_symbols_know_their_dtype():
    x = md.Input(shape=(3,), dtype="int64")
    assert layers.Flatten()(x).dtype == np.int64
    assert Dense(2)(x).dtype == np.float32


def test_drawing_draws_no_random_numbers_and_keeps_modes():
    layer = Dropout(0.5)
    md.seed(0)
    before = md.arrays.generator().bit_generator.state
    layer(md.Input(shape=(3,)))
    assert md.arrays.generator().bit_generator.state == before
    assert layer.training


def test_several_outputs_cannot_be_drawn():
    class Two(Layer):
        def call(self, x):
            return x, x

    with pytest.raises(TypeError, match="'two' returns a tuple"):
        Two()(md.Input(shape=(3,)))


# --- modes and dropout --------------------------------------------------------------------------------------------


class Outer(Layer):
    def __init__(self):
        super().__init__()
        self.inner = [Dropout(0.5), Dropout(0.5)]

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return x


def test_the_mode_of_one_call_leaves_each_layers_own():
    outer = Outer()
    outer.inner[0].eval()
    x = np.ones((20, 20), np.float32)
    assert not (outer(x).numpy() == 1).any()
    np.testing.assert_array_equal(outer(x, training=False).numpy(), x)
    assert [layer.training for layer in outer.inner] == [False, True]
    assert (outer(x, training=True).numpy() == 4).any()  # both drop, and both divide by a half
    assert [layer.training for layer in outer.inner] == [False, True]


def test_a_layer_drawn_with_a_mode_has_it_at_each_call_of_the_model():
    a = md.Input(shape=(20,))
    for mode in (False, True):
        model = md.Model(a, Outer()(a, training=mode))
        x = np.ones((20, 20), np.float32)
        for own in (False, True):
            assert (model.train(own)(x).numpy() == 1).all() != mode
            assert all(layer.training is own for _, layer in model.named_layers())


def test_the_mode_comes_back_after_an_error():
    outer = Outer()
    outer.inner.append(layers.Reshape((7,)))
    with pytest.raises(ValueError, match="Reshape"):
        outer(np.ones((2, 3)), training=False)
    assert all(layer.training for layer in outer.inner)


def test_train_and_eval_reach_all_layers():
    outer = Outer()
    assert outer.eval() is outer
    assert [layer.training for _, layer in outer.named_layers()] == [False] * 3
    assert outer.train() is outer
    assert [layer.training for _, layer in outer.named_layers()] == [True] * 3


@pytest.mark.parametrize(
    "rate, p", [(0.5, 0.5), (0.2, 51 / 256), (0.1, 26 / 256), (0.001, 66 / 65536), (0.99, 64881 / 65536)]
)
def test_dropout_drops_the_share_it_says_and_keeps_the_mean(rate, p):
    x = md.Tensor(np.ones((1000, 1000), np.float32))
    y = Dropout(rate, rng=0)(x).numpy()
    n = x.size
    assert abs((y == 0).mean() - p) < 5 * (p * (1 - p) / n) ** 0.5
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], rtol=1e-6)
    assert abs(y.mean() - 1) < 5 * (p / (1 - p) / n) ** 0.5


def test_dropout_draws_from_the_one_generator():
    x = md.Tensor(np.ones((10, 10), np.float32))
    layer = Dropout(0.5)
    md.seed(3)
    first, second = layer(x).numpy(), layer(x).numpy()
    md.seed(3)
    np.testing.assert_array_equal(layer(x).numpy(), first)
    assert (first != second).any()


def test_dropout_with_its_own_generator_goes_on():
    x = md.Tensor(np.ones((10, 10), np.float32))
    layer, again = Dropout(0.5, rng=3), Dropout(0.5, rng=3)
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(again(x).numpy(), first)
    np.testing.assert_array_equal(again(x).numpy(), second)


def test_dropout_in_use_is_the_very_input():
    x = md.Tensor([1.0])
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_dropout_gives_the_same_mask_on_both_devices():
    x = np.ones((10, 10), np.float32)
    y = Dropout(0.3, rng=1)(x).numpy()
    with fake_cupy.installed() as cupy:
        np.testing.assert_array_equal(Dropout(0.3, rng=1)(cupy.asarray(x)).numpy(), y)


# --- what a layer is called with by keyword ----------------------------------------------------------------------


class Weighted(Layer):
    def call(self, x, factor=1.0):
        return x * factor


def test_settings_go_to_call_now_and_in_drawn_networks():
    x = md.Input(shape=(2,))
    model = md.Model(inputs=x, outputs=Weighted()(x, factor=3.0))
    np.testing.assert_array_equal(model(np.ones((1, 2), np.float32)).numpy(), [[3, 3]])
    np.testing.assert_array_equal(Weighted()(np.ones((1, 2)), factor=2.0, training=False).numpy(), [[2, 2]])
    with pytest.raises(TypeError, match="'weighted' got a Symbol by keyword, factor="):
        Weighted()(x, factor=x)


@pytest.mark.parametrize("layer", [Dropout(0.5, rng=0), layers.GaussianNoise(10.0, rng=0)])
def test_images_in_bytes_are_dropped_and_disturbed_as_floating_numbers(layer):
    x = np.full((4, 5), 7, np.uint8)
    y = layer(x).numpy()
    assert y.dtype == np.float32
    again = type(layer)(10.0 if isinstance(layer, layers.GaussianNoise) else 0.5, rng=0)
    np.testing.assert_array_equal(y, again(x.astype(np.float32)).numpy())


def test_images_in_bytes_are_pooled_and_added_as_floating_numbers():
    """200 + 100 of uint8 is 44."""
    x = np.array([[200, 100], [0, 100]], np.uint8)[None, :, :, None]
    for pool, expected in ((layers.MaxPooling2D, 200), (layers.AveragePooling2D, 100)):
        y = pool(2)(x)
        assert y.dtype == np.float32 and y.item() == expected
    assert layers.Add()([x, x]).numpy().ravel().tolist() == [400, 200, 0, 200]
    larger = layers.UpSampling2D(2, "bilinear")
    np.testing.assert_array_equal(larger(x).numpy(), larger(x.astype(np.float32)).numpy())
