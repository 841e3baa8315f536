"""What every public op must do, for every row of the op table."""

import contextlib
import re

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minidl as md
from minidl.autograd import Primitive, Tensor, gradients
from minidl.dispatch import NUMPY, OPS
from minidl.gradcheck import check_grads
from minidl.kinks import check_kink
from tests.table import KINKS, REFUSALS, ROWS
from tests.table.row import Kink, Refusal, Row

PUBLIC = {name: op for name, op in OPS.items() if op.__module__.startswith("minidl.ops.")}
OF_OPS = [row for row in ROWS if row.op in PUBLIC]
SEED = 7

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_op_row = pytest.mark.parametrize("row", OF_OPS, ids=str)


# --- helpers ------------------------------------------------------------------------------------------------------


def rng():
    return np.random.default_rng(SEED)


def leaves(arrays):
    return [Tensor(x, requires_grad=True) for x in arrays]


def numbers(t):
    """Plain NumPy numbers of a Tensor or an array, from wherever it is."""
    a = t.data if isinstance(t, Tensor) else t
    return a.get() if hasattr(a, "get") else np.asarray(a)


def run(f, arrays, g=None):
    """Value, gradients and second derivatives of f: y, ∂⟨g, y⟩/∂x, ∂⟨v, ∂⟨g, y⟩/∂x⟩/∂x."""
    xs = leaves(arrays)
    y = f(*xs)
    g = rng().normal(size=y.shape).astype(y.dtype) if g is None else g
    like = np.asarray if isinstance(arrays[0], np.ndarray) else md.array_module(arrays[0]).asarray
    dxs = gradients(y, xs, like(g), create_graph=True)
    seconds = []
    for k, (dx, x) in enumerate(zip(dxs, xs)):
        v = np.random.default_rng(SEED + k).normal(size=x.shape).astype(x.dtype)
        if dx is not None and dx.requires_grad:
            seconds.append([numbers(h) for h in gradients(dx, xs, like(v), retain_graph=True) if h is not None])
    return numbers(y), [numbers(dx) for dx in dxs], seconds


def assert_same(one, other, **tolerance):
    """Two results of ``run`` are equal: exactly, or within the tolerance."""
    assert_close(one[0], other[0], **tolerance)
    assert_close(one[1], other[1], **tolerance)
    assert_close(one[2], other[2], **tolerance)


def assert_close(a, b, rtol=1e-12, atol=1e-13):
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b):
            assert_close(one, other, rtol, atol)
        return
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


# --- completeness -------------------------------------------------------------------------------------------------


def test_every_public_op_has_a_row():
    assert not sorted(set(PUBLIC) - {row.op for row in ROWS})


def test_rows_are_told_apart():
    names = [str(row) for row in ROWS]
    assert sorted({name for name in names if names.count(name) > 1}) == []


# --- values -------------------------------------------------------------------------------------------------------


@every_row
def test_value_equals_an_independent_reference(row: Row):
    arrays = row.sample(rng())
    y = numbers(row.f(*leaves(arrays)))
    expected = np.asarray(row.reference(*arrays))
    assert y.shape == expected.shape
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)


@every_row
def test_float32_stays_float32_and_is_as_exact_as_float32_can_be(row: Row, monkeypatch):
    """The results may be off by what it costs to round every number that an op gets a few times, and no more."""
    arrays = row.sample(rng(), np.float32)
    xs = leaves(arrays)
    y = row.f(*xs)
    g = rng().normal(size=y.shape).astype(np.float32)
    results = [y.data, *gradients(y, xs, g)]
    assert {a.dtype for a in results if a is not None} == {np.dtype(np.float32)}

    def in_float64():
        ts = leaves([np.float64(x) for x in arrays])
        z = row.f(*ts)
        return [z.data, *gradients(z, ts, g.astype(np.float64))]

    exact = in_float64()
    unit = float(np.finfo(np.float32).eps)
    rounding = rng()
    call = Primitive.__call__

    def rounded(t):
        """A Tensor with each number times 1 ± ε of float32."""
        if isinstance(t, Tensor) and t.dtype.kind == "f":
            t = call(md.identity, t)
            t._data = t.data * (1 + unit * rounding.choice([-1.0, 1.0], t.shape))
        return t

    monkeypatch.setattr(Primitive, "__call__", lambda op, *args, **settings: call(op, *map(rounded, args), **settings))
    around = [in_float64() for _ in range(4)]
    for k, result in enumerate(results):
        if result is None:
            assert exact[k] is None
            continue
        moved = max(np.abs(other[k] - exact[k]).max(initial=0) for other in around)
        limit = 16 * (moved + unit * np.abs(exact[k]).max(initial=0))
        assert np.abs(result - exact[k]).max(initial=0) <= limit


@every_op_row
def test_arrays_in_array_out(row: Row):
    arrays = row.sample(rng())
    y = row.f(*arrays)
    assert isinstance(y, (np.ndarray, np.generic))
    assert_close(y, numbers(row.f(*map(Tensor, arrays))))


# --- gradients ----------------------------------------------------------------------------------------------------


@every_row
def test_gradients_to_second_order(row: Row):
    check_grads(row.f, *row.sample(rng()))


@every_row
def test_inputs_are_only_read(row: Row):
    arrays = row.sample(rng())
    copies = [x.copy() for x in arrays]
    for x in arrays:
        x.flags.writeable = False
    g = np.asarray(rng().normal(size=row.f(*map(Tensor, arrays)).shape))
    g.flags.writeable = False
    run(row.f, arrays, g)
    for x, copy in zip(arrays, copies):
        np.testing.assert_array_equal(x, copy)


