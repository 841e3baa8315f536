"""Layer, RMS, batch and group norms, and the activations, are PyTorch's."""

import numpy as np
import pytest

import minidl as md
from tests.against_torch.comparing import assert_equal, both, both_parameters, every_seed, judge, torch

F = torch.nn.functional


class Configuration:
    """Images or sequences of random size, their channels in G groups, and a small or large ε."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.N, self.T, self.G = (
            int(self.rng.integers(2, 6)),
            int(self.rng.integers(1, 6)),
            int(self.rng.integers(1, 4)),
        )
        self.C = self.G * int(self.rng.integers(2, 5))
        self.epsilon = float(10 ** self.rng.uniform(-5, -1))

    def x(self):
        """(N, T, C) with a mean and a deviation of its own for each channel."""
        r = self.rng
        return r.normal(size=self.C) * 2 + r.normal(size=(self.N, self.T, self.C)) * r.uniform(0.5, 3, self.C)


def run(layer, c, dtype, training=True):
    """The layer's y, and leaves on both sides."""
    ours, theirs = both(dtype, x=c.x())
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    layer.train(training)
    return layer(ours["x"]), ours | weights, theirs | their_weights


@every_seed
def test_layer_norm(seed, dtype):
    c = Configuration(seed)
    y, ours, theirs = run(md.layers.LayerNormalization(epsilon=c.epsilon), c, dtype)
    x, gamma, beta = theirs.values()
    assert_equal("layer norm", y, F.layer_norm(x, (c.C,), gamma, beta, c.epsilon), ours, theirs)


@every_seed
def test_rms_norm(seed, dtype):
    c = Configuration(seed)
    y, ours, theirs = run(md.layers.RMSNormalization(epsilon=c.epsilon), c, dtype)
    x, gamma = theirs.values()
    assert_equal("RMS norm", y, F.rms_norm(x, (c.C,), gamma, c.epsilon), ours, theirs)


@every_seed
def test_group_norm(seed, dtype):
    c = Configuration(seed)
    y, ours, theirs = run(md.layers.GroupNormalization(c.G, epsilon=c.epsilon), c, dtype)
    x, gamma, beta = theirs.values()
    z = F.group_norm(x.movedim(-1, 1), c.G, gamma, beta, c.epsilon).movedim(1, -1)
    assert_equal("group norm", y, z, ours, theirs)


@every_seed
def test_batch_norm(seed, dtype):
    """In training; the moving averages (PyTorch divides the variance that it remembers by n − 1); in use."""
    c = Configuration(seed)
    layer = md.layers.BatchNormalization(epsilon=c.epsilon, momentum=0.9)
    y, ours, theirs = run(layer, c, dtype)
    x, gamma, beta = theirs.values()

    def batch_norm(x, mean, variance, training):
        return F.batch_norm(x.movedim(-1, 1), mean, variance, gamma, beta, training, 0.1, c.epsilon).movedim(1, -1)

    mean, variance = (torch.full((c.C,), fill, dtype=x.dtype) for fill in (0.0, 1.0))
    for _ in range(2):  # the layer was called twice
        z = batch_norm(x, mean, variance, training=True)
    assert_equal("batch norm", y, z, ours, theirs)
    judge("batch norm", "moving mean", layer.moving_mean.numpy(), mean.numpy())
    n = c.N * c.T
    biased = 0.81 + (variance - 0.81) * (n - 1) / n
    judge("batch norm", "moving variance", layer.moving_variance.numpy(), biased.numpy())
    layer.eval()
    for leaf in [*ours.values(), *theirs.values()]:
        leaf.grad = None
    z = batch_norm(x, mean, biased, training=False)
    assert_equal("batch norm in use", layer(ours["x"]), z, ours, theirs)


ACTIVATIONS = {
    "relu": F.relu, "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "relu6": F.relu6, "elu": F.elu, "selu": F.selu,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": F.softplus, "softsign": F.softsign, "silu": F.silu,
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,  # F.hardsigmoid has 1/6 to eight digits in its gradient
    "softmax": lambda x: F.softmax(x, -1), "log_softmax": lambda x: F.log_softmax(x, -1),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, dtype):
    """Numbers up to ±12; each activation by the name that a layer takes."""
    x = np.random.default_rng(0).normal(size=(6, 7)) * 4
    ours, theirs = both(dtype, x=x)
    assert_equal("activations", md.layers.Activation(name)(ours["x"]), ACTIVATIONS[name](theirs["x"]), ours, theirs)


@every_seed
def test_dense(seed, dtype):
    rng = np.random.default_rng(seed)
    N, D, H = (int(n) for n in rng.integers(1, 40, 3))
    layer = md.layers.Dense(H)
    ours, theirs = both(dtype, x=rng.normal(size=(N, D)))
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, rng)
    W, b = their_weights.values()
    assert_equal("dense", layer(ours["x"]), F.linear(theirs["x"], W.T, b), ours | weights, theirs | their_weights)
