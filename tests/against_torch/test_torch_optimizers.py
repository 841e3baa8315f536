"""Twenty steps of every optimizer are PyTorch's, with clipping and decay.

Loss and gradients are computed on each side anew at each step: an error in one step would show in all later ones.
"""

import numpy as np
import pytest

import minidl as md
from minidl import optimizers
from tests.against_torch.comparing import both, every_seed, judge, torch

STEPS = 20


class Problem:
    """J = Σ ½ c (w − t)² + sin w for two parameters: bowls of many widths, with ripples.

    The targets are some way off: where a gradient passes 0, g / √v would amplify the last digit of the step before.
    """

    def __init__(self, seed, dtype):
        rng = np.random.default_rng(seed)
        self.arrays = {"v": rng.normal(size=(3, 4)), "w": rng.normal(size=5)}
        self.targets = {name: (rng.normal(size=x.shape) + 6).astype(dtype) for name, x in self.arrays.items()}
        self.widths = {name: rng.uniform(0.5, 5, x.shape).astype(dtype) for name, x in self.arrays.items()}
        self.ours, self.theirs = both(dtype, **self.arrays)
        self.ours = {name: md.Parameter(w.numpy()) for name, w in self.ours.items()}
        self.rate = float(10 ** rng.uniform(-3, -1.5))
        self.factor = float(rng.uniform(0.5, 0.95))  # momentum, ρ or β₁
        self.seed = seed

    def J(self, parameters, sin, constant):
        parts = []
        for name, w in parameters.items():
            c, t = constant(self.widths[name]), constant(self.targets[name])
            parts.append((0.5 * c * (w - t) ** 2 + sin(w)).sum())
        return sum(parts)

    def run(self, family, ours, theirs, change=None):
        """Twenty steps of both; ``change`` is done to PyTorch's gradients before each."""
        for _ in range(STEPS):
            ours.zero_grad()
            self.J(self.ours, md.sin, np.asarray).backward()
            ours.step()
            theirs.zero_grad()
            self.J(self.theirs, torch.sin, torch.tensor).backward()
            if change is not None:
                change([w.grad for w in self.theirs.values()])
            theirs.step()
        for name, w in self.ours.items():
            judge(f"20 steps of {family}", name, w.numpy(), self.theirs[name].detach().numpy())


@pytest.fixture
def problem(seed, dtype):
    return Problem(seed, dtype)


@every_seed
def test_sgd(problem):
    ours = optimizers.SGD(problem.ours.values(), problem.rate)
    problem.run("SGD", ours, torch.optim.SGD(problem.theirs.values(), problem.rate))


@every_seed
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(problem, nesterov):
    settings = {"momentum": problem.factor, "nesterov": nesterov}
    ours = optimizers.SGD(problem.ours.values(), problem.rate, **settings)
    theirs = torch.optim.SGD(problem.theirs.values(), problem.rate, **settings)
    problem.run("Nesterov" if nesterov else "momentum", ours, theirs)


@every_seed
def test_adam(problem):
    betas, epsilon = (problem.factor, 0.9), 10.0 ** -(problem.seed + 1)
    ours = optimizers.Adam(problem.ours.values(), problem.rate, *betas, epsilon)
    problem.run("Adam", ours, torch.optim.Adam(problem.theirs.values(), problem.rate, betas, epsilon))


@every_seed
def test_adamw(problem):
    decay = 0.1 * problem.seed
    ours = optimizers.AdamW(problem.ours.values(), problem.rate, decay)
    theirs = torch.optim.AdamW(problem.theirs.values(), problem.rate, eps=1e-7, weight_decay=decay)
    problem.run("AdamW", ours, theirs)


# PyTorch divides by √v + ε, minidl as Keras by √(v + ε): the same where ε = 0.


@every_seed
def test_rmsprop(problem):
    ours = optimizers.RMSprop(problem.ours.values(), problem.rate, problem.factor, epsilon=0.0)
    theirs = torch.optim.RMSprop(problem.theirs.values(), problem.rate, alpha=problem.factor, eps=0.0)
    problem.run("RMSprop", ours, theirs)


@every_seed
def test_rmsprop_with_momentum(problem):
    settings = {"momentum": 0.05 * problem.seed}
    ours = optimizers.RMSprop(problem.ours.values(), problem.rate, problem.factor, epsilon=0.0, **settings)
    theirs = torch.optim.RMSprop(problem.theirs.values(), problem.rate, alpha=problem.factor, eps=0.0, **settings)
    problem.run("RMSprop", ours, theirs)


