"""Training for the grid (D.T9): its numbers, straight-through gradients, every kind of model, and what it is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import layers as L
from minidl.compression import (
    Pruning,
    QuantizationAware,
    dequantize,
    fake_quantize,
    quantize,
    quantize_weights,
    sparsity,
)
from tests.small_models import LABELS, X, classifier, same_weights, two_by_two
from tests.test_compression_quantization import BITS, quantised, some_arrays


@given(x=some_arrays(np.float32), bits=BITS, symmetric=st.booleans())
def test_the_numbers_are_the_grids_and_the_derivative_is_1(x, bits, symmetric):
    t = md.Tensor(x, requires_grad=True)
    y = fake_quantize(t, bits, symmetric=symmetric)
    np.testing.assert_array_equal(y.numpy(), dequantize(quantize(x, bits, symmetric=symmetric)))
    g = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    y.backward(g)
    np.testing.assert_array_equal(t.grad, g)


def recurrent():
    md.seed(1)
    return md.Sequential([L.Embedding(6, 4, mask_zero=True, input_length=5), L.LSTM(3), L.Dense(3, "softmax")])


def attention():
    md.seed(1)
    x = md.Input(shape=(5, 4))
    return md.Model(x, L.Flatten()(L.MultiHeadAttention(2, 3)(x)))


def convolutional():
    md.seed(1)
    layers = [L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 1)), L.MaxPooling2D(), L.Flatten(), L.Dense(2)]
    return md.Sequential(layers)


INPUTS = {
    recurrent: np.random.default_rng(0).integers(0, 6, (4, 5)),
    attention: np.random.default_rng(0).normal(size=(4, 5, 4)).astype(np.float32),
    convolutional: np.random.default_rng(0).normal(size=(4, 6, 6, 1)).astype(np.float32),
}


@pytest.mark.parametrize("build", INPUTS)
def test_it_computes_what_the_quantised_model_computes_and_gives_its_gradients(build):
    model, x = build(), INPUTS[build]
    before = model.state_dict()
    (QuantizationAware(model, 3)(x) ** 2).sum().backward()
    y = QuantizationAware(model, 3)(x).numpy()
    assert same_weights(model, before), "the real weights stay"
    assert all(isinstance(p, md.Parameter) for p in model.parameters()) and len(model.parameters()) == len(before)
    other = quantised(build(), 3)
    z = other(x)
    (z**2).sum().backward()
    np.testing.assert_array_equal(y, z.numpy())
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.grad, q.grad)  # those of the grid's point, straight through


@pytest.mark.parametrize("settings", [{"symmetric": False}, {"per_channel": False}, {"names": "dense.*"}])
def test_it_takes_the_settings_of_quantize_weights(settings):
    y = QuantizationAware(classifier(), 3, **settings)(X).numpy()
    np.testing.assert_array_equal(y, quantised(classifier(), 3, **settings)(X).numpy())
    assert not np.array_equal(y, quantised(classifier(), 3)(X).numpy())


def test_fit_is_the_loop():
    one, other = classifier(), classifier()
    aware = QuantizationAware(one, 2)
    aware.compile(md.optimizers.SGD(learning_rate=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = aware.fit(X, LABELS, batch_size=50, epochs=5, verbose=0, validation_data=(X, LABELS)).history
    optimizer, loss = (
        md.optimizers.SGD(other.parameters(), learning_rate=0.5),
        md.losses.get(other.objective.heads[0].loss),
    )
    for _ in range(5):
        real = other.state_dict()
        optimizer.zero_grad()
        quantize_weights(other, 2)
        loss(LABELS, other(X)).backward()
        other.load_state_dict(real)
        optimizer.step()
    np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], rtol=1e-5, atol=1e-6)
    quantize_weights(one, 2)
    assert one.evaluate(X, LABELS, verbose=0) == pytest.approx(history["val_loss"][-1], rel=1e-6)


def test_what_is_trained_for_the_grid_is_better_there_than_what_is_rounded():
    def loss_on_the_grid(around):
        model = classifier()
        model.fit(X, LABELS, epochs=30, verbose=0)
        trained = around(model)
        trained.compile(md.optimizers.Adam(learning_rate=0.02), "sparse_categorical_crossentropy")
        trained.fit(X, LABELS, epochs=40, verbose=0)
        return quantised(model, 2).evaluate(X, LABELS, verbose=0)

    assert loss_on_the_grid(lambda model: QuantizationAware(model, 2)) < 0.8 * loss_on_the_grid(lambda model: model)


def test_pruned_and_quantised_at_once():
    model = classifier()
    aware = QuantizationAware(model, 4)
    aware.compile("adam", "sparse_categorical_crossentropy")
    history = aware.fit(X, LABELS, epochs=2, verbose=0, callbacks=[Pruning(0.5)]).history
    assert history["sparsity"] == [0.5, 0.5] and sparsity(model)["all"] == 0.5
    assert sparsity(quantised(model, 4))["all"] >= 0.5


def test_several_inputs_and_outputs_masks_and_shared_kernels():
    model = two_by_two()
    x = [X[:, :2], X[:, 2:]]
    aware = QuantizationAware(model, 4)
    aware.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    aware.fit(x, [LABELS, X[:, :1]], verbose=0)
    p = aware.predict(x, verbose=0)
    for a, b in zip(p, quantised(model, 4).predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(a, b)
    layer = L.Dense(4, input_shape=(4,))
    twice = md.Sequential([layer, layer])
    np.testing.assert_array_equal(QuantizationAware(twice, 3)(X).numpy(), quantised(twice, 3)(X).numpy())
    tagger = md.Sequential([L.Embedding(6, 4, mask_zero=True, input_length=5), L.Dense(3, "softmax")])
    tokens = np.array([[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]])
    for m in (QuantizationAware(tagger, 8), quantised(tagger, 8)):
        m.compile("sgd", "sparse_categorical_crossentropy")
        loss = m.evaluate(tokens, np.ones((2, 5), int), verbose=0)
        assert "alone" not in locals() or loss == alone  # noqa: F821
        alone = loss


def test_the_model_is_put_back_after_an_error():
    model = classifier()
    aware = QuantizationAware(model, 4)
    with pytest.raises(ValueError):
        aware(np.ones((2, 5)))
    assert isinstance(model.layers[0].kernel, md.Parameter)


# --- what is refused ------------------------------------------------------------------------------------------------


class Listed(L.Layer):
    def build(self, input_shape):
        self.tables = [self.add_weight((input_shape[-1], 2))]

    def call(self, x):
        return x @ self.tables[0]


def listed():
    model = Listed()
    model(X)
    return model


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: QuantizationAware(md.Sequential([L.Dense(2)])), "no weights yet"),
        (lambda: QuantizationAware(classifier(), 16), "bits from 2 to 8"),
        (lambda: QuantizationAware(QuantizationAware(classifier())), "already"),
        (lambda: QuantizationAware(listed()), "tables.0.*inside a list"),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_wrong_kind():
    with pytest.raises(TypeError, match="model or layer"):
        QuantizationAware("model")


def test_threads_are_refused_and_nan_is_seen():
    aware = QuantizationAware(classifier(), 4)
    aware.compile("adam", "sparse_categorical_crossentropy")
    aware.fit(X, LABELS, verbose=0)
    with pytest.raises(ValueError, match="one thread"):
        aware.fit(X, LABELS, verbose=0, threads=2)
    aware.inside.layers[0].kernel.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        aware.predict(X, verbose=0)
