"""A Tensor: its numbers, its methods under NumPy's names, how it is shown."""

import copy
import math

import numpy as np
import pytest

from minidl.autograd import Tensor
from minidl.recording import no_grad


def leaf(*shape, dtype=np.float64, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def test_python_numbers_become_float32_and_arrays_keep_their_dtype():
    assert Tensor(1.0).dtype == np.float32
    assert Tensor([[1.0, 2.0]]).dtype == np.float32
    assert Tensor(np.ones(2)).dtype == np.float64
    assert Tensor(np.float64(1)).dtype == np.float64
    assert Tensor([1, 2]).dtype == np.int64
    assert Tensor([True]).dtype == bool
    assert Tensor([1, 2], dtype="float32").dtype == np.float32


def test_an_array_is_not_copied():
    a = np.ones(3)
    assert Tensor(a).data is a
    assert Tensor(a).numpy() is a
    assert Tensor(a, requires_grad=True).detach().data is a


def test_integers_index_and_label_but_have_no_gradient():
    with pytest.raises(TypeError, match="floating"):
        Tensor([1, 2], requires_grad=True)
    assert not Tensor([1, 2]).requires_grad


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: Tensor("word"), TypeError),
        (lambda: Tensor([[1.0], [1.0, 2.0]]), ValueError),
        (lambda: Tensor([1.0], device="tpu"), ValueError),
        (lambda: Tensor([1j]), TypeError),
        (lambda: Tensor([1.0, 2.0]).item(), ValueError),
        (lambda: iter(Tensor(1.0)), TypeError),
        (lambda: bool(Tensor([1.0, 2.0])), ValueError),
    ],
)
def test_what_a_tensor_is_not(make, error):
    with pytest.raises(error) as caught:
        make()
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "t, text",
    [
        (Tensor([1.0, 2.0]), "Tensor([1., 2.])"),
        (Tensor(3.0), "Tensor(3.)"),
        (Tensor([1.0], requires_grad=True), "Tensor([1.], requires_grad=True)"),
        (Tensor(np.ones(1)), "Tensor([1.], dtype=float64)"),
        (Tensor([1, 2]), "Tensor([1, 2], dtype=int64)"),
        (Tensor([1.0], requires_grad=True) * 2, "Tensor([2.], op=multiply)"),
        (Tensor(np.zeros((0, 3), np.float32)), "Tensor([])"),
    ],
)
def test_repr_shows_values_dtype_and_origin(t, text):
    assert repr(t) == text


def test_repr_of_a_freed_graph():
    y = leaf(2).sum()
    y.backward()
    assert "graph freed" in repr(y)


def test_a_matrix_is_shown_in_rows():
    assert repr(Tensor([[1.0, 2.0], [3.0, 4.0]])) == "Tensor([[1., 2.],\n        [3., 4.]])"


