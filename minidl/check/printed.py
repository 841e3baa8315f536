"""Printed formulas on trial: some of those in the articles are wrong. Finite differences are the judge.

Each formula stands here as it should be, and as it is printed where that is something else, both in the fewest lines of
NumPy and under the ID of its row (D0.E3). Most of them speak of the small network in ``three_layers.py``.

>>> for formula in FORMULAS[:4]:
...     right, printed = formula.errors()
...     print(formula.id, formula.symbol, f"right to {right:.0e}", f"printed: off by {printed:.1f}" * (printed > 1e-6))
D0.E2 ∂J/∂z[1] right to ... printed: off by 9.6
D0.E3 ∂J/∂W[2] right to ... printed: off by 4.3
D0.E4 ∂J/∂b[2] right to ... printed: off by 4.2
D0.E5 ∂J/∂α, α = 0 right to ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.check.three_layers import Network, sigmoid, sigmoid_inverse, sigmoid_slope, slope
from minidl.differences import Estimate

# --- D0: softmax and cross-entropy --------------------------------------------------------------------------------


def right_D0_E2(net):
    """δ[1] = (W[2]ᵀ δ[2]) ⊙ σ'(z[1])."""
    return net.W[2].T @ net.delta[2] * sigmoid_slope(net.z[1])


def printed_D0_E2(net):
    """δ[1] = ∂J/∂a[2] · σ'(z[1])."""
    return net.dJ_da[2] * sigmoid_slope(net.z[1])


def right_D0_E3(net):
    """∂J/∂W[2] = δ[2] a[1]ᵀ."""
    return net.delta[2] @ net.a[1].T


def printed_D0_E3(net):
    """∂J/∂W[2] = a[1] δ[3]ᵀ."""
    return net.a[1] @ net.delta[3].T


def right_D0_E4(net):
    """∂J/∂b[2] = δ[2]."""
    return net.delta[2]


def printed_D0_E4(net):
    """∂J/∂b[2] = δ[3]ᵀ."""
    return net.delta[3].T


def right_D0_E5(net):
    """After W[2] ← W[2] − α ∂J/∂W[2] the loss is J − α Σ (∂J/∂W[2])² for small α: it falls."""
    return -np.sum((net.delta[2] @ net.a[1].T) ** 2)


def right_D0_E6(net):
    """δ[3] = a[3] − y."""
    return net.a[3] - net.y


def right_D0_E7(net):
    """δ[2] = W[3]ᵀ δ[3] ⊙ σ'(z[2])."""
    return net.W[3].T @ net.delta[3] * sigmoid_slope(net.z[2])


def right_D0_E8(net):
    """∂J/∂W[3] = δ[3] a[2]ᵀ."""
    return net.delta[3] @ net.a[2].T


def printed_D0_E8(net):
    """∂J/∂W[3] = a[2] δ[3]ᵀ."""
    return net.a[2] @ net.delta[3].T


# --- D4: sigmoid and half the squared error. There w_ji leads from unit j to unit i: rows are inputs ----------------


def right_D4_E2(net):
    """∂C/∂w_ji = a_j[1] ∂C/∂z_i[2]."""
    return net.a[1] @ net.delta[2].T


def printed_D4_E2(net):
    """∂C/∂w_ji = a_j[1] ∂C/∂a_i[2]."""
    return net.a[1] @ net.dJ_da[2].T


def right_D4_E3(net):
    """∂C/∂b_i = ∂C/∂z_i[2]."""
    return net.delta[2]


def printed_D4_E3(net):
    """∂C/∂b_i = ∂C/∂a_i[2]."""
    return net.dJ_da[2]


def right_D4_E4(net):
    """∂L/∂a[3] = −(y − a[3])."""
    return -(net.y - net.a[3])


def right_D4_E5(net):
    """∂a[3]/∂z[3] = σ'(z[3])."""
    return sigmoid_slope(net.z[3])


# --- Adam's averages (D2.E5), judged by what an average is: that of equal numbers is this number --------------------

STEADY = [np.array([1.0, -1.0])] * 3  # three gradients, all the same


