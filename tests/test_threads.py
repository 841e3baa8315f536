"""Threads that share a batch: the numbers of one thread, repeatable, and nothing left behind."""

import copy
import gc
import pickle
import sys
import threading

import fake_cupy
import numpy as np
import pytest
from small_models import LABELS, VALUES, X, classifier, regressor, same_weights, two_by_two

import minidl as md
from minidl import layers as L
from minidl.arrays import generator, here


def gradients(model):
    return [None if p.grad is None else p.grad for p in model.parameters()]


def network():
    md.seed(0)
    return md.Sequential([L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), L.Flatten(), L.Dense(4)])


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("N", [0, 1, 2, 7, 16])
def test_the_gradients_are_those_of_the_whole_batch(n, N):
    rng = np.random.default_rng(N)
    x, g = rng.normal(size=(N, 6, 6, 2)), rng.normal(size=(N, 4))
    model = network()
    for p in model.parameters():
        p._data = p._data.astype(np.float64)
    outputs = model(x)
    expected = (outputs * g).sum() * 2.0
    expected.backward()
    whole = gradients(model)
    model.zero_grad()
    with md.Threads(n) as threads:
        L_, y = threads.backward(model, x, lambda y: (y * g).sum() * 2.0)
    np.testing.assert_allclose(L_.data, expected.data, rtol=1e-13)
    np.testing.assert_allclose(y.data, outputs.data, rtol=1e-13)
    for a, b in zip(gradients(model), whole):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_gradients_are_added_to_those_of_the_steps_before():
    model, x = network(), np.ones((4, 6, 6, 2), np.float32)
    with md.Threads(2) as threads:
        threads.backward(model, x, lambda y: y.sum())
        once = [g.copy() for g in gradients(model)]
        threads.backward(model, x, lambda y: y.sum())
    for a, b in zip(gradients(model), once):
        np.testing.assert_allclose(a, 2 * b, rtol=1e-6)


def test_several_inputs_and_outputs_of_which_the_loss_leaves_one_out():
    model = two_by_two()
    x = [X[:, :2], X[:, 2:]]
    model(x)[1].sum().backward()
    whole = gradients(model)
    model.zero_grad()
    with md.Threads(2) as threads:
        _, (kinds, value) = threads.backward(model, x, lambda outputs: outputs[1].sum())
    assert kinds.shape == (50, 3) and value.shape == (50, 1)
    for a, b in zip(gradients(model), whole):
        assert (a is None or not a.any()) if b is None else np.allclose(a, b, rtol=1e-5)


def test_the_loss_may_use_parameters_too_and_x_may_want_a_gradient():
    model = L.Dense(1, input_shape=(4,))
    x = md.Tensor(X, requires_grad=True)

    def loss(y):
        return y.sum() + 3.0 * model.kernel.sum()

    loss(model(x)).backward()
    whole, dx = gradients(model), x.grad
    model.zero_grad(), x.zero_grad()
    with md.Threads(3) as threads:
        threads.backward(model, x, loss)
    np.testing.assert_allclose(model.kernel.grad, whole[0], rtol=1e-5)
    np.testing.assert_allclose(x.grad, dx, rtol=1e-6)


@pytest.mark.parametrize("activation, loss", [("softmax", "sparse_categorical"), ("sigmoid", "binary")])
def test_a_loss_finds_the_logits_behind_probabilities_that_rounding_has_made_0_and_1(activation, loss):
    model = md.Sequential([L.Dense(3, activation, input_shape=(4,))])
    t = LABELS if activation == "softmax" else np.eye(3, dtype=np.float32)[LABELS]
    loss = md.losses.get(f"{loss}_crossentropy")
    expected = loss(t, model(1000 * X))
    expected.backward()
    whole = gradients(model)
    model.zero_grad()
    with md.Threads(2) as threads:
        found, y = threads.backward(model, 1000 * X, lambda y: loss(t, y))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6) and found.item() > 100
    np.testing.assert_array_equal(y.data, model(1000 * X).data)
    for a, b in zip(gradients(model), whole):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


