"""Losses are PyTorch's: from logits and from probabilities, with and without weights of the samples."""

import numpy as np
import pytest

import minidl as md
from minidl import losses
from tests.against_torch.comparing import assert_equal, both, every_seed, torch

F = torch.nn.functional

every_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


class Configuration:
    """Outputs (N, C), targets for them, and weights of the samples."""

    def __init__(self, seed, dtype):
        rng = np.random.default_rng(seed)
        self.rng, self.dtype = rng, dtype
        self.N, self.C = (int(n) for n in rng.integers(1, 9, 2))
        self.C += 1
        self.z = rng.normal(size=(self.N, self.C)) * 3
        self.targets = rng.normal(size=(self.N, self.C)).astype(dtype)
        self.shares = rng.dirichlet(np.ones(self.C), self.N).astype(dtype)
        self.zero_one = rng.integers(0, 2, (self.N, self.C)).astype(dtype)
        self.labels = rng.integers(0, self.C, self.N)
        self.weights = rng.uniform(0, 2, self.N).astype(dtype)

    def compare(self, family, ours, theirs, targets, weighted):
        """``theirs`` gives each number's loss (N, C), or each sample's (N,)."""
        leaf, their_leaf = both(self.dtype, z=self.z)
        value = ours(leaf["z"], targets, self.weights if weighted else None)
        each = theirs(their_leaf["z"], torch.tensor(targets))
        each = each if each.ndim == 1 else each.mean(dim=1)
        their_value = ((torch.tensor(self.weights) if weighted else 1.0) * each).mean()
        assert_equal(family, value, their_value, leaf, their_leaf)


@every_seed
@every_weighting
def test_distances(weighted, seed, dtype):
    c = Configuration(seed, dtype)
    delta = float(c.rng.uniform(0.3, 3))
    for loss, same in (
        (losses.MeanSquaredError(), lambda y, t: F.mse_loss(y, t, reduction="none")),
        (losses.MeanAbsoluteError(), lambda y, t: F.l1_loss(y, t, reduction="none")),
        (losses.Huber(delta), lambda y, t: F.huber_loss(y, t, reduction="none", delta=delta)),
        (losses.HalfSumOfSquares(), lambda y, t: 0.5 * F.mse_loss(y, t, reduction="none").sum(dim=1)),
    ):
        c.compare("losses: distances", lambda y, t, w, loss=loss: loss(t, y, w), same, c.targets, weighted)


def binary_cross_entropy(z, t):
    return F.binary_cross_entropy_with_logits(z, t, reduction="none")


@every_seed
@every_weighting
def test_binary_cross_entropy(weighted, seed, dtype):
    """From logits, and through a sigmoid whose logits are found again."""
    c = Configuration(seed, dtype)
    plain, logits = losses.BinaryCrossentropy(), losses.BinaryCrossentropy(from_logits=True)
    for ours in (lambda z, t, w: logits(t, z, w), lambda z, t, w: plain(t, md.sigmoid(z), w)):
        c.compare("losses: binary cross-entropy", ours, binary_cross_entropy, c.zero_one, weighted)


@every_seed
@every_weighting
def test_binary_cross_entropy_of_probabilities(weighted, seed, dtype):
    """With small logits: p near 1 has lost digits of 1 − p in float32, which is why losses look for the logits."""
    c = Configuration(seed, dtype)
    c.z /= 3

    def ours(z, t, w):
        return losses.BinaryCrossentropy()(t, md.sigmoid(z) * 1.0, w)

    c.compare("losses: binary cross-entropy", ours, binary_cross_entropy, c.zero_one, weighted)


def cross_entropy(z, t):
    return F.cross_entropy(z, t, reduction="none")


@every_seed
@every_weighting
def test_categorical_cross_entropy(weighted, seed, dtype):
    """With shares as targets, and with labels."""
    c = Configuration(seed, dtype)
    for loss, targets in (
        (losses.CategoricalCrossentropy, c.shares),
        (losses.SparseCategoricalCrossentropy, c.labels),
    ):
        for ours in (
            lambda z, t, w, loss=loss: loss(from_logits=True)(t, z, w),
            lambda z, t, w, loss=loss: loss()(t, md.softmax(z), w),
            lambda z, t, w, loss=loss: loss()(t, md.softmax(z) * 1.0, w),
        ):
            c.compare("losses: cross-entropy", ours, cross_entropy, targets, weighted)


@every_seed
def test_label_smoothing(seed, dtype):
    c = Configuration(seed, dtype)
    s = float(c.rng.uniform(0, 1))

    def smoothed(z, t):
        return F.cross_entropy(z, t, reduction="none", label_smoothing=s)

    for loss, targets in (
        (losses.CategoricalCrossentropy, c.shares),
        (losses.SparseCategoricalCrossentropy, c.labels),
    ):
        for settings, before in (({"from_logits": True}, lambda z: z), ({}, md.softmax)):
            smooth = loss(label_smoothing=s, **settings)
            ours = lambda z, t, w, smooth=smooth, before=before: smooth(t, before(z), w)  # noqa: E731
            c.compare("losses: label smoothing", ours, smoothed, targets, weighted=False)


@every_seed
@every_weighting
def test_kl_divergence(weighted, seed, dtype):
    c = Configuration(seed, dtype)
    c.shares = 0.9 * c.shares + np.asarray(0.1 / c.C, dtype)  # nothing near 0, where numbers are held at ε
    c.z /= 3

    def kl_divergence(z, t):
        return F.kl_div(F.log_softmax(z, -1), t, reduction="none").sum(dim=1)

    def ours(z, t, w):
        return losses.KLDivergence()(t, md.softmax(z), w)

    c.compare("losses: KL divergence", ours, kl_divergence, c.shares, weighted)
