"""One network written twice, for minidl and for PyTorch: values and gradients must be the same numbers.

A test makes the same arrays for both (``both``), writes the same thing twice, in minidl's layout on both sides, and
hands over what came out (``assert_equal``). Gradients are of ⟨g, y⟩ with random g.
"""

from collections import defaultdict

import numpy as np
import pytest

import minidl as md

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[test-torch]'")
torch.set_num_threads(1)

LIMIT = {"float32": 1e-5, "float64": 1e-10}
LARGEST: dict[tuple[str, str], float] = defaultdict(float)  # the largest error so far of each family and dtype

every_seed = pytest.mark.parametrize("seed", range(10))


def error(a, b):
    """max |a − b| / max(1, max |b|): relative for large numbers, absolute for small ones."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and a.dtype == b.dtype, f"{a.shape} {a.dtype} against PyTorch's {b.shape} {b.dtype}"
    return float(np.abs(a - b).max(initial=0) / max(1.0, np.abs(b).max(initial=0)))


def both(dtype, **arrays):
    """The arrays as leaves of minidl, and as leaves of PyTorch, by name."""
    ours = {name: md.Tensor(x.astype(dtype), requires_grad=True) for name, x in arrays.items()}
    theirs = {name: torch.tensor(x.astype(dtype), requires_grad=True) for name, x in arrays.items()}
    return ours, theirs


def both_parameters(layer, rng):
    """The weights of a layer that is built, all drawn at random, and the same as leaves of PyTorch, by name."""
    ours = {name: p for name, p in layer.named_parameters() if p.requires_grad}
    for p in ours.values():
        fan_in = np.prod(p.shape[:-1], dtype=int)  # 1 for a vector
        p.data = (rng.normal(size=p.shape) / np.sqrt(fan_in)).astype(p.dtype)
    return ours, {name: torch.tensor(p.numpy().copy(), requires_grad=True) for name, p in ours.items()}


def assert_equal(family, y, z, ours, theirs):
    """y and z are the same, and so are their gradients for the leaves of the same name."""
    dtype = y.dtype.name
    g = np.asarray(np.random.default_rng(0).normal(size=y.shape)).astype(dtype)
    y.backward(g)
    z.backward(torch.tensor(g))
    judge(family, "y", y.numpy(), z.detach().numpy())
    for name, leaf in ours.items():
        judge(family, f"∂L/∂{name}", leaf.grad, theirs[name].grad.numpy())


def judge(family, name, a, b):
    """Record the error, and fail where it is above the limit."""
    dtype = np.asarray(b).dtype.name
    e = error(a, b)
    LARGEST[family, dtype] = max(LARGEST[family, dtype], e)
    assert e <= LIMIT[dtype], f"{family}: {name} is off by {e:.1e} in {dtype}"
