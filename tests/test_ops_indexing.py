"""Indexing, beyond what the rows of the op table say of one index at a time."""

import numpy as np
import pytest

import minidl as md


def random_part(rng: np.random.Generator, n: int) -> object:
    """One part of an index, for an axis of n elements."""
    kinds = [
        lambda: int(rng.integers(-n, n)),
        lambda: slice(*(rng.choice([None, -1, 0, 2, 5], 2).tolist()), int(rng.choice([1, 2, -1]))),
        lambda: None,
        lambda: Ellipsis,
        lambda: rng.integers(-n, n, (2,)),
        lambda: rng.integers(-n, n, (3, 2)),
        lambda: rng.integers(0, n, 2).astype(np.uint8),
        lambda: rng.integers(0, n, 2).tolist(),
        lambda: rng.random(n) < 0.5,
    ]
    return kinds[rng.integers(len(kinds))]()


@pytest.mark.parametrize("seed", range(8))
def test_any_index_picks_what_numpy_picks_and_its_gradient_is_summed_as_by_add_at(seed):
    rng = np.random.default_rng(seed)
    picked = 0
    while picked < 100:
        shape = tuple(rng.integers(1, 6, rng.integers(1, 4)).tolist())
        index = tuple(random_part(rng, n) for n in shape)
        x = md.Tensor(rng.normal(size=shape), requires_grad=True)
        try:
            expected = np.asarray(x.data[index])
        except (IndexError, DeprecationWarning) as refusal:  # NumPy before 2.2 only warns when nothing would be picked
            with pytest.raises(type(refusal)):
                x[index]
            continue
        y = x[index]
        g = rng.normal(size=expected.shape)
        y.backward(g)
        summed = np.zeros(shape)
        np.add.at(summed, index, g)
        np.testing.assert_array_equal(y.data, expected)
        np.testing.assert_allclose(x.grad, summed, atol=1e-12)
        picked += 1


def test_an_index_edited_after_the_forward_pass_does_not_move_the_gradient():
    for rows in (np.array([0, 2]), md.Tensor(np.array([0, 2]))):
        x = md.Tensor(np.ones((3, 2), np.float32), requires_grad=True)
        y = x[rows]
        rows[...] = 1
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [[1, 1], [0, 0], [1, 1]])


def test_a_basic_index_gives_a_view_and_a_gradient_of_its_own():
    x = md.Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    y = x[1:]
    g = np.ones((2, 2), np.float32)
    y.backward(g)
    assert np.shares_memory(y.data, x.data)
    assert not np.shares_memory(x.grad, g) and x.grad.base is None


def test_numpy_functions_on_tensors_are_these_ops():
    x = md.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    rows = md.Tensor(np.array([1, 0]))
    for y in (np.take(x, rows, axis=0), np.take_along_axis(x, rows[:, None], axis=1), np.sort(x), x.take(rows, 1)):
        assert isinstance(y, md.Tensor) and y.requires_grad
