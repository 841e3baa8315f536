"""The Gaussian mechanism: a sum to which nobody adds much, under noise that hides what anybody adds.

Of N samples each is drawn by itself with probability q. What those in the lot B add, vectors vₙ, is cut to length C,
and noise in proportion to C, the most that one of them can change, covers the sum:

    S = Σ_{n ∈ B} vₙ min(1, C / ‖vₙ‖) + N(0, σ² C² I)

With or without sample n the sum under the noise differs by at most C, so that ``accountant.py`` can tell what S gives
away. vₙ is a sample's gradient in ``private_gradient.py``, and a client's update in ``federated.py``.

The noise comes from NumPy's generator, which is made for statistics, and is rounded to floating numbers. Who knows the
seed can take it off again, and the lowest digits of rounded sums betray more than the theory of real numbers allows
(Mironov, "On significance of the least significant bits for differential privacy", 2012). For data that need protection
in earnest take a generator and a library made for that.

Sources: Dwork & Roth 2014, "The algorithmic foundations of differential privacy", appendix A; Abadi et al. 2016, "Deep
learning with differential privacy", algorithm 1 (D.T12).
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from minidl.arrays import Array, array_module, device_of, generator, move
from minidl.optimizers.base import norm
from minidl.privacy import accountant
from minidl.settings import check_number

Vector = list[Array]  # one array for each parameter


class PrivateSum:
    """Draws, clips, sums, adds noise, and keeps account.

    Parameters
    ----------
    clip_norm : float
        C
    noise_multiplier : float
        σ, up to 10⁶. 0 is no noise, and no privacy: ε = ∞.
    sampling_rate : float
        q
    rng : Generator or int, optional
        For draws and noise; the one random generator by default (``minidl.seed``).
    who : str
        Who asks, for error messages.

    Attributes
    ----------
    steps : int
        T, how many sums it has given.

    Examples
    --------
    Two vectors, of length 5 and 1, and no noise yet:

    >>> total = PrivateSum(clip_norm=1.0, noise_multiplier=0.0, sampling_rate=0.5)
    >>> total([[np.array([3.0, 4.0])], [np.array([1.0, 0.0])]], like=[np.zeros(2)])
    [array([1.6, 0.8])]
    """

    def __init__(
        self,
        clip_norm: float,
        noise_multiplier: float,
        sampling_rate: float,
        rng: np.random.Generator | int | None = None,
        who: str = "PrivateSum",
    ):
        self.who = who
        self.clip_norm = check_number(who, "clip_norm", clip_norm, "(0, inf)")
        self.noise_multiplier = check_number(who, "noise_multiplier", noise_multiplier, "[0, 1e6]")
        self.sampling_rate = check_number(who, "sampling_rate", sampling_rate, "(0, 1]")
        self.rng = generator(rng)
        self.steps = 0

    def draw(self, N: int) -> np.ndarray:
        """The lot B: which of N samples take part. Each does with probability q, so that there may be none."""
        return np.flatnonzero(self.rng.random(N) < self.sampling_rate)

    def __call__(self, vectors: Iterable[Vector], like: Sequence[Array]) -> Vector:
        """S in float64, for vectors whose arrays have the shapes and the device of ``like``."""
        C, sigma = self.clip_norm, self.noise_multiplier
        S = [array_module(a).zeros(a.shape, np.float64) for a in like]
        for v in vectors:
            if [a.shape for a in v] != [total.shape for total in S]:  # broadcast, it would be longer than C
                raise ValueError(
                    f"{self.who} expects arrays of the shapes {[s.shape for s in S]}, got {[a.shape for a in v]}."
                )
            for total, part in zip(S, clipped(self.who, v, C), strict=True):
                total += part
        self.steps += 1
        return [s + move(sigma * C * self.rng.standard_normal(s.shape), device_of(s)) for s in S]

    def epsilon(self, delta: float) -> float:
        """ε of all steps so far, for a chosen δ."""
        if self.noise_multiplier == 0 and self.steps:
            return math.inf
        return accountant.epsilon(self.noise_multiplier or 1.0, self.sampling_rate, self.steps, delta)


def clipped(who: str, v: Vector, C: float) -> Vector:
    """v min(1, C / ‖v‖), the norm over all arrays together; in float64, so that rounding does not add to C.

    Raises
    ------
    ValueError
        v holds NaN or infinity, which no factor makes short.
    """
    v = [a.astype(np.float64) for a in v]
    length = norm(v)
    if not math.isfinite(length):
        raise ValueError(
            f"{who}: a sample's gradient (or a client's update) holds NaN or infinity.\n"
            "Try a smaller learning rate; inside `with md.debug():` the op that makes the first one is named."
        )
    scale = C / max(C, length)
    return [a * scale for a in v]
