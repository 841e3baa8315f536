"""Which number is explained: f(x), one output of a model for each sample.

For a model that ends in a softmax or sigmoid, f is the *logit* z in front of it. A softmax mixes all classes and, where
the model is sure, is flat: its slopes are nearly 0, whatever the input shows. So a model with a softmax at its end and
one that gives logits are explained alike, and a model of any other end (regression) by what it gives.

A *function* of x is taken as it is. It explains the probability, one of several outputs, or one of several inputs:

    lambda x: md.softmax(model(x))          lambda x: model(x)[1]          lambda x: model([x, other])

(call ``model.eval()`` before: a function has no mode). It is given a Tensor; only slopes need one back. Where parts are
hidden it is asked about many variants of one sample at once, and another input must have as many rows. So explain one
sample after another: x[n : n + 1] and

    lambda x: model([x, np.repeat(other[n : n + 1], len(x), axis=0)])

``target`` is the output: a class, or one for each sample; by default the one that is largest for x. A model with one
output needs none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, is_array, move
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.losses.cross_entropy import logits_behind
from minidl.metrics.reading import plain
from minidl.ops.activations import sigmoid
from minidl.ops.softmax import softmax
from minidl.recording import recording
from minidl.training.requirements import check_weights
from minidl.training.trainable import device_of_model


class Answer:
    """f for N samples, checked.

    Parameters
    ----------
    who : str
        For error messages.
    model : Layer or function
        Gives (N, C) or (N,) for x.
    x : (N, ...)
    target : int or (N,) integers, optional

    Attributes
    ----------
    x : array (N, ...)
        Where the model is; floating numbers in the dtype of its parameters.
    target : (N,) integers
    classes : int
        C, how many outputs there are.
    at_x : (N,) float64
        f(x).

    >>> answer = Answer("doctest", lambda x: x * x, np.array([[1.0, -3.0]]))
    >>> answer.target, answer.at_x
    (array([1]), array([9.]))
    """

    def __init__(self, who: str, model: Layer | Callable, x: Any, target: Any = None):
        check_model(who, model)
        self.who, self.model = who, model
        self.x = read_samples(who, model, x)
        y = self.numbers(self.x)  # (N, C)
        self.target, self.classes = read_target(who, target, y), y.shape[1]
        self.at_x = np.take_along_axis(y, self.target[:, None], axis=1)[:, 0]  # (N, C) → (N,)

    def scores(self, x: Tensor) -> Tensor:
        """All outputs (N, C); of a model without the softmax or sigmoid at its end."""
        if isinstance(self.model, Layer):
            with self.model.in_mode(False), recorded(self.model):
                y = self.model(x)
                behind = [logits_behind(y, end) for end in (softmax, sigmoid)] if isinstance(y, Tensor) else []
                y = next((z for z in behind if z is not None), y)  # a sigmoid behind the softmax is part of f
        else:
            y = self.model(x)
        check_scores(self.who, y, len(x.data))
        return y if len(y.shape) == 2 else y[:, None]  # (N,) → (N, 1)

    def numbers(self, x: Array) -> np.ndarray:
        """``scores`` as a NumPy array of float64, refused where they are no numbers."""
        # A graph is needed to see what stands behind a softmax, and needs something to differentiate by.
        leaf = Tensor(x, requires_grad=isinstance(self.model, Layer) and x.dtype.kind == "f")
        y = move(plain(self.scores(leaf)), "cpu").astype(np.float64)
        if not np.isfinite(y).all():
            raise ValueError(f"{self.who}: the model gives NaN or infinity for some inputs. Look at its weights.")
        return y

    def of(self, rows: Array, n: int) -> np.ndarray:
        """f of variants of sample n: (M, ...) → (M,)."""
        return self.numbers(rows)[:, self.target[n]]

    def one_hot(self, like: Array) -> Array:
        """g with Σ g · scores = Σ_n f(x_n): 1 at each sample's target, else 0."""
        g = np.zeros(like.shape, like.dtype)
        g[np.arange(len(g)), self.target] = 1
        return array_module(like).asarray(g)


