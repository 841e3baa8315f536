"""Running a row of the op table: its value, its gradients and their gradients as plain numbers, to be compared."""

import numpy as np

from minidl.arrays import move
from minidl.autograd import Tensor
from minidl.backward import gradients

SEED = 7


def rng():
    return np.random.default_rng(SEED)


def leaves(arrays):
    return [Tensor(x, requires_grad=True) for x in arrays]


def numbers(t):
    """Plain NumPy numbers of a Tensor or an array, from wherever it is; None stays None."""
    if t is None:
        return None
    a = t.data if isinstance(t, Tensor) else t
    return a.get() if hasattr(a, "get") else np.asarray(a)


def run(f, arrays, g=None):
    """Value, gradients and second derivatives of f: y, ∂⟨g, y⟩/∂x, ∂⟨v, ∂⟨g, y⟩/∂x⟩/∂x."""
    xs = leaves(arrays)
    y = f(*xs)
    g = rng().normal(size=y.shape).astype(y.dtype) if g is None else g
    dxs = gradients(y, xs, move(g, y.device), create_graph=True)
    seconds = []
    for k, (dx, x) in enumerate(zip(dxs, xs)):
        v = np.random.default_rng(SEED + k).normal(size=x.shape).astype(x.dtype)
        if dx is not None and dx.requires_grad:
            seconds.append(
                [numbers(h) for h in gradients(dx, xs, move(v, x.device), retain_graph=True) if h is not None]
            )
    return numbers(y), [numbers(dx) for dx in dxs], seconds


def assert_same(one, other, **tolerance):
    """Two results of ``run`` are equal, but for rounding."""
    for a, b in zip(one, other, strict=True):
        assert_close(a, b, **tolerance)


def assert_close(a, b, rtol=1e-12, atol=1e-13):
    if a is None or b is None:
        assert a is b
        return
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b):
            assert_close(one, other, rtol, atol)
        return
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
