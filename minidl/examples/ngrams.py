"""Counting: the next symbol is as likely as it was, in the training text, after the same few symbols.

The simplest language model, and the measure for every other: a network that says less than the counts has learnt
nothing.
"""

import numpy as np


class NGrams:
    """p(c | h) by counts, with Witten and Bell's smoothing.

    For each history h, the n − 1 symbols before,

        p(c | h) = (count(h c) + d(h) p(c | h')) / (count(h) + d(h))

    where d(h) is how many different symbols were seen after h, and h' is h without its oldest symbol. The more
    different symbols were seen, the likelier is yet another one, and of that the shorter history knows more. Below the
    empty history all V symbols are equally likely.

    Parameters
    ----------
    n : int
        1 for the frequencies of single symbols, 2 for pairs ...
    vocabulary : int
        V; symbols are 0 ... V − 1, and Vⁿ < 2⁶³.

    Notes
    -----
    Source: Witten & Bell, "The zero-frequency problem", 1991, method C; interpolated as in Chen & Goodman 1998.

    Examples
    --------
    >>> model = NGrams(n=2, vocabulary=2).fit(np.array([0, 1, 0, 1, 0, 1]))
    >>> model.probabilities(np.array([0, 1, 1])).round(2)  # p(0), p(1 | 0), p(1 | 1)
    array([0.5 , 0.88, 0.17])
    """

    def __init__(self, n: int, vocabulary: int):
        if n < 1 or vocabulary < 1 or vocabulary**n >= 2**63:
            raise ValueError(
                f"NGrams expects n and vocabulary from 1 on, with vocabulary^n below 2^63, got {n} and {vocabulary}."
            )
        self.n, self.vocabulary = n, vocabulary
        self.counts: list[Counts] = []  # of the histories of 0, 1 ... n − 1 symbols

    def fit(self, text: np.ndarray) -> "NGrams":
        """Count the n-grams, (n − 1)-grams ... of a text (N,)."""
        self.counts = [Counts(*self.histories(text, m), self.vocabulary) for m in range(self.n)]
        return self

    def probabilities(self, text: np.ndarray) -> np.ndarray:
        """p (N,) of each symbol after those before it; the first few have shorter histories."""
        p = np.full(len(text), 1 / self.vocabulary)  # (N,)
        for m, counts in enumerate(self.counts):
            together, before, kinds = counts.of(*self.histories(text, m))  # (N − m,) each
            seen = before > 0  # else the shorter history has the last word
            p[m:][seen] = ((together + kinds * p[m:]) / np.maximum(before + kinds, 1))[seen]
        return p

    def bits(self, text: np.ndarray) -> float:
        """−(1/N) Σ log₂ p: the bits that each symbol of a text takes."""
        return float(-np.log2(self.probabilities(text)).mean())

    def histories(self, text: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Each symbol from the m-th on (N − m,), and the m before it as one number, their digits to the base V."""
        h = np.zeros(max(len(text) - m, 0), np.int64)
        for k in range(m):
            h = h * self.vocabulary + text[k : len(text) - m + k]
        return h, text[m:]


class Counts:
    """How often each symbol c stands after each history h, from all (h, c) of a text."""

    def __init__(self, h: np.ndarray, c: np.ndarray, vocabulary: int):
        self.vocabulary = vocabulary
        self.pairs, self.together = np.unique(h * vocabulary + c, return_counts=True)  # count(h c)
        self.before = tally(self.pairs // vocabulary, self.together)  # {h: count(h)}
        self.kinds = tally(self.pairs // vocabulary, np.ones_like(self.together))  # {h: d(h)}

    def of(self, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """count(h c), count(h) and d(h)."""
        pairs = h * self.vocabulary + c
        return look_up(self.pairs, self.together, pairs), look_up(*self.before, h), look_up(*self.kinds, h)


def tally(keys: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each key once, and the sum of its numbers. Keys must be in order."""
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.add.reduceat(numbers, first) if len(first) else numbers


def look_up(keys: np.ndarray, numbers: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The number of each wanted key, 0 where there is none. Keys must be in order."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, numbers[at], 0)
