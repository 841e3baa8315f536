"""Calibration: of all answers given with a confidence of 80 %, are 80 % right? And how to make them so.

Samples are put into M bins by their confidence p, the probability of the class that is predicted:

    acc(B) = share of right predictions in bin B        conf(B) = mean p in B
    ECE = Σ_B |B| / n · |acc(B) − conf(B)|              expected calibration error

Networks of today are too sure of themselves. One number repairs most of it: the temperature T, fitted on validation
data by which the network was not trained,

    p = softmax(z / T),      T = argmin −(1/n) Σ log p_y

The order of the classes, and so the accuracy, stays. The picture is ``md.plot.reliability``.

Source: Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", equations 2, 3 and 9 (D.T10).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.arrays import Array, move
from minidl.metrics.reading import plain, read_classes, read_numbers
from minidl.settings import check_whole


@dataclass(frozen=True)
class Reliability:
    """What came out in each bin.

    Attributes
    ----------
    edges : (M + 1,)
        Bin m holds confidences in (edges[m], edges[m + 1]].
    counts : (M,)
        How many samples.
    accuracy, confidence : (M,)
        Means over the bin; NaN where it is empty.
    """

    edges: Array
    counts: Array
    accuracy: Array
    confidence: Array

    @property
    def ece(self) -> float:
        """Σ_B |B| / n · |acc(B) − conf(B)|"""
        full = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[full]
        return float((self.counts[full] / self.counts.sum() * gaps).sum())


def reliability(labels: Any, probabilities: Any, bins: int = 15) -> Reliability:
    """Accuracy and confidence in bins of equal width.

    Parameters
    ----------
    labels : (N,)
        Classes, or one-hot rows (N, C).
    probabilities : (N, C), or (N,) or (N, 1) of class 1 against class 0
    bins : int
        M

    Raises
    ------
    ValueError
        Not probabilities (those of a sample sum to 1), or labels that do not fit.

    Examples
    --------
    Four answers with confidence .8, three of them right, and one with .6, which is wrong:

    >>> r = reliability([0, 0, 0, 1, 1], [[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.6, 0.4]], bins=2)
    >>> r.counts, r.accuracy.round(2), r.confidence.round(2), round(r.ece, 2)
    (array([0, 5]), array([nan, 0.6]), array([ nan, 0.76]), 0.16)
    """
    M = check_whole("reliability", "bins", bins)
    p = _probabilities(probabilities)
    labels, predicted, _ = read_classes("reliability", move(plain(labels), "cpu"), p)
    confidence = np.maximum(p, 1 - p).reshape(-1) if p.ndim == 1 or p.shape[-1] == 1 else p.max(axis=-1)  # (N,)
    right = (labels == predicted).reshape(-1)
    edges = np.linspace(0, 1, M + 1)
    bin_of = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, M - 1)
    counts = np.bincount(bin_of, minlength=M)
    with np.errstate(invalid="ignore"):  # 0 / 0 of an empty bin
        means = [np.bincount(bin_of, weights=w, minlength=M) / counts for w in (right, confidence)]
    return Reliability(edges, counts, *means)


def expected_calibration_error(labels: Any, probabilities: Any, bins: int = 15) -> float:
    """ECE of ``reliability(labels, probabilities, bins)``: 0 where every confidence is what it says.

    >>> expected_calibration_error([0, 1], [[1.0, 0.0], [1.0, 0.0]])
    0.5
    """
    return reliability(labels, probabilities, bins).ece


def fit_temperature(labels: Any, logits: Any) -> float:
    """The T that makes softmax(z / T) likeliest for these labels.

    Parameters
    ----------
    labels : (N,)
        Classes, or one-hot rows (N, C).
    logits : (N, C), or (N,) or (N, 1) of class 1 against class 0
        z of a network that did not train on them. Of one that ends with a softmax, log p does as well.

    Returns
    -------
    float
        T > 0, for ``md.softmax(logits / T)``; above 1 where the network was too sure.

    Raises
    ------
    ValueError
        NaN or infinity in the logits; or there is no best T, because every label is the largest logit (T → 0) or the
        logits tell nothing of the labels (T → ∞).

    Notes
    -----
    With β = 1/T the loss is convex, its slope the mean of Σ_k p_k z_k − z_y. It is followed to its zero by halving.

    Examples
    --------
    >>> z = np.log([[0.5, 0.5], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]])
    >>> round(fit_temperature([0, 0, 0, 0, 1], 3 * z), 6)         # .75 is right; three times as sure is not
    3.0
    """
    z = _logits(logits)  # (N, C)
    labels, _, _ = read_classes("fit_temperature", move(plain(labels), "cpu"), z)
    z = z - z.max(axis=1, keepdims=True)  # which changes no probability
    scale = float(np.abs(z).max()) or 1.0
    z = z / scale  # in [−1, 0], so that the search need not know how large logits are
    own = np.take_along_axis(z, labels[:, None], axis=1)[:, 0]  # (N,)
    if not own.any():
        raise ValueError(
            "fit_temperature: every label has the largest logit, so that no T > 0 is the best.\n"
            "Give validation data in which the network is sometimes wrong."
        )

    def slope(beta: float) -> float:
        p = np.exp(beta * z)
        p /= p.sum(axis=1, keepdims=True)
        return float(((p * z).sum(axis=1) - own).mean())

    if slope(0.0) >= 0:
        raise ValueError("fit_temperature: the logits tell nothing of these labels. Are the labels in another order?")
    low, high = 0.0, 1.0
    while slope(high) < 0:  # it ends at the mean of −own, which is above 0
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:  # until there is no number between
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return scale / high


def _probabilities(given: Any) -> Array:
    """Probabilities as float64 on the CPU, checked."""
    p = read_numbers("reliability", "probabilities", given)
    if p.ndim > 2:
        raise ValueError(f"reliability expects probabilities (N, C), got shape {p.shape}. Reshape them: (-1, C).")
    several = p.ndim > 1 and p.shape[-1] > 1
    sums = p.sum(axis=-1) if several else np.ones(1)
    if ((p < 0) | (p > 1)).any() or (np.abs(sums - 1) > 1e-3).any():
        raise ValueError(
            f"reliability expects probabilities from 0 to 1 that sum to 1, got {p.min():.3g}..{p.max():.3g}.\n"
            "Of logits, softmax makes them: md.softmax(z)."
        )
    return p


def _logits(given: Any) -> Array:
    """Logits (N, C) as float64 on the CPU; of two classes given by one logit z these are 0 and z."""
    z = read_numbers("fit_temperature", "logits", given)
    if z.ndim > 2:
        raise ValueError(f"fit_temperature expects logits (N, C), got shape {z.shape}. Reshape them: (-1, C).")
    if z.ndim == 1 or z.shape[1] == 1:
        z = z.reshape(-1, 1)
        return np.concatenate([np.zeros_like(z), z], axis=1)  # (N, 2)
    return z
