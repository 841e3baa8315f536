"""What Threads refuse, and what they leave behind."""

import gc
import sys
import threading

import fake_cupy
import numpy as np
import pytest
from small_models import VALUES, X, regressor, two_by_two

import minidl as md
from minidl import layers as L
from minidl.arrays import here


def network():
    md.seed(0)
    return md.Sequential([L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), L.Flatten(), L.Dense(4)])


# --- refusals -----------------------------------------------------------------------------------------------------


def test_a_step_is_refused_before_any_work_where_its_threads_are_none():
    w = L.Parameter(np.ones(4, np.float32))
    w.grad = np.ones(4, np.float32)
    optimizer = md.optimizers.Adam([w])
    with md.Threads(2) as over:
        pass
    with pytest.raises(ValueError, match=r"^Threads\(2\) work only inside their block"):
        optimizer.step(over)
    with pytest.raises(TypeError, match=r"^Adam\.step expects threads as a Threads, got int 2\.\nWrite: with"):
        optimizer.step(2)
    assert optimizer.iterations == 0
    optimizer.step(md.Threads(1))
    assert optimizer.iterations == 1


def test_a_step_of_one_s_own_that_takes_no_threads_serves_without_them():
    class Counting(md.optimizers.SGD):
        def step(self):
            super().step()

    model = regressor()
    model.compile(Counting(), "mse")
    model.fit(X, VALUES, epochs=1, verbose=0)
    with pytest.raises(TypeError, match=r"step\(\) got an unexpected keyword argument 'threads'"):
        model.fit(X, VALUES, epochs=1, verbose=0, threads=2)


def test_fit_refuses_a_number_of_threads_before_it_builds_the_model():
    model = md.Sequential([L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Threads expects n as a positive integer, got 0"):
        model.fit(X, VALUES, threads=0)
    assert not model.built


def test_threads_outside_their_block_and_inside_a_shared_function_are_refused():
    model = network()
    threads, x = md.Threads(2), np.ones((4, 6, 6, 2), np.float32)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"only inside their block: with md\.Threads\(2\)"):
            threads.backward(model, x, lambda y: y.sum())
        with threads:
            threads.backward(model, x, lambda y: y.sum())
            with pytest.raises(ValueError, match="is shared already"):
                threads.backward(lambda x: threads.backward(model, x, lambda y: y.sum())[1], x, lambda y: y.sum())


@pytest.mark.parametrize("x", [None, [[1.0, 2.0]] * 4, {"a": X}, np.float32(1), np.ones(()), "words", []])
def test_what_cannot_be_cut_is_refused(x):
    with md.Threads(2) as threads, pytest.raises((TypeError, ValueError), match=r"^Threads expect"):
        threads.backward(lambda x: x, x, lambda y: y.sum())


def test_an_input_that_was_computed_is_refused():
    x = md.Tensor(X, requires_grad=True) * 2.0
    with md.Threads(2) as threads:
        with pytest.raises(ValueError, match=r"outside any graph, got what multiply made"):
            threads.backward(lambda x: x * 1.0, x, lambda y: y.sum())
        y = threads.backward(L.Dense(1, input_shape=(4,)), x.detach(), lambda y: y.sum())[1]
    assert y.shape == (50, 1)


def test_batch_normalisation_is_refused_in_training_and_works_in_use():
    model = md.Sequential([L.Dense(3, input_shape=(4,)), L.BatchNormalization()])
    before = model.get_weights()
    with md.Threads(2) as threads:
        with pytest.raises(ValueError, match=r"^BatchNormalization 'batch_normalization' looks at the whole batch"):
            threads.backward(model, X, lambda y: y.sum())
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
        model.eval()
        threads.backward(model, X, lambda y: y.sum())
    assert here.part is None


def test_a_function_of_the_whole_batch_is_refused():
    w = md.Tensor(np.ones(4, np.float32), requires_grad=True)
    with md.Threads(2) as threads:
        with pytest.raises(ValueError, match=r"a row for each of 25 samples, got .*\(4,\)"):
            threads.backward(lambda x: (x * w).mean(axis=0), X, lambda y: y.sum())
        with pytest.raises(ValueError, match=r"one length, got \[50, 49\]"):
            threads.backward(two_by_two(), [X[:, :2], X[1:, 2:]], lambda y: y[0].sum())


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "two"])
def test_the_number_must_be_a_positive_integer(n):
    with pytest.raises((TypeError, ValueError), match="Threads expects n as a positive integer, got"):
        md.Threads(n)


