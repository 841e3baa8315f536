"""Parameters of layers: found, named, frozen, saved, loaded and copied."""

import copy
import pickle

import numpy as np
import pytest

import minidl as md
from minidl import optimizers
from minidl.layers import Dense, Dropout, Layer, Parameter


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


def test_a_weight_may_be_added_as_keras_layers_do():
    class Scale(Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(name="w", shape=(input_shape[-1],), initializer="ones", trainable=True)

        def call(self, x):
            return x * self.factor

    assert [name for name, _ in built(Scale()).named_parameters()] == ["factor"]


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


def test_what_is_no_array_is_told_with_its_name():
    layer = built(Dense(2))
    for wrong in ("abc", None, [[1, 2], [3]]):
        with pytest.raises((TypeError, ValueError), match="load_state_dict, 'bias': expected"):
            layer.load_state_dict({**layer.state_dict(), "bias": wrong})
    with pytest.raises(TypeError, match="load_state_dict expects strict as True or False"):
        layer.load_state_dict(layer.state_dict(), strict="no")


def test_what_fits_is_loaded_and_the_rest_is_listed():
    """A body is taken over, the head is another one."""
    one = md.Sequential([Dense(4, input_shape=(3,), name="body"), Dense(5, name="head"), Dense(2, name="old")])
    other = md.Sequential([Dense(4, input_shape=(3,), name="body"), Dense(6, name="head"), Dense(2, name="new")])
    before, theirs = other.state_dict(), one.state_dict()
    report = other.load_state_dict(theirs, strict=False)
    assert report.loaded == ["body.kernel", "body.bias"]
    assert report.missing == ["new.kernel", "new.bias"]
    assert report.unexpected == ["old.kernel", "old.bias"]
    assert report.mis_shaped == {"head.kernel": ((4, 5), (4, 6)), "head.bias": ((5,), (6,))}
    assert repr(report) == (
        "Loaded(2 loaded; missing: new.kernel; missing: new.bias; unexpected: old.kernel; unexpected: old.bias; "
        "head.kernel has shape (4, 5), expected (4, 6); head.bias has shape (5,), expected (6,))"
    )
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, theirs[name] if name in report.loaded else before[name])
    assert repr(other.load_state_dict(before)) == "Loaded(6 loaded)"


def test_loading_nothing_at_all_is_refused_also_when_not_strict():
    layer = built(Dense(2, name="head"))
    with pytest.raises(ValueError, match=r"do not fit Dense 'head'(.|\n)*missing: kernel(.|\n)*unexpected: weight"):
        layer.load_state_dict({"weight": np.ones((2, 3))}, strict=False)


def test_weights_are_chosen_by_pattern():
    model = md.Sequential([Dense(4, input_shape=(3,), name="body"), Dense(2, name="head")])
    assert list(model.state_dict("head.*")) == ["head.kernel", "head.bias"]
    assert list(model.state_dict("*.bias", "head.*")) == ["body.bias", "head.kernel", "head.bias"]
    assert model.load_state_dict(model.state_dict("body.*"), strict=False).missing == ["head.kernel", "head.bias"]
    with pytest.raises(ValueError, match=r"no weight's name matches 'heat\.\*'(.|\n)*body\.kernel; body\.bias"):
        model.state_dict("heat.*")


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


def test_one_parameter_is_frozen_and_thawed_by_itself():
    model = md.Sequential([Dense(3, input_shape=(2,)), Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)

    def moved():
        before = model.get_weights()
        model.fit(x, y, verbose=0)
        return [not np.array_equal(a, b) for a, b in zip(before, model.get_weights())]

    assert moved() == [True] * 4
    model.layers[0].kernel.trainable = False
    assert moved() == [False, True, True, True]
    model.trainable = True  # also where the layer is thawed
    assert moved() == [False, True, True, True]
    model.layers[0].kernel.trainable = True
    assert moved() == [True] * 4
    with pytest.raises(TypeError, match="Parameter expects trainable as True or False, got str 'no'"):
        model.layers[0].kernel.trainable = "no"
