"""The array library is found from the arrays, moving is explicit, and one generator draws every random number."""

import subprocess
import sys
from types import SimpleNamespace

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import arrays


@pytest.fixture
def cupy():
    with fake_cupy.installed() as cupy:
        yield cupy


@pytest.fixture
def float32_again():
    yield
    arrays.set_default_dtype("float32")


# --- which library --------------------------------------------------------------------------------------------------


def test_array_module_follows_the_arrays(cupy):
    n, c = np.ones(2), cupy.ones(2)
    assert arrays.array_module(n) is np
    assert arrays.array_module(c) is cupy
    assert arrays.array_module(1.0, None, c) is cupy
    assert arrays.array_module(1.0, [1, 2]) is np
    assert arrays.array_module() is np


def test_is_array(cupy):
    assert arrays.is_array(cupy.ones(2))
    assert arrays.is_array(cupy.ones(2).sum())
    assert not arrays.is_array(np.float32(1))
    assert not arrays.is_array([cupy.ones(2)])


def test_without_cupy_every_array_is_numpys(monkeypatch):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    x = np.ones(2)
    assert arrays.array_module(x) is np
    assert arrays.is_array(x)
    assert arrays.device_of(x) == "cpu"
    assert "cupy" not in sys.modules


def test_cupy_is_not_imported_by_minidl():
    program = "import sys, minidl; from minidl.arrays import move, as_array; move(as_array(1.0), 'cpu')"
    subprocess.run([sys.executable, "-c", f"{program}; assert 'cupy' not in sys.modules"], check=True)


# --- devices --------------------------------------------------------------------------------------------------------


def test_device_of(cupy):
    assert arrays.device_of(np.ones(2)) == "cpu"
    assert arrays.device_of(cupy.ones(2)) == "cuda"
    assert arrays.device_of(3.0) == "cpu"


def test_device_module(cupy):
    assert arrays.device_module("cpu") is np
    assert arrays.device_module("cuda") is cupy


@pytest.mark.parametrize("device", ["gpu", "cuda:0", None, 0])
def test_device_module_knows_two_names(device):
    with pytest.raises(ValueError, match=r'^device must be "cpu" or "cuda", got ') as error:
        arrays.device_module(device)
    assert repr(device) in str(error.value)


def test_missing_cupy_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # what makes an import fail
    with pytest.raises(ValueError, match="needs CuPy, which is not installed") as error:
        arrays.move(np.ones(2), "cuda")
    assert "pip install cupy-cuda13x" in str(error.value)
    assert str(error.value).count("\n") < 3
    assert isinstance(error.value.__cause__, ImportError)


def test_cupy_without_a_gpu_says_so(monkeypatch):
    class CUDARuntimeError(RuntimeError):
        pass

    def zeros(shape):
        raise CUDARuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(zeros=zeros, ndarray=fake_cupy.cupy.ndarray))
    with pytest.raises(ValueError, match=r"no usable GPU \(CUDARuntimeError\)"):
        arrays.device_module("cuda")


def test_move_keeps_numbers_dtype_and_shape(cupy):
    for n in (
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.float32(2.5).reshape(()),
        np.zeros((0, 3)),
        np.ones(2, bool),
    ):
        c = arrays.move(n, "cuda")
        back = arrays.move(c, "cpu")
        assert type(c) is cupy.ndarray
        assert type(back) is np.ndarray
        assert (back.dtype, back.shape) == (n.dtype, n.shape)
        assert np.array_equal(back, n)


def test_move_within_a_device_is_no_copy_and_across_is_one(cupy):
    n = np.ones(2)
    c = arrays.move(n, "cuda")
    assert arrays.move(n, "cpu") is n
    assert arrays.move(c, "cuda") is c
    n[0] = 5
    assert c.tolist() == [1, 1]


def test_check_same_device(cupy):
    n, c = np.ones(2), cupy.ones(2)
    arrays.check_same_device("add")
    arrays.check_same_device("add", n, 2.0, None, n)
    arrays.check_same_device("add", c, 2.0, c)
    with pytest.raises(ValueError, match=r"^add expects all its arrays on one device, got cuda, cpu\.") as error:
        arrays.check_same_device("add", c, 2.0, n)
    assert ".to('cuda')" in str(error.value)


# --- dtypes ---------------------------------------------------------------------------------------------------------


def test_default_dtype_is_float32_until_changed(float32_again):
    assert arrays.default_dtype() == np.float32
    for dtype in ("float64", np.float64, np.dtype("float64")):
        arrays.set_default_dtype(dtype)
        assert arrays.default_dtype() == np.float64
        assert arrays.as_array([1.0]).dtype == np.float64
        assert arrays.as_array(np.ones(1, np.float32)).dtype == np.float32


