"""Clients unlike each other: the samples of one data set, dealt out so that each client has classes of its own.

For each class c shares p ~ Dirichlet(α, ..., α) of its samples go to the K clients. With a large α all clients have all
classes alike; at α = 1 any shares are equally likely; towards 0 each class goes to one client.

Source: Hsu, Qi & Brown 2019, "Measuring the effects of non-identical data distribution for federated visual
classification", section 3 (who draw the shares of each client, not of each class, so that all clients have as many;
D.T12).
"""

from typing import Any

import numpy as np

from minidl.arrays import as_array, generator, move
from minidl.errors import describe
from minidl.settings import check_number, check_whole

TRIES = 100


def dirichlet_split(
    labels: Any, clients: int, alpha: float = 0.5, rng: np.random.Generator | int | None = None
) -> list[np.ndarray]:
    """The rows of each client: every row with one of them, and at least one row each.

    Parameters
    ----------
    labels : (N,)
        The class of each sample.
    clients : int
        K, at most N.
    alpha : float
        α
    rng : Generator or int, optional
        The one random generator by default (``minidl.seed``).

    Returns
    -------
    list of K arrays (nₖ,)
        Rising row numbers.

    Raises
    ------
    ValueError
        In a hundred tries some client was always left without a row: take fewer clients, or a larger α.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 50)
    >>> parts = dirichlet_split(labels, clients=3, alpha=0.5, rng=1)
    >>> [np.bincount(labels[rows], minlength=2).tolist() for rows in parts]
    [[37, 0], [13, 28], [0, 22]]
    """
    who = "dirichlet_split"
    labels = move(as_array(labels), "cpu")
    K = check_whole(who, "clients", clients)
    check_number(who, "alpha", alpha, "(0, inf)")
    if labels.ndim != 1 or not len(labels):
        raise ValueError(f"{who} expects labels (N,), one for each sample, got {describe(labels)}.")
    if K > len(labels):
        raise ValueError(f"{who} expects at most as many clients as samples, {len(labels)}, got {K}.")
    rng = generator(rng)
    for _ in range(TRIES):
        owner = deal(labels, K, alpha, rng)
        parts = [np.flatnonzero(owner == k) for k in range(K)]
        if all(len(rows) for rows in parts):
            return parts
    raise ValueError(
        f"{who}: some of {K} clients got no row, {TRIES} times over.\nTake fewer clients, or alpha above {alpha:g}."
    )


def deal(labels: np.ndarray, K: int, alpha: float, rng: np.random.Generator) -> np.ndarray:
    """The client of each sample, (N,)."""
    owner = np.empty(len(labels), int)
    classes, of_each = np.unique(labels, return_inverse=True)
    for c in range(len(classes)):
        rows = rng.permutation(np.flatnonzero(of_each == c))
        p = rng.dirichlet(np.full(K, alpha))
        ends = np.round(np.cumsum(p) * len(rows)).astype(int)
        owner[rows] = np.searchsorted(ends[:-1], np.arange(len(rows)), side="right")  # row i lies below which end?
    return owner
