"""What is recorded, and what is not."""

import threading

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor
from minidl.recording import recording


def leaf(*shape, dtype=np.float64, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def test_no_grad_records_nothing_and_ends_also_after_an_error():
    x = leaf(3)
    with pytest.raises(RuntimeError), md.no_grad():
        assert not (x * 2.0).requires_grad
        assert not md.is_recording()
        raise RuntimeError
    assert md.is_recording()
    assert (x * 2.0).requires_grad


def test_no_grad_holds_for_its_own_thread_only():
    x, seen = leaf(3), []
    with md.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2.0).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_train_side_by_side():
    """Four threads, each with its own graph, get the gradients that one gets alone."""
    found = {}

    def work(seed):
        w = leaf(20, seed=seed)
        for _ in range(50):
            w.zero_grad()
            (md.tanh(w) * w).sum().backward()
            with md.no_grad():
                w -= 0.1 * w.grad
        found[seed] = w.data

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(found)
    for seed in range(4):
        work(seed)
        np.testing.assert_array_equal(found[seed], together[seed])


def test_detach_stops_the_gradient():
    x = leaf(3)
    (x * x.detach()).sum().backward()
    np.testing.assert_allclose(x.grad, x.data)


def test_constants_leave_no_record():
    y = Tensor([1.0]) * 2.0
    assert (y.requires_grad, y.is_leaf, y.op, y.inputs) == (False, True, None, ())


def test_a_result_knows_its_op_and_inputs():
    x = leaf(3)
    y = x * 2.0
    assert y.op is md.multiply
    assert y.inputs[0] is x
    assert not y.is_leaf


def test_recording_inside_no_grad_and_back_again():
    x = md.Tensor([2.0], requires_grad=True)
    with md.no_grad():
        with recording(True):
            assert (x * x).requires_grad
        assert not (x * x).requires_grad
        with pytest.raises(KeyError), recording(True):
            raise KeyError
        assert not md.is_recording()
    assert md.is_recording()
