"""The one registry of ops, and the table that makes a Tensor a drop-in for NumPy functions.

``OPS`` maps the name of every public op to its function. ``NUMPY`` maps a NumPy function to the op that replaces it
when one of its arguments is a Tensor, so that ``np.exp(t)`` is ``md.exp(t)``. Both are filled where the ops are defined
(``@primitive(np.exp)``), and can be read like any dictionary:

>>> import minidl as md
>>> NUMPY[np.exp] is OPS["exp"]
True

``PLAIN`` lists the NumPy functions whose result carries no gradient: truth values, positions, shapes, texts, and steps
such as ``np.floor``, flat between their jumps. They see the Tensor's array and give plain arrays. Everything else is
refused: a NumPy function that quietly dropped the gradient would be worse than an error.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

OPS: dict[str, Callable[..., Any]] = {}
NUMPY: dict[Callable[..., Any], Callable[..., Any]] = {}

PLAIN: set[Callable[..., Any]] = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.isnan, np.isinf, np.isfinite, np.signbit, np.isclose, np.allclose, np.array_equal, np.array_equiv,
    np.all, np.any, np.argmax, np.argmin, np.argsort, np.nonzero, np.argwhere, np.flatnonzero, np.count_nonzero,
    np.searchsorted, np.bincount, np.unique, np.digitize, np.histogram,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj,
    np.zeros_like, np.ones_like, np.empty_like, np.full_like,
    np.array_repr, np.array_str, np.array2string, np.shares_memory, np.may_share_memory,
    np.floor, np.ceil, np.rint, np.trunc, np.round,
}  # fmt: skip


def register(function: Callable[..., Any], numpy_functions: tuple[Callable[..., Any], ...]) -> None:
    """Enter an op under its own name, and under the NumPy functions that it replaces."""
    OPS[function.__name__] = function
    for numpy_function in numpy_functions:
        NUMPY[numpy_function] = function


def composite(*numpy_functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a public op that is written with other ops, and so needs no rule of its own."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        register(function, numpy_functions)
        return function

    return decorate


def call_numpy_function(function: Callable[..., Any], args: tuple, kwargs: dict, unwrap: Callable) -> Any:
    """What ``np.function(...)`` does when a Tensor is among its arguments.

    Raises
    ------
    TypeError
        There is no gradient rule for the function, or ``out=`` or ``where=`` asks for an edit in place.
    """
    op = NUMPY.get(function)
    if op is not None:
        kwargs = {name: value for name, value in kwargs.items() if not (name in ("out", "dtype") and value is None)}
        if "out" in kwargs or "dtype" in kwargs or ("where" in kwargs and function is not np.where):
            refused = next(name for name in ("out", "dtype", "where") if name in kwargs)
            raise TypeError(
                f"np.{function.__name__}(..., {refused}=...) is not supported on Tensors: its gradient would be lost.\n"
                f"Call it without {refused}= and assign or convert the result."
            )
        return op(*args, **kwargs)
    if function in PLAIN:
        return function(*unwrap(args), **unwrap(kwargs))
    room = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)  # np.linalg, np.fft
    raise TypeError(
        f"{room}.{function.__name__} has no gradient rule in minidl, so it cannot take a Tensor.\n"
        f"Build it from the ops in md.ops, or leave the graph on purpose: {room}.{function.__name__}(t.numpy())."
    )
