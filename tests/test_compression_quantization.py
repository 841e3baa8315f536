"""Quantization (D.T9): the promises of the grid (0, ends, error, twice is once), models on it, and training for it."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import minidl as md
from minidl import layers as L
from minidl.compression import (
    Pruning,
    QuantizationAware,
    dequantize,
    fake_quantize,
    prune,
    quantize,
    quantize_weights,
    sparsity,
)
from tests.small_models import LABELS, X, classifier, same_weights, two_by_two

BITS = st.integers(2, 8)


def floats(dtype):
    width = 8 * np.dtype(dtype).itemsize
    return st.floats(-(2.0**100), 2.0**100, width=width)


def some_arrays(dtype):
    return arrays(dtype, array_shapes(max_dims=3, max_side=5), elements=floats(dtype))


def exact(q):
    """s (q − z) in double precision, from the definition."""
    return q.scale.astype(np.float64) * (q.q.astype(np.float64) - q.zero_point)


# --- hand-worked ----------------------------------------------------------------------------------------------------


def test_symmetric_by_hand():
    x = np.array([-3.5, -0.6, 0.0, 0.5, 0.51, 1.5, 7.0], np.float32)  # 4 bits: s = 7 / 7 = 1; halves go to even
    q = quantize(x, bits=4)
    assert q.scale == 1 and q.zero_point == 0 and q.q.dtype == np.int8
    np.testing.assert_array_equal(q.q, [-4, -1, 0, 0, 1, 2, 7])
    np.testing.assert_array_equal(dequantize(q), [-4, -1, 0, 0, 1, 2, 7])


def test_affine_by_hand():
    x = np.array([-1.0, 0.0, 0.4, 2.0], np.float32)  # 2 bits: s = 3 / 3 = 1, z = 1
    q = quantize(x, bits=2, symmetric=False)
    assert q.scale == 1 and q.zero_point == 1 and q.q.dtype == np.uint8
    np.testing.assert_array_equal(q.q, [0, 1, 1, 3])
    np.testing.assert_array_equal(dequantize(q), [-1, 0, 0, 2])


@pytest.mark.parametrize("sign, z", [(1, 0), (-1, 255)])
def test_the_affine_range_is_widened_to_hold_0(sign, z):
    q = quantize(sign * np.linspace(5.0, 255.0, 11), bits=8, symmetric=False)
    assert q.scale == 1 and q.zero_point == z
    np.testing.assert_array_equal(dequantize(q), sign * np.linspace(5.0, 255.0, 11))


def test_a_scale_for_each_channel():
    W = np.array([[1.0, 30.0, 0.0], [-3.0, -10.0, 0.0]], np.float32)
    q = quantize(W, bits=3, axis=-1)  # 3 steps to each side
    np.testing.assert_array_equal(q.scale, [[1, 10, 1]])
    np.testing.assert_array_equal(q.q, [[1, 3, 0], [-3, -1, 0]])
    np.testing.assert_array_equal(quantize(W, bits=3, axis=0).scale.shape, (2, 1))


# --- promises -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("symmetric", [True, False])
@given(data=st.data(), bits=BITS, last=st.booleans())
def test_half_a_step_0_is_0_and_no_rounding_besides(dtype, symmetric, data, bits, last):
    x = data.draw(some_arrays(dtype))
    q = quantize(x, bits, symmetric=symmetric, axis=-1 if last else None)
    y = dequantize(q)
    assert y.dtype == dtype and y.shape == x.shape
    np.testing.assert_array_equal(y, exact(q), err_msg="s (q - z) is exact, in float32 too")
    assert (abs(y.astype(np.float64) - x) <= q.scale.astype(np.float64) / 2 * (1 + 1e-12)).all()
    assert (y[x == 0] == 0).all()
    top = 2 ** (bits - 1) - 1 if symmetric else 2**bits - 1
    assert q.q.max() <= top and q.q.min() >= (-top if symmetric else 0)
    wide = x.astype(np.float64)
    axes = tuple(range(x.ndim - 1)) if last else tuple(range(x.ndim))
    span = abs(wide).max(axes) if symmetric else wide.max(axes).clip(0) - wide.min(axes).clip(None, 0)
    least = np.maximum(span / top, np.finfo(np.float32).tiny)
    s = q.scale.astype(np.float64).reshape(span.shape)
    assert np.where(span / top == 0, s == 1, (least <= s * (1 + 1e-12)) & (s <= least * (1 + 2.0**-13))).all()


@given(x=some_arrays(np.float32), bits=BITS, last=st.booleans())
def test_what_is_on_a_symmetric_grid_stays(x, bits, last):
    axis = -1 if last else None
    once = dequantize(quantize(x, bits, axis=axis))
    np.testing.assert_array_equal(dequantize(quantize(once, bits, axis=axis)), once)


@given(x=some_arrays(np.float32), bits=BITS)
def test_the_largest_gets_the_last_code_and_signs_are_alike(x, bits):
    q, minus = quantize(x, bits), quantize(-x, bits)
    np.testing.assert_array_equal(minus.q, -q.q)
    if abs(x).max() > 1e-30:
        assert abs(q.q.astype(int)).max() == 2 ** (bits - 1) - 1


def test_8_bits_of_a_normal_kernel_are_good_for_43_decibels():
    """The noise of rounding is uniform: s² / 12 (Bennett 1948); here s = max / 127."""
    W = np.random.default_rng(0).normal(size=100_000)
    error = dequantize(quantize(W, 8)) - W
    s = abs(W).max() / 127
    assert np.mean(error**2) == pytest.approx(s**2 / 12, rel=0.01)


def test_tensors_lists_and_tiny_numbers():
    np.testing.assert_array_equal(quantize(md.Tensor([1.0, -1.0])).q, [127, -127])
    np.testing.assert_array_equal(quantize([1.0, -1.0]).q, [127, -127])
    assert quantize(np.array(2.0)).q.shape == ()
    tiny = quantize(np.array([1e-45, 0.0], np.float32))
    np.testing.assert_array_equal(dequantize(tiny), 0)
    np.testing.assert_array_equal(dequantize(quantize(np.zeros((2, 3)), axis=1)), np.zeros((2, 3)))
    half = np.array([0.5, -1.0], np.float16)
    assert dequantize(quantize(half)).dtype == np.float16


def test_on_the_stand_in_for_cupy():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with fake_cupy.installed() as cupy:
        for symmetric in (True, False):
            here = quantize(x, 4, symmetric=symmetric, axis=-1)
            there = quantize(cupy.asarray(x), 4, symmetric=symmetric, axis=-1)
            np.testing.assert_array_equal(there.q.get(), here.q)
            np.testing.assert_array_equal(dequantize(there).get(), dequantize(here))
        model, other = classifier(), classifier().to("cuda")
        for m in (model, other):
            quantize_weights(m, 3)
        assert same_weights(model, other)
        x = md.Tensor(X[:5]).to("cuda")
        np.testing.assert_array_equal(QuantizationAware(other, 2)(x).numpy(), quantised(other, 2)(x).numpy())


# --- models ---------------------------------------------------------------------------------------------------------


def quantised(model, bits, **settings):
    quantize_weights(model, bits, **settings)
    return model


def test_the_weights_of_a_model():
    model = classifier()
    before = model.state_dict()
    codes = quantize_weights(model, 4)
    after = model.state_dict()
    for name in before:
        if name.endswith("kernel"):
            np.testing.assert_array_equal(after[name], dequantize(quantize(before[name], 4, axis=-1)))
            assert codes[name].scale.shape == (1, before[name].shape[1])
        else:
            np.testing.assert_array_equal(after[name], before[name])
    assert not same_weights(before, after)
    whole = quantised(classifier(), 4, per_channel=False).layers[0].kernel.numpy()
    assert len(np.unique(whole)) <= 15 < len(np.unique(after["dense.kernel"]))


def test_graphs_notice_that_weights_have_changed():
    model = classifier()
    loss = (model(X) * model(X)).sum()
    quantize_weights(model, 4)
    with pytest.raises(ValueError, match="edited"):
        loss.backward()


def test_pruned_weights_stay_pruned():
    for symmetric in (True, False):
        model = classifier()
        masks = prune(model, 0.5)
        quantize_weights(model, 8, symmetric=symmetric)
        for name, m in masks.items():
            assert (model.state_dict()[name][~m] == 0).all()


# --- straight through -----------------------------------------------------------------------------------------------


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


def holed(value):
    model = classifier()
    model.layers[2].kernel.data[0, 0] = value
    return model


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: quantize([1.0], bits=1), "bits from 2 to 8, got 1"),
        (lambda: quantize([1.0], bits=9), "bits from 2 to 8, got 9"),
        (lambda: quantize([1, 2]), "floating numbers.*int64 array"),
        (lambda: quantize(np.zeros((0, 3))), r"at least one, got float64 array of shape \(0, 3\)"),
        (lambda: quantize([1.0, np.nan]), "finite numbers"),
        (lambda: quantize([1.0, -np.inf]), "finite numbers"),
        (lambda: quantize([3e38]), "at most 1e"),
        (lambda: quantize([[1.0]], axis=2), "axis from -2 to 1"),
        (lambda: quantize_weights(holed(np.nan)), "'dense_1.kernel': quantize expects finite"),
        (lambda: quantize_weights(md.Sequential([L.Dense(2)])), "not built"),
        (lambda: QuantizationAware(md.Sequential([L.Dense(2)])), "not built"),
        (lambda: QuantizationAware(classifier(), 16), "bits from 2 to 8"),
        (lambda: QuantizationAware(QuantizationAware(classifier())), "already"),
        (lambda: QuantizationAware(listed()), "tables.0.*inside a list"),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: quantize("abc"),
        lambda: quantize([1.0], bits="8"),
        lambda: quantize([1.0], symmetric=1),
        lambda: quantize([1.0], axis=0.5),
        lambda: dequantize(np.zeros(3)),
        lambda: quantize_weights(classifier(), per_channel="no"),
        lambda: quantize_weights([1.0]),
        lambda: QuantizationAware("model"),
    ],
)
def test_wrong_kinds(wrong):
    with pytest.raises(TypeError):
        wrong()


def test_nothing_is_changed_by_what_is_refused():
    model = holed(np.inf)
    before = model.state_dict()
    with pytest.raises(ValueError):
        quantize_weights(model, 4)
    assert same_weights(model, before)


def test_threads_are_refused_and_nan_is_seen():
    aware = QuantizationAware(classifier(), 4)
    aware.compile("adam", "sparse_categorical_crossentropy")
    aware.fit(X, LABELS, verbose=0)
    with pytest.raises(ValueError, match="one thread"):
        aware.fit(X, LABELS, verbose=0, threads=2)
    aware.inside.layers[0].kernel.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        aware.predict(X, verbose=0)
