"""A decision tree: questions x_j ≤ t, one after the other, that part a table until each part has one label.

At each node the question is asked that leaves both sides purest, by the Gini impurity of the labels that arrive there:

    G = 1 − Σ_c p_c²          smallest (n_left G_left + n_right G_right) / n

A question is asked even where it makes nothing purer by itself: the second of an exclusive or needs the first.

Source: Breiman, Friedman, Olshen & Stone 1984, "Classification and regression trees", chapters 2 and 4.
"""

from dataclasses import dataclass
from math import inf

import numpy as np


@dataclass(frozen=True)
class Leaf:
    """A part of the table: which samples (rows) arrive there, and between which limits they lie."""

    limits: dict[int, tuple[float, float]]
    rows: np.ndarray

    def halves(self, table: np.ndarray, j: int, t: float) -> "tuple[Leaf, Leaf]":
        """The samples with x_j ≤ t, and the others."""
        low, high = self.limits.get(j, (-inf, inf))
        left = table[self.rows, j] <= t
        return (
            Leaf({**self.limits, j: (low, t)}, self.rows[left]),
            Leaf({**self.limits, j: (t, high)}, self.rows[~left]),
        )


def grow(leaf: Leaf, table: np.ndarray, Y: np.ndarray, depth: int, smallest: int) -> list[Leaf]:
    """The leaves of the tree below; Y (N, C) are the answers, one-hot."""
    question = best_question(table[leaf.rows], Y[leaf.rows], smallest) if depth else None
    if question is None:
        return [leaf]
    parts = [part for half in leaf.halves(table, *question) for part in grow(half, table, Y, depth - 1, smallest)]
    said = {Y[part.rows].sum(axis=0).argmax() for part in parts}
    return parts if len(said) > 1 else [leaf]  # where all say the same, one rule will do


def best_question(x: np.ndarray, Y: np.ndarray, smallest: int) -> tuple[int, float] | None:
    """(j, t) of the question x_j ≤ t that leaves the least impurity; None where all answers agree or none divides.

    As n G = n − Σ_c n_c² / n, the least impurity is the largest Σ_c n_c² / n on the left and on the right.

    >>> best_question(np.array([[7.0, 1.0], [7.0, 2.0], [7.0, 4.0]]), np.eye(2)[[0, 0, 1]], smallest=1)
    (1, 3.0)
    """
    n = len(x)
    if (Y.sum(axis=0) == n).any():
        return None
    best, question = -inf, None
    for j in range(x.shape[1]):
        order = np.argsort(x[:, j], kind="stable")
        value, left = x[order, j], Y[order].cumsum(axis=0)[:-1]  # (n,), (n - 1, C): the first i + 1 are on the left
        n_left = np.arange(1, n)
        purity = (left**2).sum(axis=1) / n_left + ((Y.sum(axis=0) - left) ** 2).sum(axis=1) / (n - n_left)
        purity[(value[:-1] == value[1:]) | (n_left < smallest) | (n - n_left < smallest)] = -inf
        i = int(purity.argmax())
        if purity[i] > best:
            t = value[i] / 2 + value[i + 1] / 2  # between two samples; ≥ the right one only by rounding
            best, question = purity[i], (j, float(t if t < value[i + 1] else value[i]))
    return question
