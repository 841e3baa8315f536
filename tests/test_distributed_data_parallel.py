"""Each worker a part of each batch: the numbers of one worker on the whole batch, the same at all to the last bit."""

import itertools

import fake_cupy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import LABELS, VALUES, X, two_by_two

import minidl as md
from minidl import layers as L
from minidl.arrays import generator, here
from minidl.distributed import DataParallel, run

CROSS_ENTROPY = md.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(seed=0, dropout=0.0, dtype=None):
    md.seed(seed)
    model = md.Sequential(
        [L.Dense(8, activation="tanh", input_shape=(4,)), L.LayerNormalization(), L.Dropout(dropout), L.Dense(3)]
    )
    for p in model.parameters() if dtype else ():
        p._data = p._data.astype(dtype)
    return model


def whole_batch_gradients(model, x, y, loss):
    L_ = loss(y, model(x))
    L_.backward()
    return L_.item(), [p.grad for p in model.parameters()]


def assert_all_alike(lists):
    for a, b in itertools.chain(*(zip(arrays, lists[0]) for arrays in lists)):
        np.testing.assert_array_equal(a, b)


# --- gradients ------------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(p=st.integers(1, 5), n=st.integers(1, 9))
def test_D3_E3_the_gradients_are_those_of_the_whole_batch(p, n):
    """Also of parts of unequal sizes, and where some workers have no sample at all."""
    x, y = X[:n].astype(np.float64), LABELS[:n]
    expected, gradients = whole_batch_gradients(network(dtype=np.float64), x, y, CROSS_ENTROPY)

    def work(comm):
        model = network(dtype=np.float64)
        loss = DataParallel(comm, model).backward(x, y, CROSS_ENTROPY)
        return loss, [p.grad for p in model.parameters()]

    results = run(p, work)
    for loss, own in results:
        assert loss == pytest.approx(expected, rel=1e-12) and loss == results[0][0]
        for g, h in zip(own, gradients):
            np.testing.assert_allclose(g, h, rtol=1e-10, atol=1e-13)
    assert_all_alike([own for _, own in results])


@pytest.mark.parametrize("rule", [md.optimizers.SGD, md.optimizers.Adam])
@pytest.mark.parametrize("p", [2, 3])
def test_N_steps_are_those_of_one_worker(rule, p):
    def train(comm, dtype=np.float64):
        model = network(seed=comm.Get_rank() if comm else 0, dtype=dtype)  # worker 0's weights are everybody's
        optimizer = rule(model.parameters(), learning_rate=0.05)
        md.seed(7)
        parallel = DataParallel(comm, model) if comm else None
        for _ in range(2):
            for x, y in md.data.DataLoader(X, LABELS, batch_size=16, rng=3):  # the last batch has 2 samples
                optimizer.zero_grad()
                if comm:
                    parallel.backward(x, y, CROSS_ENTROPY)
                else:
                    CROSS_ENTROPY(y, model(x)).backward()
                optimizer.step()
        return model.get_weights()

    alone, together = train(None), run(p, train)
    assert_all_alike(together)
    for w, v in zip(together[0], alone):
        np.testing.assert_allclose(w, v, rtol=1e-6, atol=1e-9)  # float32 data, summed in another order
    assert np.abs(alone[0] - network().get_weights()[0]).max() > 0.1  # it did learn


def test_float32_stays_float32():
    def work(comm):
        model = network()
        DataParallel(comm, model).backward(X, LABELS, CROSS_ENTROPY)
        return {p.grad.dtype for p in model.parameters()}

    assert run(2, work) == [{np.dtype(np.float32)}] * 2


def test_average_weighs_each_by_its_samples():
    """By hand: gradients 1 and 5 of 3 samples and 1, (3 · 1 + 1 · 5) / 4 = 2; losses 2 and 6: 3."""

    def work(comm):
        model = md.Sequential([L.Dense(1, input_shape=(2,))])
        kernel, bias = model.parameters()
        kernel.grad = np.full((2, 1), [1.0, 5.0, np.nan][comm.Get_rank()], np.float32)
        loss = DataParallel(comm, model).average([3, 1, 0][comm.Get_rank()], [2.0, 6.0, 99.0][comm.Get_rank()])
        return loss, kernel.grad.ravel().tolist(), bias.grad

    assert run(3, work) == [(3.0, [2.0, 2.0], None)] * 3  # of the bias nobody has a gradient


def test_a_gradient_that_only_some_have_counts_as_zero_at_the_others():
    def work(comm):
        model = md.Sequential([L.Dense(1, use_bias=False, input_shape=(1,))])
        (kernel,) = model.parameters()
        if comm.Get_rank() == 1:
            kernel.grad = np.array([[4.0]], np.float32)
        DataParallel(comm, model).average(2)
        return kernel.grad.item()

    assert run(2, work) == [2.0, 2.0]


