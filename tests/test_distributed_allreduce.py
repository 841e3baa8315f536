"""The ring: the sum of all, the same to the last bit at each, for less than two copies sent (D3.E4)."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl as md
from minidl.distributed import ring_allreduce, run


def rows(p, shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(p, *shape)) * 100).astype(dtype)


def all_sums(arrays):
    return run(len(arrays), lambda comm: ring_allreduce(comm, arrays[comm.Get_rank(), ...]))


@pytest.mark.parametrize(
    ("p", "dtype"), [*((p, np.float32) for p in range(1, 8)), *((p, np.float64) for p in range(1, 8)), (3, np.int64)]
)
def test_D3_E4_the_sum_is_everywhere(p, dtype):
    for n in (0, 2, 7, 20):
        arrays = rows(p, (n,), dtype)
        sums = all_sums(arrays)
        for s in sums:
            assert s.dtype == dtype and s.shape == (n,)
            np.testing.assert_allclose(s, arrays.sum(axis=0), rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-4)
            np.testing.assert_array_equal(s, sums[0])  # to the last bit


@settings(max_examples=12)
@given(p=st.integers(1, 4), shape=st.lists(st.integers(0, 4), max_size=3), seed=st.integers(0, 99))
def test_any_shape(p, shape, seed):
    arrays = rows(p, shape, seed=seed)
    before = arrays.copy()
    for s in all_sums(arrays):
        assert s.shape == tuple(shape)
        np.testing.assert_allclose(s, arrays.sum(axis=0), rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(arrays, before)


def test_arrays_that_are_not_contiguous():
    arrays = rows(3, (4, 6))
    for s in run(3, lambda comm: ring_allreduce(comm, arrays[comm.Get_rank()].T[::2])):
        np.testing.assert_allclose(s, arrays.sum(axis=0).T[::2], rtol=1e-12)


class Counting:
    """A communicator that counts the numbers that it sends, and to whom."""

    def __init__(self, comm):
        self.comm, self.sent, self.neighbours = comm, 0, set()

    def __getattr__(self, name):
        return getattr(self.comm, name)

    def Sendrecv(self, sendbuf, dest, *, recvbuf, source):
        self.sent += sendbuf.size
        self.neighbours.add(dest)
        self.comm.Sendrecv(sendbuf, dest, recvbuf=recvbuf, source=source)


@pytest.mark.parametrize("p", [2, 3, 4, 6])
def test_D3_E4_each_sends_less_than_two_copies_and_to_its_right_only(p):
    def work(comm):
        counting = Counting(comm)
        ring_allreduce(counting, np.ones(60))
        return counting.sent, counting.neighbours

    assert run(p, work) == [(2 * (p - 1) * 60 // p, {(rank + 1) % p}) for rank in range(p)]


def test_nan_and_infinity_arrive_everywhere():
    arrays = np.zeros((3, 4))
    arrays[1, 0], arrays[2, 3] = np.nan, np.inf
    for s in all_sums(arrays):
        np.testing.assert_array_equal(s, [np.nan, 0, 0, np.inf])


def test_arrays_on_a_gpu_come_back_there():
    with fake_cupy.installed() as cupy:
        one = cupy.asarray(np.arange(5.0))
        (s,) = run(1, lambda comm: ring_allreduce(comm, one))
        assert isinstance(s, cupy.ndarray) and s is not one
        sums = run(3, lambda comm: ring_allreduce(comm, one))
        for s in sums:
            assert isinstance(s, cupy.ndarray)
            np.testing.assert_array_equal(s.get(), 3 * np.arange(5.0))


@pytest.mark.parametrize("array", [[1.0], 2.0, None, md.Tensor([1.0]), np.ones(2, bool), np.ones(2, np.float16), "a"])
def test_refuses_what_is_no_array_of_numbers(array):
    with pytest.raises(TypeError, match=r"^ring_allreduce expects an array of float32, float64 or integers, got "):
        run(2, lambda comm: ring_allreduce(comm, array))


def test_refuses_other_sizes_and_no_communicator():
    with pytest.raises(ValueError, match=r"Do all workers call the same functions with arrays of the same size\?"):
        run(3, lambda comm: ring_allreduce(comm, np.zeros(4 + comm.Get_rank())))
    with pytest.raises(TypeError, match=r"^ring_allreduce expects a communicator first, got float64 array"):
        ring_allreduce(np.zeros(3), np.zeros(3))
