"""Activations where numbers run out: far from 0, at infinity, at NaN (warnings are errors)."""

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor

FAR = [-1e4, -1e3, -90.0, 90.0, 1e3, 1e4]
GATES = [md.silu, md.gelu, lambda x: md.gelu(x, approximate=True)]
ALL = [md.sigmoid, md.relu, md.leaky_relu, md.relu6, md.hard_sigmoid, md.elu, md.selu, md.softplus, md.softsign]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [*ALL, *GATES, md.tanh, md.erf])
def test_values_and_slopes_are_finite_far_from_0(f, dtype):
    x = Tensor(np.array(FAR, dtype), requires_grad=True)
    y = f(x)
    y.backward(np.ones(len(FAR), dtype))
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad).all()
    assert (np.abs(x.grad) <= 1.7581).all()  # selu's slope, the steepest of all, below 0


@pytest.mark.parametrize("f", [*ALL, *GATES])
def test_nan_stays_nan(f):
    assert np.isnan(f(np.array([np.nan, 1.0], np.float32))).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits(dtype):
    x = np.array([-np.inf, -1e4, 1e4, np.inf], dtype)
    np.testing.assert_allclose(md.sigmoid(x), [0, 0, 1, 1], atol=2e-38)
    np.testing.assert_array_equal(md.relu(x), [0, 0, 1e4, np.inf])
    np.testing.assert_array_equal(md.softplus(x), [0, 0, 1e4, np.inf])
    np.testing.assert_array_equal(md.elu(x), [-1, -1, 1e4, np.inf])


def test_sigmoid_keeps_its_digits_on_the_left():
    x = np.array([-80.0, -40.0, -20.0, -10.0])
    np.testing.assert_allclose(md.sigmoid(x), np.exp(x) / (1 + np.exp(x)), rtol=1e-14)
    np.testing.assert_allclose(md.sigmoid(np.float32(x)), np.exp(x) / (1 + np.exp(x)), rtol=1e-6)


def test_sigmoid_of_float16_does_not_overflow():
    x = np.array([-6e4, -12.0, -8.0, 0.0, 8.0, 6e4], np.float16)
    np.testing.assert_allclose(md.sigmoid(x), [1.67e-5, 1.67e-5, 3.354e-4, 0.5, 0.99966, 1], rtol=4e-3)


def test_the_two_gelus_are_close():
    x = np.linspace(-6, 6, 1001)
    assert 1e-4 < np.abs(md.gelu(x) - md.gelu(x, approximate=True)).max() < 5e-4


def test_integers_become_floating_numbers():
    for f in [md.sigmoid, md.silu, md.gelu, md.softplus, md.elu]:
        np.testing.assert_allclose(f(np.array([-1, 0, 2])), f(np.array([-1.0, 0.0, 2.0])))
        np.testing.assert_allclose(f(2), f(2.0))


SOFT = [md.softmax, md.log_softmax, md.logsumexp, md.norm, *ALL, *GATES]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int8, np.bool_])
@pytest.mark.parametrize("f", SOFT)
def test_small_integers_do_not_wrap_round(f, dtype):
    """−x of uint8 3 is 253, x² of int8 100 is 16."""
    x = np.array([0, 1, 3, 100]).astype(dtype)
    y = f(x)
    np.testing.assert_allclose(y, f(x.astype(float)), rtol=2e-3, atol=1e-6)
    np.testing.assert_array_equal(f(Tensor(x)).data, y)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
@pytest.mark.parametrize("name", ["elu", "selu", "softsign", "gelu", "silu", "softplus", "sigmoid"])
def test_whole_numbers_are_taken_as_floating_ones(name, dtype):
    x = np.array([0, 1, 100, np.iinfo(dtype).max], dtype)
    y = getattr(md.ops, name)(x)
    assert y.dtype in (np.float32, np.float64)
    np.testing.assert_allclose(y, getattr(md.ops, name)(x.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("name", ["erf", "gelu", "elu", "softsign"])
def test_float16_stays_float16(name):
    x = np.linspace(-3, 3, 13, dtype=np.float16)
    y = getattr(md.ops, name)(x)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, getattr(md.ops, name)(x.astype(np.float64)), atol=2e-3)
