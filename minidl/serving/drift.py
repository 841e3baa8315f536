"""Drift: does the service see what the network was trained on? Two measures for each feature.

The Kolmogorov-Smirnov statistic is the largest distance between the two distribution functions, and its p-value how
often samples of n and m from one distribution lie as far apart:

    D = sup |F₁(x) − F₂(x)|,    P(D) = Q(√(n m / (n + m)) D),    Q(λ) = 2 Σ_{k≥1} (−1)^{k−1} exp(−2 k² λ²)

(Smirnov 1939. Q is the limit for many samples: good from n m / (n + m) of about 30 on, too large where values repeat.)
With many samples the smallest difference is significant. How large it is says the population stability index,

    PSI = Σ_b (a_b − e_b) log(a_b / e_b)

with the expected shares e_b of the training data in B bins, made so that each holds as much, and the actual ones a_b.
Lenders' rule of thumb: below 0.1 nothing, from 0.25 on a shift that needs a look (Siddiqi 2006, "Credit risk
scorecards"). Neither looks at features together, nor at labels: accuracy may fall where no feature drifts.
"""

from math import exp, pi, sqrt
from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.metrics.reading import read_numbers
from minidl.settings import check_whole


def ks_statistic(expected: Any, actual: Any) -> tuple[float, float]:
    """D and its p-value, of two samples of one feature.

    Parameters
    ----------
    expected, actual : (N,) and (M,)

    Examples
    --------
    >>> d, p = ks_statistic([1, 2, 3, 4], [3, 4, 5, 6])
    >>> d, round(p, 4)
    (0.5, 0.6994)
    """
    a, b = (np.sort(_feature("ks_statistic", name, x)) for name, x in (("expected", expected), ("actual", actual)))
    places = np.concatenate([a, b])
    F_a, F_b = (np.searchsorted(x, places, side="right") / len(x) for x in (a, b))  # both steps are taken at a tie
    D = float(np.abs(F_a - F_b).max())
    return D, kolmogorov(sqrt(len(a) * len(b) / (len(a) + len(b))) * D)


def kolmogorov(x: float) -> float:
    """Q(λ), by the series that needs few terms: for small λ that of 1 − Q = √(2π)/λ Σ exp(−(2k − 1)² π² / (8 λ²)).

    >>> kolmogorov(0.0), round(kolmogorov(1.0), 6)
    (1.0, 0.27)
    """
    if x < 0.04:  # 1 − Q is below 1e-300
        return 1.0
    if x < 1:
        return 1 - sqrt(2 * pi) / x * sum(exp(-(((2 * k - 1) * pi / x) ** 2) / 8) for k in range(1, 4))
    return 2 * sum((-1) ** (k - 1) * exp(-2 * (k * x) ** 2) for k in range(1, 6))


def population_stability_index(expected: Any, actual: Any, bins: int = 10) -> float:
    """PSI of one feature; the bins lie between the quantiles of ``expected``.

    Each count is taken as half a sample more, so that an empty bin does not make the index infinite.

    Parameters
    ----------
    expected, actual : (N,) and (M,)
    bins : int
        B; fewer where values repeat.

    Examples
    --------
    >>> x = np.arange(1000.0)
    >>> population_stability_index(x, x), round(population_stability_index(x, x + 100), 2)
    (0.0, 0.6)
    """
    a, b = (_feature("population_stability_index", n, x) for n, x in (("expected", expected), ("actual", actual)))
    edges = inner_edges(a, check_whole("population_stability_index", "bins", bins, lowest=2))
    B = len(edges) + 1
    counts = [np.bincount(np.searchsorted(edges, x, side="left"), minlength=B) for x in (a, b)]
    e, s = ((c + 0.5) / (c.sum() + B / 2) for c in counts)
    return float(((s - e) * np.log(s / e)).sum())


def inner_edges(x: Array, bins: int) -> Array:
    """What divides the bins: quantiles, each once. Bin b holds (edge b−1, edge b].

    Where the smallest value stands so often that it is a quantile, there is a bin for what lies below it.

    >>> inner_edges(np.arange(1.0, 9.0), 4), inner_edges(np.zeros(9), 4) == np.array([np.nextafter(0, -1), 0])
    (array([2.75, 4.5 , 6.25]), array([ True,  True]))
    """
    edges = np.unique(np.quantile(x, np.arange(1, bins) / bins))
    if edges[0] == x.min():
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    return edges


def _feature(who: str, name: str, given: Any) -> Array:
    """A sample of one feature as float64."""
    x = read_numbers(who, name, given)
    if x.ndim != 1:
        raise ValueError(f"{who} expects {name} (N,), values of one feature, got shape {x.shape}.")
    return x
