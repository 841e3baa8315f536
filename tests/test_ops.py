"""What every public op must do, for every row of the op table."""

import contextlib

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive, Tensor
from minidl.backward import gradients
from minidl.dispatch import OPS
from minidl.gradcheck import check_grads
from minidl.kinks import check_kink
from minidl.losses import LOSSES
from tests.running import assert_close, assert_same, leaves, numbers, rng, run
from tests.table import KINKS, REFUSALS, ROWS
from tests.table.row import Kink, Refusal, Row

PUBLIC = {name: op for name, op in OPS.items() if op.__module__.startswith("minidl.ops.")}
OF_OPS = [row for row in ROWS if row.op in PUBLIC]

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_op_row = pytest.mark.parametrize("row", OF_OPS, ids=str)


# --- completeness -------------------------------------------------------------------------------------------------


def test_every_public_op_has_a_row():
    assert not sorted(set(PUBLIC) - {row.op for row in ROWS})


def test_every_layer_and_loss_has_a_row():
    layers = {c for c in vars(md.layers).values() if isinstance(c, type) and issubclass(c, md.Layer)} - {md.Layer}
    public = {c.__name__ for c in layers | set(LOSSES.values())}
    assert not sorted(public - {row.op for row in ROWS})


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
    check_grads(row.f, *row.sample(rng()), parameters=row.parameters)


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


def common_domain(row: Row) -> tuple[float, float]:
    domains = np.array(row.domain if np.ndim(row.domain) == 2 else [row.domain])
    return float(domains[:, 0].max()), float(domains[:, 1].min())


ALIKE = [row for row in ROWS if len(row.shapes) == 2 and row.shapes[0] == row.shapes[1]]
TWICE = [row for row in ALIKE if common_domain(row)[0] < common_domain(row)[1]]


@pytest.mark.parametrize("row", TWICE, ids=str)
def test_the_same_tensor_twice(row: Row):
    """f(x, x): the two partial derivatives are summed, none is lost."""
    (x,) = Row(row.op, row.f, row.shapes[:1], row.reference, "", common_domain(row), row.kinks).sample(rng())
    check_grads(lambda x: row.f(x, x), x)


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
    """The op takes them, with right values and gradients, or refuses them in words."""
    arrays = row.sample(rng())
    try:
        y = row.f(*leaves(arrays))
    except (ValueError, IndexError) as refused:
        assert len(str(refused).splitlines()) <= 3
        return
    assert y.dtype == np.float64
    with contextlib.suppress(ValueError, IndexError, TypeError, ZeroDivisionError):  # references know their shapes
        expected = row.reference(*arrays)
        if np.shape(expected) == y.shape:
            assert_close(y.data, expected, rtol=1e-10, atol=1e-12)
    if np.isfinite(y.data).all():
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


# --- on the GPU's stand-in ----------------------------------------------------------------------------------------


@every_row
def test_cupy_arrays_give_the_same(row: Row, monkeypatch):
    arrays = row.sample(rng())
    expected = run(row.f, arrays)
    with fake_cupy.installed() as cupy:
        for p in row.parameters:
            monkeypatch.setattr(p, "_data", cupy.asarray(p.data))
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