@every_row
def test_gradients_share_memory_with_nothing(row: Row):
    xs = leaves(row.sample(rng()))
    y = row.f(*xs)
    g = rng().normal(size=y.shape)
    y.backward(g)
    found = [x.grad for x in xs if x.grad is not None]
    for k, dx in enumerate(found):
        others = [g, y.data, *(x.data for x in xs), *found[:k]]
        assert not any(np.shares_memory(dx, other) for other in others)
        assert dx.flags.writeable


def strided(x):
    """The same numbers, every other entry of a larger array, backwards."""
    large = np.zeros([2 * n for n in x.shape])
    view = large[(..., *(slice(None, None, -2) for _ in x.shape))]
    view[...] = x
    return view


def by_columns(x):
    """The same numbers in Fortran's order."""
    return np.array(x, order="F")


@every_row
@pytest.mark.parametrize("layout", [strided, by_columns])
def test_memory_layout_does_not_matter(row: Row, layout):
    arrays = row.sample(rng())
    assert_same(run(row.f, [layout(x) for x in arrays]), run(row.f, arrays), rtol=1e-10, atol=1e-12)


TWICE = [row for row in ROWS if len(row.shapes) == 2 and row.shapes[0] == row.shapes[1]]


@pytest.mark.parametrize("row", TWICE, ids=str)
def test_the_same_tensor_twice(row: Row):
    """f(x, x): the two partial derivatives are summed, none is lost."""
    (x,) = Row(row.op, row.f, row.shapes[:1], row.reference, "", common_domain(row), row.kinks).sample(rng())
    check_grads(lambda x: row.f(x, x), x)


def common_domain(row: Row) -> tuple[float, float]:
    domains = np.array(row.domain if np.ndim(row.domain) == 2 else [row.domain])
    return float(domains[:, 0].max()), float(domains[:, 1].min())


# --- sizes 0 and 1 ------------------------------------------------------------------------------------------------


def resized():
    """Rows with all axes of one size made 0 or 1, in all inputs alike; those that the op refuses are left out."""
    per_op: dict[str, int] = {}
    for row in ROWS:
        per_op[row.op] = per_op.get(row.op, 0) + 1
        sizes = sorted({n for shape in row.shapes for n in shape if n > 1})
        for old in sizes if per_op[row.op] <= 4 else ():
            for new in (0, 1):
                shapes = [tuple(new if n == old else n for n in shape) for shape in row.shapes]
                yield Row(row.op, row.f, shapes, row.reference, f"{row.label} {shapes}", row.domain, row.kinks)


@pytest.mark.parametrize("row", list(resized()), ids=str)
def test_axes_of_size_0_and_1(row: Row):
    """The op takes them, with right gradients, or refuses them in words; where the reference can take them, it must."""
    arrays = row.sample(rng())
    with contextlib.suppress(ValueError, IndexError, TypeError, ZeroDivisionError), np.errstate(all="ignore"):
        expected = np.asarray(row.reference(*arrays))
        if not np.isfinite(expected).all():
            expected = None
    try:
        y = row.f(*leaves(arrays))
    except (ValueError, IndexError) as refused:
        assert len(str(refused).splitlines()) <= 3
        return
    assert y.dtype == np.float64
    if not np.isfinite(y.data).all():
        return
    check_grads(row.f, *arrays, order=1)


# --- kinks and ties -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: f"{kink.op} at {kink.x}")
def test_kinks_keep_their_convention(kink: Kink):
    check_kink(kink.f, kink.x, left=kink.left, right=kink.right, convention=kink.convention)


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal.op}: {refusal.match[:40]}")
def test_wrong_calls_are_refused_in_words(refusal: Refusal):
    with pytest.raises(refusal.error, match=refusal.match) as caught:
        refusal.call()
    assert len(str(caught.value).splitlines()) <= 3


# --- a Tensor in NumPy's functions --------------------------------------------------------------------------------


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


# --- on the GPU's stand-in ----------------------------------------------------------------------------------------


@every_row
def test_cupy_arrays_give_the_same(row: Row):
    arrays = row.sample(rng())
    expected = run(row.f, arrays)
    with fake_cupy.installed() as cupy:
        assert_same(run(row.f, [cupy.asarray(x) for x in arrays]), expected)


# --- fused ops ----------------------------------------------------------------------------------------------------

FUSED = [row for row in ROWS if getattr(OPS.get(row.op), "composition", None)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("row", FUSED, ids=str)
def test_fused_op_equals_its_composition(row: Row, dtype, monkeypatch):
    op = OPS[row.op]
    arrays = row.sample(rng(), dtype)
    xs = leaves(arrays)
    y = row.f(*xs)
    g = rng().normal(size=y.shape).astype(dtype)
    dxs = gradients(y, xs, g)
    call = Primitive.__call__

    def spelled_out(self, *args, **settings):
        if self is not op:
            return call(self, *args, **settings)
        args, settings = op._sort_arguments(args, settings)
        return op.composition(*args, **settings)

    monkeypatch.setattr(Primitive, "__call__", spelled_out)
    plain = row.f(*xs)
    assert plain.op is not op
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 2e-5, "atol": 2e-6}
    assert plain.dtype == y.dtype
    assert_close(y.data, plain.data, **close)
    assert_close(dxs, gradients(plain, xs, g), **close)


# --- any shape, any values ----------------------------------------------------------------------------------------

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