def right_D2_E5(gradients, beta_1=0.9, beta_2=0.999):
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)."""
    m = v = 0.0
    for g in gradients:
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
    t = len(gradients)
    return np.stack([m / (1 - beta_1**t), v / (1 - beta_2**t)])


def printed_D2_E5(gradients, beta_1=0.9, beta_2=0.999):
    """m = β₁ x_t + (1 − β₁)(x_t − x_{t−1}), v likewise with squares; x_t is read as the gradient."""
    x_before, x = gradients[-2:]
    m = beta_1 * x + (1 - beta_1) * (x - x_before)
    v = beta_2 * x**2 + (1 - beta_2) * (x - x_before) ** 2
    return np.stack([m, v])


# --- the worked example of the mean squared error -------------------------------------------------------------------

EXAMPLE = np.array([2.0, 3, 4, 5, 6]), np.array([2.5, 3.1, 3.9, 4.2, 5.0])


def right_D2_E1(example):
    """MSE = (1/n) Σ (y − ŷ)², with the squares 0.25, 0.01, 0.01, 0.64, 1.00."""
    y, y_hat = example
    return np.mean((y - y_hat) ** 2)


def printed_D2_E1(example):
    """0.356, printed behind the squares 0.25, 0.01, 0.81, 0.04, 1.00, whose mean is 0.422."""
    return np.float64(0.356)


# --- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Formula:
    """One row: the formula as it should be, as it is printed, and what it claims to be equal to."""

    id: str
    symbol: str  # the left side
    case: Callable[[int], Any]  # makes what the functions are called with, from a seed
    right: Callable[[Any], np.ndarray]
    measured: Callable[[Any], Estimate | np.ndarray | float]  # the left side, without the formula
    printed: Callable[[Any], np.ndarray] | None = None  # None: it is printed as it should be
    reason: str = ""  # what is wrong with the print
    measured_as_printed: Callable[[Any], Estimate] | None = None  # where the print has another left side

    def errors(self, rng: int = 1) -> tuple[float, float]:
        """How far the right and the printed formula are off: largest difference, as a share of the largest number."""
        case = self.case(rng)
        measured = self.measured(case)
        right = error(self.right(case), measured)
        if self.printed is None:
            return right, right
        if self.measured_as_printed is not None:
            measured = self.measured_as_printed(case)
        return right, error(self.printed(case), measured)


def error(formula: np.ndarray, measured: Estimate | np.ndarray | float) -> float:
    """max |formula − measured| / max |measured|, entry by entry; a row is compared with a column by its entries."""
    measured = np.asarray(measured.value if isinstance(measured, Estimate) else measured)
    if formula.size != measured.size:
        raise ValueError(f"error compares as many numbers as were measured, {measured.shape}, got {formula.shape}.")
    return float(np.abs(formula.reshape(measured.shape) - measured).max() / np.abs(measured).max())


def classifier(rng: int) -> Network:
    """D0's network."""
    return Network("softmax", rng=rng)


def regression(rng: int) -> Network:
    """D4's network."""
    return Network("sigmoid", rng=rng)


FORMULAS = [
    Formula(
        "D0.E2", "∂J/∂z[1]", classifier, right_D0_E2, lambda net: slope(lambda z: net.J_from_z(1, z), net.z[1]),
        printed_D0_E2, "the index of ∂J/∂a is one too high, and W[2]ᵀ is missing",
    ),
    Formula(
        "D0.E3", "∂J/∂W[2]", classifier, right_D0_E3, lambda net: slope(lambda W: net.J(), net.W[2]),
        printed_D0_E3, "the δ of the layer above, and transposed",
    ),
    Formula(
        "D0.E4", "∂J/∂b[2]", classifier, right_D0_E4, lambda net: slope(lambda b: net.J(), net.b[2]),
        printed_D0_E4, "the δ of the layer above, and a row instead of a column",
    ),
    Formula(
        "D0.E5", "∂J/∂α, α = 0", classifier, right_D0_E5, lambda net: slope(lambda α: net.J_after(α), np.zeros(())),
    ),
    Formula("D0.E6", "∂J/∂z[3]", classifier, right_D0_E6, lambda net: slope(lambda z: net.J_from_z(3, z), net.z[3])),
    Formula("D0.E7", "∂J/∂z[2]", classifier, right_D0_E7, lambda net: slope(lambda z: net.J_from_z(2, z), net.z[2])),
    Formula(
        "D0.E8", "∂J/∂W[3]", classifier, right_D0_E8, lambda net: slope(lambda W: net.J(), net.W[3]),
        printed_D0_E8, "transposed",
    ),
    Formula(
        "D2.E1", "MSE", lambda rng: EXAMPLE, right_D2_E1, lambda example: (0.25 + 0.01 + 0.01 + 0.64 + 1.0) / 5,
        printed_D2_E1, "two of the squares are wrong, and the result is not their mean either",
    ),
    Formula(
        "D2.E5", "m̂ and v̂", lambda rng: STEADY, right_D2_E5, lambda gs: np.stack([gs[0], gs[0] ** 2]),
        printed_D2_E5, "no average: only the last two gradients count, one of them with a minus, and no correction",
    ),
    Formula(
        "D4.E2", "∂C/∂w[2]", regression, right_D4_E2, lambda net: slope(lambda W: net.J(), net.W[2]).value.T,
        printed_D4_E2, "∂C/∂a in place of ∂C/∂z: σ'(z) is lost",
    ),
    Formula(
        "D4.E3", "∂C/∂b[2]", regression, right_D4_E3, lambda net: slope(lambda b: net.J(), net.b[2]),
        printed_D4_E3, "∂C/∂a in place of ∂C/∂z: σ'(z) is lost",
    ),
    Formula("D4.E4", "∂L/∂a[3]", regression, right_D4_E4, lambda net: slope(lambda a: net.J_from_a(3, a), net.a[3])),
    Formula(
        "D4.E5", "∂a[3]/∂z[3]", regression, right_D4_E5, lambda net: slope(sigmoid, net.z[3]),
        right_D4_E5, "the left side: ∂a[2]/∂a[3] is called ∂σ⁻¹, and the slope of σ⁻¹ is 1 / σ'(z)",
        lambda net: slope(sigmoid_inverse, net.a[3]),
    ),
]  # fmt: skip
