"""Plain NumPy with the derivatives written by hand: what the arithmetic alone costs, the floor for any tape.

Every array that a step writes is made once and written with ``out=``, and the parameters, their gradients and
Adam's moments are slices of one flat buffer each, so that a step allocates almost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
from workloads import ADAM, DESCENT, LINKS, Arrays

Step = Callable[[], np.floating]

BLOCK = 128 * 1024  # elements of each of Adam's arrays worked on at a time, so that they stay in the cache

# Operands of no dimension: a Python number costs each ufunc call another 0.3 µs to convert.
ZERO, ONE = np.array(0, np.float32), np.array(1, np.float32)


devices = ("cpu",)


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    return {"numpy": np.__version__}


def _flat(weights: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """One buffer for all parameters and one for all gradients, with their views in the shapes of ``weights``."""
    w = np.concatenate([weight.ravel() for weight in weights])
    g = np.zeros_like(w)
    ends = np.cumsum([weight.size for weight in weights])[:-1]

    def views(buffer: np.ndarray) -> list[np.ndarray]:
        pieces = np.split(buffer, ends)
        return [piece.reshape(weight.shape) for piece, weight in zip(pieces, weights, strict=True)]

    return w, views(w), g, views(g)


def _adam(w: np.ndarray, g: np.ndarray) -> Callable[[], None]:
    """Adam (arXiv:1412.6980, section 2, the efficient form at its end) on one flat buffer, in ten ufuncs a block.

    The moments are kept without their factors, m / (1 - β₁) and v / (1 - β₂): then g is added as it is, and the
    factors join the bias corrections in the two scalars of each step.
    """
    beta_1, beta_2, rate, offset = (np.array(value, np.float32) for value in (ADAM["beta_1"], ADAM["beta_2"], 0, 0))
    m, v = np.zeros_like(w), np.zeros_like(w)
    scratch = np.empty(min(BLOCK, w.size), np.float32)
    spans = [slice(start, start + BLOCK) for start in range(0, w.size, BLOCK)]
    blocks = [(w[s], g[s], m[s], v[s], scratch[: w[s].size]) for s in spans]
    time = 0

    def update() -> None:
        nonlocal time
        time += 1
        scale = ((1 - ADAM["beta_2"] ** time) / (1 - ADAM["beta_2"])) ** 0.5
        rate[...] = ADAM["learning_rate"] * (1 - ADAM["beta_1"]) / (1 - ADAM["beta_1"] ** time) * scale
        offset[...] = ADAM["epsilon"] * scale
        for w, g, m, v, s in blocks:
            np.multiply(m, beta_1, out=m)
            np.add(m, g, out=m)
            np.multiply(g, g, out=s)
            np.multiply(v, beta_2, out=v)
            np.add(v, s, out=v)
            np.sqrt(v, out=s)
            np.add(s, offset, out=s)
            np.divide(m, s, out=s)
            np.multiply(s, rate, out=s)
            np.subtract(w, s, out=w)

    return update


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ᶻ), written over z."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.add(z, ONE, out=z)
    return np.reciprocal(z, out=z)


def xor(data: Arrays) -> Step:
    """W1."""
    w, (w1, b1, w2, b2), g, (dw1, db1, dw2, db2) = _flat(data["weights"])
    update = _adam(w, g)
    x, y = data["x"][0], data["y"][0]  # (4, 2), (4, 1)
    batch = len(x)
    ones, mean = np.ones(batch, np.float32), np.array(1 / batch, np.float32)
    h, dh, slope = (np.empty((batch, 3), np.float32) for _ in range(3))
    p, dz, chance = (np.empty((batch, 1), np.float32) for _ in range(3))

    def step() -> np.floating:
        x.dot(w1, out=h)  # (4, 2) (2, 3) -> (4, 3)
        np.add(h, b1, out=h)
        _sigmoid(h)
        h.dot(w2, out=p)  # (4, 3) (3, 1) -> (4, 1)
        np.add(p, b2, out=p)
        _sigmoid(p)
        np.subtract(p, y, out=dz)
        np.abs(dz, out=chance)
        np.subtract(ONE, chance, out=chance)  # 1 - |p - y|: the probability given to the target, as y is 0 or 1
        np.log(chance, out=chance)
        loss = -chance.ravel().dot(ones) / batch
        np.multiply(dz, mean, out=dz)  # ∂L/∂z = (p - y) / N, for sigmoid and cross-entropy together
        h.T.dot(dz, out=dw2)
        ones.dot(dz, out=db2)
        dz.dot(w2.T, out=dh)  # (4, 1) (1, 3) -> (4, 3)
        np.subtract(ONE, h, out=slope)
        np.multiply(slope, h, out=slope)
        np.multiply(dh, slope, out=dh)  # σ' = σ (1 - σ)
        x.T.dot(dh, out=dw1)
        ones.dot(dh, out=db1)
        update()
        return loss

    return step


def _softmax_cross_entropy(z: np.ndarray, labels: np.ndarray, ones: np.ndarray) -> np.floating:
    """The mean of log Σₖ e^zₖ - z_label over the rows of z (N, C), whose gradient is written over z."""
    rows = len(z)
    target = np.arange(0, z.size, z.shape[1]) + labels  # (N,), positions in z read as one line
    line = z.ravel()
    z -= np.maximum.reduce(z, axis=1)[:, None]  # (N, C) - (N, 1)
    at_target = line.take(target)
    np.exp(z, out=z)
    total = z.dot(ones)  # (N, C) (C,) -> (N,)
    loss = (np.log(total).sum() - at_target.sum()) / rows
    z *= (1 / (rows * total))[:, None]
    line[target] -= np.float32(1 / rows)  # ∂L/∂z = (softmax z - onehot) / N
    return loss


def digits(data: Arrays) -> Step:
    """W2a, W2b: relu between the dense layers."""
    w, weights, g, gradients = _flat(data["weights"])
    kernels, biases, dkernels, dbiases = weights[::2], weights[1::2], gradients[::2], gradients[1::2]
    update = _adam(w, g)
    batches = cycle(list(zip(data["x"], data["y"], strict=True)))
    rows = len(data["x"][0])
    row_ones, class_ones = np.ones(rows, np.float32), np.ones(kernels[-1].shape[1], np.float32)
    outputs = [np.empty((rows, kernel.shape[1]), np.float32) for kernel in kernels]
    upstream = [np.empty_like(y) for y in outputs[:-1]]
    last = len(kernels) - 1

    def step() -> np.floating:
        x, labels = next(batches)
        inputs = [x, *outputs[:-1]]
        for i, y in enumerate(outputs):
            inputs[i].dot(kernels[i], out=y)  # (N, in) (in, out) -> (N, out)
            np.add(y, biases[i], out=y)
            if i < last:
                np.maximum(y, ZERO, out=y)
        dy = outputs[last]
        loss = _softmax_cross_entropy(dy, labels, class_ones)
        for i in range(last, -1, -1):
            inputs[i].T.dot(dy, out=dkernels[i])  # (in, N) (N, out) -> (in, out)
            row_ones.dot(dy, out=dbiases[i])
            if i > 0:
                dx = upstream[i - 1]
                dy.dot(kernels[i].T, out=dx)  # (N, out) (out, in) -> (N, in)
                np.multiply(dx, inputs[i] > ZERO, out=dx)
                dy = dx
        update()
        return loss

    return step


def chain(data: Arrays) -> Step:
    """The chain of mixed ops, then one step of gradient descent."""
    x, (m, c) = data["x"][0], data["weights"]

    def step() -> np.floating:
        h, links = x, []
        for _ in range(LINKS):
            t = np.tanh(h.dot(m))
            s = t.sum(axis=1, keepdims=True)  # (4, 4) -> (4, 1)
            links.append((h, t, s))
            h = t * s + c
        loss = h.mean()
        dh = np.full_like(h, 1 / h.size)
        dm, dc = np.zeros_like(m), np.zeros_like(c)
        for h, t, s in reversed(links):
            dc += dh
            ds = (dh * t).sum(axis=1, keepdims=True)  # (4, 4) -> (4, 1), as s was broadcast
            dt = dh * s + ds
            da = dt * (1 - t * t)
            dm += h.T.dot(da)
            dh = da.dot(m.T)
        np.subtract(m, DESCENT * dm, out=m)
        np.subtract(c, DESCENT * dc, out=c)
        return loss

    return step


def elementwise(data: Arrays) -> Step:
    """The chain of elementwise ops, then one step of gradient descent."""
    x, (m, c) = data["x"][0], data["weights"]

    def step() -> np.floating:
        h, links = x, []
        for _ in range(LINKS):
            t = np.tanh(h * m)
            links.append((h, t))
            h = t + c
        loss = h.mean()
        dh = np.full_like(h, 1 / h.size)
        dm, dc = np.zeros_like(m), np.zeros_like(c)
        for h, t in reversed(links):
            dc += dh
            da = dh * (1 - t * t)
            dm += da * h
            dh = da * m
        np.subtract(m, DESCENT * dm, out=m)
        np.subtract(c, DESCENT * dc, out=c)
        return loss

    return step


workloads = {"W1": xor, "W2a": digits, "W2b": digits, "overhead": chain, "elementwise": elementwise}
