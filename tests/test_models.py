import copy

import numpy as np
import pytest

import minidl as md
from minidl import layers as L


def names(model):
    return [layer.name for layer in model.layers]


def random(*shape):
    return md.Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


# --- Sequential -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [[md.Input(shape=(4,))], [L.InputLayer((4,))], []], ids=["Input", "InputLayer", "shape"]
)
def test_a_row_is_built_at_once_when_its_input_is_known(first):
    shape = {} if first else {"input_shape": (4,)}
    model = md.Sequential([*first, L.Dense(3, activation="relu", **shape), L.Dense(2)])
    assert model.built and model.count_params() == 4 * 3 + 3 + 3 * 2 + 2
    assert [name for name, _ in model.named_parameters()] == [
        "dense.kernel",
        "dense.bias",
        "dense_1.kernel",
        "dense_1.bias",
    ]


def test_a_row_is_built_by_its_first_call():
    model = md.Sequential([L.Dense(3), L.Flatten(), L.Dense(2)])
    assert not model.built and model.parameters() == []
    assert model(random(5, 2, 4)).shape == (5, 2)
    assert model.built and model.get_layer("dense_1").kernel.shape == (6, 2)


def test_build_takes_a_shape_with_the_batch_and_add_goes_on_from_there():
    model = md.Sequential([L.Dense(3)])
    model.build((None, 4))
    model.add(L.Dense(2))
    assert model.count_params() == 15 + 8
    assert model(random(1, 4)).shape == (1, 2)


def test_building_gives_the_same_weights_however_it_comes_about():
    def made(build):
        md.seed(0)
        layer = L.Dense(3, **({"input_shape": (4,)} if build == "shape" else {}))
        model = md.Sequential([layer, L.Dense(2)])
        if build == "call":
            model(random(2, 4))
        if build == "build":
            model.build((None, 4))
        return model.get_weights()

    for other in ("call", "build"):
        for a, b in zip(made("shape"), made(other)):
            np.testing.assert_array_equal(a, b)


def test_a_row_computes_its_layers_one_after_another():
    model = md.Sequential([L.Dense(3, activation="tanh", input_shape=(4,)), L.Dense(2)])
    x = random(5, 4)
    W, b, V, c = (p.data for p in model.parameters())
    np.testing.assert_allclose(model(x).numpy(), np.tanh(x.numpy() @ W + b) @ V + c, rtol=1e-5)


def test_names_differ_and_given_names_stay():
    model = md.Sequential([L.Dense(1, input_shape=(1,)), L.Dense(1, name="head"), L.Dense(1), L.Dense(1, name="head")])
    assert names(model) == ["dense", "head", "dense_1", "head_1"]


def test_a_layer_that_stands_twice_in_a_row_shares_its_weights():
    layer = L.Dense(3)
    model = md.Sequential([md.Input(shape=(3,)), layer, layer])
    assert model.count_params() == 12 and names(model) == ["dense"]
    x = random(2, 3)
    np.testing.assert_array_equal(model(x).numpy(), layer(layer(x)).numpy())


def test_rows_within_rows():
    inner = md.Sequential([L.Dense(3, activation="relu"), L.Dense(3)])
    model = md.Sequential([md.Input(shape=(4,)), inner, L.Dense(1)])
    assert [name for name, _ in model.named_parameters()][:2] == ["sequential.dense.kernel", "sequential.dense.bias"]
    assert inner.built and model(random(2, 4)).shape == (2, 1)


def test_a_frozen_row_stays_frozen_when_it_is_built():
    model = md.Sequential([L.Dense(2), L.Dense(1)])
    model.trainable = False
    model(random(1, 3))
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: md.Sequential(L.Dense(1)), r"expects a list of layers.*Write Sequential\(\[...\]\)"),
        (lambda: md.Sequential([L.Dense]), r"expects layers.*Write Dense\(...\)\?"),
        (lambda: md.Sequential(["relu"]), "expects layers, got str 'relu'"),
    ],
)
def test_what_is_not_a_layer_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_input_stands_first_or_nowhere():
    with pytest.raises(ValueError, match="only as its first item"):
        md.Sequential([L.Dense(1), md.Input(shape=(2,))])


def test_building_needs_a_shape():
    with pytest.raises(TypeError, match=r"build expects input_shape as a tuple such as \(784,\), got 4"):
        md.Sequential([L.Dense(3)]).build(4)
    with pytest.raises(ValueError, match=r"build expects input_shape of positive sizes, .* got \(None, -4\)"):
        md.Sequential([L.Dense(3)]).build((None, -4))


def test_no_such_layer():
    model = md.Sequential([L.Dense(1, input_shape=(1,))])
    assert model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match=r"layer 'dens' is not known. Did you mean 'dense'"):
        model.get_layer("dens")
    with pytest.raises(TypeError, match=r"get_layer expects a name, got int 0\. By position: get_layer\(index=0\)"):
        model.get_layer(0)


# --- a class of one's own -------------------------------------------------------------------------------------------