def test_gradients_are_added_to_those_of_the_batch_before():
    def work(comm):
        model = network(dtype=np.float64)
        parallel = DataParallel(comm, model)
        parallel.backward(X[:5], LABELS[:5], CROSS_ENTROPY)
        once = [p.grad.copy() for p in model.parameters()]
        parallel.backward(X[:5], LABELS[:5], CROSS_ENTROPY)
        return [p.grad / g for p, g in zip(model.parameters(), once)]

    for ratio in itertools.chain(*run(3, work)):
        np.testing.assert_allclose(ratio[np.isfinite(ratio)], 2, rtol=1e-6)


def test_frozen_parameters_get_no_gradient():
    def work(comm):
        model = network()
        model.layers[0].trainable = False
        DataParallel(comm, model).backward(X, LABELS, CROSS_ENTROPY)
        return [p.grad is None for p in model.parameters()]

    assert run(2, work) == [[True, True, False, False, False, False]] * 2


def test_several_inputs_and_a_loss_of_ones_own():
    a, b = X[:7, :2], X[:7, 2:]
    y = [LABELS[:7], VALUES[:7]]

    def loss(y_true, y_pred):
        return md.losses.SparseCategoricalCrossentropy()(y_true[0], y_pred[0]) + md.losses.Huber()(y_true[1], y_pred[1])

    expected, gradients = whole_batch_gradients(two_by_two(), [a, b], y, loss)

    def work(comm):
        model = two_by_two()
        return DataParallel(comm, model).backward([a, b], y, loss), [p.grad for p in model.parameters()]

    for value, own in run(3, work):
        assert value == pytest.approx(expected, rel=1e-6)
        for g, h in zip(own, gradients):
            np.testing.assert_allclose(g, h, rtol=1e-5, atol=1e-7)


def test_a_nan_is_everybodys():
    x = X[:6].copy()
    x[5, 0] = np.nan

    def work(comm):
        model = network()
        return DataParallel(comm, model).backward(x, LABELS[:6], CROSS_ENTROPY), model.parameters()[0].grad

    for loss, g in run(2, work):
        assert np.isnan(loss) and np.isnan(g).all()


def test_on_a_gpu():
    with fake_cupy.installed() as cupy:
        expected, gradients = whole_batch_gradients(network(), X[:7], LABELS[:7], CROSS_ENTROPY)

        def work(comm):
            model = network().to("cuda")
            loss = DataParallel(comm, model).backward(md.Tensor(X[:7]).to("cuda"), LABELS[:7], CROSS_ENTROPY)
            return loss, [p.grad for p in model.parameters()]

        for loss, own in run(2, work):
            assert loss == pytest.approx(expected, rel=1e-6)
            for g, h in zip(own, gradients):
                assert isinstance(g, cupy.ndarray)
                np.testing.assert_allclose(g.get(), h, rtol=1e-5, atol=1e-7)


# --- random numbers -------------------------------------------------------------------------------------------------


def test_dropout_differs_between_workers_and_a_run_can_be_repeated():
    def work(comm):
        md.seed(100 + comm.Get_rank())  # other seeds: worker 0's counts
        layer = L.Dropout(0.5, rng=4)
        model = md.Sequential([L.Dense(40, kernel_initializer="ones", input_shape=(1,)), layer])
        parallel, seen = DataParallel(comm, model), []
        loss = lambda y_true, y_pred: (seen.append(y_pred.numpy()), y_pred.sum())[1]  # noqa: E731
        for _ in range(2):
            parallel.backward(np.ones((comm.Get_size(), 1)), np.ones((comm.Get_size(), 1)), loss)
        return np.concatenate(seen), generator().random()

    first, second = run(3, work), run(3, work)
    masks = [mask for seen, _ in first for mask in seen]  # 3 workers, 2 steps, 40 units
    assert len({mask.tobytes() for mask in masks}) == 6
    np.testing.assert_array_equal([seen for seen, _ in first], [seen for seen, _ in second])
    assert here.part is None and len({number for _, number in first}) == 1  # what decides on the batches is in step


# --- fit ------------------------------------------------------------------------------------------------------------


def fitted(comm, make, x, y, **fit_settings):
    md.seed(2)
    model = make()
    parallel = DataParallel(comm, model) if comm else model
    md.seed(5)
    history = parallel.fit(x, y, verbose=0, epochs=3, batch_size=16, **fit_settings)
    assert "train_step" not in vars(model)
    return history.history, model.get_weights()


def assert_fit_alike(make, x, y, p, **fit_settings):
    history, weights = fitted(None, make, x, y, **fit_settings)
    results = run(p, lambda comm: fitted(comm, make, x, y, **fit_settings))
    assert_all_alike([own for _, own in results])
    for figures, own in results:
        assert figures == results[0][0] and list(figures) == list(history)
        for key, values in figures.items():
            np.testing.assert_allclose(values, history[key], rtol=2e-5)
        for w, v in zip(own, weights):
            np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_fit_gives_the_figures_and_weights_of_one_worker(p):
    def make():
        model = network()
        model.compile(md.optimizers.Adam(learning_rate=0.01), CROSS_ENTROPY, metrics=["accuracy"])
        return model

    assert_fit_alike(make, X, LABELS, p, validation_split=0.2, class_weight={0: 2.0})


