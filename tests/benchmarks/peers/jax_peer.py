"""JAX: pure functions of the weights, each whole training step compiled by ``jax.jit``.

JAX itself has no layers and no optimizers, so both are written out here, Adam as JAX's own tutorials do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle

import jax
import jax.numpy as jnp
from workloads import ADAM, BLOCKS, DESCENT, HEADS, LAYER_NORM_EPSILON, LINKS, WEIGHT_DECAY, Arrays

Step = Callable[[], jax.Array]
Weights = list[jax.Array]

devices = ("cpu",)


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    return {"jax": jax.__version__, "jaxlib": jax.lib.__version__, "device": str(jax.devices()[0])}


def _adam(w: jax.Array, g: jax.Array, m: jax.Array, v: jax.Array, time: jax.Array, decay: float) -> tuple:
    """One step of Adam or AdamW: the new w, m and v."""
    rate, beta_1, beta_2, epsilon = (ADAM[name] for name in ("learning_rate", "beta_1", "beta_2", "epsilon"))
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    mean, root = m / (1 - beta_1**time), jnp.sqrt(v / (1 - beta_2**time))
    return w - rate * (mean / (root + epsilon) + decay * w), m, v


def _trainer(loss_function: Callable, data: Arrays, weight_decay: float = 0.0) -> Step:
    """One step over the batches in turn: ``loss_function(weights, x, y, key)``, its gradients, Adam or AdamW."""

    def train(state: tuple, x: jax.Array, y: jax.Array) -> tuple[jax.Array, tuple]:
        weights, first, second, time, key = state
        key, here = jax.random.split(key)
        loss, gradients = jax.value_and_grad(loss_function)(weights, x, y, here)
        time = time + 1
        moved = [_adam(*arrays, time, weight_decay) for arrays in zip(weights, gradients, first, second, strict=True)]
        weights, first, second = (list(arrays) for arrays in zip(*moved, strict=True))
        return loss, (weights, first, second, time, key)

    compiled = jax.jit(train, donate_argnums=0)  # the old state's memory may be written over
    weights = [jnp.array(w) for w in data["weights"]]
    state = (weights, *([jnp.zeros_like(w) for w in weights] for _ in range(2)), jnp.float32(0), jax.random.key(0))
    batches = cycle([(jnp.array(x), jnp.array(y)) for x, y in zip(data["x"], data["y"], strict=True)])

    def step() -> jax.Array:
        nonlocal state
        loss, state = compiled(state, *next(batches))
        return loss

    return step


def _binary_cross_entropy(p: jax.Array, y: jax.Array) -> jax.Array:
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


def _softmax_cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """The mean over logits (..., C) of −log of the probability that softmax gives to the label."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], axis=-1))


def _dense(h: jax.Array, weights: Weights) -> jax.Array:
    """Dense layers with relu between them."""
    for i in range(0, len(weights), 2):
        h = (jax.nn.relu(h) if i else h) @ weights[i] + weights[i + 1]
    return h


def xor(data: Arrays) -> Step:
    """W1."""

    def loss(weights: Weights, x: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
        w1, b1, w2, b2 = weights
        return _binary_cross_entropy(jax.nn.sigmoid(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2), y)

    return _trainer(loss, data)


def digits(data: Arrays) -> Step:
    """W2a, W2b: relu between the dense layers."""
    return _trainer(lambda weights, x, y, key: _softmax_cross_entropy(_dense(x, weights), y), data)


def images(data: Arrays) -> Step:
    """W3."""

    def loss(weights: Weights, h: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
        for i in (0, 2, 4):
            layout = ("NHWC", "HWIO", "NHWC")
            h = jax.lax.conv_general_dilated(h, weights[i], (1, 1), "VALID", dimension_numbers=layout)
            h = jax.nn.relu(h + weights[i + 1])
            if i < 4:
                h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return _softmax_cross_entropy(_dense(h.reshape(len(h), -1), weights[6:]), y)  # (N, 3, 3, 64) -> (N, 576)

    return _trainer(loss, data)


def _lstm(x: jax.Array, kernel: jax.Array, recurrent: jax.Array, bias: jax.Array) -> jax.Array:
    """The states (T, N, H) after each step of x (T, N, D); gates i f g o."""

    def cell(state: tuple, z: jax.Array) -> tuple[tuple, jax.Array]:
        h, c = state
        i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[1], recurrent.shape[0]))
    return jax.lax.scan(cell, (zeros, zeros), x @ kernel + bias)[1]


