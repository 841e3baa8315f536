"""PyTorch, eager, as its own tutorials write a training step: the reference every other peer is compared with."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
import torch
from torch import nn
from workloads import ADAM, DESCENT, LINKS, Arrays

Step = Callable[[], torch.Tensor]


def describe() -> dict[str, str]:
    """What this peer's speed depends on."""
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


def _trainer(model: nn.Module, loss_function: nn.Module, data: Arrays) -> Step:
    """One step of training over the batches of ``data`` in turn."""
    _load(model, data["weights"])
    betas = (ADAM["beta_1"], ADAM["beta_2"])
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM["learning_rate"], betas=betas, eps=ADAM["epsilon"])
    pairs = zip(data["x"], data["y"], strict=True)
    batches = cycle([(torch.from_numpy(x), torch.from_numpy(y)) for x, y in pairs])

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
    return _trainer(model, nn.CrossEntropyLoss(), {"weights": weights, "x": x, "y": data["y"]})


def chain(data: Arrays) -> Step:
    """The chain of small ops, then one step of gradient descent."""
    x = torch.from_numpy(data["x"][0])
    m, c = (torch.from_numpy(w).requires_grad_() for w in data["weights"])

    def step() -> torch.Tensor:
        h = x
        for _ in range(LINKS):
            t = torch.tanh(h @ m)
            h = t * t.sum(1, keepdim=True) + c  # (4, 4) * (4, 1) + (4, 4)
        loss = h.mean()
        loss.backward()
        with torch.no_grad():
            for w in (m, c):
                w -= DESCENT * w.grad
                w.grad = None
        return loss

    return step


workloads = {"W1": xor, "W2a": digits, "W2b": digits, "W3": images, "overhead": chain}