def test_methods_and_properties_under_numpys_names():
    x = leaf(2, 3)
    a = x.data
    for mine, numpys in [
        (x.sum(axis=0, keepdims=True), a.sum(axis=0, keepdims=True)),
        (x.mean(1), a.mean(1)),
        (x.var(), a.var()),
        (x.std(axis=1, ddof=1), a.std(axis=1, ddof=1)),
        (x.max(0), a.max(0)),
        (x.min(), a.min()),
        (x.prod(1), a.prod(1)),
        (x.cumsum(), a.cumsum()),
        (x.cumprod(1), a.cumprod(1)),
        (x.diagonal(1), a.diagonal(1)),
        (x.trace(), a.trace()),
        (x.dot(a.T), a.dot(a.T)),
        (x.clip(0, 1), a.clip(0, 1)),
        (x.reshape(3, 2), a.reshape(3, 2)),
        (x.reshape((6,)), a.reshape(6)),
        (x.ravel(), a.ravel()),
        (x.flatten(), a.flatten()),
        (x.transpose(), a.transpose()),
        (x.transpose(1, 0), a.T),
        (x.transpose((1, 0)), a.T),
        (x.swapaxes(0, 1), a.swapaxes(0, 1)),
        (x.reshape(2, 1, 3).squeeze(1), a),
        (x.repeat(2, axis=1), a.repeat(2, axis=1)),
        (x.take([0, 2], axis=1), a.take([0, 2], axis=1)),
        (x.astype(np.float32), a.astype(np.float32)),
        (x.copy(), a.copy()),
        (x.T, a.T),
        (x.mT, a.mT),
        (+x, a),
        (-x, -a),
        (abs(x), abs(a)),
        (x[1, ::2], a[1, ::2]),
    ]:
        assert isinstance(mine, Tensor)
        assert mine.requires_grad
        np.testing.assert_allclose(mine.data, numpys)
    assert (x.shape, x.ndim, x.size, x.nbytes, len(x)) == (a.shape, 2, 6, 48, 2)
    assert x.tolist() == a.tolist()
    assert [row.shape for row in x] == [(3,), (3,)]
    assert a[0, 1] in x
    assert x.argmax() == a.argmax()
    np.testing.assert_array_equal(x.round(1), a.round(1))
    np.testing.assert_array_equal(x.nonzero(), a.nonzero())
    assert (x.argsort(0) == a.argsort(0)).all()
    assert (x > 0).any() == (a > 0).any()


def test_one_number_is_a_number():
    t = Tensor(2.5)
    assert (float(t), int(t), t.item(), bool(t), f"{t:.2f}") == (2.5, 2, 2.5, True, "2.50")
    assert [10, 20, 30][Tensor(1)] == 20


def test_hash_is_by_identity():
    x, y = leaf(2), leaf(2)
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1


def test_a_tensor_with_a_graph_does_not_become_an_array_in_silence():
    with pytest.raises(TypeError, match=r"t\.numpy\(\)"):
        np.asarray(leaf(2))
    np.testing.assert_array_equal(np.asarray(Tensor([1.0])), [1.0])


def test_a_tensor_with_a_graph_does_not_become_a_python_float_in_silence():
    """``a[0] = t[0]`` would take the number and lose the gradient; NumPy asks for a float to do so."""
    t = Tensor([1.0, 2.0], requires_grad=True)
    a = np.zeros(2)
    for detach in (lambda: float(t[0]), lambda: math.exp(t[0])):
        with pytest.raises(TypeError, match=r"float\(t\) of a Tensor(.|\n)*t\.item\(\) to leave the graph"):
            detach()
    with pytest.raises(ValueError) as caught:
        a[0] = t[0]
    assert "would lose it; so would a[0] = t" in str(caught.value.__cause__)
    a[0] = t[0].item()
    loss = (t * t).sum()
    loss.backward()
    a[1] = loss  # used up: no gradient can be lost any more
    with no_grad():
        assert (float(t[1]), float(loss), a.tolist()) == (2.0, 5.0, [1.0, 5.0])


def test_deep_copy_of_a_leaf_is_a_leaf_of_its_own():
    x = leaf(2)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.is_leaf
    assert not np.shares_memory(x.data, y.data)
    assert not np.shares_memory(x.grad, y.grad)


def test_a_format_is_for_one_number():
    x = leaf(2)
    assert f"{x[0]:.1f}" == f"{x.data[0]:.1f}"
    with pytest.raises(TypeError, match=r"'\.1f' expects one number, got a Tensor of shape \(2,\)"):
        f"{x:.1f}"


def test_positions_and_truths_keep_their_axes_when_asked():
    x = leaf(2, 3)
    assert x.argmax(1, keepdims=True).shape == x.argmin(1, keepdims=True).shape == (2, 1)
    assert (x > 9).any(1, keepdims=True).shape == x.any(1, keepdims=True).shape == x.all(1, keepdims=True).shape
