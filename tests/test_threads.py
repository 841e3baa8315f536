"""Threads that share a batch (D.T8): the numbers of one thread, repeatable, and nothing left behind."""

import copy
import pickle
import threading

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
