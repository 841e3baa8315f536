"""The deletion curve: an explanation on trial.

Hide the places that an explanation calls most important, more and more of them, the most important first. If it is
right f falls fast, much faster than where places are hidden in a random order:

    c_k = f(x without its first k/K of the places)          k = 0 .. K

An explanation that looks convincing and falls no faster than random explains nothing of this model.

Source: Petsiuk, Das & Saenko 2018, "RISE: randomized input sampling for explanation of black-box models", section 4.2
(D.T11).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import generator
from minidl.explain.answer import Answer
from minidl.explain.hiding import Hiding
from minidl.layers.base import Layer
from minidl.metrics.reading import read_numbers
from minidl.settings import check_whole


def deletion_curve(
    model: Layer | Callable,
    x: Any,
    attributions: Any,
    segments: Any = None,
    baseline: Any = 0.0,
    target: Any = None,
    steps: int = 20,
    random_orders: int = 10,
    rng: np.random.Generator | int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f, while the places of x are hidden in the order of their attributions; and in random orders.

    Parameters
    ----------
    model, x, baseline, target
        See ``occlusion``.
    attributions : of x's shape or its first axes, such as (N, H, W); or (N, S)
        Any explanation: large speaks for f.
    segments : array of integers, optional
        Needed for (N, S): what ``attributions`` numbers.
    steps : int
        K, at most one for each place.
    random_orders : int
        How many to take the mean of.
    rng : Generator or int, optional

    Returns
    -------
    shares : (K + 1,)
        Of the places that are hidden, from 0 to 1.
    explained : (N, K + 1)
        f in the order of the attributions. Its mean over the shares is small for a good explanation.
    random : (N, K + 1)
        f in a random order, the mean of several.

    Raises
    ------
    ValueError, TypeError
        As ``occlusion``; or the attributions are not those of x or of its segments.

    Examples
    --------
    >>> x = np.array([[1.0, 5.0, 2.0, 0.0]])
    >>> shares, explained, random = deletion_curve(lambda x: x.sum(axis=1), x, attributions=x, steps=4, rng=0)
    >>> shares, explained
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([[8., 3., 1., 0., 0.]]))
    """
    check_whole("deletion_curve", "steps", steps)
    check_whole("deletion_curve", "random_orders", random_orders)
    a = _read_attributions(attributions)
    answer = Answer("deletion_curve", model, x, target)
    hiding = Hiding(answer, _places(a, answer.x.shape) if segments is None else segments, baseline)
    N, S = len(answer.x), hiding.S
    if a.shape[:1] != (N,) or a[0].size != S:
        raise ValueError(f"deletion_curve expects a number for each of {S} segments, got shape {a.shape}.")
    rng = generator(rng)
    ranks = np.argsort(np.argsort(-a.reshape(N, S), axis=1, kind="stable"), axis=1)  # (N, S): 0 is hidden first
    hidden = np.rint(np.linspace(0, S, min(steps, S) + 1))  # (K + 1,): how many
    explained = np.stack([hiding.values(n, ranks[n] >= hidden[:, None]) for n in range(N)])
    random = np.mean(
        [[hiding.values(n, rng.permutation(S) >= hidden[:, None]) for n in range(N)] for _ in range(random_orders)],
        axis=0,
    )
    return hidden / S, explained, random


def _read_attributions(attributions: Any) -> np.ndarray:
    """As float64: −a of unsigned integers would wrap round."""
    if isinstance(attributions, tuple):
        raise TypeError(
            f"deletion_curve expects attributions as one array, got a tuple of {len(attributions)}.\n"
            "Some explanations return two things: a, gap = integrated_gradients(...)."
        )
    return read_numbers("deletion_curve", "attributions", attributions)


def _places(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each place for itself, on as many axes as there are attributions for: (N, H, W) hides all channels of a pixel."""
    if a.ndim < 2 or a.shape != shape[: a.ndim]:
        raise ValueError(
            f"deletion_curve expects attributions of x's shape {shape}, or its first axes, got {a.shape}.\n"
            "For (N, S) say what was numbered: segments=..."
        )
    return np.arange(a[0].size).reshape(a.shape[1:])
