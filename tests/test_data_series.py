"""Windows of a time series, and the normalisation of its training part."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import Normalizer, windows


@given(
    T=st.integers(2, 40),
    length=st.integers(1, 10),
    ahead=st.integers(1, 5),
    stride=st.integers(1, 4),
    D=st.integers(1, 3),
)
def test_windows_are_those_of_the_loop(T, length, ahead, stride, D):
    s = np.arange(T * D, dtype=np.float32).reshape(T, D)
    expected = [
        (s[n : n + length], s[n + length - 1 + ahead]) for n in range(0, T, stride) if n + length - 1 + ahead < T
    ]
    if not expected:
        with pytest.raises(ValueError, match="need a series of at least"):
            windows(s, length, ahead, stride)
        return
    x, y = windows(s, length, ahead, stride)
    np.testing.assert_array_equal(x, [a for a, _ in expected])
    np.testing.assert_array_equal(y, [b for _, b in expected])
    assert len(x) == (T - length - ahead) // stride + 1 and x.dtype == y.dtype == np.float32


def test_windows_of_one_quantity_have_one_feature_and_are_copies():
    s = np.arange(5.0)
    x, y = windows(s, 2)
    assert x.shape == (3, 2, 1) and y.shape == (3, 1)
    x[:], y[:] = -1, -1
    assert s.tolist() == [0, 1, 2, 3, 4]


def test_windows_agree_with_keras_pairs():
    """timeseries_dataset_from_array: sample n is data[n : n + length] with targets[n]."""
    s, length, ahead = np.arange(20.0), 4, 3
    data, targets = s[:-ahead], s[length + ahead - 1 :]
    x, y = windows(s, length, ahead)
    for n in range(len(data) - length + 1):
        assert x[n, :, 0].tolist() == data[n : n + length].tolist() and y[n, 0] == targets[n]
    assert len(x) == len(targets)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: windows(np.arange(5), 5), ValueError, "at least 6 values, got 5"),
        (lambda: windows(np.zeros((2, 3, 4)), 1), ValueError, r"\(T,\) or \(T, D\), got shape \(2, 3, 4\)"),
        (lambda: windows(np.arange(5), 0), ValueError, "length of at least 1, got 0"),
        (lambda: windows(np.arange(5), 2, ahead=0), ValueError, "ahead of at least 1, got 0"),
        (lambda: windows(np.arange(5), 2.0), TypeError, "length as a whole number, got 2.0"),
        (lambda: windows(np.arange(5), 2, stride=True), TypeError, "stride as a whole number"),
        (lambda: Normalizer.of([]), ValueError, "some values"),
        (lambda: Normalizer.of(3.0), ValueError, r"some values, got shape \(\)"),
        (lambda: Normalizer.of([1.0, np.nan]), ValueError, "finite values, got NaN or infinity"),
        (lambda: Normalizer.of(np.array([[1.0, 2.0], [1.0, 3.0]])), ValueError, "all the same"),
        (lambda: Normalizer.of(np.stack([np.full(7, 0.1), np.arange(7)], axis=1)), ValueError, "all the same"),
    ],
)
def test_mistakes_are_refused_in_words(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert str(caught.value).count("\n") <= 2


def test_normalizer_brings_each_column_to_mean_0_and_deviation_1_and_back():
    x = np.random.default_rng(0).normal([3, -5], [2, 10], (50, 2)).astype(np.float32)
    scale = Normalizer.of(x[:40])
    z = scale(x)
    np.testing.assert_allclose(z[:40].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(z[:40].std(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(scale.back(z), x, rtol=1e-5)
    assert z.dtype == np.float32


def test_both_work_on_a_gpu():
    s = np.arange(10.0) ** 2
    with fake_cupy.installed() as cupy:
        x, y = windows(cupy.asarray(s), 3, ahead=2)
        z = Normalizer.of(cupy.asarray(s))(cupy.asarray(s))
    for on_gpu, on_cpu in zip((x, y, z), (*windows(s, 3, ahead=2), Normalizer.of(s)(s))):
        assert type(on_gpu).__module__.startswith(("fake_cupy", "cupy"))
        np.testing.assert_array_equal(on_gpu.get(), on_cpu)
