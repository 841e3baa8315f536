"""Models drawn from inputs to outputs."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L


def names(model):
    return [layer.name for layer in model.layers]


def random(*shape):
    return md.Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


# --- functional -----------------------------------------------------------------------------------------------------


def test_a_drawing_may_branch_and_join():
    x = md.Input(shape=(4,))
    h = L.Dense(3, activation="relu")(x)
    y = L.Dense(2)(L.Add()([h, L.Dense(3)(h)]))
    model = md.Model(inputs=x, outputs=y)
    assert model.built and names(model) == ["dense", "dense_1", "add", "dense_2"]
    v = random(5, 4)
    first, second, _, last = model.layers
    hidden = first(v)
    np.testing.assert_array_equal(model(v).numpy(), last(hidden + second(hidden)).numpy())


def test_several_inputs_and_outputs_and_a_shared_layer():
    a, b = md.Input(shape=(2,), name="a"), md.Input(shape=(2,), name="b")
    shared = L.Dense(3)
    ha, hb = shared(a), shared(b)
    model = md.Model(inputs=[a, b], outputs=[L.Dense(1, name="sum")(L.Add()([ha, hb])), ha])
    assert (model.input_names, model.output_names) == (["a", "b"], ["sum", "dense"])
    assert model.count_params() == 9 + 4
    va, vb = random(4, 2), -random(4, 2)
    for outputs in (model([va, vb]), model(va, vb)):
        np.testing.assert_array_equal(outputs[1].numpy(), shared(va).numpy())
        assert outputs[0].shape == (4, 1)
    with pytest.raises(ValueError, match=r"expects 2 inputs \(a, b\), got 1"):
        model(va)


def test_parts_of_a_drawing_are_models_that_share_its_layers():
    x = md.Input(shape=(4,))
    h = L.Dense(3)(x)
    whole, part = md.Model(x, L.Dense(1)(h)), md.Model(x, h)
    assert part.layers[0] is whole.layers[0]
    np.testing.assert_array_equal(whole(random(2, 4)).numpy(), whole.layers[1](part(random(2, 4))).numpy())
    assert md.Model(h, L.Dense(1)(h))(random(2, 3)).shape == (2, 1)  # from the middle on


def test_a_model_within_a_drawing():
    inner = md.Sequential([L.Dense(3)])
    x = md.Input(shape=(4,))
    model = md.Model(x, L.Dense(1)(inner(x)))
    assert names(model) == ["sequential", "dense"] and model.count_params() == 15 + 4


def test_a_constant_among_the_inputs():
    x = md.Input(shape=(2,))

    class Shift(md.Layer):
        def call(self, x, by):
            return x + by

    model = md.Model(x, Shift()(x, md.Tensor([10.0, 20.0])))
    np.testing.assert_array_equal(model(md.Tensor([[1.0, 2.0]])).numpy(), [[11.0, 22.0]])


def test_a_deep_drawing_does_not_exhaust_the_stack():
    x = md.Input(shape=(1,))
    y, layer = x, L.Activation("linear")
    for _ in range(3000):
        y = layer(y)
    model = md.Model(x, y)
    assert len(model.drawing.steps) == 3000 and model(md.Tensor([[2.0]])).item() == 2.0


def test_what_a_drawing_lacks():
    x, other = md.Input(shape=(2,)), md.Input(shape=(2,), name="other")
    with pytest.raises(ValueError, match="depends on 'other', which is not among its inputs"):
        md.Model(inputs=x, outputs=L.Add()([x, other]))
    with pytest.raises(ValueError, match="different inputs, got one Input"):
        md.Model(inputs=[x, x], outputs=x)
    with pytest.raises(TypeError, match="both inputs and outputs"):
        md.Model(inputs=x)
    with pytest.raises(TypeError, match=r"expects outputs as what Input\(...\)"):
        md.Model(inputs=x, outputs=L.Dense(1))


def test_a_drawing_enforces_the_shapes_of_its_inputs():
    """Where its layers would take another shape in silence."""
    x = md.Input((4, 2))
    model = md.Model(x, L.Activation("relu")(x), name="net")
    for n in (1, 3):
        assert model(random(n, 4, 2)).shape == (n, 4, 2)
    for call in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(
            ValueError, match=r"'net' expects inputs of shape \(None, 4, 2\), got \(None, 5, 2\)"
        ) as error:
            call(random(3, 5, 2))
        assert len(str(error.value).splitlines()) <= 3
    with pytest.raises(ValueError, match=r"got \(4, 2\)\.\nIs it one sample\? Use x\[None\]"):
        model(random(4, 2))
    with pytest.raises(ValueError, match=r"'net' expects inputs of shape \(None, 4, 2\), got \(None, 3, 2\)"):
        model(md.Input((3, 2)))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"'net' expects inputs of shape \(None, 4, 2\)") as error:
        model.fit(random(3, 5, 2), random(3, 5, 2), verbose=0)
    assert len(str(error.value).splitlines()) <= 3


def test_sizes_that_a_drawing_leaves_open_stay_open():
    a, b = md.Input((None, 2), name="a"), md.Input((3,), name="b")
    model = md.Model([a, b], [L.Activation("relu")(a), L.Activation("relu")(b)], name="net")
    assert [y.shape for y in model([random(2, 7, 2), random(2, 3)])] == [(2, 7, 2), (2, 3)]
    with pytest.raises(ValueError, match=r"'net' expects its input 'b' of shape \(None, 3\), got \(None, 4\)"):
        model([random(2, 7, 2), random(2, 4)])
    fixed = md.Input((4, 2))
    inner = md.Model(fixed, L.Activation("relu")(fixed))
    outer = md.Model(a, inner(a))  # what is open outside may be the size that is wanted inside
    assert outer(random(2, 4, 2)).shape == (2, 4, 2)


# --- operators in a drawing ---------------------------------------------------------------------------------------


def test_operators_between_symbols_draw_layers():
    """As in Keras: x + y is a layer that adds. Constants are kept as they are."""
    x = md.Input(shape=(4,))
    h = L.Dense(4, "tanh", name="h")(x)
    table = np.arange(4, dtype=np.float32)
    y = (2.0 - (x + h) * h / 3 - table) ** 2 + np.ones(4, np.float32) - (-x[:, :1])
    model = md.Model(inputs=x, outputs=L.Dense(2, use_bias=False, name="out")(y @ np.eye(4, dtype=np.float32)))
    a = md.Tensor(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    ha = model.get_layer("h")(a)
    expected = ((2.0 - (a + ha) * ha / 3 - table) ** 2 + 1 + a[:, :1]) @ model.get_layer("out").kernel
    np.testing.assert_allclose(model(a).numpy(), expected.numpy(), rtol=1e-5)
    assert model(a).dtype == np.float32
    assert list(model.state_dict()) == ["h.kernel", "h.bias", "out.kernel"]


def test_a_parameter_in_a_drawing_is_trained():
    x, w = md.Input(shape=(2,)), L.Parameter([1.0, 2.0])
    model = md.Model(inputs=x, outputs=x * w)
    assert model.parameters() == [w]
    model(np.ones((3, 2), np.float32)).sum().backward()
    np.testing.assert_array_equal(w.grad, [3.0, 3.0])


A = md.Input(shape=(3,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: md.exp(A), TypeError, r"exp cannot be computed of it(.|\n)*Activation\(md\.exp\)\(x\)"),
        (lambda: np.exp(A), TypeError, "a Symbol only stands for numbers that will come: exp"),
        (lambda: md.concatenate([A, A]), TypeError, r"concatenate cannot be computed of it(.|\n)*Concatenate\(\)"),
        (lambda: md.Tensor([1.0]) + A, TypeError, r"is no array yet(.|\n)*Symbol first: x \+ t"),
        (lambda: list(A), TypeError, "cannot be iterated over"),
        (lambda: A + md.Input(shape=(4,)), ValueError, r"add cannot take"),
        (lambda: L.Dense(2)(A, A), TypeError, r"Dense 'dense' takes 1 input, got 2. Layers that merge take a list"),
        (lambda: L.Dense(2)(np.ones((1, 2)), np.ones((1, 2))), TypeError, "Dense 'dense' takes 1 input, got 2"),
        (lambda: L.Flatten(name="f")(A, A, A), TypeError, "Flatten 'f' takes 1 input, got 3"),
        (
            lambda: L.GRU(2)(md.Input((4, 3)), initial_state=[A]),
            TypeError,
            r"'gru' got a Symbol by keyword, initial_state=",
        ),
    ],
)
def test_what_cannot_be_drawn_says_what_to_do(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3