@pytest.mark.parametrize("dtype", ["int64", bool, "complex64", "U3"])
def test_default_dtype_is_a_floating_type(dtype):
    with pytest.raises(TypeError, match="set_default_dtype expects a dtype of floating numbers"):
        arrays.set_default_dtype(dtype)
    assert arrays.default_dtype() == np.float32


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1.5, "float32", ()),
        (2, "int64", ()),
        (True, "bool", ()),
        ([1.0, 2], "float32", (2,)),
        ([[1, 2], [3, 4]], "int64", (2, 2)),
        ((True, False), "bool", (2,)),
        (range(3), "int64", (3,)),
        ([], "float32", (0,)),
        (np.float64(1), "float64", ()),
        (np.int8(1), "int8", ()),
        (np.ones(2, np.float16), "float16", (2,)),
    ],
    ids=str,
)
def test_as_array(data, dtype, shape):
    a = arrays.as_array(data)
    assert type(a) is np.ndarray
    assert (a.dtype, a.shape) == (np.dtype(dtype), shape)


def test_as_array_returns_arrays_themselves(cupy):
    for a in (np.ones(2), cupy.ones(2)):
        assert arrays.as_array(a) is a


def test_as_array_refuses_ragged_lists_and_what_are_no_numbers():
    with pytest.raises(ValueError, match="expected a rectangular array"):
        arrays.as_array([[1.0, 2.0], [3.0]])
    for data in ("seven", ["a", "b"], None, {"a": 1}, 1j, [None]):
        with pytest.raises(TypeError, match=f"^expected numbers, got {type(data).__name__} of kind"):
            arrays.as_array(data)


def test_a_matrix_and_a_file_in_memory_are_arrays_like_all_others(tmp_path):
    with pytest.warns(PendingDeprecationWarning, match="matrix"):
        matrix = np.asmatrix(np.arange(4.0).reshape(2, 2))
    file = np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 3))
    for data in (matrix, file):
        a = arrays.as_array(data)
        assert type(a) is np.ndarray and a.dtype == data.dtype and np.shares_memory(a, data)
    product = md.Tensor(matrix) * md.Tensor(matrix)
    assert product.data.tolist() == [[0.0, 1.0], [4.0, 9.0]]


def test_a_mask_is_not_lost_in_silence():
    x = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
    with pytest.raises(TypeError, match=r"masked array, whose mask would be lost.\nFill it: x.filled\(0\)"):
        md.Tensor(x)
    model = md.Sequential([md.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"^fit: x: expected an array, got a masked array"):
        model.fit(x, np.ones(2), verbose=0)
    assert md.Tensor(x.filled(0)).data.tolist() == [[1.0, 0.0], [3.0, 4.0]]


# --- the generator --------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_numbers():
    draws = []
    for _ in range(2):
        arrays.seed(7)
        draws.append(arrays.generator().random(5))
    assert np.array_equal(*draws)
    arrays.seed(8)
    assert not np.array_equal(draws[0], arrays.generator().random(5))


def test_seed_keeps_the_generator_object():
    held = arrays.generator()
    arrays.seed(3)
    assert arrays.generator() is held
    assert held.random() == np.random.default_rng(3).random()


def test_a_seed_starts_over_in_the_middle_of_a_32_bit_pair():
    arrays.seed(3)
    arrays.generator().integers(10, dtype=np.uint32)  # PCG64 keeps the other half of its 64 bits for the next call
    arrays.seed(3)
    expected = np.random.default_rng(3).integers(10, size=4, dtype=np.uint32)
    assert np.array_equal(arrays.generator().integers(10, size=4, dtype=np.uint32), expected)


def test_generator_takes_a_generator_or_an_integer():
    own = np.random.default_rng(5)
    assert arrays.generator(own) is own
    assert arrays.generator(5).random() == np.random.default_rng(5).random()
    assert arrays.generator(np.int64(5)).random() == np.random.default_rng(5).random()
    arrays.seed(5)
    arrays.generator(5).random()  # leaves the one generator alone
    assert arrays.generator().random() == np.random.default_rng(5).random()


@pytest.mark.parametrize("rng", ["5", 5.0, np.random])
def test_generator_refuses_other_kinds(rng):
    with pytest.raises(TypeError, match=r"^rng must be a numpy.random.Generator, an integer seed or None, got "):
        arrays.generator(rng)


@pytest.mark.parametrize("data", [np.array([1j]), np.array([1, None]), np.array(["a"]), [1j], "a", None])
def test_what_is_no_real_number_is_refused(data):
    with pytest.raises(TypeError, match=r"expected (real )?numbers"):
        arrays.as_array(data)


def test_the_data_of_a_tensor_stays_on_its_device(cupy):
    x = md.Tensor([1.0], device="cuda")
    with pytest.raises(ValueError, match="on one device"):
        x.data = np.ones(1, np.float32)
    assert x.device == "cuda"