def test_fit_with_masked_steps_counts_them_as_one_worker_does():
    words = np.array([[1, 2, 3, 4], [2, 0, 0, 0], [3, 3, 0, 0], [0, 0, 0, 0], [4, 4, 1, 0]] * 4)

    def make():
        model = md.Sequential([L.Embedding(5, 3, mask_zero=True), L.LSTM(4, return_sequences=True), L.Dense(5)])
        model(words)
        model.compile("sgd", CROSS_ENTROPY, metrics=["accuracy"])
        return model

    assert_fit_alike(make, words, (words + 1) % 5, 3)


def test_fit_with_penalties_and_several_outputs():
    def make():
        model = two_by_two()
        model.layers[-1].kernel.regularizer = md.regularizers.L2(0.1)
        model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], ["mae"]])
        return model

    assert_fit_alike(make, [X[:, :2], X[:, 2:]], [LABELS, VALUES], 3)


def test_early_stopping_stops_all():
    def work(comm):
        model = network()
        model.compile("sgd", CROSS_ENTROPY)
        stopping = md.callbacks.EarlyStopping("loss", min_delta=10.0, patience=2)
        return len(DataParallel(comm, model).fit(X, LABELS, epochs=9, verbose=0, callbacks=[stopping]).history["loss"])

    assert run(2, work) == [3, 3]


def test_worker_0_alone_prints(capsys):
    def work(comm):
        model = network()
        model.compile("sgd", CROSS_ENTROPY)
        DataParallel(comm, model).fit(X, LABELS, verbose=2)

    run(3, work)
    assert capsys.readouterr().out.count("loss:") == 1


# --- refusals -------------------------------------------------------------------------------------------------------


def refused(p, make, error, words, use=lambda parallel: None):
    with pytest.raises(error, match=words):
        run(p, lambda comm: use(DataParallel(comm, make(comm))))
    assert here.part is None


def dense(units, **settings):
    return md.Sequential([L.Dense(units, input_shape=(4,), **settings)])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda comm: dense(3 + comm.Get_rank()),
            r"worker 0 has dense.kernel \(4, 3\) float32, worker 1 has dense.kernel",
        ),
        (lambda comm: dense(3, name="ab"[comm.Get_rank()]), r"worker 0 has a.kernel .*, worker 1 has b.kernel"),
        (lambda comm: dense(3, use_bias=comm.Get_rank() == 0), "worker 0 has dense.bias .*, worker 1 has no more"),
        (
            lambda comm: dense(3, trainable=comm.Get_rank() == 1),
            "worker 0 has dense.kernel .* frozen, worker 1 has dense",
        ),
    ],
)
def test_different_models_are_found(make, words):
    refused(2, make, ValueError, f"^DataParallel expects the same model at every worker.*{words}")


def test_models_that_cannot_be_trained_so():
    refused(2, lambda comm: "mlp", TypeError, "^DataParallel expects a model or layer, got str 'mlp'")
    refused(2, lambda comm: md.Sequential([L.Dense(3)]), ValueError, "'sequential' has no weights yet")
    normalized = lambda comm: md.Sequential([L.Dense(3, input_shape=(4,)), L.BatchNormalization(name="bn")])  # noqa: E731
    refused(2, normalized, ValueError, "BatchNormalization 'bn' looks at the whole batch")
    with pytest.raises(TypeError, match=r"^DataParallel expects a communicator first, got Sequential"):
        DataParallel(dense(3), dense(3))


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda d: d.backward(X[:5], LABELS[:4], "mse"), ValueError, r"of as many samples.*got \[5, 4\]"),
        (lambda d: d.backward(X[:0], LABELS[:0], "mse"), ValueError, r"at least one, got \[0, 0\]"),
        (lambda d: d.backward(3.0, LABELS, "mse"), TypeError, r"expects arrays or Tensors \(N, ...\).*got float 3.0"),
        (lambda d: d.backward(X, LABELS, "msr"), ValueError, "loss 'msr' is not known. Did you mean 'mse'"),
        (lambda d: d.average(-1), ValueError, "expects samples as a whole number from 0 on, got -1"),
        (lambda d: d.average(0), ValueError, "expects samples at one worker at least, got 0 at all"),
        (lambda d: d.fit(X, LABELS, resume="run.npz"), TypeError, "not resume: workers do not share it"),
        (lambda d: d.fit(X, LABELS, threads=2), TypeError, "not threads"),
        (lambda d: d.backward(X, LABELS, lambda y_true, y_pred: 1 / 0), ZeroDivisionError, "division by zero"),
        (lambda d: d.fit(X, LABELS), ValueError, "fit needs an optimizer and a loss"),
        (lambda d: d.backward(X[: 4 + d.comm.Get_rank()], LABELS[: 4 + d.comm.Get_rank()], CROSS_ENTROPY), ValueError,
         "expects the same batch at every worker: this one has [45] samples"),
    ],
)  # fmt: skip
def test_bad_use(use, error, words):
    refused(2, lambda comm: dense(3), error, words, use)
