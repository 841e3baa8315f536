"""Federated averaging: with one step a round it is SGD on all data, with more it is what can be worked out by hand;
with noise each client counts for at most C. And how data are dealt out to clients."""

import math
from unittest.mock import Mock

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import LABELS, VALUES, X, classifier, regressor, same_weights

import minidl as md
from minidl import layers as L
from minidl.privacy import Federation, dirichlet_split, epsilon, fit_federated

WHOLE = {"batch_size": None, "verbose": 0}  # each client takes one step for an epoch


def sgd(make, rate=0.1):
    return make(optimizer=md.optimizers.SGD(learning_rate=rate))


def parts(*sizes, y=VALUES):
    ends = np.cumsum([0, *sizes])
    return [(X[a:b], y[a:b]) for a, b in zip(ends, ends[1:])]


def close(a, b, atol):
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=0, atol=atol)


# --- averaging ------------------------------------------------------------------------------------------------------


def test_one_client_is_training_itself_bit_for_bit():
    plain, federated = sgd(classifier), sgd(classifier)
    history = plain.fit(X, LABELS, batch_size=50, epochs=5, verbose=0, shuffle=False)
    md.seed(0)
    run = fit_federated(federated, [(X, LABELS)], rounds=5, batch_size=50, verbose=0)
    close(plain, federated, 1e-6)  # another order of the samples
    np.testing.assert_allclose(run.history["loss"], history.history["loss"], rtol=1e-5)
    plain, federated = sgd(classifier), sgd(classifier)
    md.seed(1)
    plain.fit(X, LABELS, batch_size=7, epochs=3, verbose=0)
    md.seed(1)
    fit_federated(federated, [(X, LABELS)], rounds=3, batch_size=7, verbose=0, rng=0)
    assert same_weights(plain, federated)


def test_one_step_of_each_client_is_one_step_on_all_data():
    for sizes in ((25, 25), (10, 10, 10, 10, 10), (3, 40, 7)):  # of other sizes it is the weighted mean that does it
        plain, federated = sgd(classifier), sgd(classifier)
        history = plain.fit(X, LABELS, batch_size=50, epochs=3, verbose=0)
        run = fit_federated(federated, parts(*sizes, y=LABELS), rounds=3, **WHOLE)
        close(plain, federated, 2e-6)
        np.testing.assert_allclose(run.history["loss"], history.history["loss"], rtol=1e-5)


def test_several_steps_of_each_client_by_hand():
    """Linear regression with two clients: E steps of SGD each, then the mean weighted by 2 : 1."""
    data = parts(20, 10)
    model = sgd(regressor)
    kernel, b = (w.astype(np.float64) for w in model.get_weights())
    fit_federated(model, data, rounds=3, epochs=4, **WHOLE)
    for _ in range(3):
        local = []
        for x, y in data:
            w, c = kernel, b
            for _ in range(4):
                e = x @ w + c - y
                w, c = w - 0.1 * 2 * x.T @ e / len(x), c - 0.1 * 2 * e.mean(axis=0)
            local.append((w, c))
        (w1, c1), (w2, c2) = local
        kernel, b = (2 * w1 + w2) / 3, (2 * c1 + c2) / 3
    for a, expected in zip(model.get_weights(), (kernel, b)):
        np.testing.assert_allclose(a, expected, rtol=1e-5, atol=1e-6)


def test_each_client_begins_with_an_optimizer_that_remembers_nothing():
    """One step of Adam from nothing is α sign g; a second one that remembered would be another."""
    model = regressor(optimizer=md.optimizers.Adam(learning_rate=0.01))
    before = model.get_weights()[0]
    fit_federated(model, [(X[:1], VALUES[:1] + 100), (X[:1], VALUES[:1] - 100)], rounds=1, **WHOLE)
    np.testing.assert_allclose(model.get_weights()[0], before, atol=1e-6)  # the two steps are opposite
    model = regressor(optimizer=md.optimizers.Adam(learning_rate=0.01))
    fit_federated(model, [(X[:1], VALUES[:1] + 100)], rounds=3, **WHOLE)
    np.testing.assert_allclose(model.get_weights()[0] - before, 3 * 0.01 * np.sign(X[:1].T), atol=1e-5)


