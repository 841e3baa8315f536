"""What is timed: for each workload its shapes, seed, initial weights and batches, the same NumPy arrays for every peer.

One *step* is one full training step: forward, loss, backward, Adam. A *round* is ``steps_per_round`` steps, chosen
so that a round of the reference peer lasts about 50 to 200 ms: long against the clock and the scheduler, short
against the drift of a shared machine.

To add a workload, add one entry to `WORKLOADS` here and one builder to each peer that can run it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, Any]

# Adam as every peer sets it: the defaults of the paper (arXiv:1412.6980), with Keras' epsilon.
ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

# AdamW's share of each weight that a step takes away, times the learning rate.
WEIGHT_DECAY = 0.01

# The size of a step of plain gradient descent, which the chains of small ops take in place of Adam.
DESCENT = 0.01


@dataclass(frozen=True)
class Workload:
    """A named piece of work: ``arrays()`` gives fresh copies of its weights and batches.

    ``ops`` is set where the cost per op, over the same arithmetic in plain NumPy, is the figure of interest. A
    ``dropout`` rate reaches the builders as ``data["dropout"]``; the peers' losses are compared without it, since each
    drops other units.
    """

    name: str
    title: str
    steps_per_round: int
    arrays: Callable[[], Arrays]
    ops: int | None = None
    dropout: float = 0.0


def _dense_weights(rng: np.random.Generator, *widths: int) -> list[np.ndarray]:
    """Glorot-uniform kernels (in, out) and zero biases (out,), in the order kernel, bias, kernel, bias ..."""
    weights = []
    for fan_in, fan_out in zip(widths[:-1], widths[1:], strict=True):
        limit = (6 / (fan_in + fan_out)) ** 0.5
        weights.append(rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32))
        weights.append(np.zeros(fan_out, np.float32))
    return weights


def xor() -> Arrays:
    """XOR: x (4, 2), y (4, 1); weights of a 2-3-1 network."""
    rng = np.random.default_rng(1)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    return {"weights": _dense_weights(rng, 2, 3, 1), "x": [x], "y": [y]}


def digits(*widths: int, batches: int = 16, batch_size: int = 128) -> Arrays:
    """Sixteen batches as MNIST would give them: x (128, 784) in [0, 1), labels (128,) in 0..9.

    Noise serves as well as digits: dense arithmetic takes the same time whatever the numbers. There are several
    batches, so that the loss does not run to zero (and the arithmetic into denormal numbers) while rounds go on.
    """
    rng = np.random.default_rng(2)
    weights = _dense_weights(rng, *widths)
    x = [rng.random((batch_size, widths[0]), dtype=np.float32) for _ in range(batches)]
    y = [rng.integers(0, widths[-1], batch_size) for _ in range(batches)]
    return {"weights": weights, "x": x, "y": y}


def images(batches: int = 4, batch_size: int = 64) -> Arrays:
    """D0.P1's network: x (64, 28, 28, 1) in [0, 1), labels (64,) in 0..9; three kernels (3, 3, in, out), two (in, out).

    The order of weights is kernel, bias, ...; the dense kernels see the last image's numbers in the order (H, W, C).
    """
    rng = np.random.default_rng(4)
    weights = []
    for channels_in, channels_out in ((1, 32), (32, 64), (64, 64)):
        limit = (6 / (9 * channels_in + 9 * channels_out)) ** 0.5
        weights.append(rng.uniform(-limit, limit, (3, 3, channels_in, channels_out)).astype(np.float32))
        weights.append(np.zeros(channels_out, np.float32))
    weights += _dense_weights(rng, 3 * 3 * 64, 64, 10)
    x = [rng.random((batch_size, 28, 28, 1), dtype=np.float32) for _ in range(batches)]
    y = [rng.integers(0, 10, batch_size) for _ in range(batches)]
    return {"weights": weights, "x": x, "y": y}


def sentences(vocabulary: int = 1000, width: int = 64, units: int = 128, batches: int = 4) -> Arrays:
    """D2.P3's classifier: x (32, 100) of word indices, y (32, 1) of 0 and 1.

    Weights: the embeddings (vocabulary, width); kernel (in, 4 units), recurrent kernel (units, 4 units) and bias of two
    LSTMs, their gates in the order i f g o; kernel and bias of the output.
    """
    rng = np.random.default_rng(5)

    def uniform(*shape: int) -> np.ndarray:
        return rng.uniform(-0.1, 0.1, shape).astype(np.float32)

    weights = [uniform(vocabulary, width)]
    for inputs in (width, units):
        weights += [uniform(inputs, 4 * units), uniform(units, 4 * units), np.zeros(4 * units, np.float32)]
    weights += [uniform(units, 1), np.zeros(1, np.float32)]
    x = [rng.integers(0, vocabulary, (32, 100)) for _ in range(batches)]
    y = [rng.integers(0, 2, (32, 1)).astype(np.float32) for _ in range(batches)]
    return {"weights": weights, "x": x, "y": y}


# The small GPT: symbols, steps of a text, features, heads, blocks.
VOCABULARY, STEPS, FEATURES, HEADS, BLOCKS = 256, 128, 128, 4, 4
LAYER_NORM_EPSILON = 1e-5


def text(batches: int = 4, batch_size: int = 16) -> Arrays:
    """A small GPT: x (16, 128) symbols in 0..255, y the symbols that follow; about 0.9 million weights.

    The order of weights: embeddings (256, 128), positions (128, 128); for each block γ, β, the kernels (128, 128) and
    biases of queries, keys, values and output, γ, β, the two kernels (128, 512), (512, 128) with biases; γ, β, and the
    last kernel (128, 256) with its bias.
    """
    rng = np.random.default_rng(5)
    D = FEATURES

    def norm() -> list[np.ndarray]:
        return [np.ones(D, np.float32), np.zeros(D, np.float32)]

    weights = [rng.normal(0, 0.02, (n, D)).astype(np.float32) for n in (VOCABULARY, STEPS)]
    for _ in range(BLOCKS):
        weights += [*norm(), *(array for _ in range(4) for array in _dense_weights(rng, D, D))]
        weights += [*norm(), *_dense_weights(rng, D, 4 * D, D)]
    weights += [*norm(), *_dense_weights(rng, D, VOCABULARY)]
    texts = [rng.integers(0, VOCABULARY, (batch_size, STEPS + 1)) for _ in range(batches)]
    return {"weights": weights, "x": [t[:, :-1].copy() for t in texts], "y": [t[:, 1:].copy() for t in texts]}


LINKS = 40  # links in the chains below


def chain() -> Arrays:
    """Forty links of a few ops each on (4, 4) arrays, where the arithmetic is almost nothing and the record is all.

    One link takes h (4, 4), with the parameters M (4, 4) and c (4, 4), to the next h. ``overhead`` has all that a tape
    meets, a product of matrices, a sum and broadcasting; ``elementwise`` only the simplest ops there are::

        overhead         a = h M        t = tanh a        s = Σ_j t_ij  (4, 1)        u = t s        h' = u + c
        elementwise      a = h ⊙ M      t = tanh a        h' = t + c

    and the loss is the mean of the last h. The scales keep forty links from exploding or dying out.
    """
    rng = np.random.default_rng(3)
    x, m, c = (scale * rng.standard_normal((4, 4)).astype(np.float32) for scale in (1.0, 0.3, 0.5))
    return {"weights": [m, c], "x": [x], "y": []}


WORKLOADS = {
    w.name: w
    for w in (
        Workload("W1", "XOR: batch 4, 2-3-1 sigmoid, binary cross-entropy, Adam", 600, xor),
        Workload(
            "W2a", "dense 784-64-10 relu, batch 128, softmax cross-entropy, Adam", 150, lambda: digits(784, 64, 10)
        ),
        Workload(
            "W2b",
            "dense 784-512-512-10 relu, batch 128, softmax cross-entropy, Adam",
            20,
            lambda: digits(784, 512, 512, 10),
        ),
        Workload("W3", "D0.P1's network of three convolutions, batch 64, softmax cross-entropy, Adam", 5, images),
        Workload(
            "W4",
            "D2.P3's text classifier: batch 32, T=100, embedding 64, two LSTM(128) with dropout, Adam",
            3,
            sentences,
            dropout=0.5,
        ),
        Workload("W5", "small GPT: 4 blocks of 128 features, batch 16, 128 steps, causal, AdamW", 2, text),
        Workload(
            "overhead",
            f"a chain of {LINKS * 5} ops on (4, 4) arrays, forward and backward: @, tanh, sum, *, +",
            60,
            chain,
            ops=LINKS * 5,
        ),
        Workload(
            "elementwise",
            f"a chain of {LINKS * 3} ops on (4, 4) arrays, forward and backward: *, tanh, +",
            100,
            chain,
            ops=LINKS * 3,
        ),
    )
}
