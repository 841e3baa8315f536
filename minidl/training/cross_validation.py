"""K-fold cross-validation: how good a kind of model is, judged on all of the data (D.T2).

Each sample is held out once: K models are trained, each on K − 1 parts, and judged on the part that it has not seen.
The mean of the K figures is the estimate; their spread says how far to trust it. Source: Stone 1974, "Cross-validatory
choice and assessment of statistical predictions".
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import as_array
from minidl.data import KFold
from minidl.data.rows import take_rows
from minidl.training.trainable import Trainable


def cross_validate(
    make_model: Callable[[], Trainable],
    x: Any,
    y: Any,
    k: int = 5,
    *,
    stratify: Any = None,
    rng: np.random.Generator | int | None = None,
    verbose: int = 0,
    **fit_settings: Any,
) -> dict[str, np.ndarray]:
    """Train and judge K models.

    Parameters
    ----------
    make_model : function () -> model
        Makes a new compiled model. It is called once for each fold: a model that had seen the held-out part before
        would be judged too well.
    x, y : (N, ...)
        Inputs and targets.
    k : int
        K, the number of folds.
    stratify : (N,), optional
        Labels whose proportions every fold shall keep.
    rng : Generator or int, optional
        For the folds; the one random generator by default.
    verbose : int
        As in ``fit``, and 1 or 2 also print each fold's figures.
    **fit_settings
        Further arguments of ``fit``: ``epochs``, ``batch_size``, ``callbacks`` ... but not ``resume``: with one file
        each model would go on from the one before, which has seen what is held out now.

    Returns
    -------
    dict {"loss": (K,), metric: (K,), ...}
        The figures of each fold on the part that it has not seen.

    Examples
    --------
    >>> import minidl as md
    >>> def make_model():
    ...     model = md.Sequential([md.layers.Dense(1, input_shape=(2,))])
    ...     model.compile(md.optimizers.SGD(learning_rate=0.1), loss="mse")
    ...     return model
    >>> x = np.random.default_rng(0).normal(size=(60, 2)); y = x @ [[1.0], [2.0]]
    >>> figures = cross_validate(make_model, x, y, k=3, epochs=20)
    >>> figures["loss"].shape, bool(figures["loss"].mean() < 0.01)
    ((3,), True)
    """
    if fit_settings.get("resume") is not None:
        raise TypeError("cross_validate cannot resume: its K models would share one file, and what they have seen.")
    x, y = as_array(x), as_array(y)
    if len(x) != len(y):
        raise ValueError(f"cross_validate expects as many targets as inputs, got {len(x)} in x and {len(y)} in y.")
    figures: dict[str, list[float]] = {}
    seen: list[Any] = []
    for train, held_out in KFold(k, rng=rng).split(x, stratify):
        model = make_model()
        if not isinstance(model, Trainable) or any(model is other for other in seen):
            raise TypeError("cross_validate expects a function that makes a new compiled model at each call.")
        seen.append(model)
        model.fit(take_rows(x, train), take_rows(y, train), verbose=verbose, **fit_settings)
        logs = model.evaluate(take_rows(x, held_out), take_rows(y, held_out), verbose=verbose, return_dict=True)
        for key, value in logs.items():
            figures.setdefault(key, []).append(value)
    return {key: np.array(values) for key, values in figures.items()}
