"""The stand-in for CuPy (D.T13) refuses what CuPy refuses and does what CuPy does.

The tests that take ``cp`` run on the stand-in and, on a machine with a GPU, on CuPy itself: that is what keeps the
stand-in honest.
"""

import copy
import operator
import pickle

import fake_cupy
import numpy as np
import pytest
from fake_cupy.names import OPERATORS
from fake_cupy.real import libraries


@pytest.fixture(params=libraries(), ids=lambda library: "CuPy" if hasattr(library, "RawKernel") else "stand-in")
def cp(request):
    return request.param


@pytest.fixture
def a(cp):
    return cp.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))


def same(array, expected) -> bool:
    """Equal to the NumPy array in values, shape and dtype, and on the device."""
    expected = np.asarray(expected)
    got = array.get()
    return got.dtype == expected.dtype and got.shape == expected.shape and np.array_equal(got, expected)


# --- the wall -------------------------------------------------------------------------------------------------------


def test_no_implicit_conversion_to_numpy(a):
    for convert in (np.asarray, np.array, lambda x: np.copyto(np.zeros((2, 3)), [x, x])):
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
            convert(a)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_refuse_numpy_arrays(cp, name):
    x, n = cp.ones((2, 2), int), np.ones((2, 2), int)
    function = getattr(operator, f"__{name}__")
    assert type(function(x, x)) is cp.ndarray
    for call in (lambda: function(x, n), lambda: function(n, x), lambda: getattr(cp, OPERATORS[name])(x, n)):
        with pytest.raises(TypeError):
            call()


def test_in_place_operators_and_zero_dimensional_numpy_arrays_are_refused_too(a):
    with pytest.raises(TypeError, match="Unsupported type <class 'numpy"):
        a += np.ones((2, 3), np.float32)
    with pytest.raises(TypeError, match="Unsupported type <class 'numpy"):
        a + np.asarray(1.0)


def test_functions_refuse_numpy_arrays_and_lists(cp, a):
    n = np.ones((2, 3), np.float32)
    calls = [
        lambda: np.concatenate([a, n]),
        lambda: np.where(a > 1, a, n),
        lambda: np.where(n > 1, a, a),
        lambda: a @ np.ones((3, 2), np.float32),
        lambda: cp.exp(n),
        lambda: cp.maximum(a, [1, 2, 3]),
    ]
    for call in calls:
        with pytest.raises((TypeError, AttributeError)):
            call()


def test_scalars_of_python_and_numpy_are_welcome(cp, a):
    n = a.get()
    assert same(a + 1, n + 1)
    assert same(2 * a, 2 * n)
    assert same(1 / (a + 1), 1 / (n + 1))
    assert same(a - np.float32(3), n - np.float32(3))
    assert same(np.float64(3) * a, np.float64(3) * n)  # promotes to float64, as in NumPy 2
    assert same(a > np.asarray(2.0), n > 2)


def test_numpy_arrays_are_not_stored(a):
    with pytest.raises(ValueError, match="non-scalar numpy"):
        a[0] = np.ones(3, np.float32)
    a[0] = 7
    assert a.get()[0].tolist() == [7, 7, 7]


def test_ways_in_and_out(cp, a):
    n = np.arange(3.0)
    x = cp.asarray(n)
    n[0] = 99  # the device has its own memory
    assert same(x, [0.0, 1.0, 2.0])
    assert cp.asarray(x) is x
    out = cp.asnumpy(x)
    out[0] = 99
    assert same(x, [0.0, 1.0, 2.0])
    assert type(out) is type(x.get()) is type(x.sum().get()) is np.ndarray
    assert cp.asnumpy(n) is n
    x.set(np.ones(3))
    assert x.tolist() == [1, 1, 1]
    assert same(cp.array([x[0], x[1]]), [1.0, 1.0])
    assert cp.get_array_module(n) is np
    assert cp.get_array_module(n, x) is cp


def test_sizes_are_numbers_on_the_host(cp):
    for call in (lambda: cp.zeros(cp.array(3)), lambda: range(cp.array(3)), lambda: [1, 2][cp.array(0)]):
        with pytest.raises(TypeError):
            call()