@pytest.mark.parametrize("private", [{}, {"clip_norm": 1.0, "noise_multiplier": 1.0}])
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_the_last_client_stays_in_optimizer_and_gradients(private, fails, monkeypatch):
    """They are made of its data alone, and no noise covers them."""
    model = regressor(optimizer="adam")
    federation = Federation(model, parts(10, 10), **private)
    if fails:
        monkeypatch.setattr(model, "state_dict", Mock(side_effect=[model.state_dict(), KeyboardInterrupt]))
        with pytest.raises(KeyboardInterrupt):
            federation.round()
    else:
        federation.round()
    assert not any(np.any(remembered) for remembered in model.optimizer.state_dict().values())
    assert all(p.grad is None for p in model.parameters())


def test_a_fraction_of_the_clients_takes_part():
    model = sgd(regressor)
    federation = Federation(model, parts(*[5] * 10), fraction=0.3, rng=0)
    drawn = [federation.draw().tolist() for _ in range(200)]
    assert all(len(set(d)) == 3 for d in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=10)
    assert ((counts - 60) ** 2 / 60).sum() < 27.9  # of nine degrees of freedom: less than once in a thousand
    assert len(Federation(model, parts(*[5] * 10), fraction=0.01).draw()) == 1

    twin = sgd(regressor)
    one = Federation(model, parts(10, 15, 25), fraction=0.34, batch_size=None, rng=1)
    [k] = Federation(twin, parts(10, 15, 25), fraction=0.34, batch_size=None, rng=1).draw()
    loss = one.round()
    x, y = parts(10, 15, 25)[k]
    assert loss == pytest.approx(twin.evaluate(x, y, verbose=0), rel=1e-5)
    twin.fit(x, y, batch_size=len(x), verbose=0)
    close(model, twin, 1e-6)


