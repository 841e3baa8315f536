"""Layers: building, parameters and their names, modes, freezing, copies, devices."""

import copy
import pickle

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import layers, losses, optimizers
from minidl.layers import Dense, Dropout, Layer, Parameter
from minidl.layers import activations as layer_activations
from tests.table import ROWS
from tests.table import layers as table


class Leaves(Layer):
    """Parameters and layers wherever an attribute can hold them."""

    def __init__(self):
        super().__init__()
        self.first = Parameter([1.0])
        self.listed = [Dense(2, name="a"), (Parameter([2.0, 3.0]), {"deep": Parameter([4.0])})]
        self.settings = {"rate": 0.5, "names": ["x", "y"]}
        self.shared = self.listed[0]
        self.last = Parameter([[5.0]], trainable=False)

    def call(self, x):
        return self.listed[0](x)


def built(layer, shape=(4, 3)):
    layer(np.ones(shape, np.float32))
    return layer


# --- completeness -------------------------------------------------------------------------------------------------


def test_every_public_layer_has_a_row():
    public = {name for name in layers.__all__ if name not in ("Layer", "Parameter", "Symbol", "Input")}
    assert not sorted(public - {row.op for row in ROWS})


def test_every_activation_has_a_row():
    assert set(layer_activations.ACTIVATIONS) == set(table.ACTIVATIONS)


# --- parameters ---------------------------------------------------------------------------------------------------


def test_parameters_are_found_everywhere_once_and_in_the_order_of_assignment():
    layer = built(Leaves())
    expected = ["first", "listed.1.0", "listed.1.1.deep", "last", "listed.0.kernel", "listed.0.bias"]
    assert [name for name, _ in layer.named_parameters()] == expected
    assert layer.count_params() == 1 + 2 + 1 + 1 + 6 + 2
    assert [path for path, _ in layer.named_layers()] == ["", "listed.0."]


def test_an_attribute_that_is_overwritten_is_replaced():
    layer = built(Leaves())
    layer.first = Parameter([9.0])
    layer.listed[0] = Dense(5)
    layer.shared = None
    built(layer)
    assert [p.shape for p in layer.parameters()] == [(1,), (2,), (1,), (1, 1), (3, 5), (5,)]
    del layer.last
    assert len(layer.parameters()) == 5


def test_a_layer_may_contain_itself():
    layer = Leaves()
    layer.parent = layer
    assert len(layer.parameters()) == 4


def test_sets_are_refused_since_they_have_no_order():
    layer = Leaves()
    layer.branches = {Dense(2), Dense(2)}
    with pytest.raises(TypeError, match="branches is a set of layers"):
        layer.parameters()


def test_two_parameters_of_one_name_are_refused_when_saving():
    layer = Layer()
    layer.heads = {1: Parameter([1.0]), "1": Parameter([2.0])}
    with pytest.raises(ValueError, match=r"two parameters named 'heads\.1'"):
        layer.state_dict()


def test_super_init_may_be_forgotten():
    class Forgetful(Layer):
        def __init__(self):
            self.inner = Dense(2)

        def call(self, x):
            return self.inner(x)

    assert built(Forgetful()).count_params() == 8


def test_parameters_look_like_themselves():
    assert repr(Parameter([1.0])) == "Parameter([1.])"
    assert repr(Parameter([1.0], trainable=False)) == "Parameter([1.], trainable=False)"
    assert repr(Parameter(np.eye(2))) == "Parameter([[1., 0.],\n           [0., 1.]], dtype=float64)"


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
    "rate, p", [(0.5, 0.5), (0.2, 51 / 256), (0.1, 26 / 256), (0.001, 1 / 256), (0.9999, 255 / 256)]
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


# --- freezing -----------------------------------------------------------------------------------------------------


def test_a_frozen_layer_gets_no_gradient_and_passes_it_on():
    first, second = built(Dense(4, trainable=False)), built(Dense(2), (1, 4))
    x = md.Tensor(np.ones((1, 3), np.float32), requires_grad=True)
    second(first(x)).sum().backward()
    assert first.kernel.grad is None
    assert second.kernel.grad is not None
    assert x.grad is not None
    assert not first.trainable


def test_freezing_before_building_lasts():
    model = md.Sequential([Dense(4), Dense(2)])
    model.trainable = False
    model(np.ones((1, 3)))
    assert not any(p.requires_grad for p in model.parameters())
    model.trainable = True
    assert all(p.requires_grad for p in model.parameters())


def test_layers_made_while_building_are_frozen_with_their_parent():
    class Late(Layer):
        def build(self, input_shape):
            self.inner = Dense(2, input_shape=input_shape[1:])
            self.inner.build_for(md.Tensor(np.ones(input_shape)))

        def call(self, x):
            return self.inner(x)

    assert not any(p.requires_grad for p in built(Late(trainable=False)).parameters())


def test_thawing_leaves_what_is_never_trained():
    layer = built(Leaves())
    layer.trainable = False
    layer.trainable = True
    assert [p.requires_grad for p in layer.parameters()] == [True, True, True, False, True, True]


def test_freezing_forgets_gradients_that_an_optimizer_would_still_use():
    layer = built(Dense(2))
    optimizer = optimizers.SGD(layer.parameters())
    layer(np.ones((1, 3))).sum().backward()
    layer.trainable = False
    before = layer.kernel.numpy().copy()
    optimizer.step()
    np.testing.assert_array_equal(layer.kernel.numpy(), before)