def test_the_mode_of_one_call_holds_in_each_thread_until_that_call_ends():
    second_began, first_ended = threading.Event(), threading.Event()
    seen = []

    class Slow(L.Layer):
        def call(self, x):
            if here.part.number == 1:
                second_began.set()
                assert first_ended.wait(10)
            else:
                assert second_began.wait(10)
            seen.append(self.training)
            return x * 1.0

    layer = Slow()
    layer.built = True

    def f(x):
        y = layer(x, training=False)
        seen.append(layer.training)
        first_ended.set()
        return y

    with md.Threads(2) as threads:
        threads.backward(f, md.Tensor(X, requires_grad=True), lambda y: y.sum())
    assert seen == [False, True] * 2 and layer.training


def test_the_mode_of_the_caller_holds_in_every_thread():
    drop, x = L.Dropout(0.5), md.Tensor(X, requires_grad=True)
    drop(x)
    with md.Threads(2) as threads, drop.in_mode(False):
        _, y = threads.backward(lambda x: drop(x) * 1.0, x, lambda y: y.sum())
    np.testing.assert_array_equal(y.data, X)


def test_frozen_layers_get_no_gradient():
    model = network()
    model.layers[0].trainable = False
    with md.Threads(2) as threads:
        threads.backward(model, np.ones((4, 6, 6, 2), np.float32), lambda y: y.sum())
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False]


def test_the_first_call_builds_the_layer_as_without_threads():
    def weights(n):
        md.seed(0)
        model = L.Dense(3)
        with md.Threads(n) as threads:
            threads.backward(model, X, lambda y: y.sum())
        return model.get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(1), weights(2)))


def test_a_layer_that_is_not_built_inside_a_function_is_refused():
    layer = L.Dense(3)
    with md.Threads(2) as threads, pytest.raises(ValueError, match=r"Dense 'dense' is not built.*\n.*Call it once"):
        threads.backward(lambda x: layer(x), X, lambda y: y.sum())


# --- forward alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("N", [1, 2, 7])
def test_forward_gives_the_outputs_of_all_samples_and_records_nothing(N):
    model = classifier()
    with md.Threads(3) as threads:
        y = threads.forward(model, X[:N])
        one, two = threads.forward(lambda x: [model(x), x * 2], md.Tensor(X[:N]))
    expected = model(X[:N])
    for out in (y, one):
        assert out.is_leaf and not out.requires_grad
        np.testing.assert_allclose(out.data, expected.data, rtol=1e-5)
    np.testing.assert_array_equal(two.data, X[:N] * 2)
    assert md.is_recording() and all(p.grad is None for p in model.parameters())


def test_forward_in_one_thread_records_nothing_either():
    assert md.Threads(1).forward(classifier(), X).is_leaf


# --- fit ----------------------------------------------------------------------------------------------------------


def test_fit_with_threads_trains_as_without():
    alone, together = regressor(), regressor()
    md.seed(1)
    alone.fit(X, VALUES, batch_size=16, epochs=3, verbose=0)
    md.seed(1)
    history = together.fit(X, VALUES, batch_size=16, epochs=3, verbose=0, threads=2)
    for a, b in zip(alone.get_weights(), together.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(history.history["loss"], alone.history.history["loss"], rtol=1e-5)
    assert together.threads is None


def test_fit_with_threads_evaluates_with_threads():
    workers = []

    class Watched(L.Layer):
        def call(self, x):
            workers.append((self.training, len(x), threading.current_thread().name))
            return x * 1.0

    model = md.Sequential([L.Input(X.shape[1:]), Watched(), L.Dense(1)])
    model.compile("sgd", "mse")
    alone = model.evaluate(X, VALUES, verbose=0)
    workers.clear()
    model.optimizer.learning_rate = 0.0
    callback = md.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.predict(X, batch_size=6, verbose=0))
    history = model.fit(X, VALUES, verbose=0, threads=2, validation_data=(X, VALUES), callbacks=[callback]).history
    in_use = [(n, name) for training, n, name in workers if not training]
    assert {name for _, name in in_use} == {threading.current_thread().name, "minidl_0"}
    assert any(n == 3 for n, _ in in_use)  # of the batches of 6
    np.testing.assert_allclose(history["val_loss"], alone, rtol=1e-5)


