"""Ops that change where or how numbers are stored."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor


@pytest.mark.parametrize(("one", "other"), [("float32", "float64"), ("float64", "float32")])
def test_gradients_return_in_the_dtype_they_left_in(one, other):
    x = Tensor(np.array([1.0, 2.0], one), requires_grad=True)
    y = x.astype(other)
    (y * y).sum().backward()
    assert y.dtype == other
    assert x.grad.dtype == one
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


def test_a_copy_has_memory_of_its_own():
    x = Tensor([1.0, 2.0])
    assert not np.shares_memory(md.copy(x).data, x.data)
    assert np.shares_memory(md.identity(x).data, x.data)


def test_gradients_come_back_to_the_device():
    with fake_cupy.installed() as cupy:
        x = Tensor([1.0, 2.0], requires_grad=True)
        y = (x.to("cuda") * 3.0).to("cpu") * 2.0
        y.sum().backward()
        assert isinstance(x.grad, np.ndarray)
        np.testing.assert_array_equal(x.grad, [6.0, 6.0])
        t = Tensor(cupy.asarray(np.float32([1, 2])), requires_grad=True)
        t.to("cpu").sum().backward()
        assert isinstance(t.grad, cupy.ndarray)
