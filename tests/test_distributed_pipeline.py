"""A model split over workers: the gradients of the whole model, micro-batch by micro-batch."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import LABELS, X

import minidl as md
from minidl import layers as L
from minidl.arrays import here
from minidl.distributed import Pipeline, run
from minidl.distributed.pipeline import split

CROSS_ENTROPY = md.losses.SparseCategoricalCrossentropy()


def network(seed=0, dtype=np.float64):
    md.seed(seed)
    model = md.Sequential(
        [
            L.Dense(6, activation="tanh", input_shape=(4,)),
            L.LayerNormalization(),
            L.ReLU(),
            L.Dense(5, activation="sigmoid"),
            L.Dense(3, activation="softmax"),
        ]
    )
    for p in model.parameters():
        p._data = p._data.astype(dtype)
    return model


def whole(model, x, y, loss=CROSS_ENTROPY):
    L_ = loss(y, model(x))
    L_.backward()
    return L_.item(), {name: p.grad for name, p in model.named_parameters()}


def in_stages(p, make, x, y, loss=CROSS_ENTROPY, **pipeline_settings):
    """(loss, gradients of its stage by their names in the model) of each worker."""

    def work(comm):
        model = make()
        pipeline = Pipeline(comm, model, **pipeline_settings)
        value = pipeline.backward(x, y, loss)
        own = {id(p) for p in pipeline.parameters()}
        others = [p for p in model.parameters() if id(p) not in own]
        assert all(p.grad is None for p in others)
        return value, {name: p.grad for name, p in model.named_parameters() if id(p) in own}

    return run(p, work)


def assert_like_the_whole(results, expected, gradients, rtol=1e-9):
    found = {}
    for value, own in results:
        assert value == pytest.approx(expected, rel=rtol) and value == results[0][0]
        assert not found.keys() & own.keys()
        found |= own
    assert found.keys() == gradients.keys()
    for name, g in gradients.items():
        np.testing.assert_allclose(found[name], g, rtol=rtol, atol=1e-3 * rtol, err_msg=name)


# --- gradients ------------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(p=st.integers(1, 5), m=st.integers(1, 6), n=st.integers(1, 9))
def test_the_gradients_are_those_of_the_whole_model(p, m, n):
    """For any number of stages and micro-batches, also where these are of unequal sizes, or more than samples."""
    x, y = X[:n].astype(np.float64), LABELS[:n]
    assert_like_the_whole(in_stages(p, network, x, y, micro_batches=m), *whole(network(), x, y))


def test_steps_of_training_and_the_weights_gathered_at_the_end():
    def train(comm):
        model = network(seed=comm.Get_rank() if comm else 0)  # worker 0's weights are everybody's
        pipeline = Pipeline(comm, model, micro_batches=3) if comm else None
        optimizer = md.optimizers.Adam((pipeline or model).parameters(), learning_rate=0.05)
        for x, y in md.data.DataLoader(X, LABELS, batch_size=16, rng=3):
            optimizer.zero_grad()
            pipeline.backward(x, y, CROSS_ENTROPY) if comm else CROSS_ENTROPY(y, model(x)).backward()
            optimizer.step()
        if comm:
            pipeline.gather()
        return model.get_weights()

    alone = train(None)
    for weights in run(3, train):
        for w, v in zip(weights, alone):
            np.testing.assert_allclose(w, v, rtol=1e-6, atol=1e-9)
    assert np.abs(alone[0] - network().get_weights()[0]).max() > 0.1


def test_each_worker_has_the_layers_that_it_is_told():
    results = in_stages(2, network, X[:8], LABELS[:8], layers=[1, 4])
    assert list(results[0][1]) == ["dense.kernel", "dense.bias"]
    assert_like_the_whole(results, *whole(network(), X[:8], LABELS[:8]), rtol=1e-5)


def test_float32_stays_float32():
    make = lambda: network(dtype=np.float32)  # noqa: E731
    results = in_stages(3, make, X[:8], LABELS[:8])
    assert {g.dtype for _, own in results for g in own.values()} == {np.dtype(np.float32)}
    assert_like_the_whole(results, *whole(make(), X[:8], LABELS[:8]), rtol=1e-4)


def test_whole_numbers_go_in_and_masks_go_along():
    """The mask that the Embedding makes is needed by the LSTM of another worker."""
    words = np.array([[1, 2, 3], [2, 0, 0], [3, 3, 0], [4, 1, 1]])

    def make():
        md.seed(0)
        model = md.Sequential([L.Embedding(5, 3, mask_zero=True), L.LSTM(4), L.Dense(3, activation="softmax")])
        model(words)
        return model

    y = np.array([0, 1, 2, 1])
    assert_like_the_whole(in_stages(3, make, words, y, micro_batches=2), *whole(make(), words, y), rtol=1e-4)


def test_a_convolution_and_its_pooling_on_two_workers():
    x = np.random.default_rng(0).normal(size=(5, 6, 6, 2))

    def make():
        md.seed(0)
        return md.Sequential(
            [L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), L.MaxPooling2D(), L.Flatten(), L.Dense(3)]
        )

    y = np.ones((5, 3))
    loss = md.losses.MeanSquaredError()
    assert_like_the_whole(in_stages(4, make, x, y, loss), *whole(make(), x, y, loss), rtol=1e-4)


@pytest.mark.parametrize("frozen", [[0], [3], [0, 1], [1, 3, 4]])
def test_frozen_layers_pass_gradients_on(frozen):
    def make():
        model = network()
        for k in frozen:
            model.layers[k].trainable = False
        return model

    expected, gradients = whole(make(), X[:6], LABELS[:6])
    results = in_stages(5, make, X[:6], LABELS[:6])
    found = {name: g for _, own in results for name, g in own.items()}
    for name, g in gradients.items():
        assert (found[name] is None) == (g is None), name
        if g is not None:
            np.testing.assert_allclose(found[name], g, rtol=1e-5, atol=1e-9)
    assert results[0][0] == pytest.approx(expected, rel=1e-6)


def test_a_layer_twice_in_one_stage():
    def make():
        md.seed(0)
        twice = L.Dense(4, activation="tanh", input_shape=(4,))
        return md.Sequential([twice, twice, L.Dense(3, activation="softmax")])

    results = in_stages(2, make, X[:6], LABELS[:6], layers=[2, 1])
    assert_like_the_whole(results, *whole(make(), X[:6], LABELS[:6]), rtol=1e-4)


def test_a_nan_reaches_every_stage():
    x = X[:8].copy()
    x[7, 0] = np.nan
    for value, own in in_stages(2, network, x, LABELS[:8], layers=[1, 4]):
        assert np.isnan(value) and np.isnan(own.get("dense.kernel", own.get("dense_2.kernel"))).any()


def test_on_a_gpu():
    with fake_cupy.installed() as cupy:
        expected, gradients = whole(network(), X[:6], LABELS[:6])
        x = md.Tensor(X[:6]).to("cuda")
        for value, own in in_stages(3, lambda: network().to("cuda"), x, LABELS[:6]):
            assert value == pytest.approx(expected, rel=1e-6)
            for name, g in own.items():
                assert isinstance(g, cupy.ndarray)
                np.testing.assert_allclose(g.get(), gradients[name], rtol=1e-5, atol=1e-8)


# --- what stays as it was -------------------------------------------------------------------------------------------


def test_names_mode_and_the_models_own_parameters_stay():
    def work(comm):
        model = network()
        names, parameters = list(model.state_dict()), model.parameters()
        Pipeline(comm, model).backward(X[:4], LABELS[:4], CROSS_ENTROPY)
        assert list(model.state_dict()) == names and model.training
        assert all(p is q for p, q in zip(model.parameters(), parameters))
        return here.part

    assert run(3, work) == [None] * 3


def test_dropout_differs_between_micro_batches_and_a_run_can_be_repeated():
    def work(comm):
        md.seed(comm.Get_rank())
        drop = [L.Dense(40, kernel_initializer="ones", input_shape=(1,)), L.Dropout(0.5)]
        pipeline, seen = Pipeline(comm, md.Sequential(drop), micro_batches=2), []
        loss = lambda y_true, y_pred: (seen.append(y_pred.numpy()), y_pred.sum())[1]  # noqa: E731
        pipeline.backward(np.ones((2, 1)), np.ones((2, 1)), loss)
        return seen

    (_, first), (_, second) = run(2, work), run(2, work)
    assert (first[0] != first[1]).any()
    np.testing.assert_array_equal(first, second)


# --- refusals -------------------------------------------------------------------------------------------------------


def shared_weights():
    twice = L.Dense(4, input_shape=(4,))
    return md.Sequential([twice, L.ReLU(), twice])


class Own(md.Sequential):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "pipeline_settings", "error", "words"),
    [
        (lambda: 3, {}, TypeError, "Pipeline expects a Sequential, whose layers are known, got int 3"),
        (lambda: md.Model(*[md.Input(shape=(2,))] * 2), {}, TypeError, "Pipeline expects a Sequential"),
        (lambda: Own([L.Dense(2, input_shape=(2,))] * 2), {}, TypeError, "Pipeline expects a Sequential"),
        (lambda: md.Sequential([L.Dense(2, input_shape=(2,))]), {}, ValueError, "for each of 2 workers, of all 1 in"),
        (lambda: md.Sequential([L.Dense(2), L.Dense(2)]), {}, ValueError, "'sequential' has no weights yet"),
        (network, {"layers": [2, 2]}, ValueError, r"of all 5 in the model, got layers=\[2, 2\]"),
        (network, {"layers": [5]}, ValueError, r"got layers=\[5\]"),
        (network, {"layers": [5, 0]}, ValueError, "expects layers as a positive integer, got 0"),
        (network, {"layers": 2}, TypeError, "expects layers as a list, a number for each worker, got int 2"),
        (network, {"micro_batches": 0}, ValueError, "expects micro_batches as a positive integer, got 0"),
        (shared_weights, {}, ValueError, "Pipeline: workers 0 and 1 would share weights"),
        (lambda: md.Sequential([L.Dense(2, input_shape=(2,)), L.BatchNormalization()]), {}, ValueError, "whole batch"),
    ],
)
def test_models_that_cannot_be_split(make, pipeline_settings, error, words):
    with pytest.raises(error, match=words):
        run(2, lambda comm: Pipeline(comm, make(), **pipeline_settings))


def test_bad_batches_and_different_models():
    for x, y in [(X[:3], LABELS[:2]), (X[:0], LABELS[:0])]:
        with pytest.raises(ValueError, match="inputs and targets of as many samples, at least one"):
            run(2, lambda comm, x=x, y=y: Pipeline(comm, network()).backward(x, y, "mse"))
    with pytest.raises(ValueError, match="Pipeline expects the same model at every worker"):
        run(2, lambda comm: Pipeline(comm, network(dtype=[np.float32, np.float64][comm.Get_rank()])))


def test_split_shares_the_layers_out_evenly():
    model = md.Sequential([L.ReLU() for _ in range(7)])
    for p in range(1, 8):
        rows = split(model, p)
        assert [layer for row in rows for layer in row] == model.layers
        assert {len(row) for row in rows} <= {7 // p, -(-7 // p)}
