"""Powers, and operators between Tensors, arrays, lists and numbers."""

import operator

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor
from minidl.backward import gradients

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("other", [2, 1.5, [1.0, 2.0, 3.0], np.float32([1, 2, 3]), np.array(2, np.float32)])
def test_operators_with_a_tensor_on_either_side(op, other):
    x = np.float32([0.5, 1.5, 2.5])
    plain = np.float32(other) if isinstance(other, list) else other
    for ours, numpys in [(lambda t: op(t, other), op(x, plain)), (lambda t: op(other, t), op(plain, x))]:
        t = Tensor(x, requires_grad=True)
        y = ours(t)
        np.testing.assert_allclose(y.data, numpys, rtol=1e-6)
        first = gradients(y, [t], np.ones(3), retain_graph=True)[0]
        again = gradients(y, [t], np.ones(3), create_graph=True)[0]
        np.testing.assert_allclose(first, again.data, rtol=1e-6)
        assert y.dtype == first.dtype == again.dtype == np.float32


@pytest.mark.parametrize(("exponent", "slope"), [(0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0), (2.5, 0.0)])
def test_slope_of_a_power_at_0(exponent, slope):
    for p in (exponent, np.full(2, exponent, np.float32)):
        x = Tensor([0.0, 0.0], requires_grad=True)
        (x**p).sum().backward()
        np.testing.assert_array_equal(x.grad, [slope, slope])


def test_slope_of_a_power_of_0_in_its_exponent():
    p = Tensor([1.0, 2.0], requires_grad=True)
    md.power(Tensor([0.0, 0.0]), p).sum().backward()
    np.testing.assert_array_equal(p.grad, [0.0, 0.0])


@pytest.mark.parametrize("exponent", range(5))
def test_whole_powers_of_negative_numbers(exponent):
    x = Tensor(np.array([-2.0, -0.5]), requires_grad=True)
    (x**exponent).sum().backward()
    np.testing.assert_allclose(x.grad, exponent * np.array([-2.0, -0.5]) ** max(exponent - 1, 0))


def test_integers_compute_as_in_numpy():
    i = np.array([1, 2, 3])
    for op in OPERATORS:
        y = op(Tensor(i), 2)
        np.testing.assert_array_equal(y.data, op(i, 2))
        assert y.dtype == op(i, 2).dtype