# --- results --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", "sum prod mean max min argmax argmin any all var std".split())
def test_reductions_give_arrays_of_no_dimensions(cp, a, name):
    for y in (getattr(a, name)(), getattr(cp, name)(a), getattr(np, name)(a)):
        assert type(y) is cp.ndarray
        assert y.shape == ()
    assert same(getattr(a, name)(axis=1, keepdims=True) * 1, getattr(a.get(), name)(axis=1, keepdims=True) * 1)


def test_other_scalars_of_numpy_are_arrays_too(cp, a):
    x = cp.ones(3)
    results = [a[1, 2], x @ x, cp.count_nonzero(a), cp.allclose(a, a), cp.linalg.norm(a), cp.exp(1.0), next(iter(x))]
    assert all(type(y) is cp.ndarray and y.shape == () for y in results)


def test_python_values_of_size_one_arrays(a):
    assert float(a[1, 2]) == a[1, 2].item() == 5.0
    assert int(a.sum()) == 15
    assert bool(a[0, 1])
    assert f"{a[1, 2]:.2f}" == "5.00"
    assert len(a) == 2
    assert [row.tolist() for row in a] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="ambiguous"):
        bool(a)
    with pytest.raises(ValueError, match="size 1"):
        a.item()
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        iter(a.sum())
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


def test_views_share_memory(cp):
    x = cp.arange(6.0)
    x[1:3][...] = 0
    x[4][...] = -1  # one element is a view as well
    x.reshape(2, 3)[1, 2] = 9
    assert same(x, [0.0, 0.0, 0.0, 3.0, -1.0, 9.0])
    view = x.reshape(2, 3).T
    assert view.base is x
    assert x.base is None
    assert (x + 1).base is None
    assert cp.shares_memory(x, view)
    assert view.data.ptr == x.data.ptr
    picked = x[[0, 1]]
    picked[...] = 5
    assert picked.base is None
    assert float(x[0]) == 0
    assert cp.lib.stride_tricks.sliding_window_view(x, 2).shape == (5, 2)


def test_attributes(cp, a):
    n = a.get()
    assert (a.shape, a.ndim, a.size, a.dtype) == (n.shape, n.ndim, n.size, n.dtype)
    assert (a.strides, a.nbytes, a.itemsize) == (n.strides, n.nbytes, n.itemsize)
    assert same(a.T, n.T)
    assert a.flags.c_contiguous and not a.T.flags.c_contiguous
    assert not hasattr(a.flags, "writeable")
    assert a.device.id == 0
    assert a.__cuda_array_interface__["shape"] == (2, 3)
    assert cp.float32 is np.float32
    with pytest.raises(AttributeError):
        a.note = "arrays have no room for notes"


def test_copies(a):
    for b in (copy.copy(a), copy.deepcopy(a), pickle.loads(pickle.dumps(a)), a.copy()):
        b[...] = 0
        assert float(a.sum()) == 15


def test_out(cp, a):
    y = cp.empty((2, 3), cp.float32)
    assert cp.add(a, a, out=y) is y
    assert np.exp(a, out=y) is y
    s = cp.empty((), cp.float32)
    assert cp.sum(a, out=s) is s
    assert float(s) == 15
    b = a
    b *= 2
    assert b is a
    with pytest.raises(TypeError):
        cp.add(a, a, out=np.empty((2, 3), np.float32))
    with pytest.raises(TypeError, match="cast"):
        cp.add(a, a, out=cp.empty((2, 3), cp.int32))


def test_division_by_zero_is_silent(cp, a):
    assert same(a / 0, [[np.nan, np.inf, np.inf], [np.inf] * 3] * np.ones(1, np.float32)) or bool(
        cp.isnan((a / 0)[0, 0])
    )
    assert bool(cp.isinf(cp.log(a)[0, 0]))


# --- indices --------------------------------------------------------------------------------------------------------


