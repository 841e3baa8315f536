"""The network of the articles' formulas: three dense layers and one example, everything a column.

Its loss can be computed from any layer on, so that finite differences tell ∂J/∂z[l] and ∂J/∂a[l] as well as ∂J/∂W[l].
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import generator
from minidl.differences import Estimate, numerical_gradient


def sigmoid(z: np.ndarray) -> np.ndarray:
    """σ(z) = 1 / (1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def sigmoid_slope(z: np.ndarray) -> np.ndarray:
    """σ'(z) = σ(z) (1 − σ(z))."""
    return sigmoid(z) * (1 - sigmoid(z))


def sigmoid_inverse(a: np.ndarray) -> np.ndarray:
    """σ⁻¹(a) = log(a / (1 − a)): the z with σ(z) = a."""
    return np.log(a / (1 - a))


def softmax(z: np.ndarray) -> np.ndarray:
    """e^zᵢ / Σⱼ e^zⱼ of a column."""
    return np.exp(z) / np.exp(z).sum()


class Network:
    """Three dense layers and one example (D0.E1): a[0] = x, z[l] = W[l] a[l−1] + b[l], a[l] = σ(z[l]).

    Everything is a column: with ``widths`` n₀ .. n₃ the shapes are x (n₀, 1), W[l] (n_l, n_{l−1}), and b[l], z[l], a[l]
    (n_l, 1). All lists begin with layer 0, so that ``net.W[2]`` is W[2].

    The first article (D0) has a softmax at the output and the cross-entropy J = −Σ y log a; the last (D4) has σ there
    too, and J = ½ Σ (y − a)²: ``output="sigmoid"``.

    All widths are 3 by default. Formulas with a wrong index or a lost transpose can then be computed at all, and it
    takes numbers to tell that they are wrong; with four different widths their shapes give them away.
    """

    def __init__(self, output: str = "softmax", widths: tuple[int, ...] = (3, 3, 3, 3), rng: Any = 1):
        rng = generator(rng)
        self.output = output
        self.W = [None] + [rng.normal(size=(n, m)) for m, n in zip(widths, widths[1:])]
        self.b = [None] + [rng.normal(size=(n, 1)) for n in widths[1:]]
        self.x = rng.normal(size=(widths[0], 1))
        self.y = np.eye(widths[3])[:, [1]]  # the second class is the right one
        self.forward()
        self.backward()

    def forward(self) -> None:
        """z[l] and a[l] of all layers."""
        self.z, self.a = [None], [self.x]
        for l in (1, 2, 3):
            self.z.append(self.W[l] @ self.a[l - 1] + self.b[l])
            self.a.append(self.activate(l, self.z[l]))

    def backward(self) -> None:
        """∂J/∂a[l] and δ[l] = ∂J/∂z[l] of all layers, from the last to the first."""
        self.dJ_da, self.delta = [None] * 4, [None] * 4
        self.dJ_da[3] = self.a[3] - self.y if self.output == "sigmoid" else -self.y / self.a[3]
        self.delta[3] = self.dJ_da[3] * sigmoid_slope(self.z[3]) if self.output == "sigmoid" else self.a[3] - self.y
        for l in (2, 1):
            self.dJ_da[l] = self.W[l + 1].T @ self.delta[l + 1]
            self.delta[l] = self.dJ_da[l] * sigmoid_slope(self.z[l])

    def activate(self, l: int, z: np.ndarray) -> np.ndarray:
        """a[l] from z[l]."""
        return softmax(z) if l == 3 and self.output == "softmax" else sigmoid(z)

    def J_from_a(self, l: int, a: np.ndarray) -> float:
        """The loss, where a[l] were ``a``: the layers above l are computed anew."""
        for k in range(l + 1, 4):
            a = self.activate(k, self.W[k] @ a + self.b[k])
        return 0.5 * np.sum((self.y - a) ** 2) if self.output == "sigmoid" else -np.sum(self.y * np.log(a))

    def J_from_z(self, l: int, z: np.ndarray) -> float:
        """The loss, where z[l] were ``z``."""
        return self.J_from_a(l, self.activate(l, z))

    def J(self) -> float:
        """The loss."""
        return self.J_from_a(0, self.x)

    def J_after(self, rate: float) -> float:
        """The loss after W[2] ← W[2] − α ∂J/∂W[2] with α = ``rate``; the network stays as it is."""
        z = (self.W[2] - rate * self.delta[2] @ self.a[1].T) @ self.a[1] + self.b[2]
        return self.J_from_z(2, z)


def slope(f: Callable[[np.ndarray], Any], x: np.ndarray) -> Estimate:
    """∂f/∂x entry by entry, by finite differences; x may be an array that f looks at anyway, such as ``net.W[2]``."""
    y = np.asarray(f(x))
    return numerical_gradient(lambda: [f(x)], x, [np.ones(y.shape)])
