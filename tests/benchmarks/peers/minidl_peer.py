"""minidl, as its README writes an explicit training loop.

Where arrays are large (W3, W5) each batch is shared by ``md.Threads``, as many as every peer may have; elsewhere BLAS
has them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import cycle

import numpy as np
from workloads import (
    ADAM,
    BLOCKS,
    DESCENT,
    FEATURES,
    HEADS,
    LAYER_NORM_EPSILON,
    LINKS,
    STEPS,
    VOCABULARY,
    WEIGHT_DECAY,
    Arrays,
)

import minidl as md

Step = Callable[[], "md.Tensor"]


devices = ("cpu", "cuda")


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    md.arrays.device_module(device)  # raises where there is no GPU
    return {"minidl": md.__version__, "numpy": np.__version__}


def _threads(data: Arrays) -> int:
    """The threads of a workload with large arrays."""
    return int(os.environ.get("OPENBLAS_NUM_THREADS", 1)) if data["device"] == "cpu" else 1


def _trainer(
    model: md.Sequential, loss_function: Callable, data: Arrays, weight_decay: float | None = None, threads: int = 1
) -> Step:
    """One step of training over the batches of ``data`` in turn, with Adam, or AdamW where weights decay."""
    for parameter, weight in zip(model.parameters(), data["weights"], strict=True):
        parameter.data[...] = weight
    model.to(data["device"])
    if weight_decay is None:
        optimizer = md.optimizers.Adam(model.parameters(), **ADAM)
    else:
        optimizer = md.optimizers.AdamW(model.parameters(), weight_decay=weight_decay, **ADAM)
    pairs = zip(data["x"], data["y"], strict=True)
    batches = cycle([(md.Tensor(x, device=data["device"]), md.arrays.move(y, data["device"])) for x, y in pairs])

    alone = md.Threads(1)

    def step() -> md.Tensor:
        _enter(alone)
        x, y = next(batches)
        loss = loss_function(y, model(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    together = md.Threads(threads)

    def step_together() -> md.Tensor:
        _enter(together)
        x, y = next(batches)
        optimizer.zero_grad()
        loss, _ = together.backward(model, x, lambda y_pred: loss_function(y, y_pred))
        optimizer.step(together)
        return loss

    return step if threads == 1 else step_together


def _enter(threads: md.Threads) -> None:
    """Threads live from the first step of one workload to the first of another, as they do in ``fit``."""
    global _entered
    if threads is not _entered:
        _entered.__exit__()
        _entered = threads.__enter__()


_entered = md.Threads(1)


def xor(data: Arrays) -> Step:
    """W1."""
    hidden = md.layers.Dense(3, activation="sigmoid", input_shape=(2,))
    model = md.Sequential([hidden, md.layers.Dense(1, activation="sigmoid")])
    return _trainer(model, md.losses.BinaryCrossentropy(), data)


def digits(data: Arrays) -> Step:
    """W2a, W2b: relu between the dense layers, whose widths are those of the given kernels."""
    kernels = data["weights"][::2]
    hidden = [md.layers.Dense(k.shape[1], activation="relu", input_shape=k.shape[:1]) for k in kernels[:-1]]
    output = md.layers.Dense(kernels[-1].shape[1], input_shape=kernels[-1].shape[:1])
    return _trainer(md.Sequential([*hidden, output]), md.losses.SparseCategoricalCrossentropy(from_logits=True), data)


def images(data: Arrays) -> Step:
    """W3: D0.P1's network, but for the softmax, which is in the loss."""
    layers = md.layers
    model = md.Sequential([
        layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ])  # fmt: skip
    loss_function = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _trainer(model, loss_function, data, threads=_threads(data))


def sentences(data: Arrays) -> Step:
    """W4."""
    layers = md.layers
    vocabulary, width = data["weights"][0].shape
    model = md.Sequential([
        layers.Embedding(vocabulary, width, input_length=100),
        layers.LSTM(128, return_sequences=True),
        layers.Dropout(data["dropout"]),
        layers.LSTM(128),
        layers.Dropout(data["dropout"]),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    return _trainer(model, md.losses.BinaryCrossentropy(), data)


def text(data: Arrays) -> Step:
    """W5: blocks that normalise first, GELU by its formula with tanh."""
    layers = md.layers
    model = md.Sequential([
        layers.Embedding(VOCABULARY, FEATURES, input_shape=(STEPS,)),
        layers.PositionEmbedding(STEPS),
        *(
            layers.TransformerBlock(HEADS, 4 * FEATURES, use_causal_mask=True, epsilon=LAYER_NORM_EPSILON)
            for _ in range(BLOCKS)
        ),
        layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON),
        layers.Dense(VOCABULARY),
    ])  # fmt: skip
    loss_function = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _trainer(model, loss_function, data, WEIGHT_DECAY, _threads(data))


def _chain(links: Callable, data: Arrays) -> Step:
    """A chain of small ops, then one step of gradient descent."""
    x = md.Tensor(data["x"][0], device=data["device"])
    m, c = (md.Tensor(w, requires_grad=True, device=data["device"]) for w in data["weights"])

    def step() -> md.Tensor:
        loss = links(x, m, c).mean()
        loss.backward()
        for w in (m, c):
            w.data -= DESCENT * w.grad
            w.grad = None
        return loss

    return step


def _mixed(h: md.Tensor, m: md.Tensor, c: md.Tensor) -> md.Tensor:
    for _ in range(LINKS):
        t = md.tanh(h @ m)
        h = t * t.sum(axis=1, keepdims=True) + c  # (4, 4) * (4, 1) + (4, 4)
    return h


def _elementwise(h: md.Tensor, m: md.Tensor, c: md.Tensor) -> md.Tensor:
    for _ in range(LINKS):
        h = md.tanh(h * m) + c
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