def test_threadpoolctl_is_asked_for_by_name_and_only_where_it_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    md.Threads(1)
    with pytest.raises(ValueError, match=r'pip install "minidl\[fast\]"'):
        md.Threads(2)


def test_a_batch_on_the_gpu_is_refused_and_one_thread_leaves_it_alone():
    with fake_cupy.installed():
        model = md.Sequential([L.Dense(1, input_shape=(4,))]).to("cuda")
        x = md.Tensor(X, device="cuda")
        for on_gpu in (x, x.data):
            with md.Threads(2) as threads, pytest.raises(ValueError, match="on the processor, this one is on a GPU"):
                threads.backward(model, on_gpu, lambda y: y.sum())
        with md.Threads(1) as threads:
            threads.backward(model, x, lambda y: y.sum())
        assert model.parameters()[0].grad is not None


def test_an_error_in_any_thread_reaches_the_caller_and_the_threads_go_on_working():
    def second_half_only(x):
        if here.part.number == 1:
            raise FloatingPointError("in the other thread")
        return md.Tensor(x)

    with md.Threads(2) as threads:
        with pytest.raises(FloatingPointError, match="in the other thread"):
            threads.backward(second_half_only, X, lambda y: y.sum())
        model = L.Dense(1, input_shape=(4,))
        threads.backward(model, X, lambda y: y.sum())
    assert model.kernel.grad is not None


# --- what is around it --------------------------------------------------------------------------------------------


def test_the_threads_end_with_the_block_and_blas_has_its_own_again():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def blas():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    before, running, inside = blas(), threading.active_count(), []
    with md.Threads(3) as threads:
        f = regressor()
        threads.backward(lambda x: inside.append(blas()) or f(x), X, lambda y: y.sum())
    assert blas() == before and threading.active_count() == running
    assert inside and all(n == 1 for ns in inside for n in ns)


def test_blas_has_its_own_threads_again_in_whatever_order_blocks_end():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def blas():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas()
        one, other = md.Threads(2), md.Threads(2)
        one.__enter__()
        other.__enter__()
        one.__exit__()
        assert all(n == 1 for n in blas())
        other.__exit__()
        assert blas() == before


def test_a_block_is_not_entered_twice():
    with md.Threads(2) as threads:
        with pytest.raises(ValueError, match="inside a block already"):
            threads.__enter__()
    with threads:
        assert threads.forward(lambda x: x * 1.0, md.Tensor(X)).shape == X.shape


def test_graphs_die_by_reference_count_alone():
    model, x = network(), np.ones((4, 6, 6, 2), np.float32)
    with md.Threads(2) as threads:
        threads.backward(model, x, lambda y: y.sum())
        gc.collect()
        for _ in range(3):
            threads.backward(model, x, lambda y: y.sum())
        assert gc.collect() == 0


def test_errstate_holds_in_every_thread():
    w = md.Tensor(np.zeros(4, np.float32), requires_grad=True)
    with md.Threads(2) as threads, np.errstate(all="ignore"):
        threads.backward(lambda x: md.log(w) + 0.0 * x, X, lambda y: 0.0 * y[:0].sum())


def test_in_debug_mode_the_first_bad_number_is_reported_at_the_users_line():
    w = md.Tensor(np.zeros(4, np.float32), requires_grad=True)
    with md.Threads(2) as threads, md.debug(), np.errstate(divide="ignore"):
        with pytest.raises(FloatingPointError, match=r"log made -inf .* test_threads_refusals\.py"):
            threads.backward(lambda x: md.log(w) + x, X, lambda y: y.sum())
