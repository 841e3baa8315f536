"""Which of a model's weights are made small: its kernels, the tables of numbers that nearly all of its memory holds.

A kernel is a parameter of two or more axes: the W of a dense layer, the filters of a convolution, the W and U of an
LSTM, a table of embeddings. Biases, and what normalisations learn, are few and touchy, and are left as they are.
"""

from collections.abc import Sequence
from typing import Any

from minidl.layers.base import Parameter
from minidl.patterns import select
from minidl.training.requirements import check_weights

LEFT_ALONE = ("bias", "gamma", "beta", "moving_mean", "moving_variance")  # also where they have two axes


def kernels_of(who: str, model: Any, names: str | Sequence[str] | None = None) -> dict[str, Parameter]:
    """The kernels of a layer or model under their names, each once; or the parameters whose names match a pattern.

    Parameters
    ----------
    who : str
        Who asks, for error messages.
    model : Layer
        Built.
    names : str or list of str, optional
        Patterns such as ``"encoder.*"``, see ``minidl/patterns.py``. They may name any parameter.

    Raises
    ------
    TypeError
        It is no layer, or the names are no patterns.
    ValueError
        It has no weights yet, or no kernels; or a pattern matches no name.

    Examples
    --------
    >>> import minidl as md
    >>> model = md.Sequential([md.layers.Embedding(9, 4, input_length=5), md.layers.LSTM(3), md.layers.Dense(2)])
    >>> list(kernels_of("prune", model))
    ['embedding.embeddings', 'lstm.cell.kernel', 'lstm.cell.recurrent_kernel', 'dense.kernel']
    >>> list(kernels_of("prune", model, "lstm.*kernel"))
    ['lstm.cell.kernel', 'lstm.cell.recurrent_kernel']
    """
    check_weights(who, model)
    named = dict(model.named_parameters())
    if names is not None:
        patterns = [names] if isinstance(names, str) else names
        if not isinstance(patterns, (list, tuple)) or not patterns:
            raise TypeError(f"{who} expects names as patterns such as '*.kernel', or a list of them, got {names!r}.")
        return select(named, *patterns)
    kernels = {name: p for name, p in named.items() if p.ndim > 1 and not name.endswith(LEFT_ALONE)}
    if not kernels:
        raise ValueError(f"{who}: {model.name!r} has no kernels, which are weights of two or more axes.")
    return kernels