class Net(md.Model):
    def __init__(self):
        super().__init__()
        self.hidden = [L.Dense(4, activation="relu"), L.Dense(4, activation="relu")]
        self.out = L.Dense(2)

    def call(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.out(x)


def test_a_class_finds_its_layers_in_lists_too():
    net = Net()
    assert net(random(3, 5)).shape == (3, 2)
    assert [name for name, _ in net.named_parameters()][::2] == ["hidden.0.kernel", "hidden.1.kernel", "out.kernel"]
    assert names(net) == ["dense", "dense_1", "dense_2"] and net.name == "net"


def test_a_class_may_call_its_layers_layers():
    class Deep(md.Model):
        def __init__(self):
            super().__init__()
            self.layers = [L.Dense(4), L.Dense(3)]
            self.out = L.Dense(2)

        def call(self, x):
            for layer in self.layers:
                x = layer(x)
            return self.out(x)

    deep = Deep()
    assert deep(random(1, 5)).shape == (1, 2)
    assert [name for name, _ in deep.named_parameters()][::2] == ["layers.0.kernel", "layers.1.kernel", "out.kernel"]
    assert deep.get_layer("dense_2") is deep.out


def test_a_class_without_call_says_so():
    class Empty(md.Model):
        pass

    with pytest.raises(TypeError, match="Empty defines no call"):
        Empty()(random(1, 1))


def test_layers_added_to_a_drawing_by_its_class_are_found():
    class Scaled(md.Model):
        def __init__(self):
            x = md.Input(shape=(2,))
            super().__init__(inputs=x, outputs=L.Dense(1)(x))
            self.scale = md.Parameter([2.0])

        def call(self, x):
            return super().call(x) * self.scale

    assert [name for name, _ in Scaled().named_parameters()] == ["scale", "dense.kernel", "dense.bias"]


def test_layers_that_a_class_has_besides_its_row_are_found(capsys):
    class Headed(md.Sequential):
        def __init__(self):
            super().__init__([L.Conv2D(1, 2, input_shape=(4, 4, 1)), L.MaxPooling2D(), L.Flatten()])
            self.head = L.Dense(2)

        def call(self, x, mask=None):
            return self.head(super().call(x, mask))

    model = Headed()
    model(random(1, 4, 4, 1))
    assert list(model.state_dict()) == ["conv2d.kernel", "conv2d.bias", "head.kernel", "head.bias"]
    model.summary()
    table = capsys.readouterr().out.splitlines()
    assert table[-2].split() == ["dense", "(Dense)", "?", "4"] and table[-1].startswith("9 parameters")
    model.trainable = False
    assert not model.head.kernel.requires_grad


def test_a_layer_added_to_a_shallow_copy_is_not_in_the_original():
    model = md.Sequential([L.Dense(2, input_shape=(3,))])
    longer = copy.copy(model)
    longer.add(L.Dense(5))
    assert len(model.layers) == len(model.calls()) == 1 and len(longer.layers) == len(longer.calls()) == 2
    assert model(random(1, 3)).shape == (1, 2) and longer(random(1, 3)).shape == (1, 5)


def test_a_layer_that_does_not_fit_is_not_added():
    model = md.Sequential([L.Dense(4, input_shape=(3,))])
    with pytest.raises(ValueError, match="expects images"):
        model.add(L.Conv2D(2, 3))
    model.add(L.Dense(2))
    assert names(model) == ["dense", "dense_1"] and model(random(1, 3)).shape == (1, 2)
    model = md.Sequential()
    with pytest.raises(ValueError, match="expects images"):
        model.add(L.Conv2D(2, 3, input_shape=(3,)))
    assert not model.layers and not model.built


@pytest.mark.parametrize("known", [{}, {"input_shape": (3,)}])
def test_a_layer_thawed_in_a_frozen_row_or_added_to_it_is_trained_whenever_it_is_built(known):
    model = md.Sequential([L.Dense(4, **known), L.Dense(3)])
    model.trainable = False
    model.layers[1].trainable = True
    model.add(L.Dense(2))
    model(random(1, 3))
    assert [layer.kernel.requires_grad for layer in model.layers] == [False, True, True]


# --- summary --------------------------------------------------------------------------------------------------------


def test_the_table_of_a_row(capsys):
    model = md.Sequential([L.Dense(64, activation="relu", input_shape=(784,)), L.Dropout(0.5), L.Dense(10)])
    model.layers[2].trainable = False
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        "Sequential 'sequential'",
        "layer              output shape  parameters",
        "dense (Dense)      (None, 64)        50,240",
        "dropout (Dropout)  (None, 64)             0",
        "dense_1 (Dense)    (None, 10)           650",
        "50,890 parameters (203.6 kB), 50,240 trainable",
    ]


def test_the_table_before_and_after_building(capsys):
    model = md.Sequential([L.Dense(3), L.Dense(2)])
    model.summary()
    assert "?" in capsys.readouterr().out
    model(random(1, 4))
    model.summary()
    text = capsys.readouterr().out
    assert "?" not in text and "23 parameters (92 bytes), all trainable" in text


@pytest.mark.parametrize(
    "layer",
    [
        L.LSTM(2), L.Bidirectional(L.GRU(2, return_sequences=True)), L.MultiHeadAttention(2, 2),
        L.TransformerBlock(2, 4), L.TimeDistributed(L.TransformerBlock(2, 4)),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_the_table_knows_that_layers_with_dropout_inside_are_built(layer, capsys):
    """Where nothing is dropped the dropout inside is never called."""
    shape = (5, 3, 4) if isinstance(layer, L.TimeDistributed) else (3, 4)
    model = md.Sequential([md.Input(shape), layer])
    model.summary()
    text = capsys.readouterr().out
    assert "?" not in text and f"{model.count_params():,} parameters" in text


def test_the_table_counts_shared_layers_once(capsys):
    x = md.Input(shape=(2,))
    layer = L.Dense(2)
    md.Model(x, layer(layer(x))).summary()
    text = capsys.readouterr().out
    assert text.count("dense (Dense)") == 2 and text.count("shared") == 1 and "6 parameters" in text
    net = Net()
    net.summary()
    net(random(1, 2))
    net.summary()
    assert "42 parameters" in capsys.readouterr().out
