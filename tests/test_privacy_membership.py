"""The attack: counted by hand, it finds out who was learnt by heart, and not who was learnt from privately."""

import math

import numpy as np
import pytest
from small_models import LABELS, VALUES, X, classifier, regressor, same_weights

import minidl as md
from minidl.privacy import (
    PrivateSum,
    advantage_bound,
    epsilon,
    fit_privately,
    losses_of,
    membership_advantage,
)


def test_losses_are_those_of_each_sample_in_eval_mode():
    model = classifier(dropout=0.5).train()
    before = model.state_dict()
    losses = losses_of(model, X, LABELS)
    p = model.predict(X, verbose=0)
    np.testing.assert_allclose(losses, -np.log(p[np.arange(50), LABELS]), rtol=1e-4)
    assert model.training and same_weights(model.state_dict(), before)
    np.testing.assert_allclose(losses_of(regressor(), X, VALUES, loss="mae").mean(), mae(regressor()), rtol=1e-5)


def mae(model):
    return abs(model.predict(X, verbose=0) - VALUES).mean()


def test_the_advantage_by_hand():
    members, others = [0.0, 1.0, 2.0, 5.0], [1.0, 2.0, 3.0, 9.0]
    assert membership_advantage(members, others) == 3 / 4 - 2 / 4  # τ = 2, which counts as below
    assert membership_advantage(members, others, threshold=0.5) == 1 / 4
    assert membership_advantage(others, members, threshold=0.5) == -1 / 4
    assert membership_advantage(members, members) == 0
    assert membership_advantage([0.0], [math.inf]) == 1


def test_the_bound():
    """At ε = ln 3 the best attack says yes to 3/4 of the members and 1/4 of the others."""
    assert advantage_bound(math.log(3)) == pytest.approx(1 / 2)
    assert advantage_bound(0) == 0 and advantage_bound(0, 0.3) == pytest.approx(0.3)
    assert advantage_bound(math.inf, 0.1) == 1 and advantage_bound(1000, 1.0) == 1
    for eps, delta in ((0.5, 0.0), (2.0, 0.01), (1.0, 0.2)):  # where the two lines of Kairouz et al. meet
        b = advantage_bound(eps, delta)
        fpr = (1 - b) / 2
        assert fpr + b == pytest.approx(math.exp(eps) * fpr + delta)


def test_who_was_learnt_by_heart_is_found_and_who_was_learnt_privately_is_not():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 30)).astype(np.float32), rng.integers(0, 5, 200)  # nothing but chance to learn
    inside, outside = (x[:100], y[:100]), (x[100:], y[100:])

    def network():
        md.seed(0)
        model = md.Sequential([md.layers.Dense(64, "relu", input_shape=(30,)), md.layers.Dense(5, "softmax")])
        model.compile(md.optimizers.Adam(learning_rate=0.01), "sparse_categorical_crossentropy")
        return model

    def advantage(model):
        return membership_advantage(losses_of(model, *inside), losses_of(model, *outside))

    by_heart, private = network(), network()
    by_heart.fit(*inside, batch_size=50, epochs=40, verbose=0)
    run = fit_privately(private, *inside, 50, 4, noise_multiplier=4.0, delta=1e-3, verbose=0, rng=0)
    eps = run.history["epsilon"][-1]
    assert advantage(by_heart) > 0.5
    assert eps < 1.2
    assert abs(advantage(private)) < advantage_bound(eps, 1e-3) + 0.2  # of 100 samples it is uncertain by 0.07
    assert advantage(private) < advantage(by_heart) / 2


@pytest.mark.parametrize(("sigma", "q"), [(0.5, 1.0), (1.0, 1.0), (1.0, 0.3)])
def test_the_attack_on_one_step_is_as_good_as_theory_says_and_no_better_than_its_epsilon(sigma, q):
    """Who pulls with length C or is not there: the best guess looks whether the noisy sum is beyond C / 2."""
    n, C = 3000, 0.25
    step = PrivateSum(C, sigma, q, rng=0)

    def says_yes(there):
        S = [
            step([[np.array([-9.0])]] if there and len(step.draw(1)) else [], like=[np.zeros(1)])[0][0]
            for _ in range(n)
        ]
        return float((np.array(S) < -C / 2).mean())

    advantage = says_yes(True) - says_yes(False)
    expected = q * math.erf(1 / (2 * sigma) / math.sqrt(2))  # q (Φ(1/2σ) − Φ(−1/2σ))
    uncertain = 4.5 * math.sqrt(2 * 0.25 / n)
    assert abs(advantage - expected) < uncertain
    assert expected <= advantage_bound(epsilon(sigma, q, 1, 1e-5), 1e-5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: membership_advantage([], [1.0]), ValueError, r"members as losses \(N,\)"),
        (lambda: membership_advantage([1.0], [[1.0]]), ValueError, r"others as losses \(N,\)"),
        (lambda: membership_advantage([1.0], [math.nan]), ValueError, "others holds NaN"),
        (lambda: membership_advantage([1.0], [1.0], threshold="a"), TypeError, "threshold as a number"),
        (lambda: advantage_bound(-1), ValueError, "epsilon >= 0, got -1"),
        (lambda: advantage_bound(math.nan), ValueError, "epsilon as a finite number"),
        (lambda: advantage_bound(1, 2), ValueError, r"delta in \[0, 1\], got 2"),
        (lambda: losses_of(md.Sequential([md.layers.Dense(1)]), X, VALUES), ValueError, "losses_of needs a loss"),
        (lambda: losses_of(lambda x: x, X, VALUES, "mse"), TypeError, "expects a Model or Sequential first"),
        (lambda: losses_of(lambda x: x, X, VALUES), TypeError, "expects a Model or Sequential first"),
        (lambda: losses_of(regressor(), X, VALUES[:3]), ValueError, "as many targets as inputs"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
