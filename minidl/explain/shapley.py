"""Shapley values: each segment's fair share of f(x) − f(x₀) (SHAP).

The segments are players who may join a team A; v(A) is f where only the team's segments are shown. What a player adds
depends on who has come before, so it is averaged over all orders in which they can come:

    φ_s = Σ_{A without s} |A|! (S − |A| − 1)! / S! · (v(A ∪ {s}) − v(A))

It is the only share that is *efficient*, Σ_s φ_s = f(x) − f(x₀), gives equal players equal shares and players who never
change anything nothing, and adds where games add. There are 2^S teams: with many players orders are drawn at random,
each a fair sample of φ, with a standard error.

Sources: Shapley 1953, "A value for n-person games"; Castro, Gómez & Tejada 2009, "Polynomial calculation of the
Shapley value based on sampling"; Lundberg & Lee 2017, "A unified approach to interpreting model predictions",
section 2.4 (D.T11).
"""

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np

from minidl.arrays import generator
from minidl.explain.answer import Answer
from minidl.explain.hiding import Hiding
from minidl.layers.base import Layer
from minidl.settings import check_whole

MAX_EXACT = 14  # players: 16,384 teams


def shapley_values(
    model: Layer | Callable,
    x: Any,
    segments: Any = None,
    baseline: Any = 0.0,
    target: Any = None,
    permutations: int | None = None,
    rng: np.random.Generator | int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Each segment's mean contribution to f, over all orders in which segments can be shown.

    Parameters
    ----------
    model, x, segments, baseline, target
        See ``occlusion``.
    permutations : int, optional
        How many orders to draw, each of S + 1 questions to the model. None asks about all 2^S teams, for S up to 14.
    rng : Generator or int, optional

    Returns
    -------
    phi : (N, S), or of x's shape where ``segments`` is None
    standard_error : the same shape
        Of φ as a mean of drawn orders; 0 where all teams were asked about. Σ φ = f(x) − f(x₀) holds either way.

    Raises
    ------
    ValueError, TypeError
        As ``occlusion``; or more than 14 segments, and no ``permutations``.

    Examples
    --------
    >>> x = np.array([[2.0, 3.0, 10.0]])
    >>> phi, _ = shapley_values(lambda x: x[:, 0] * x[:, 1] + x[:, 2], x)
    >>> phi                                                               # the product is shared
    array([[ 3.,  3., 10.]])
    """
    if permutations is not None:
        check_whole("shapley_values", "permutations", permutations, lowest=2)
    answer = Answer("shapley_values", model, x, target)
    hiding = Hiding(answer, segments, baseline)
    if permutations is None and hiding.S > MAX_EXACT:
        raise ValueError(
            f"shapley_values asks about all 2^S teams of S segments, for S up to {MAX_EXACT}, got S = {hiding.S}.\n"
            "Draw orders: permutations=100. Or hide larger parts: segments=patches(x.shape[1:], 7)."
        )
    rng = generator(rng)
    N = len(answer.x)
    shares = [_exact(hiding, n) if permutations is None else _drawn(hiding, n, permutations, rng) for n in range(N)]
    phi, error = (hiding.like_x(np.stack(part)) for part in zip(*shares))
    return phi, error


def _exact(hiding: Hiding, n: int) -> tuple[np.ndarray, np.ndarray]:
    """φ of sample n by its definition, and no error. Team k has the players whose bits are 1 in k."""
    S = hiding.S
    teams = np.arange(2**S)
    z = teams[:, None] >> np.arange(S) & 1  # (2^S, S)
    v, size = hiding.values(n, z), z.sum(axis=1)  # (2^S,)
    weight = np.array([factorial(a) * factorial(S - a - 1) / factorial(S) for a in range(S)])
    phi = np.empty(S)
    for s in range(S):
        A = teams[z[:, s] == 0]
        phi[s] = np.sum(weight[size[A]] * (v[A | 1 << s] - v[A]))
    return phi, np.zeros(S)


def _drawn(hiding: Hiding, n: int, permutations: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """φ of sample n as the mean over orders drawn at random, and its standard error."""
    S = hiding.S
    added = np.empty((permutations, S))
    for order in added:  # a row, which is filled in place
        players = rng.permutation(S)
        rank = np.argsort(players)  # who comes when
        z = rank < np.arange(S + 1)[:, None]  # (S + 1, S): the team after 0, 1, ... S have come
        order[players] = np.diff(hiding.values(n, z))
    return added.mean(axis=0), added.std(axis=0, ddof=1) / permutations**0.5
