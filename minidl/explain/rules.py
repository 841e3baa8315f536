"""Rules: what a network does, retold by a small decision tree.

The tree (``tree.py``) is fitted not to the labels but to the network's own answers, ŷ = argmax f(x): it is a
*surrogate*. Each way from its root to a leaf is a rule. Its *coverage* is the share of samples that it speaks of, its
*fidelity* how often the network says the same. Rules of low fidelity explain nothing: look at it first, on samples of
their own.

Source: Craven & Shavlik 1996, "Extracting tree-structured representations of trained networks" (D.T11).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from minidl.explain.answer import Answer
from minidl.explain.tree import Leaf, grow
from minidl.layers.base import Layer
from minidl.metrics.reading import read_numbers
from minidl.settings import check_whole


@dataclass(frozen=True)
class Rule:
    """If low < x_j ≤ high for each j in ``limits``, then ``label``."""

    limits: dict[int, tuple[float, float]]
    label: int
    coverage: float
    fidelity: float

    def applies(self, x: np.ndarray) -> np.ndarray:
        """To which samples (N, D): (N,) of truth values."""
        inside = np.ones(len(x), bool)
        for j, (low, high) in self.limits.items():
            inside &= (low < x[:, j]) & (x[:, j] <= high)
        return inside


class Rules:
    """Rules of which exactly one applies to each sample. Made by ``extract_rules``; printing shows them.

    Attributes
    ----------
    rules : list of Rule
        That with the largest coverage first.
    fidelity : float
        How often network and rules agree on the samples that they were made from.
    """

    def __init__(self, rules: list[Rule], feature_names: Sequence[str], class_names: Sequence[str]):
        self.rules = sorted(rules, key=lambda rule: -rule.coverage)
        self.fidelity = round(sum(rule.coverage * rule.fidelity for rule in rules), 12)  # 1, not 1 + 2e-16
        self.feature_names, self.class_names = list(feature_names), list(class_names)

    def predict(self, x: Any) -> np.ndarray:
        """The label of each sample: (N, D) → (N,)."""
        x = _table("Rules", x, len(self.feature_names))
        return np.select([rule.applies(x) for rule in self.rules], [rule.label for rule in self.rules])

    def agreement(self, model: Layer | Callable, x: Any) -> float:
        """How often network and rules agree on these samples: best on ones that the rules were not made from."""
        return float(np.mean(self.predict(x) == _labels("Rules.agreement", model, x)[0]))

    def __str__(self) -> str:
        lines = [self._line(rule) for rule in self.rules]
        width = max(map(len, lines))
        figures = [f"{100 * r.coverage:5.1f} % of samples, fidelity {100 * r.fidelity:5.1f} %" for r in self.rules]
        return "\n".join(f"{line:{width}}  | {end}" for line, end in zip(lines, figures))

    __repr__ = __str__

    def _line(self, rule: Rule) -> str:
        """If ... then ..."""
        parts = []
        for j, (low, high) in sorted(rule.limits.items()):
            name = self.feature_names[j]
            above, below = f"{low:.4g} < " if low > -inf else "", f" <= {high:.4g}" if high < inf else ""
            parts.append(f"{above}{name}{below}" if below else f"{name} > {low:.4g}")
        return (
            f"if {' and '.join(parts)} then {self.class_names[rule.label]}"
            if parts
            else (f"always {self.class_names[rule.label]}")
        )


def extract_rules(
    model: Layer | Callable,
    x: Any,
    max_depth: int = 3,
    min_samples: int = 5,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Rules:
    """If/then rules that retell the model's answers on a table.

    Parameters
    ----------
    model : Layer or function
        Gives (N, C), or one logit (N, 1): class 1 above 0. For regression ask whether a bound is passed:
        ``lambda x: model(x) - 20.0``, after ``model.eval()``.
    x : (N, D)
        Samples such as the model meets; many, as nothing is known between them.
    max_depth : int
        The most questions on the way to a rule.
    min_samples : int
        The fewest that a rule may be made from.
    feature_names : D strings, optional
    class_names : C strings, optional

    Returns
    -------
    Rules

    Raises
    ------
    ValueError, TypeError
        x is no table of finite numbers; names that do not fit; as ``occlusion``.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform([0, 18], [100, 90], (400, 2))
    >>> lends = lambda x: np.where(x[:, 1] > 30, x[:, 0] - 50, -1.0)                      # what a network might do
    >>> extract_rules(lends, x, feature_names=["income", "age"], class_names=["refuse", "lend"])
    if income > 50.05 and age > 29.98 then lend     |  47.0 % of samples, fidelity 100.0 %
    if income <= 50.05 then refuse                  |  43.8 % of samples, fidelity 100.0 %
    if income > 50.05 and age <= 29.98 then refuse  |   9.2 % of samples, fidelity 100.0 %
    """
    check_whole("extract_rules", "max_depth", max_depth, lowest=0)
    check_whole("extract_rules", "min_samples", min_samples)
    table = _table("extract_rules", x)
    labels, C = _labels("extract_rules", model, x)
    feature_names = _names("feature_names", feature_names, [f"x{j}" for j in range(table.shape[1])])
    class_names = _names("class_names", class_names, [f"class {c}" for c in range(C)])
    leaves = grow(Leaf({}, np.arange(len(table))), table, np.eye(C)[labels], max_depth, min_samples)
    return Rules([_rule(leaf, labels) for leaf in leaves], feature_names, class_names)


def _rule(leaf: Leaf, labels: np.ndarray) -> Rule:
    """What is said of all samples that arrive at a leaf: what the model says of most of them."""
    own = labels[leaf.rows]
    label = int(np.bincount(own).argmax())
    return Rule(leaf.limits, label, len(own) / len(labels), float(np.mean(own == label)))


# --- what is read ---------------------------------------------------------------------------------------------------


def _labels(who: str, model: Layer | Callable, x: Any) -> tuple[np.ndarray, int]:
    """The class that the model gives each sample, and how many classes there are."""
    answer = Answer(who, model, x)
    return (answer.target, answer.classes) if answer.classes > 1 else ((answer.at_x > 0).astype(int), 2)


def _table(who: str, x: Any, D: int | None = None) -> np.ndarray:
    """Samples (N, D) as float64 on the CPU."""
    x = read_numbers(who, "x", x)
    if x.ndim != 2 or D not in (None, x.shape[-1]):
        raise ValueError(
            f"{who} expects a table (N, {D or 'D'}), got shape {x.shape}.\n"
            "Of pixels rules say little; if you want them: lambda t: model(t.reshape(-1, 28, 28, 1)) of such a table."
        )
    return x


def _names(name: str, given: Sequence[str] | None, default: list[str]) -> list[str]:
    """As many strings as there are things to name."""
    if given is None:
        return default
    if np.shape(given) != (len(default),) or not all(isinstance(one, str) for one in given):
        raise ValueError(f"extract_rules expects {name} as a list of {len(default)} strings, got {given!r}.")
    return list(given)
