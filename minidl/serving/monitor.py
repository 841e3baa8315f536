"""A monitor: the last inputs that a service saw, compared with those that its model was trained on."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.errors import describe
from minidl.metrics.reading import read_numbers
from minidl.serving.drift import ks_statistic, population_stability_index
from minidl.settings import check_number, check_whole


@dataclass(frozen=True)
class Drift:
    """What a monitor found: for each of D features the two measures and the p-value.

    Attributes
    ----------
    seen : int
        How many samples are compared.
    psi, ks, p_value : (D,)
    drifted : (D,)
        True where the p-value is below α / D. Of D features that have not drifted, all stay False with probability
        1 − α at least (Bonferroni).
    """

    seen: int
    psi: Array
    ks: Array
    p_value: Array
    drifted: Array


class DriftMonitor:
    """Keeps the last samples that a service saw, and compares them with the training data.

    Parameters
    ----------
    training : (N, ...)
        The inputs that the model was trained on, or some thousands of them; each number of a sample is a feature.
    names : sequence of str, optional
        The features' names; their numbers by default.
    window : int
        So many of the last samples are compared.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> monitor = DriftMonitor(rng.normal(size=(1000, 2)), names=["age", "height"])
    >>> monitor.see(rng.normal(size=(300, 2)) + [0.0, 1.0])
    >>> drift = monitor.report()
    >>> drift.seen, drift.drifted, drift.psi > 0.25
    (300, array([False,  True]), array([False,  True]))
    """

    def __init__(self, training: Any, names: Sequence[str] | None = None, window: int = 1000):
        x = read_samples("DriftMonitor", "training", training)
        self.shape = x.shape[1:]
        self.training = x.reshape(len(x), -1)  # (N, D)
        D = self.training.shape[1]
        if isinstance(names, str) or not (names is None or hasattr(names, "__len__")):
            raise TypeError(f"DriftMonitor expects names as a list, a text for each feature, got {describe(names)}.")
        if names is not None and len(names) != D:
            raise ValueError(f"DriftMonitor expects {D} names, one for each feature, got {len(names)}.")
        self.names = [str(k) for k in range(D)] if names is None else [str(name) for name in names]
        self._seen: deque[Array] = deque(maxlen=check_whole("DriftMonitor", "window", window))
        self._lock = threading.Lock()

    def see(self, x: Any) -> None:
        """Remember these inputs (M, ...)."""
        x = read_samples("DriftMonitor.see", "inputs", x)
        if x.shape[1:] != self.shape:
            raise ValueError(f"DriftMonitor.see expects inputs (M, {str(self.shape)[1:]}, got shape {x.shape}.")
        with self._lock:
            self._seen.extend(x.reshape(len(x), -1))

    def report(self, alpha: float = 0.01) -> Drift:
        """Compare what was seen with the training data.

        Raises
        ------
        ValueError
            Nothing was seen yet.
        """
        check_number("DriftMonitor.report", "alpha", alpha, "(0, 1)")
        with self._lock:
            seen = list(self._seen)
        if not seen:
            raise ValueError("DriftMonitor.report: nothing was seen yet. Call see(x) on the inputs first.")
        pairs = list(zip(self.training.T, np.array(seen).T))  # the D features, before and now
        psi = np.array([population_stability_index(a, b) for a, b in pairs])
        ks, p = np.array([ks_statistic(a, b) for a, b in pairs]).T
        return Drift(len(seen), psi, ks, p, p < alpha / len(pairs))

    def summary(self, most: int = 5) -> dict[str, Any]:
        """The report for people and JSON: how many features drifted, and those with the largest PSI."""
        if not self._seen:
            return {"seen": 0}
        drift = self.report()
        worst = [
            {
                "feature": self.names[k],
                "psi": float(drift.psi[k]),
                "ks": float(drift.ks[k]),
                "p": float(drift.p_value[k]),
            }
            for k in np.argsort(-drift.psi, kind="stable")[:most]
        ]
        return {"seen": drift.seen, "features": len(drift.psi), "drifted": int(drift.drifted.sum()), "worst": worst}


def read_samples(who: str, name: str, given: Any) -> Array:
    """Finite numbers as models read them, in float32: 0.1 of an array in float32 is then 0.1 of a question.

    >>> read_samples("see", "inputs", np.float32([0.1])) == read_samples("see", "inputs", [0.1])
    array([ True])
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        x = read_numbers(who, name, given).astype(np.float32)
    return read_numbers(who, name, x)