def test_a_run_with_dropout_can_be_repeated_and_each_step_drops_other_units():
    def run():
        model = classifier(dropout=0.5)
        md.seed(5)
        model.fit(X, LABELS, batch_size=25, epochs=2, verbose=0, threads=2)
        return model

    assert same_weights(run(), run())

    drop, seen = L.Dropout(0.5, rng=3), []
    drop(X)  # builds it
    with md.Threads(2) as threads:
        for _ in range(2):
            x = md.Tensor(np.ones((4, 50)), requires_grad=True)
            threads.backward(lambda x: drop(x) * 1.0, x, lambda y: y.sum())
            seen += [x.grad[:2], x.grad[2:]]
    for k, mask in enumerate(seen):
        assert all(not np.array_equal(mask, other) for other in seen[:k])


def test_from_a_seed_each_part_draws_numbers_of_its_own():
    x = md.Tensor(np.ones((4, 2)), requires_grad=True)
    with md.Threads(2) as threads:
        first, again = (
            threads.backward(lambda x: x * generator(3).random(x.shape), x, lambda y: y.sum())[1].data for _ in range(2)
        )
    assert not np.array_equal(first[:2], first[2:]) and np.array_equal(first, again)


def test_stopped_and_gone_on_with_it_ends_with_the_very_same_numbers(tmp_path):
    whole, parts = classifier(dropout=0.5), classifier(dropout=0.5)
    md.seed(5)
    whole.fit(X, LABELS, batch_size=25, epochs=4, verbose=0, threads=2)
    md.seed(5)
    parts.fit(X, LABELS, batch_size=25, epochs=2, verbose=0, threads=2, resume=tmp_path / "run.npz")
    md.seed(77)
    parts.fit(X, LABELS, batch_size=25, epochs=4, verbose=0, threads=2, resume=tmp_path / "run.npz")
    assert same_weights(whole, parts)


def test_without_random_layers_the_one_generator_is_left_alone():
    md.seed(0)
    before = generator().bit_generator.state
    with md.Threads(2) as threads:
        threads.backward(lambda x: x * 1.0, md.Tensor(np.ones((4, 2)), requires_grad=True), lambda y: y.sum())
    assert generator().bit_generator.state == before


def test_a_copy_of_a_model_in_the_middle_of_fit_works_alone():
    model, copies = regressor(), []
    keep = md.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: copies.extend([copy.deepcopy(model), pickle.loads(pickle.dumps(model))])
    )
    model.fit(X, VALUES, epochs=1, verbose=0, threads=2, callbacks=[keep])
    for other in copies:
        assert same_weights(other, model)
        other.train_on_batch(X, VALUES)
        assert not same_weights(other, model)


# --- other work than batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [md.optimizers.SGD, md.optimizers.AdamW, md.optimizers.Muon])
def test_the_optimizer_s_step_is_shared_and_its_numbers_are_the_same(rule):
    rng = np.random.default_rng(0)
    shapes = [(600, 300), (300,), (300, 400), (400,)]  # large enough to be shared
    starts = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    slopes = [[rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(3)]

    def trained(threads):
        weights = [L.Parameter(w.copy()) for w in starts]
        optimizer = rule(weights, learning_rate=0.01, weight_decay=0.1)
        for step in slopes:
            for w, g in zip(weights, step, strict=True):
                w.grad = g
            optimizer.step(threads)
        return weights

    with md.Threads(3) as threads:  # both inside: products by BLAS may round otherwise with more threads of its own
        alone, shared = trained(None), trained(threads)
    for a, b in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_each_item_is_worked_on_once_and_an_error_comes_out(n):
    done = []
    with md.Threads(n) as threads:
        threads.each(done.append, range(100))
        assert sorted(done) == list(range(100))
        threads.each(done.append, [])
        with pytest.raises(ZeroDivisionError):
            threads.each(lambda k: 1 // k, [3, 2, 1, 0])
        threads.each(done.append, [100])  # and the threads go on
    assert len(done) == 101


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
        with pytest.raises(FloatingPointError, match=r"log made -inf .* test_threads\.py"):
            threads.backward(lambda x: md.log(w) + x, X, lambda y: y.sum())