def sentences(data: Arrays) -> Step:
    """W4."""
    keep = 1 - data["dropout"]

    def dropout(h: jax.Array, key: jax.Array) -> jax.Array:
        return h if keep == 1 else jnp.where(jax.random.bernoulli(key, keep, h.shape), h / keep, 0)

    def loss(weights: Weights, x: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
        embeddings, *lstms, w, b = weights
        first, second = jax.random.split(key)
        h = _lstm(embeddings[x.T], *lstms[:3])  # x.T (T, N): scan goes along the first axis
        h = _lstm(dropout(h, first), *lstms[3:])[-1]
        return _binary_cross_entropy(jax.nn.sigmoid(dropout(h, second) @ w + b), y)

    return _trainer(loss, data)


def _layer_norm(x: jax.Array, gamma: jax.Array, beta: jax.Array) -> jax.Array:
    return jax.nn.standardize(x, axis=-1, epsilon=LAYER_NORM_EPSILON) * gamma + beta


def _attention(x: jax.Array, projections: Weights) -> jax.Array:
    """Causal attention of x (N, T, D) with kernels and biases of queries, keys, values and output."""
    n, t, d = x.shape
    wq, bq, wk, bk, wv, bv, wo, bo = projections
    q, k, v = ((x @ w + b).reshape(n, t, HEADS, d // HEADS) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    return jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(n, t, d) @ wo + bo


def text(data: Arrays) -> Step:
    """W5."""

    def loss(weights: Weights, x: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
        h = weights[0][x] + weights[1]  # (N, T, D) + (T, D)
        for i in range(2, 2 + 16 * BLOCKS, 16):
            h = h + _attention(_layer_norm(h, *weights[i : i + 2]), weights[i + 2 : i + 10])
            gamma, beta, w1, b1, w2, b2 = weights[i + 10 : i + 16]
            h = h + jax.nn.gelu(_layer_norm(h, gamma, beta) @ w1 + b1, approximate=True) @ w2 + b2
        gamma, beta, w, b = weights[-4:]
        return _softmax_cross_entropy(_layer_norm(h, gamma, beta) @ w + b, y)

    return _trainer(loss, data, WEIGHT_DECAY)


def _chain(links: Callable, data: Arrays) -> Step:
    """A chain of small ops, then one step of gradient descent: compiled into one program, as the rest."""
    x = jnp.array(data["x"][0])

    @jax.jit
    def train(weights: Weights) -> tuple[jax.Array, Weights]:
        loss, gradients = jax.value_and_grad(lambda weights: links(x, *weights).mean())(weights)
        return loss, [w - DESCENT * g for w, g in zip(weights, gradients, strict=True)]

    weights = [jnp.array(w) for w in data["weights"]]

    def step() -> jax.Array:
        nonlocal weights
        loss, weights = train(weights)
        return loss

    return step


def _mixed(h: jax.Array, m: jax.Array, c: jax.Array) -> jax.Array:
    for _ in range(LINKS):
        t = jnp.tanh(h @ m)
        h = t * t.sum(axis=1, keepdims=True) + c  # (4, 4) * (4, 1) + (4, 4)
    return h


def _elementwise(h: jax.Array, m: jax.Array, c: jax.Array) -> jax.Array:
    for _ in range(LINKS):
        h = jnp.tanh(h * m) + c
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
