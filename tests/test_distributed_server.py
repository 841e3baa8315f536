"""A parameter server: rounds that average, updates that come late, and how late (D3.E3, D3.E5)."""

import math

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.arrays import generator
from minidl.distributed import Worker, run, serve

RNG = np.random.default_rng(11)
X = RNG.normal(size=(60, 7))
T = (X @ np.arange(1.0, 8.0) + 0.1 * RNG.normal(size=60))[:, None]
MSE = md.losses.MeanSquaredError()


def linear(kernel="zeros"):
    model = md.Sequential([L.Dense(1, kernel_initializer=kernel, input_shape=(7,))])
    for p in model.parameters():
        p._data = p._data.astype(np.float64)
    return model


def step(model, optimizer, x, t):
    optimizer.zero_grad()
    MSE(t, model(x)).backward()
    optimizer.step()


def train(comm, synchronous, parts, steps=10, every=1, rule=md.optimizers.SGD, rate=0.05):
    """Worker 0 gives the staleness and its last weights, the others those that they ended with."""
    model = linear()
    if comm.Get_rank() == 0:
        return serve(comm, model, synchronous), model.get_weights()
    x, t = parts[comm.Get_rank() - 1]
    optimizer = rule(model.parameters(), learning_rate=rate)
    with Worker(comm, model) as worker:
        for _ in range(steps):
            for _ in range(every):
                step(model, optimizer, x, t)
            worker.exchange(len(x))
    return model.get_weights()


def alone(steps, rate=0.05):
    model = linear()
    optimizer = md.optimizers.SGD(model.parameters(), learning_rate=rate)
    for _ in range(steps):
        step(model, optimizer, X, T)
    return model.get_weights()


# --- D3.E3 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[60], [30, 30], [5, 55], [20, 1, 39]])
def test_D3_E3_the_servers_mean_is_one_step_on_all_samples(sizes):
    """Also of unequal parts, which count by their samples."""
    ends = np.cumsum(sizes)[:-1]
    parts = list(zip(np.split(X, ends), np.split(T, ends)))
    (staleness, weights), *others = run(len(sizes) + 1, lambda comm: train(comm, True, parts))
    assert staleness == [0] * 10
    for w, v in zip(weights, alone(10)):
        np.testing.assert_allclose(w, v, rtol=1e-10)
    for own in others:
        for w, v in zip(own, weights):
            np.testing.assert_array_equal(w, v)


def test_D3_E3_theta_is_the_mean_of_the_workers_thetas():
    """After four steps each, by hand: θ ← (1/N) Σ θᵢ."""
    parts = list(zip(np.split(X, 3), np.split(T, 3)))
    models = [linear() for _ in parts]
    for model, (x, t) in zip(models, parts):
        optimizer = md.optimizers.Adam(model.parameters(), learning_rate=0.1)
        for _ in range(4):
            step(model, optimizer, x, t)
    mean = [np.mean(ws, axis=0) for ws in zip(*(model.get_weights() for model in models))]
    (_, weights), *_ = run(4, lambda comm: train(comm, True, parts, 1, 4, md.optimizers.Adam, 0.1))
    for w, v in zip(weights, mean):
        np.testing.assert_allclose(w, v, rtol=1e-12)


def test_a_worker_that_ends_earlier_is_not_waited_for():
    def work(comm):
        model = linear()
        if comm.Get_rank() == 0:
            return serve(comm, model), model.get_weights()[1].item()
        with Worker(comm, model) as worker:
            for _ in range(2 * comm.Get_rank()):
                model.parameters()[1].data[...] += comm.Get_rank()
                worker.exchange()
        return None

    assert run(3, work)[0] == ([0] * 4, 1.5 + 1.5 + 2 + 2)


# --- D3.E5 ----------------------------------------------------------------------------------------------------------


class InTurn:
    """The server's communicator, which takes the workers' messages in turn."""

    def __init__(self, comm):
        self.comm, self.turn = comm, 0

    def __getattr__(self, name):
        return getattr(self.comm, name)

    def recv(self):
        self.turn += 1
        return self.comm.recv(source=(self.turn - 1) % (self.comm.Get_size() - 1) + 1)


def asynchronous(workers, rate, steps):
    """J = ½ θ²: (τ of each update, the last θ), where the workers come in turn."""

    def work(comm):
        model = md.Sequential([L.Dense(1, kernel_initializer="ones", use_bias=False, input_shape=(1,))])
        (theta,) = model.parameters()
        theta._data = theta._data.astype(np.float64)
        if comm.Get_rank() == 0:
            return serve(InTurn(comm), model, synchronous=False), abs(theta.numpy().item())
        optimizer = md.optimizers.SGD([theta], learning_rate=rate)
        with Worker(comm, model) as worker:
            for _ in range(steps):
                optimizer.zero_grad()
                (0.5 * theta * theta).sum().backward()
                optimizer.step()
                worker.exchange()
        return None

    return run(workers + 1, work)[0]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_D3_E5_the_staleness_is_measured(workers):
    """In turn: the k-th of the first round is k − 1 updates late, all later ones are workers − 1."""
    staleness, _ = asynchronous(workers, 0.1, 5)
    assert staleness == list(range(workers)) + [workers - 1] * (4 * workers)