# --- weights ------------------------------------------------------------------------------------------------------


def test_weights_go_out_and_in():
    one, other = built(Leaves()), built(Leaves())
    state = one.state_dict()
    other.load_state_dict(state)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
        assert not np.shares_memory(value, state[name])
    other.set_weights([w + 1 for w in one.get_weights()])
    np.testing.assert_array_equal(other.first.numpy(), one.first.numpy() + 1)


def test_weights_are_loaded_into_the_same_memory_and_dtype():
    layer = built(Dense(2))
    memory = layer.kernel.data
    layer.load_state_dict({"kernel": md.Tensor(np.ones((3, 2))), "bias": [1, 2]})
    assert layer.kernel.data is memory
    assert layer.bias.dtype == np.float32
    np.testing.assert_array_equal(layer.bias.numpy(), [1, 2])


def test_loading_between_forward_and_backward_is_noticed():
    layer = built(Dense(2))
    x = md.Tensor(np.ones((1, 3), np.float32), requires_grad=True)
    y = layer(x).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(ValueError, match="edited in place"):
        y.backward()


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda s: s.pop("bias"), "missing: bias"),
        (lambda s: s.update(extra=np.ones(1)), "unexpected: extra"),
        (lambda s: s.update(bias=np.ones(3)), r"bias has shape \(3,\), expected \(2,\)"),
        (lambda s: s.update(bias=np.ones((1, 2))), r"bias has shape \(1, 2\), expected \(2,\)"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(change, match):
    layer = built(Dense(2, name="head"))
    state = {name: value + 1 for name, value in layer.state_dict().items()}
    before = layer.state_dict()
    change(state)
    with pytest.raises(ValueError, match=f"do not fit Dense 'head'(.|\n)*{match}") as caught:
        layer.load_state_dict(state)
    assert len(str(caught.value).splitlines()) <= 3
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_into_a_layer_that_is_not_built_says_so():
    with pytest.raises(ValueError, match="not built yet"):
        Dense(2).load_state_dict({"kernel": np.ones((3, 2))})
    with pytest.raises(ValueError, match="expects 2 arrays, got 1"):
        built(Dense(2)).set_weights([np.ones((3, 2))])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_a_copy_of_a_trained_model_is_independent(duplicate):
    model = md.Sequential([Dense(4, "relu"), Dropout(0.5, rng=0), Dense(2)])
    x = np.ones((4, 3), np.float32)
    model(x).sum().backward()
    optimizers.Adam(model.parameters()).step()
    copied = duplicate(model)
    np.testing.assert_array_equal(copied(x, training=False).numpy(), model(x, training=False).numpy())
    assert copied.layers[0].activation is md.relu
    for p, p2 in zip(model.parameters(), copied.parameters(), strict=True):
        assert isinstance(p2, Parameter)
        assert p2.requires_grad and p2.trainable
        assert not np.shares_memory(p.data, p2.data)
        np.testing.assert_array_equal(p.grad, p2.grad)


# --- training small networks --------------------------------------------------------------------------------------

LOSSES = {
    "mse": (None, np.float32),
    "half_sum_of_squares": (None, np.float32),
    "mean_absolute_error": (None, np.float32),
    "huber": (None, np.float32),
    "binary_crossentropy": ("sigmoid", np.float32),
    "categorical_crossentropy": ("softmax", np.float32),
    "kl_divergence": ("softmax", np.float32),
    "sparse_categorical_crossentropy": ("softmax", np.int64),
}


def trained(device, loss, optimizer, steps=4):
    """A dense network after a few steps; all random numbers the same on each device."""
    md.seed(1)
    activation, dtype = LOSSES[loss]
    model = md.Sequential([layers.Flatten(), Dense(8, "tanh"), Dropout(0.2), Dense(6), layers.LeakyReLU()])
    head = Dense(3, activation)
    r = np.random.default_rng(2)
    x = r.normal(size=(10, 2, 2)).astype(np.float32)
    labels = r.integers(0, 3, 10)
    y = labels if dtype is np.int64 else np.eye(3)[labels].astype(dtype)
    head(model(x))
    parameters = model.to(device).parameters() + head.to(device).parameters()
    loss_of = losses.get(loss)
    rule = type(optimizers.get(optimizer))(parameters, learning_rate=0.05, clipnorm=1.0)
    values = []
    for _ in range(steps):
        value = loss_of(y, head(model(md.Tensor(x, device=device))), sample_weight=np.arange(10) / 5)
        rule.zero_grad()
        value.backward()
        rule.step()
        values.append(value.item())
    return values, [p.numpy() for p in parameters]


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_networks_train_alike_on_the_gpus_stand_in(loss, optimizer):
    values, weights = trained("cpu", loss, optimizer)
    with fake_cupy.installed():
        values2, weights2 = trained("cuda", loss, optimizer)
    np.testing.assert_allclose(values2, values, rtol=1e-5)
    for w, w2 in zip(weights, weights2):
        np.testing.assert_allclose(w2, w, rtol=1e-4, atol=1e-6)


def test_all_losses_are_trained_with():
    assert {type(losses.get(name)) for name in LOSSES} == {losses.get(name).__class__ for name in losses.LOSSES}
