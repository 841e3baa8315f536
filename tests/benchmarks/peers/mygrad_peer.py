"""MyGrad, a NumPy autograd: its own ops, losses and activations. It has no optimizers, so Adam is written out here.

MyGrad has convolution and pooling, but no LSTM, attention or layer norm: these are written with its ops. A Python
number in arithmetic with its tensors makes float64, so that constants are float32 scalars.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu, sigmoid, softmax
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy
from workloads import ADAM, BLOCKS, DESCENT, FEATURES, HEADS, LAYER_NORM_EPSILON, LINKS, STEPS, WEIGHT_DECAY, Arrays

Step = Callable[[], mg.Tensor]

devices = ("cpu",)

HALF, ONE = np.float32(0.5), np.float32(1)


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    mg.turn_memory_guarding_off()  # as its documentation advises for speed
    return {"mygrad": mg.__version__, "numpy": np.__version__}


def _trainer(loss_function: Callable, data: Arrays, weight_decay: float = 0.0) -> Step:
    """One step over the batches in turn: ``loss_function(weights, x, y)``, its gradients, Adam or AdamW."""
    weights = [mg.tensor(w) for w in data["weights"]]
    moments = [(np.zeros_like(w), np.zeros_like(w)) for w in data["weights"]]
    batches = cycle(list(zip(data["x"], data["y"], strict=True)))
    rate, beta_1, beta_2, epsilon = (ADAM[name] for name in ("learning_rate", "beta_1", "beta_2", "epsilon"))
    time = 0

    def step() -> mg.Tensor:
        nonlocal time
        time += 1
        loss = loss_function(weights, *next(batches))
        loss.backward()
        for w, (m, v) in zip(weights, moments, strict=True):
            g = w.grad
            m += (1 - beta_1) * (g - m)
            v += (1 - beta_2) * (g * g - v)
            if weight_decay:
                w.data *= 1 - rate * weight_decay
            root = np.sqrt(v / (1 - beta_2**time)) + epsilon
            w.data -= rate / (1 - beta_1**time) * m / root
        return loss

    return step


def _binary_cross_entropy(p: mg.Tensor, y: np.ndarray) -> mg.Tensor:
    return -mg.mean(y * mg.log(p) + (ONE - y) * mg.log(ONE - p))


def xor(data: Arrays) -> Step:
    """W1."""

    def loss(weights: list[mg.Tensor], x: np.ndarray, y: np.ndarray) -> mg.Tensor:
        w1, b1, w2, b2 = weights
        return _binary_cross_entropy(sigmoid(sigmoid(x @ w1 + b1) @ w2 + b2), y)

    return _trainer(loss, data)


def _dense(h: mg.Tensor, weights: list[mg.Tensor]) -> mg.Tensor:
    """Dense layers with relu between them."""
    for i in range(0, len(weights), 2):
        h = (relu(h) if i else h) @ weights[i] + weights[i + 1]
    return h


def digits(data: Arrays) -> Step:
    """W2a, W2b: relu between the dense layers."""
    return _trainer(lambda weights, x, y: softmax_crossentropy(_dense(x, weights), y), data)


def images(data: Arrays) -> Step:
    """W3: channels first, as MyGrad has them; kernels and data are brought into its order beforehand."""
    kernels = [k.transpose(3, 2, 0, 1) for k in data["weights"][:6:2]]  # (kh, kw, in, out) -> (out, in, kh, kw)
    biases = [b.reshape(-1, 1, 1) for b in data["weights"][1:6:2]]
    first = data["weights"][6].reshape(3, 3, 64, 64).transpose(2, 0, 1, 3).reshape(-1, 64)  # rows in the order C H W
    arrays = [array for pair in zip(kernels, biases, strict=True) for array in pair] + [first, *data["weights"][7:]]
    x = [np.ascontiguousarray(images.transpose(0, 3, 1, 2)) for images in data["x"]]  # (N, H, W, C) -> (N, C, H, W)

    def loss(weights: list[mg.Tensor], h: np.ndarray, y: np.ndarray) -> mg.Tensor:
        for i in (0, 2, 4):
            h = relu(conv_nd(h, weights[i], stride=1) + weights[i + 1])
            if i < 4:
                even = h.shape[-1] // 2 * 2  # MyGrad's pooling refuses a row that is left over
                h = max_pool(h[..., :even, :even], (2, 2), 2)
        h = h.reshape(len(h), -1)  # (N, 64, 3, 3) -> (N, 576)
        return softmax_crossentropy(_dense(h, weights[6:]), y)

    return _trainer(loss, data | {"weights": [np.ascontiguousarray(w) for w in arrays], "x": x})


def _lstm(x: mg.Tensor, kernel: mg.Tensor, recurrent: mg.Tensor, bias: mg.Tensor) -> list[mg.Tensor]:
    """The states (N, H) after each step of x (N, T, D); gates i f g o."""
    units = recurrent.shape[0]
    projected = x @ kernel + bias  # (N, T, 4 H): one product for all steps
    h = c = np.zeros((x.shape[0], units), np.float32)
    states = []
    for t in range(x.shape[1]):
        z = projected[:, t] + h @ recurrent
        i, f, g, o = (z[:, k * units : (k + 1) * units] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * mg.tanh(g)
        h = sigmoid(o) * mg.tanh(c)
        states.append(h)
    return states


def sentences(data: Arrays) -> Step:
    """W4."""
    rng, keep = np.random.default_rng(0), 1 - data["dropout"]

    def dropout(h: mg.Tensor) -> mg.Tensor:
        if keep == 1:
            return h
        return h * ((rng.random(h.shape, dtype=np.float32) < keep) / np.float32(keep))

    def loss(weights: list[mg.Tensor], x: np.ndarray, y: np.ndarray) -> mg.Tensor:
        embeddings, *lstms, w, b = weights
        h = mg.stack(_lstm(embeddings[x], *lstms[:3]), axis=1)  # T times (N, H) -> (N, T, H)
        h = _lstm(dropout(h), *lstms[3:])[-1]
        return _binary_cross_entropy(sigmoid(dropout(h) @ w + b), y)

    return _trainer(loss, data)


def _layer_norm(x: mg.Tensor, gamma: mg.Tensor, beta: mg.Tensor) -> mg.Tensor:
    centred = x - mg.mean(x, axis=-1, keepdims=True)
    variance = mg.mean(centred * centred, axis=-1, keepdims=True)
    return centred / mg.sqrt(variance + np.float32(LAYER_NORM_EPSILON)) * gamma + beta


def _gelu(x: mg.Tensor) -> mg.Tensor:
    inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x * x * x)
    return HALF * x * (ONE + mg.tanh(inner))


def _attention(x: mg.Tensor, projections: list[mg.Tensor], future: np.ndarray) -> mg.Tensor:
    """Causal attention of x (N, T, D) with kernels and biases of queries, keys, values and output."""
    n, t, d = x.shape
    wq, bq, wk, bk, wv, bv, wo, bo = projections

    def heads(w: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
        return mg.transpose((x @ w + b).reshape(n, t, HEADS, d // HEADS), (0, 2, 1, 3))  # (N, h, T, d/h)

    scores = heads(wq, bq) @ mg.swapaxes(heads(wk, bk), 2, 3)  # (N, h, T, T)
    weights = softmax(scores * np.float32((d // HEADS) ** -0.5) + future, axis=-1)
    y = mg.transpose(weights @ heads(wv, bv), (0, 2, 1, 3)).reshape(n, t, d)
    return y @ wo + bo


def text(data: Arrays) -> Step:
    """W5."""
    future = np.triu(np.full((STEPS, STEPS), -np.inf, np.float32), k=1)

    def loss(weights: list[mg.Tensor], x: np.ndarray, y: np.ndarray) -> mg.Tensor:
        h = weights[0][x] + weights[1]  # (N, T, D) + (T, D)
        for i in range(2, 2 + 16 * BLOCKS, 16):
            h = h + _attention(_layer_norm(h, *weights[i : i + 2]), weights[i + 2 : i + 10], future)
            gamma, beta, w1, b1, w2, b2 = weights[i + 10 : i + 16]
            h = h + _gelu(_layer_norm(h, gamma, beta) @ w1 + b1) @ w2 + b2
        gamma, beta, w, b = weights[-4:]
        logits = (_layer_norm(h, gamma, beta).reshape(-1, FEATURES) @ w) + b  # (N T, vocabulary)
        return softmax_crossentropy(logits, y.ravel())

    return _trainer(loss, data, WEIGHT_DECAY)


def _chain(links: Callable, data: Arrays) -> Step:
    """A chain of small ops, then one step of gradient descent."""
    x, m, c = data["x"][0], *(mg.tensor(w) for w in data["weights"])

    def step() -> mg.Tensor:
        loss = mg.mean(links(x, m, c))
        loss.backward()
        for w in (m, c):
            w.data -= DESCENT * w.grad
        return loss

    return step


def _mixed(h: mg.Tensor, m: mg.Tensor, c: mg.Tensor) -> mg.Tensor:
    for _ in range(LINKS):
        t = mg.tanh(h @ m)
        h = t * mg.sum(t, axis=1, keepdims=True) + c  # (4, 4) * (4, 1) + (4, 4)
    return h


def _elementwise(h: mg.Tensor, m: mg.Tensor, c: mg.Tensor) -> mg.Tensor:
    for _ in range(LINKS):
        h = mg.tanh(h * m) + c
    return h


workloads = {
    "W1": xor,
    "W2a": digits,
    "W2b": digits,
    "W3": images,
    "W4": sentences,
    "W5": text,
    "overhead": partial(_chain, _mixed),
    "elementwise": partial(_chain, _elementwise),
}
