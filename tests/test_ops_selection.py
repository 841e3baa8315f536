"""Choices between values: ties, NaN, and gradients that must not leak."""

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor
from minidl.backward import gradients


@pytest.mark.parametrize("op", [md.maximum, md.minimum])
def test_a_tie_is_shared_half_and_half(op):
    x1 = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    x2 = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    g = np.array([1, 10, 100], np.float32)
    d1, d2 = gradients(op(x1, x2), [x1, x2], g)
    np.testing.assert_array_equal(d1, g / 2)
    np.testing.assert_array_equal(d2, g / 2)


def test_nan_goes_through_as_in_numpy():
    x = np.array([np.nan, -2.0, 2.0])
    for ours, numpys in [
        (md.maximum(x, 0.0), np.maximum(x, 0.0)),
        (md.minimum(x, 0.0), np.minimum(x, 0.0)),
        (md.clip(x, -1, 1), np.clip(x, -1, 1)),
        (md.sign(x), np.sign(x)),
        (md.abs(x), np.abs(x)),
        (md.where(x, x, 0.0), np.where(x, x, 0.0)),
    ]:
        np.testing.assert_array_equal(ours, numpys)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_where_keeps_bad_gradients_to_the_chosen_input(bad):
    x1 = Tensor([1.0, 2.0], requires_grad=True)
    x2 = Tensor([3.0, 4.0], requires_grad=True)
    g = np.array([bad, 1.0], np.float32)
    d1, d2 = gradients(md.where([True, False], x1, x2), [x1, x2], g)
    np.testing.assert_array_equal(d1, [bad, 0.0])
    np.testing.assert_array_equal(d2, [0.0, 1.0])


def test_where_takes_any_condition_that_numpy_takes():
    for condition in (True, [1, 0], np.array([[2.0], [0.0]]), Tensor([1.0, 0.0])):
        plain = condition.data if isinstance(condition, Tensor) else condition
        y = md.where(condition, Tensor([1.0, 2.0]), 3.0)
        np.testing.assert_array_equal(y.data, np.where(plain, [1.0, 2.0], 3.0))
        assert y.dtype == np.float32


def test_a_condition_has_derivative_0():
    c = Tensor([1.0, -2.0, 0.0], requires_grad=True)
    md.where(c, 5.0, Tensor([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_array_equal(c.grad, [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.clip(t, -1, 1),
        lambda t: np.clip(t, a_min=-1, a_max=1),
        lambda t: t.clip(-1, 1),
        lambda t: t.clip(min=-1, max=1),
        lambda t: md.clip(t, np.float32([-1, -1, -1]), 1),
    ],
)
def test_clip_in_numpys_spellings(call):
    t = Tensor([-2.0, 0.5, 2.0], requires_grad=True)
    y = call(t)
    y.backward(np.ones(3, np.float32))
    np.testing.assert_array_equal(y.data, [-1.0, 0.5, 1.0])
    np.testing.assert_array_equal(t.grad, [0.0, 1.0, 0.0])
    assert y.dtype == t.grad.dtype == np.float32