def test_what_a_batch_normalization_remembers_is_averaged_and_frozen_layers_stay():
    md.seed(0)
    model = md.Sequential(
        [L.BatchNormalization(momentum=0.5, input_shape=(4,)), L.Dense(2, trainable=False), L.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = model.state_dict()
    data = parts(10, 40)
    fit_federated(model, data, **WHOLE)
    expected = 0.5 * (0.2 * data[0][0].mean(axis=0) + 0.8 * data[1][0].mean(axis=0))
    np.testing.assert_allclose(model.layers[0].moving_mean.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(model.state_dict()["dense.kernel"], before["dense.kernel"])


def test_lines_history_and_mode(capsys):
    model = sgd(regressor)
    run = fit_federated(model, parts(20, 30), 2, validation_data=(X[:7], VALUES[:7]), verbose=2)
    assert list(run.history) == ["loss", "val_loss"] and len(run.history["loss"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("Round 1/2  ") and " - val_loss: " in lines[0]
    assert model.history is run and not model.training
    fit_federated(model.train(), parts(20, 30), rounds=0, delta=0.9, verbose=0)  # without noise δ means nothing
    assert not model.training


def test_a_round_that_fails_leaves_the_weights_of_the_one_before():
    model = sgd(regressor)
    before = model.state_dict()
    seen = []

    class Stop(md.optimizers.SGD):
        def update(self, w, g, t, rate):
            super().update(w, g, t, rate)
            seen.append(1)
            if len(seen) == 3:
                raise KeyboardInterrupt

    model.compile(Stop(learning_rate=0.1), "mse")
    with pytest.raises(KeyboardInterrupt):
        fit_federated(model, parts(10, 10, 10, 20), **WHOLE)
    assert len(seen) == 3 and same_weights(model.state_dict(), before) and not model.training


def test_on_the_gpu_it_is_the_same():
    on_cpu = sgd(classifier)
    fit_federated(on_cpu, parts(20, 30, y=LABELS), rounds=2, **WHOLE)
    with fake_cupy.installed():
        model = sgd(classifier).to("cuda")
        fit_federated(model, parts(20, 30, y=LABELS), rounds=2, **WHOLE)
        close(model, on_cpu, 1e-6)


# --- with noise -----------------------------------------------------------------------------------------------------


def test_with_all_clients_and_neither_clipping_nor_noise_it_is_the_plain_mean():
    plain, private = sgd(classifier), sgd(classifier)
    data = parts(25, 25, y=LABELS)
    fit_federated(plain, data, rounds=3, epochs=2, **WHOLE)
    run = fit_federated(private, data, rounds=3, epochs=2, clip_norm=1e6, noise_multiplier=0.0, delta=0.1, **WHOLE)
    close(plain, private, 1e-6)
    assert run.history["epsilon"] == [math.inf] * 3


def test_each_client_moves_the_weights_by_at_most_C_by_qK():
    data = parts(10, 10, 10, 20)
    data[0] = (data[0][0] * 1000, data[0][1])  # one who pulls hard

    def after(clients):
        model = sgd(regressor, rate=1e-3)
        federation = Federation(model, clients, clip_norm=0.05, noise_multiplier=0.0)
        before = np.concatenate([w.ravel() for w in model.get_weights()])
        federation.round()
        return np.concatenate([w.ravel() for w in model.get_weights()]) - before, federation

    moved, _ = after(data[:1])
    assert np.linalg.norm(moved) == pytest.approx(0.05, rel=1e-4)
    assert np.linalg.norm(after(data)[0]) <= 0.05


def test_noise_draws_and_epsilon():
    model = sgd(regressor, rate=0.0)
    federation = Federation(model, parts(*[5] * 10), fraction=0.4, clip_norm=0.5, noise_multiplier=2.0, rng=9)
    before = model.get_weights()
    federation.round()
    rng = np.random.default_rng(9)
    drawn = int((rng.random(10) < 0.4).sum())
    for w, old in zip(model.get_weights(), before):
        noise = 2.0 * 0.5 * rng.standard_normal(w.shape) / (0.4 * 10)
        np.testing.assert_allclose(w - old, noise, rtol=1e-4, atol=1e-6)
    federation.round()
    sizes = [drawn, *(len(federation.draw()) for _ in range(30))]
    assert len(set(sizes)) > 3  # Poisson: neither fixed nor one at least
    assert federation.epsilon(0.01) == epsilon(2.0, 0.4, 2, 0.01)
    assert Federation(model, parts(25, 25)).epsilon(0.01) == math.inf


def test_frozen_layers_get_no_noise():
    md.seed(0)
    model = md.Sequential([L.Dense(3, trainable=False, input_shape=(4,)), L.Dense(1)])
    model.compile("sgd", "mse")
    before = model.state_dict()
    Federation(model, parts(25, 25), clip_norm=1.0, noise_multiplier=1.0).round()
    same = {name: np.array_equal(w, before[name]) for name, w in model.state_dict().items()}
    assert same == {"dense.kernel": True, "dense.bias": True, "dense_1.kernel": False, "dense_1.bias": False}


def test_a_round_without_clients_is_noise_alone():
    model = sgd(regressor)
    run = fit_federated(
        model, parts(25, 25), 8, fraction=0.4, clip_norm=0.01, noise_multiplier=1.0, rng=0, verbose=0, delta=0.01
    )
    losses = np.array(run.history["loss"])
    assert 0 < np.isnan(losses).sum() < 8
    assert np.isfinite(np.concatenate([w.ravel() for w in model.get_weights()])).all()


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"clients": []}, TypeError, r"clients as a list of \(x, y\)"),
        ({"clients": X}, TypeError, r"clients as a list of \(x, y\)"),
        ({"clients": [X]}, TypeError, r"of each client its \(x, y\), got of client 0"),
        ({"clients": [(X, VALUES), (X[:0], VALUES[:0])]}, ValueError, r"Federation \(client 1\) expects at least one"),
        ({"clients": [(X, VALUES), (X[:, :2], VALUES)]}, ValueError, "expects"),
        ({"clients": [(X, VALUES * np.nan)]}, ValueError, r"Federation \(client 0\): y holds 50 NaN"),
        ({"fraction": 0}, ValueError, r"fraction in \(0, 1\], got 0"),
        ({"epochs": 0}, ValueError, "epochs as a positive integer, got 0"),
        ({"batch_size": 0}, ValueError, "batch_size as a positive integer, got 0"),
        ({"rounds": -1}, ValueError, "rounds as a whole number from 0 on, got -1"),
        ({"noise_multiplier": 1.0}, TypeError, "both clip_norm and noise_multiplier, or neither"),
        ({"noise_multiplier": 1.0, "clip_norm": 0}, ValueError, "clip_norm > 0, got 0"),
        ({"noise_multiplier": 1.0, "clip_norm": 1.0, "delta": 0.6}, ValueError, "delta below 1/2, got 0.6"),
        ({"validation_data": X}, TypeError, r"validation_data as \(x, y\)"),
        ({"model": md.Sequential([L.Dense(1)])}, ValueError, "expects a compiled model"),
    ],
)
def test_what_is_refused(settings, error, words):
    model = settings.get("model", sgd(regressor))
    arguments = {"clients": parts(25, 25), "verbose": 0} | settings
    before = model.state_dict()
    with pytest.raises(error, match=words):
        fit_federated(model, **{k: v for k, v in arguments.items() if k != "model"})
    assert same_weights(model.state_dict(), before)


def test_with_noise_a_batch_normalization_is_refused():
    model = md.Sequential([L.BatchNormalization(input_shape=(4,)), L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="looks at the whole batch"):
        Federation(model, parts(25, 25), clip_norm=1.0, noise_multiplier=1.0)


# --- clients unlike each other --------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-2, 3), min_size=12, max_size=60), st.integers(1, 4), st.floats(0.3, 100), st.integers(0, 9)
)
def test_every_sample_goes_to_one_client(labels, K, alpha, seed):
    split = dirichlet_split(labels, K, alpha, rng=seed)
    assert len(split) == K and all(len(rows) for rows in split)
    assert sorted(np.concatenate(split).tolist()) == list(range(len(labels)))
    assert all((np.diff(rows) > 0).all() for rows in split)


def test_alpha_says_how_unlike_they_are():
    labels = np.repeat(np.arange(10), 200)

    def largest_share(alpha):
        split = dirichlet_split(labels, 5, alpha, rng=0)
        counts = np.array([np.bincount(labels[rows], minlength=10) for rows in split])  # (5, 10)
        return (counts.max(axis=0) / 200).mean()

    shares = [largest_share(alpha) for alpha in (0.05, 0.5, 5, 1e6)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.8 and shares[-1] == pytest.approx(0.2, abs=0.01)


def test_shares_are_those_of_dirichlet():
    """Var p = (1/K)(1 − 1/K) / (Kα + 1), over many classes."""
    K, alpha, n = 4, 0.7, 50
    labels = np.repeat(np.arange(1500), n)
    [rows, *_] = dirichlet_split(labels, K, alpha, rng=1)
    p = np.bincount(labels[rows], minlength=1500) / n
    assert p.mean() == pytest.approx(1 / K, abs=0.03)
    assert p.var() == pytest.approx(1 / K * (1 - 1 / K) / (K * alpha + 1), rel=0.1)


def test_labels_may_be_anything_that_can_be_told_apart():
    split = dirichlet_split([-1.5, np.nan, np.nan, True] * 9, 3, 5.0, rng=0)
    assert sorted(np.concatenate(split).tolist()) == list(range(36))


def test_samples_of_a_class_are_dealt_out_by_chance():
    split = dirichlet_split(np.zeros(1000, int), 2, 1e6, rng=0)
    assert 200 < np.median(split[0]) < 800 and (np.diff(split[0]) > 1).any()
    assert not np.array_equal(split[0], dirichlet_split(np.zeros(1000, int), 2, 1e6, rng=1)[0])


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"labels": np.zeros((3, 1), int)}, ValueError, r"labels \(N,\), one for each sample"),
        ({"labels": []}, ValueError, r"labels \(N,\)"),
        ({"clients": 9}, ValueError, "at most as many clients as samples, 8, got 9"),
        ({"clients": 0}, ValueError, "clients as a positive integer"),
        ({"alpha": 0}, ValueError, "alpha > 0, got 0"),
        ({"clients": 8, "alpha": 1e-6}, ValueError, "some of 8 clients got no row, 100 times over"),
    ],
)
def test_splits_that_are_refused(settings, error, words):
    with pytest.raises(error, match=words):
        dirichlet_split(**{"labels": [0] * 8, "clients": 2, "rng": 0} | settings)