@every_seed
def test_adagrad(problem):
    ours = optimizers.Adagrad(problem.ours.values(), problem.rate, initial_accumulator_value=0.1, epsilon=0.0)
    theirs = torch.optim.Adagrad(problem.theirs.values(), problem.rate, initial_accumulator_value=0.1, eps=0.0)
    problem.run("Adagrad", ours, theirs)


@every_seed
def test_muon(seed, dtype, monkeypatch):
    """PyTorch's iterates in bfloat16, three digits: here it keeps all. Its settings have our r and √max(m, n)."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda a: a.clone())
    problem = Problem(seed, dtype)
    del problem.ours["w"], problem.theirs["w"]  # PyTorch's takes matrices only
    settings = {"momentum": problem.factor, "nesterov": seed % 2 == 0, "weight_decay": 0.1 * seed}
    ours = optimizers.Muon(problem.ours.values(), problem.rate, **settings)
    theirs = torch.optim.Muon(problem.theirs.values(), problem.rate, adjust_lr_fn="match_rms_adamw", **settings)
    problem.run("Muon", ours, theirs)


class InsideTheRoot(torch.optim.Optimizer):
    """w ← w − α g / √(v + ε) in PyTorch's numbers, for v ← ρ v + (1 − ρ) g² (RMSprop) or v ← v + g² (Adagrad)."""

    def __init__(self, parameters, rate, epsilon, rho=None):
        super().__init__(parameters, {})
        self.rate, self.epsilon, self.rho = rate, epsilon, rho

    @torch.no_grad()
    def step(self):
        for w in self.param_groups[0]["params"]:
            v = self.state[w].setdefault("v", torch.full_like(w, 0.0 if self.rho else 0.1))
            v.copy_(v + w.grad**2 if self.rho is None else self.rho * v + (1 - self.rho) * w.grad**2)
            w -= self.rate * w.grad / torch.sqrt(v + self.epsilon)


@every_seed
def test_rmsprop_and_adagrad_with_epsilon_inside_the_root(seed, dtype):
    epsilon = 10.0 ** -(seed + 1)
    problem = Problem(seed, dtype)
    ours = optimizers.RMSprop(problem.ours.values(), problem.rate, problem.factor, epsilon=epsilon)
    problem.run("RMSprop", ours, InsideTheRoot(problem.theirs.values(), problem.rate, epsilon, problem.factor))
    problem = Problem(seed, dtype)
    ours = optimizers.Adagrad(problem.ours.values(), problem.rate, epsilon=epsilon)
    problem.run("Adagrad", ours, InsideTheRoot(problem.theirs.values(), problem.rate, epsilon))


# PyTorch's clip_grad_norm_ divides by the norm + 1e-6, minidl by the norm: 1e-10 can only be reached without it.


def scaled(gradients, limit):
    norm = torch.linalg.vector_norm(torch.cat([g.ravel() for g in gradients]))
    for g in gradients:
        g.mul_(torch.clamp(limit / norm, max=1.0))


CLIPPINGS = {
    "clipvalue": lambda gradients, limit: [g.clamp_(-limit, limit) for g in gradients],
    "clipnorm": lambda gradients, limit: [scaled([g], limit) for g in gradients],
    "global_clipnorm": scaled,
}


@every_seed
@pytest.mark.parametrize("kind", CLIPPINGS)
def test_clipping(problem, kind):
    limit = 0.5 + problem.seed
    ours = optimizers.SGD(problem.ours.values(), problem.rate, momentum=0.5, **{kind: limit})
    theirs = torch.optim.SGD(problem.theirs.values(), problem.rate, momentum=0.5)
    problem.run("SGD, clipped", ours, theirs, lambda gradients: CLIPPINGS[kind](gradients, limit))


@every_seed
def test_pytorchs_own_clipping_is_the_same_to_six_digits(problem):
    g = [np.random.default_rng(problem.seed).normal(size=x.shape) * 5 for x in problem.arrays.values()]
    for w, theirs, gradient in zip(problem.ours.values(), problem.theirs.values(), g):
        w.grad = gradient.astype(w.dtype)
        theirs.grad = torch.tensor(w.grad)
    torch.nn.utils.clip_grad_norm_(problem.theirs.values(), 1.0)
    before = [w.numpy().copy() for w in problem.ours.values()]
    optimizers.SGD(problem.ours.values(), 1.0, global_clipnorm=1.0).step()
    for w, start, theirs in zip(problem.ours.values(), before, problem.theirs.values()):
        np.testing.assert_allclose(start - w.numpy(), theirs.grad.numpy(), rtol=1e-5, atol=1e-6)
