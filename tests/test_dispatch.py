"""A Tensor in NumPy's own functions."""

import re

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive, Tensor
from minidl.dispatch import NUMPY, OPS, PLAIN
from tests.running import assert_same, rng, run
from tests.table import ROWS


@pytest.mark.parametrize("function", list(NUMPY), ids=lambda function: f"np.{function.__name__}")
def test_numpy_function_gives_the_same_tensor(function, monkeypatch):
    """Every row of the op is run again with NumPy's function in the op's place."""
    op = NUMPY[function]
    call = Primitive.__call__
    results = []

    def numpy_instead(*args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(Primitive, "__call__", call)  # what NumPy's function leads to is the op itself
            y = function(*args, **kwargs)
        if any(isinstance(a, Tensor) for a in [*args, *(args[0] if isinstance(args[0], (list, tuple)) else [])]):
            results.extend(y if isinstance(y, (list, tuple)) else [y])
        return y

    def redirected(self, *args, **kwargs):
        return numpy_instead(*args, **kwargs) if self is op else call(self, *args, **kwargs)

    for row in [row for row in ROWS if row.op == op.__name__]:
        arrays = row.sample(rng())
        expected = run(row.f, arrays)
        with monkeypatch.context() as patch:
            patch.setattr(Primitive, "__call__", redirected)
            if not isinstance(op, Primitive):
                patch.setattr(md, op.__name__, numpy_instead)
            try:
                found = run(numpy_instead if row.f is op else row.f, arrays)
            except TypeError as error:  # a setting that NumPy's function does not have
                assert re.search("unexpected keyword|positional argument|required|not supported", str(error)), error
            else:
                assert_same(found, expected)
    assert results
    assert all(isinstance(t, Tensor) for t in results)


@pytest.mark.parametrize("function", [np.argmax, np.isnan, np.argsort, np.shape, np.zeros_like, np.floor])
def test_functions_without_a_derivative_give_plain_arrays(function):
    assert function in PLAIN
    x = np.array([[2.5, -1.5], [0.5, 3.0]])
    y = function(Tensor(x, requires_grad=True))
    assert not isinstance(y, Tensor)
    np.testing.assert_array_equal(y, function(x))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.fft.fft(t),
        lambda t: np.linalg.svd(t),
        lambda t: np.median(t),
        lambda t: np.add.reduce(t),
        lambda t: np.add.at(t, [0], 1.0),
        lambda t: np.multiply.outer(t, t),
        lambda t: np.exp(t, out=np.zeros((2, 2))),
        lambda t: np.add(t, t, where=np.ones((2, 2), bool)),
        lambda t: np.sum(t, dtype=np.float32),
        lambda t: np.exp(np.ones((2, 2)), out=t),
        lambda t: np.savez("never.npz", t),
    ],
)
def test_functions_without_a_rule_are_refused(call):
    """Nothing drops a gradient in silence."""
    t = Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(TypeError, match=r"rule|not supported|leave the graph|numpy\(\)") as caught:
        call(t)
    assert len(str(caught.value).splitlines()) <= 3


def test_an_array_on_the_left_gives_a_tensor():
    a, t = np.arange(3.0), Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for y in (a + t, a - t, a * t, a / t, t + a, a @ t, np.float64(2) * t, 2 * t, a**t):
        assert isinstance(y, Tensor)
        assert y.requires_grad


def test_comparisons_are_plain_arrays():
    a, t = np.arange(3.0), Tensor([1.0, 2.0, 1.0], requires_grad=True)
    for y in (t < a, a < t, t == t, t != 1, t >= 1, 1 <= t):
        assert type(y) is np.ndarray
        assert y.dtype == bool


def test_out_none_is_no_out():
    np.testing.assert_allclose(np.exp(Tensor([0.0]), out=None).data, 1.0)


def test_every_numpy_function_leads_to_a_public_op():
    assert set(NUMPY.values()) <= set(OPS.values())


def test_settings_that_ask_for_nothing_are_allowed():
    x = Tensor([1.0, 2.0], requires_grad=True)
    np.sum(x, axis=0, dtype=None, out=None).backward()
    assert_same(x.grad, np.ones(2, np.float32))


def test_a_refused_function_is_named_in_full():
    with pytest.raises(TypeError, match=r"np\.linalg\.inv has no gradient rule"):
        np.linalg.inv(Tensor(np.eye(2)))