@contextmanager
def recorded(model: Layer) -> Iterator[None]:
    """Record inside the block whatever the user has said, ``no_grad()`` or frozen parameters; then all is as before."""
    parameters, thawed = model.parameters(), []
    if not any(p.requires_grad for p in parameters):  # else their graph will do
        thawed = [p for p in parameters if p.trainable] or parameters
    try:
        for p in thawed:
            p.requires_grad = True
        with recording(True):
            yield
    finally:
        for p in thawed:
            p.requires_grad = False


# --- what may be explained ------------------------------------------------------------------------------------------


def check_model(who: str, model: Any) -> None:
    """A layer that has been built, or a function."""
    if isinstance(model, type) or not callable(model):
        raise TypeError(f"{who} expects a model or a function of x, got {describe(model)}.")
    if isinstance(model, Layer):
        check_weights(who, model)


def read_samples(who: str, model: Any, x: Any) -> Array:
    """The samples where the model is, as it takes them."""
    if isinstance(x, (list, tuple)) and any(is_array(a) or isinstance(a, Tensor) for a in x):
        raise TypeError(
            f"{who} explains one input, got a list of {len(x)}.\n"
            "Give a function of that input: lambda x: model([x, other]), after model.eval()."
        )
    x = plain(x)
    if x.ndim < 2 or x.size == 0:
        fix = " Is it one sample? Use x[None]." if x.ndim == 1 and x.size else ""
        raise ValueError(f"{who} expects samples (N, ...), got shape {x.shape}.{fix}")
    if isinstance(model, Layer):
        x = move(x, device_of_model(model))
        dtype = next((p.dtype for p in model.parameters()), x.dtype)
        x = x.astype(dtype) if x.dtype.kind == "f" else x
        for expected in model.input_shapes()[:1] if hasattr(model, "input_shapes") else ():
            if expected[1:] == x.shape:
                raise ValueError(f"{who} expects samples {expected}, got shape {x.shape}. Is it one? Use x[None].")
    if x.dtype.kind == "f" and not bool(array_module(x).isfinite(x).all()):
        raise ValueError(f"{who} expects finite numbers, got NaN or infinity in x.")
    return x


def check_scores(who: str, y: Any, N: int) -> None:
    """One row of outputs for each sample."""
    several = isinstance(y, (list, tuple, dict))
    if several or not hasattr(y, "shape") or len(y.shape) not in (1, 2) or y.shape[0] != N or 0 in y.shape:
        got = f"{len(y)} outputs" if several else describe(y)
        raise ValueError(
            f"{who} explains a model that gives (N, C) for N samples, got {got}.\n"
            "Choose what is to be explained by a function: lambda x: model(x)[1], after model.eval()."
        )


def read_target(who: str, target: Any, y: np.ndarray) -> np.ndarray:
    """The output that is explained, for each sample; y (N, C) are all of them."""
    N, C = y.shape
    if target is None:
        return y.argmax(axis=1)  # (N, C) → (N,)
    if C == 1:
        raise ValueError(
            f"{who}: the model has one output, which is explained (minus it speaks for class 0). No target."
        )
    t = move(as_array(plain(target)), "cpu")
    if t.dtype.kind not in "iu":
        raise TypeError(f"{who} expects target as a class, or one for each sample, got {describe(target)}.")
    if t.shape not in ((), (N,)) or t.min() < 0 or t.max() >= C:
        got = t.item() if t.ndim == 0 else f"shape {t.shape} from {t.min()} to {t.max()}" if t.size else "none"
        raise ValueError(f"{who} expects target from 0 to {C - 1}, for all or each of {N} samples, got {got}.")
    return np.broadcast_to(t, (N,)).astype(np.int64)
