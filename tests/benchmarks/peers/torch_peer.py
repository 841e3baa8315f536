"""PyTorch, eager, as its own tutorials write a training step: the reference every other peer is compared with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle

import numpy as np
import torch
from torch import nn
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

Step = Callable[[], torch.Tensor]


devices = ("cpu", "cuda")


def describe(device: str) -> dict[str, str]:
    """What this peer's speed depends on."""
    if device == "cuda":
        return {"torch": torch.__version__, "GPU": torch.cuda.get_device_name()}  # raises where there is no GPU
    return {
        "torch": torch.__version__,
        "BLAS": "MKL" if torch.backends.mkl.is_available() else "see torch.__config__.show()",
        "CPU capability": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }


def _load(model: nn.Module, weights: list[np.ndarray]) -> None:
    """Copy kernels (in, out) and biases into the model; PyTorch keeps its kernels as (out, in)."""
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight.T))  # (in, out) -> (out, in); a bias is its own transpose


def _trainer(model: nn.Module, loss_function: Callable, data: Arrays, weight_decay: float | None = None) -> Step:
    """One step of training over the batches of ``data`` in turn, with Adam, or AdamW where weights decay."""
    _load(model, data["weights"])
    model.to(data["device"])
    settings = {"lr": ADAM["learning_rate"], "betas": (ADAM["beta_1"], ADAM["beta_2"]), "eps": ADAM["epsilon"]}
    if weight_decay is None:
        optimizer = torch.optim.Adam(model.parameters(), **settings)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=weight_decay, **settings)
    pairs = zip(data["x"], data["y"], strict=True)
    batches = cycle([tuple(torch.from_numpy(array).to(data["device"]) for array in pair) for pair in pairs])

    def step() -> torch.Tensor:
        x, y = next(batches)
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def xor(data: Arrays) -> Step:
    """W1."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid())
    return _trainer(model, nn.BCELoss(), data)


def digits(data: Arrays) -> Step:
    """W2a, W2b: relu between the dense layers, whose widths are those of the given kernels."""
    layers: list[nn.Module] = []
    for kernel in data["weights"][::2]:
        layers += [nn.Linear(*kernel.shape), nn.ReLU()]
    return _trainer(nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss(), data)


def images(data: Arrays) -> Step:
    """W3: D0.P1's network, channels first as PyTorch has them; the data is brought into its order beforehand."""
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(3 * 3 * 64, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    kernels, biases = data["weights"][::2], data["weights"][1::2]
    first = kernels[3].reshape(3, 3, 64, 64).transpose(2, 0, 1, 3)  # (H, W, C, out) -> (C, H, W, out)
    # _load turns every array round, so that (kw, kh, in, out) becomes the (out, in, kh, kw) of PyTorch's kernels.
    kernels = [*(k.swapaxes(0, 1) for k in kernels[:3]), first.reshape(-1, 64), kernels[4]]
    weights = [array for pair in zip(kernels, biases, strict=True) for array in pair]
    x = [np.ascontiguousarray(images.transpose(0, 3, 1, 2)) for images in data["x"]]  # (N, H, W, C) -> (N, C, H, W)
    return _trainer(model, nn.CrossEntropyLoss(), data | {"weights": weights, "x": x})


class Sentences(nn.Module):
    """W4's network: as it stands, ``nn.LSTM`` returns a pair and cannot be put into ``nn.Sequential``."""

    def __init__(self, vocabulary: int, width: int, units: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.first = nn.LSTM(width, units, batch_first=True)
        self.second = nn.LSTM(units, units, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(units, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, T) → probabilities (N, 1)."""
        h, _ = self.first(self.embedding(x))  # (N, T, H)
        h, _ = self.second(self.dropout(h))
        return torch.sigmoid(self.output(self.dropout(h[:, -1])))


def sentences(data: Arrays) -> Step:
    """W4. Of PyTorch's two biases, which are only ever added, the second stays 0: the first one learns alone."""
    embeddings, *lstms = data["weights"]
    model = Sentences(*embeddings.shape, units=128, dropout=data["dropout"])
    for lstm in (model.first, model.second):
        lstm.bias_hh_l0.requires_grad_(False)
    weights = [embeddings.T]  # (in, out) to PyTorch's eyes, as all that _load turns round
    for k in (0, 3):
        weights += [*lstms[k : k + 3], np.zeros_like(lstms[k + 2])]
    return _trainer(model, nn.BCELoss(), {**data, "weights": weights + lstms[6:]})


class Block(nn.Module):
    """A transformer block that normalises first, with PyTorch's own causal attention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(FEATURES, eps=LAYER_NORM_EPSILON)
        self.query_key_value = nn.Linear(FEATURES, 3 * FEATURES)
        self.output = nn.Linear(FEATURES, FEATURES)
        self.network_norm = nn.LayerNorm(FEATURES, eps=LAYER_NORM_EPSILON)
        self.network = nn.Sequential(
            nn.Linear(FEATURES, 4 * FEATURES), nn.GELU(approximate="tanh"), nn.Linear(4 * FEATURES, FEATURES)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, d = x.shape
        qkv = self.query_key_value(self.attention_norm(x)).view(n, t, 3, HEADS, d // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (N, T, 3, h, d/h) -> 3 times (N, h, T, d/h)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(y.transpose(1, 2).reshape(n, t, d))
        return x + self.network(self.network_norm(x))


class GPT(nn.Module):
    """W5's network."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(VOCABULARY, FEATURES)
        self.positions = nn.Embedding(STEPS, FEATURES)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(FEATURES, eps=LAYER_NORM_EPSILON)
        self.head = nn.Linear(FEATURES, VOCABULARY)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.embeddings(x) + self.positions.weight[: x.shape[1]]
        return self.head(self.norm(self.blocks(h)))


def text(data: Arrays) -> Step:
    """W5: queries, keys and values in one kernel, as is usual with PyTorch."""
    first, last = data["weights"][:2], data["weights"][-4:]
    weights = [table.T for table in first]  # _load turns every array round, and these stand right already
    for i in range(2, len(data["weights"]) - 4, 16):
        gamma, beta, *projections = data["weights"][i : i + 8]
        kernels, biases = projections[::2], projections[1::2]
        weights += [gamma, beta, np.concatenate(kernels, axis=1), np.concatenate(biases)]  # (128, 384), (384,)
        weights += data["weights"][i + 8 : i + 16]

    def loss_function(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())

    return _trainer(GPT(), loss_function, data | {"weights": [*weights, *last]}, WEIGHT_DECAY)


def _chain(links: Callable, data: Arrays) -> Step:
    """A chain of small ops, then one step of gradient descent."""
    x, m, c = (torch.from_numpy(array).to(data["device"]) for array in (data["x"][0], *data["weights"]))
    m.requires_grad_()
    c.requires_grad_()

    def step() -> torch.Tensor:
        loss = links(x, m, c).mean()
        loss.backward()
        with torch.no_grad():
            for w in (m, c):
                w -= DESCENT * w.grad
                w.grad = None
        return loss

    return step


def _mixed(h: torch.Tensor, m: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    for _ in range(LINKS):
        t = torch.tanh(h @ m)
        h = t * t.sum(1, keepdim=True) + c  # (4, 4) * (4, 1) + (4, 4)
    return h


def _elementwise(h: torch.Tensor, m: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    for _ in range(LINKS):
        h = torch.tanh(h * m) + c
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
