"""Ops on any shapes and values that hypothesis comes up with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minidl as md
from minidl.dispatch import OPS
from minidl.gradcheck import check_grads

finite = st.floats(-3, 3, allow_subnormal=False).map(lambda v: round(v, 3))
pairs_of_shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3).map(lambda s: s.input_shapes)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "arctan2"])
@given(shapes=pairs_of_shapes, data=st.data())
def test_any_two_shapes_broadcast(name, shapes, data):
    x1 = data.draw(hnp.arrays(np.float64, shapes[0], elements=finite))
    x2 = data.draw(hnp.arrays(np.float64, shapes[1], elements=finite.map(lambda v: v + 5)))
    op = OPS[name]
    np.testing.assert_allclose(op(x1, x2), getattr(np, name)(x1, x2))
    check_grads(lambda x1, x2: op(x1, x2), x1, x2, order=1)


some_axes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=3).flatmap(
    lambda shape: st.tuples(st.just(shape), st.one_of(st.none(), hnp.valid_tuple_axes(len(shape))))
)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "logsumexp", "var"])
@given(shape_and_axis=some_axes, keepdims=st.booleans(), seed=st.integers(0, 99))
def test_any_axes_reduce(name, shape_and_axis, keepdims, seed):
    shape, axis = shape_and_axis
    x = np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape) / 3.0  # no two equal
    reference = (lambda x, **k: np.log(np.sum(np.exp(x), **k))) if name == "logsumexp" else getattr(np, name)
    np.testing.assert_allclose(OPS[name](x, axis=axis, keepdims=keepdims), reference(x, axis=axis, keepdims=keepdims))
    check_grads(lambda x: OPS[name](x, axis=axis, keepdims=keepdims), x, order=1)


@given(shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3), data=st.data())
def test_any_order_of_axes_and_any_shape(shape, data):
    x = np.random.default_rng(0).normal(size=shape)
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    np.testing.assert_array_equal(md.transpose(x, axes), np.transpose(x, axes))
    check_grads(lambda x: md.reshape(md.transpose(x, axes), -1), x, order=1)
    check_grads(lambda x: md.reshape(x, shape[::-1]), x, order=1)


@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (lambda x: md.take(x, [1], axis=0), lambda x: np.take(x, [1], axis=0)),
        (lambda x: md.take_along_axis(x, np.array([[1], [0]]), 1), lambda x: x[[0, 1], [1, 0]][:, None]),
        (lambda x: md.sort(x, axis=0), lambda x: np.sort(x, axis=0)),
        (lambda x: md.split(x, 2)[1], lambda x: np.split(x, 2)[1]),
        (lambda x: md.array_split(x, 3)[0], lambda x: np.array_split(x, 3)[0]),
        (lambda x: md.repeat(x, 2, axis=1), lambda x: np.repeat(x, 2, axis=1)),
        (lambda x: md.tile(x, (2, 1)), lambda x: np.tile(x, (2, 1))),
        (md.diag, np.diag),
        (md.diagonal, np.diagonal),
        (md.trace, np.trace),
        (lambda x: md.moveaxis(x, 0, 1), lambda x: np.moveaxis(x, 0, 1)),
    ],
)
def test_ops_written_with_others_take_lists_too(ours, numpys):
    x = [[3.0, 1.0], [2.0, 4.0]]
    np.testing.assert_array_equal(ours(x), numpys(np.array(x)))