def test_D3_E5_one_worker_is_plain_gradient_descent():
    staleness, theta = asynchronous(1, 0.3, 10)
    assert staleness == [0] * 10 and theta == pytest.approx(0.7**10)


@pytest.mark.parametrize(("workers", "steps"), [(1, 40), (2, 60), (3, 60)])
def test_D3_E5_stale_steps_have_to_be_shorter(workers, steps):
    """θ comes to rest below 2 sin(π / (4 τ + 2)), τ = workers − 1, and grows above it."""
    limit = 2 * math.sin(math.pi / (4 * (workers - 1) + 2))
    assert asynchronous(workers, 0.8 * limit, steps)[1] < 1e-2
    assert asynchronous(workers, 1.2 * limit, steps)[1] > 1e2


def test_D3_E5_whoever_comes_first():
    """Every update is counted once, θ is the sum of all, and τ is of those that came between."""

    def work(comm):
        model = linear()
        if comm.Get_rank() == 0:
            return serve(comm, model, synchronous=False), model.get_weights()[1].item()
        with Worker(comm, model) as worker:
            for _ in range(20):
                before = worker.version
                model.parameters()[1].data[...] += 0.25
                worker.exchange()
                assert worker.version > before
        return None

    staleness, bias = run(4, work)[0]
    assert len(staleness) == 60 and bias == 15.0
    assert min(staleness) >= 0 and sum(staleness) <= sum(range(60))


def test_weights_that_an_exchange_replaced_before_backward_are_noticed():
    def work(comm):
        model = linear()
        if comm.Get_rank() == 0:
            return serve(comm, model)
        with Worker(comm, model) as worker:
            loss = MSE(T, md.relu(model(X) * model.parameters()[1]))
            worker.exchange()
            with pytest.raises(ValueError, match=r"edited|changed|overwritten"):
                loss.backward()
        return None

    run(2, work)


# --- beginning and end ----------------------------------------------------------------------------------------------


def test_workers_begin_with_the_servers_weights_and_random_numbers_of_their_own():
    def work(comm):
        md.seed(comm.Get_rank())
        model = linear("glorot_uniform")
        if comm.Get_rank() == 0:
            serve(comm, model)
        else:
            with Worker(comm, model):
                pass
        return model.get_weights()[0].ravel().tolist(), generator().random()

    first, second = run(3, work), run(3, work)
    assert first == second
    assert len({number for _, number in first}) == 3
    assert first[0][0] == first[1][0] == first[2][0] != [0.0] * 7


def test_moving_averages_are_averaged_too():
    def work(comm):
        model = md.Sequential([L.BatchNormalization(momentum=0.0, input_shape=(1,))])
        if comm.Get_rank() == 0:
            serve(comm, model)
            return model.layers[0].moving_mean.numpy().item()
        with Worker(comm, model) as worker:
            model.train()(np.full((4, 1), 10.0 * comm.Get_rank()))
            worker.exchange(4)
        return None

    assert run(3, work)[0] == pytest.approx(15.0)


def test_a_worker_that_dies_takes_the_others_with_it():
    def work(comm):
        model = linear()
        if comm.Get_rank() == 0:
            return serve(comm, model)
        with Worker(comm, model) as worker:
            for k in range(5):
                if (comm.Get_rank(), k) == (2, 3):
                    raise KeyError("lost")
                worker.exchange()
        return None

    with pytest.raises(KeyError, match="lost"):
        run(4, work)


@pytest.mark.parametrize(
    ("p", "work", "error", "words"),
    [
        (1, lambda comm: serve(comm, linear()), ValueError, "worker 0 of at least 2, got worker 0 of 1"),
        (2, lambda comm: serve(comm, linear()), ValueError, "worker 0 of at least 2, got worker 1 of 2"),
        (2, lambda comm: Worker(comm, linear()), ValueError, "Worker expects to be another than worker 0"),
        (2, lambda comm: serve(comm, linear(), "no"), TypeError, "synchronous as True or False, got str 'no'"),
        (1, lambda comm: serve(None, linear()), TypeError, "serve expects a communicator first, got NoneType"),
        (1, lambda comm: Worker(None, linear()), TypeError, "Worker expects a communicator first, got NoneType"),
        (2, lambda comm: serve(comm, 3) if comm.Get_rank() == 0 else Worker(comm, 3), TypeError, "a model or layer"),
        (2, lambda comm: train(comm, True, [(X[:0], T[:0])]), ValueError, "mean_squared_error of an empty batch"),
    ],
)  # fmt: skip
def test_refusals(p, work, error, words):
    with pytest.raises(error, match=words):
        run(p, work)


@pytest.mark.parametrize("samples", [0, 1.5, -2])
def test_an_exchange_is_of_samples(samples):
    def work(comm):
        if comm.Get_rank() == 0:
            return serve(comm, linear())
        with Worker(comm, linear()) as worker:
            worker.exchange(samples)

    with pytest.raises(ValueError, match=r"^Worker.exchange expects samples as a positive integer, got"):
        run(2, work)