def test_indices_out_of_range_wrap(cp):
    x = cp.arange(3.0)
    far = cp.asarray([3, -4, 1])
    assert same(x[far], [0.0, 2.0, 1.0])
    assert same(x[[3, 1]], [0.0, 1.0])
    assert same(cp.take(x, far), [0.0, 2.0, 1.0])
    assert same(cp.take_along_axis(x, far, axis=0), [0.0, 2.0, 1.0])
    x[[4]] = 7
    assert same(x, [0.0, 7.0, 2.0])
    cp.add.at(x, cp.asarray([3, 0]), 1.0)
    assert same(x, [2.0, 7.0, 2.0])
    m = cp.arange(6.0).reshape(2, 3)
    assert same(m[:, cp.asarray([5])], [[2.0], [5.0]])
    assert same(m[cp.asarray([2, 1]), cp.asarray([0, 3])], [0.0, 3.0])
    with pytest.raises(IndexError):
        x[3]  # plain integers are checked


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        (1, 2),
        slice(None, None, -1),
        (..., 1),
        (None, 0),
        ([0, 1], [2, 0]),
        (slice(None), [2, 0]),
        [],
        (0, ..., None),
    ],
    ids=str,
)
def test_indexing_agrees_with_numpy(a, key):
    assert same(a[key], a.get()[key])


def test_masks(cp, a):
    n = a.get()
    assert same(a[a > 2], n[n > 2])
    assert same(a[cp.asarray([True, False])], n[[True, False]])
    a[a > 2] = 0
    assert same(a, np.where(n > 2, 0, n))
    with pytest.raises(IndexError):
        a[cp.asarray([True, False, True])]


def test_put_along_axis_wraps():
    cp = fake_cupy.cupy
    x = cp.zeros((2, 3))
    cp.put_along_axis(x, cp.asarray([[1], [5]]), 1.0, axis=1)
    assert same(x, [[0, 1.0, 0], [0, 0, 1]])


# --- NumPy's protocols ----------------------------------------------------------------------------------------------


def test_numpy_functions_reach_cupy(cp, a):
    n = a.get()
    assert same(np.negative(a), -n)
    assert same(np.maximum(a, 2), np.maximum(n, 2))
    assert same(np.concatenate([a, a], axis=1), np.concatenate([n, n], axis=1))
    assert same(np.matmul(a, a.T), n @ n.T)
    assert same(np.einsum("ij->ji", a), n.T)
    assert same(np.add.reduce(a, axis=0), n.sum(0))
    assert type(np.linalg.norm(a)) is cp.ndarray


def test_numpy_functions_that_cupy_lacks_raise(a):
    for call in (lambda: np.block([a]), lambda: np.insert(a, 0, 1.0), lambda: np.spacing(a), lambda: np.vecdot(a, a)):
        with pytest.raises(TypeError):
            call()


def test_a_class_of_ones_own_is_asked(a):
    class Mine:
        def __array_ufunc__(self, function, method, *inputs, **kwargs):
            return function.__name__

    class Aloof:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

    assert a + Mine() == "add"
    assert a + Aloof() == "mine"


# --- names ----------------------------------------------------------------------------------------------------------


def test_missing_names(cp, a):
    for name in ("block", "errstate", "vecdot", "no_such_function"):
        with pytest.raises(AttributeError, match=f"module 'cupy' has no attribute '{name}'"):
            getattr(cp, name)
    for method in ("setflags", "resize", "__index__", "__imatmul__"):
        assert not hasattr(a, method)


def test_missing_parameters(cp, a):
    calls = [
        lambda: cp.sum(a, where=a > 1),
        lambda: a.max(initial=0),
        lambda: np.sum(a, initial=1.0),
        lambda: cp.add(a, a, where=a > 1),
        lambda: cp.take(a, cp.asarray([0]), mode="clip"),
        lambda: cp.count_nonzero(a, keepdims=True),
        lambda: cp.sum(a, 0, None, None, True, 0.0),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_missing_methods_of_ufuncs(cp, a):
    with pytest.raises(NotImplementedError):
        cp.maximum.reduce(a)
    with pytest.raises(NotImplementedError):
        cp.multiply.at(a, 0, 2.0)
    with pytest.raises(TypeError, match=r"cupy\.add\.at only supports"):
        cp.add.at(cp.zeros(3, bool), cp.asarray([0]), True)
    assert same(cp.add.reduce(a), a.get().sum(0))
    assert same(cp.add.accumulate(a), a.get().cumsum(0))
    assert same(cp.subtract.outer(a[0], a[1]), np.subtract.outer(a[0].get(), a[1].get()))
