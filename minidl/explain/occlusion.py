"""Occlusion: what f loses when one part of a sample is hidden.

    a_s = f(x) − f(x with segment s hidden)

Above 0 the segment spoke for the output, below 0 against it. A word hidden behind padding, for a model that skips
padding, is a word left out: this is the effect by which the film reviews colour their words.

Source: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2 (D.T11).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.explain.answer import Answer
from minidl.explain.hiding import Hiding
from minidl.layers.base import Layer


def occlusion(
    model: Layer | Callable, x: Any, segments: Any = None, baseline: Any = 0.0, target: Any = None
) -> np.ndarray:
    """f(x) − f(x without a segment), for each segment.

    Parameters
    ----------
    model : Layer or function
    x : (N, ...)
    segments : array of integers, optional
        Which places are hidden together, see ``minidl/explain/hiding.py``; by default each by itself.
    baseline : number or array that broadcasts to x
        What stands where something is hidden.
    target : int or (N,) integers, optional
        Which output is f; see ``minidl/explain/answer.py``.

    Returns
    -------
    (N, S), or of x's shape where ``segments`` is None

    Raises
    ------
    ValueError, TypeError
        There is no such output; x holds NaN, or the model gives it; segments or baseline are not those of a sample.

    Examples
    --------
    >>> x = np.array([[2.0, 3.0, 10.0]])
    >>> occlusion(lambda x: x[:, 0] * x[:, 1], x)                         # each is needed for all of the product
    array([[6., 6., 0.]])
    >>> occlusion(lambda x: x[:, 0] * x[:, 1], x, segments=[0, 0, 1])
    array([[6., 0.]])
    """
    answer = Answer("occlusion", model, x, target)
    hiding = Hiding(answer, segments, baseline)
    one_hidden = ~np.eye(hiding.S, dtype=bool)  # (S, S)
    without = np.stack([hiding.values(n, one_hidden) for n in range(len(answer.x))])  # (N, S)
    return hiding.like_x(answer.at_x[:, None] - without)
