"""The error function, which NumPy does not have: right to the last digits everywhere."""

import math

import numpy as np
import pytest

import minidl as md

EVERYWHERE = np.concatenate([np.linspace(-7, 7, 20001), 10.0 ** np.arange(-30, 31), -(10.0 ** np.arange(-30, 31))])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_is_off_by_rounding_only(dtype):
    x = EVERYWHERE.astype(dtype)
    exact = np.array([math.erf(v) for v in x.tolist()])
    y = md.erf(x)
    assert y.dtype == dtype
    assert np.abs(y - exact).max() <= np.finfo(dtype).eps
    assert (np.abs(y - exact) <= 2 * np.finfo(dtype).eps * np.abs(exact)).all()  # also relative to tiny values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_at_infinity_and_nan(dtype):
    y = md.erf(np.array([-np.inf, np.inf, np.nan], dtype))
    np.testing.assert_array_equal(y, np.array([-1, 1, np.nan], dtype))


def test_erf_of_numbers():
    assert md.erf(0) == 0.0
    assert md.erf(1) == pytest.approx(math.erf(1), abs=1e-15)
    assert md.erf(np.array([1, 2])).dtype == np.float64


def test_logarithms_of_small_numbers_keep_their_digits():
    x = np.array([1e-12, -1e-12])
    np.testing.assert_allclose(md.log1p(x), x, rtol=1e-11)
    np.testing.assert_allclose(md.expm1(x), x, rtol=1e-11)
