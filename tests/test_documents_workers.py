"""Training on several workers, as equations: D3.E3, D3.E4 and D3.E5 with lists for machines.

J(θ) is the mean of ½ (xₙ·θ − tₙ)² over all samples; each worker has a part of them and its own copy of θ.
"""

import math

import numpy as np
import pytest

import minidl as md

RNG = np.random.default_rng(11)
SAMPLES, FEATURES, RATE = 60, 7, 0.05
X = RNG.normal(size=(SAMPLES, FEATURES))
T = X @ np.arange(1.0, FEATURES + 1) + 0.1 * RNG.normal(size=SAMPLES)
START = np.zeros(FEATURES)
BEST = np.linalg.lstsq(X, T, rcond=None)[0]


def gradient(theta, x=X, t=T):
    return x.T @ (x @ theta - t) / len(x)


def worker_step(theta, x, t):
    """θᵢ: one step of one worker on its own samples."""
    return theta - RATE * gradient(theta, x, t)


def parts(workers):
    return list(zip(np.array_split(X, workers), np.array_split(T, workers)))


# --- D3.E3: θ ← (1/N) Σ θᵢ ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_D3_E3_the_mean_of_the_workers_is_one_step_on_all_samples(workers):
    """With equal parts: the mean of the gradients is the gradient of the mean. Ten steps, and the library's own ten."""
    theta = START
    for _ in range(10):
        theta = np.mean([worker_step(theta, x, t) for x, t in parts(workers)], axis=0)
    w = md.Parameter(START.copy())
    optimizer = md.optimizers.SGD([w], learning_rate=RATE)
    for _ in range(10):
        optimizer.zero_grad()
        md.mean(0.5 * (X @ w - T) ** 2).backward()
        optimizer.step()
    np.testing.assert_allclose(theta, w.numpy(), rtol=1e-11)


def test_D3_E3_unequal_parts_need_weights():
    """The plain mean counts the samples of a small part more often than others."""
    cuts = [slice(0, 5), slice(5, 60)]
    thetas = [worker_step(START, X[cut], T[cut]) for cut in cuts]
    whole = worker_step(START, X, T)
    assert np.abs(np.mean(thetas, axis=0) - whole).max() > 0.05 * np.abs(whole).max()
    np.testing.assert_allclose((5 * thetas[0] + 55 * thetas[1]) / 60, whole, rtol=1e-11)


def test_D3_E3_after_several_steps_each_the_mean_is_another_path_to_nearly_the_same_place():
    """Averaging every tenth step costs a tenth of the traffic; the workers' optima differ, so a small error stays."""
    theta = START
    for _ in range(40):
        theta_i = [theta] * 6
        for _ in range(10):
            theta_i = [worker_step(th, x, t) for th, (x, t) in zip(theta_i, parts(6))]
        theta = np.mean(theta_i, axis=0)
    distance = np.abs(theta - BEST).max()
    assert 1e-6 < distance < 0.1


# --- D3.E4: the same without a server -----------------------------------------------------------------------------


def ring_mean(thetas):
    """The mean of the workers' θ, each speaking to its right neighbour only; also how many numbers the first one sent.

    θ is cut into p pieces. In p − 1 rounds every piece is summed on its way round the ring; in p − 1 more the sums go
    round to everybody.
    """
    p = len(thetas)
    pieces = [np.array_split(theta, p) for theta in thetas]  # pieces[worker][k]
    sent = 0
    for step in range(2 * (p - 1)):
        summing = step < p - 1
        first = -step if summing else p - step  # worker i now has the sum of piece i + 1, and sends it first
        messages = [pieces[i][(i + first) % p] for i in range(p)]  # all at once
        for i, message in enumerate(messages):
            neighbour, k = pieces[(i + 1) % p], (i + first) % p
            neighbour[k] = neighbour[k] + message if summing else message
        sent += messages[0].size
    return [np.concatenate(own) / p for own in pieces], sent


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 7])
def test_D3_E4_an_all_reduce_gives_every_worker_the_servers_mean(workers):
    thetas = [worker_step(START, x, t) for x, t in parts(workers)]
    means, _ = ring_mean(thetas)
    for mean in means:
        np.testing.assert_allclose(mean, np.mean(thetas, axis=0), rtol=1e-12)
        np.testing.assert_array_equal(mean, means[0])  # to the last bit: the copies do not drift apart


def test_D3_E4_each_worker_sends_less_than_two_copies():
    """2 (p − 1) / p of θ, however many workers there are; a server sends and receives p copies."""
    for p in (2, 4, 8):
        _, sent = ring_mean([np.zeros(80)] * p)
        assert sent == 2 * (p - 1) * 80 // p


# --- D3.E5: each when it is ready ---------------------------------------------------------------------------------


def asynchronous(rate, workers, steps, curvature=1.0):
    """θ ← θ + Δθᵢ on J = ½ c θ²: the workers come in turn, so Δθᵢ = −α c θ is from ``workers`` − 1 updates ago."""
    theta = 1.0
    fetched = [theta] * workers  # the θ that each worker has taken away to compute with
    for step in range(steps):
        i = step % workers
        theta = theta - rate * curvature * fetched[i]
        fetched[i] = theta
    return theta


def test_D3_E5_one_worker_is_plain_gradient_descent():
    assert asynchronous(0.3, 1, 10) == pytest.approx(0.7**10)


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_D3_E5_stale_steps_have_to_be_shorter(workers):
    """With τ = workers − 1 the path θ ← θ − α θ_{t−τ} comes to rest for α < 2 sin(π / (4τ + 2)): 1, 0.62, 0.35.

    Without staleness any α < 2 does. The articles print the update and do not mention this.
    """
    limit = 2 * math.sin(math.pi / (4 * (workers - 1) + 2))
    assert abs(asynchronous(0.95 * limit, workers, 3000)) < 1e-3
    assert abs(asynchronous(1.05 * limit, workers, 3000)) > 1e3
    assert abs(asynchronous(1.05 * limit, 1, 3000)) < 1e-3


def test_D3_E5_with_short_steps_late_gradients_arrive_too():
    """Three workers on their own samples, each with θ as it was when it began."""
    theta, fetched = START, [START] * 3
    for step in range(3000):
        i = step % 3
        x, t = parts(3)[i]
        theta = theta - RATE * gradient(fetched[i], x, t)  # θ ← θ + Δθᵢ
        fetched[i] = theta
    assert np.abs(theta - BEST).max() < 0.1
