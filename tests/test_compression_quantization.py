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
    QuantizationAware,
    dequantize,
    prune,
    quantize,
    quantize_weights,
)
from tests.small_models import X, classifier, same_weights

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


# --- what is refused ------------------------------------------------------------------------------------------------


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
        (lambda: quantize_weights(md.Sequential([L.Dense(2)])), "no weights yet"),
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
