"""Edits in place never give a wrong gradient in silence: they work, or raise with the remedy."""

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor


def leaf(*shape, dtype=np.float64, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def test_setitem_in_a_graph_raises():
    x = leaf(3)
    y = x * 2.0
    with pytest.raises(ValueError, match=r"md\.where"):
        y[0] = 1.0
    with pytest.raises(ValueError, match="no_grad"):
        x[0] = 1.0
    constant = Tensor(np.ones(3))
    with pytest.raises(ValueError, match="lose the gradient"):
        constant[0] = y[0]


def test_setitem_of_a_constant_works():
    t = Tensor(np.ones(3))
    t[1:] = 5.0
    np.testing.assert_array_equal(t.data, [1.0, 5.0, 5.0])


def test_augmented_assignment_in_a_graph_makes_a_new_tensor():
    x = leaf(3)
    y = x * x
    before = y
    y += 1.0
    y *= 2.0
    y -= x
    y /= 2.0
    assert y is not before
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data - 0.5)


def test_augmented_assignment_to_a_leaf_raises():
    x = leaf(3)
    with pytest.raises(ValueError, match="no_grad"):
        x += 1.0


def test_augmented_assignment_without_recording_is_in_place():
    x = leaf(3)
    array = x.data
    with md.no_grad():
        x += 1.0
        x *= 2.0
    assert x.data is array


def edit_data(w):
    w.data -= 0.1


def edit_by_assignment(w):
    w.data = np.zeros(w.shape)


def edit_without_recording(w):
    with md.no_grad():
        w *= 0.5


def edit_an_entry(w):
    with md.no_grad():
        w[0] = 0.0


def edit_a_view(w):
    with md.no_grad():
        Tensor(w.data)[1:] = 0.0


def edit_a_detached_twin(w):
    w.detach()[...] = 1.0


@pytest.mark.parametrize(
    "edit",
    [edit_data, edit_by_assignment, edit_without_recording, edit_an_entry, edit_a_view, edit_a_detached_twin],
)
def test_an_edit_between_forward_and_backward_is_noticed(edit):
    """The gradient of w · w needs the numbers that w held."""
    w = leaf(3)
    y = (w * w).sum()
    edit(w)
    with pytest.raises(ValueError, match=r"multiply.*edited in place") as caught:
        y.backward()
    assert "before optimizer.step()" in str(caught.value)


@pytest.mark.parametrize("view", [lambda w: w[1:], lambda w: w.reshape(2, 2), lambda w: w.T])
def test_editing_the_array_of_a_view_is_noticed(view):
    w = leaf(4)
    y = (view(w) * 2.0 * view(w)).sum()
    w.data -= 1.0
    with pytest.raises(ValueError, match="edited in place"):
        y.backward()


def test_editing_an_output_is_noticed():
    x = leaf(3)
    y = md.tanh(x)
    y.data *= 2.0  # tanh's rule needs its output
    with pytest.raises(ValueError, match="output of tanh"):
        y.backward(np.ones(3))


def test_editing_other_memory_is_no_error():
    x = leaf(6)
    first, second = Tensor(x.data[:3], requires_grad=True), Tensor(x.data[3:])
    y = (first * first).sum()
    second[...] = 0.0  # the other half of the same array
    y.backward()
    np.testing.assert_allclose(first.grad, 2 * first.data)


def test_training_goes_on_after_an_edit():
    w = leaf(3)
    for _ in range(3):
        w.zero_grad()
        (w * w).sum().backward()
        np.testing.assert_allclose(w.grad, 2 * w.data)
        w.data -= 0.1 * w.grad


def test_data_keeps_shape_and_dtype():
    w = leaf(3, dtype=np.float32)
    w.data = np.zeros(3)
    assert w.dtype == np.float32
    with pytest.raises(ValueError, match="Make a new Tensor"):
        w.data = np.zeros(4)
