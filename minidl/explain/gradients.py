"""Explanations by gradients: how f would change if an input changed a little.

====================== ============================================== ===============================================
saliency               |∂f/∂x|                                        where a small change would matter
gradient × input       x ∂f/∂x                                        what each input adds, were f linear
integrated gradients   (x − x₀) ∫₀¹ ∂f/∂x (x₀ + α (x − x₀)) dα        what each input adds on the way from x₀ to x
====================== ============================================== ===============================================

Of words, which an ``Embedding`` reads, x are the vectors that it gives, and each word gets one number: the length of
the gradient, or the sum over its vector.

Sources: Simonyan, Vedaldi & Zisserman 2014, "Deep inside convolutional networks"; Shrikumar, Greenside & Kundaje
2017, "Learning important features through propagating activation differences", section 2; Sundararajan, Taly & Yan
2017, "Axiomatic attribution for deep networks", sections 3 and 5 (D.T11).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.arrays import Array, as_floating, move
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.explain.answer import Answer
from minidl.explain.hiding import read_baseline
from minidl.explain.inside import calls_of, rest_of
from minidl.layers.base import Layer
from minidl.layers.embedding import Embedding
from minidl.recording import no_grad
from minidl.settings import check_whole
from minidl.transforms import vjp


def saliency(model: Layer | Callable, x: Any, target: Any = None) -> np.ndarray:
    """|∂f/∂x|: how strongly f answers to a small change of each input.

    Parameters
    ----------
    model : Layer or function
    x : (N, ...)
        Numbers; or words (N, T), which an ``Embedding`` reads.
    target : int or (N,) integers, optional
        Which output is f; see ``minidl/explain/answer.py``.

    Returns
    -------
    array of x's shape
        For words the length of the gradient by the word's vector.

    Raises
    ------
    ValueError, TypeError
        There is no such output; x holds NaN, or the model gives it; x are integers that no ``Embedding`` reads.

    Examples
    --------
    >>> saliency(lambda x: 2.0 * x[:, :1] - 3.0 * x[:, 1:], np.array([[5.0, 7.0]]))
    array([[2., 3.]])
    """
    point = Point(Answer("saliency", model, x, target))
    dx = point.slope(point.x)
    return move((dx * dx).sum(axis=-1) ** 0.5 if point.of_words else abs(dx), "cpu")  # words: (N, T, D) → (N, T)


def gradient_times_input(model: Layer | Callable, x: Any, target: Any = None) -> np.ndarray:
    """x ∂f/∂x: what each input adds to f, were f linear. Parameters as for ``saliency``.

    Returns
    -------
    array of x's shape

    >>> gradient_times_input(lambda x: 2.0 * x[:, :1] - 3.0 * x[:, 1:], np.array([[5.0, 7.0]]))
    array([[ 10., -21.]])
    """
    point = Point(Answer("gradient_times_input", model, x, target))
    return point.by_input(point.x * point.slope(point.x))


def integrated_gradients(
    model: Layer | Callable, x: Any, baseline: Any = 0.0, target: Any = None, steps: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """(x − x₀) ∫₀¹ ∂f/∂x (x₀ + α (x − x₀)) dα: the slopes on the straight line from x₀ to x.

    The fundamental theorem of calculus makes them *complete*: Σ_i a_i = f(x) − f(x₀). The integral is the mean at the
    middles of ``steps`` parts of the line, α = ½/m, 3/2/m, ..., so that a gap is left.

    Parameters
    ----------
    model, x, target
        See ``saliency``.
    baseline : number or array that broadcasts to x
        x₀, an input that says nothing: a black image, a table's means. Of words x₀ are vectors of zeros.
    steps : int
        m.

    Returns
    -------
    a : array of x's shape
    gap : (N,)
        f(x) − f(x₀) − Σ a. Where it is not small beside f(x) − f(x₀), take more steps.

    Raises
    ------
    ValueError, TypeError
        As ``saliency``; or a baseline that is none.

    Examples
    --------
    >>> a, gap = integrated_gradients(lambda x: x[:, :1] * x[:, 1:], np.array([[4.0, 3.0]]))
    >>> a.round(6), bool(abs(gap[0]) < 1e-9)                              # 12 in all
    (array([[6., 6.]]), True)
    """
    check_whole("integrated_gradients", "steps", steps)
    answer = Answer("integrated_gradients", model, x, target)
    point = Point(answer)
    x, x0 = point.x, point.baseline(baseline)
    mean = sum(point.slope(x0 + (k + 0.5) / steps * (x - x0)) for k in range(steps)) / steps
    a = point.by_input((x - x0) * mean)
    return a, point.value(x) - point.value(x0) - a.reshape(len(a), -1).sum(axis=1, dtype=np.float64)


class Point:
    """Where the slopes are taken: at the numbers x; or at the vectors of words x.

    Attributes
    ----------
    x : array (N, ...), or (N, T, D) of words
    f : function
        All scores (N, C), as a function of that.
    of_words : bool
    """

    def __init__(self, answer: Answer):
        self.answer = answer
        layer = _reader(answer)
        self.of_words = layer is not None
        if layer is None:
            self.x, self.f = as_floating(answer.x), answer.scores
            if not isinstance(answer.model, Layer):
                self._check_function()
        else:
            self.x, self.f = calls_of(answer, layer)[0][1].data, rest_of(answer, layer)

    def _check_function(self) -> None:
        """Refuse a function that gives plain numbers: nobody knows how they came about."""
        y = self.f(Tensor(self.x))
        if not isinstance(y, Tensor):
            raise TypeError(
                f"{self.answer.who} takes the slope of f, so f must give a Tensor, got {describe(y)}.\n"
                "Give model itself for model.predict; leave out .numpy()."
            )

    def slope(self, x: Array) -> Array:
        """∂f/∂x, for all samples in one pass, as none depends on another: ∂(Σ_n f(x_n))/∂x."""
        with no_grad():  # nothing but this pass is recorded
            y, pullback = vjp(self.f, x)
            return pullback(self.answer.one_hot(y.data))[0].data

    def value(self, x: Array) -> np.ndarray:
        """f(x), (N,)."""
        with no_grad():
            y, _ = vjp(self.f, x)
        return (move(y.data, "cpu") * move(self.answer.one_hot(y.data), "cpu")).sum(axis=1, dtype=np.float64)

    def baseline(self, value: Any) -> Array:
        """x₀, of x's shape."""
        if not self.of_words:
            return read_baseline(self.answer.who, value, self.x)
        if np.ndim(value) or value != 0:
            raise ValueError(
                f"{self.answer.who} of words begins at vectors of zeros, got baseline={value!r}. Leave it out."
            )
        return self.x * 0

    def by_input(self, a: Array) -> np.ndarray:
        """One number for each input, on the CPU; of each word the sum over its vector."""
        return move(a.sum(axis=-1) if self.of_words else a, "cpu")  # words: (N, T, D) → (N, T)


def _reader(answer: Answer) -> Embedding | None:
    """The embedding that reads the words x; None where x are numbers."""
    who, x = answer.who, answer.x
    layers = [layer for _, layer in answer.model.named_layers()] if isinstance(answer.model, Layer) else []
    embeddings = [layer for layer in layers if isinstance(layer, Embedding)]
    calls = [(layer, words.data, y) for layer in embeddings for words, y in calls_of(answer, layer)]
    reading = [(layer, y) for layer, words, y in calls if words.shape == x.shape and bool((words == x).all())]
    if not reading:
        if x.dtype.kind != "f" and (embeddings or not layers):
            raise TypeError(
                f"{who}: x holds {x.dtype}, which has no slope, and no Embedding is seen that reads it as words.\n"
                "Numbers: x.astype('float32'). Words: give the model itself, or hide them by minidl.explain.occlusion."
            )
        return None
    layer, y = reading[0]
    times = max(len(reading), sum(called is layer for called, _, _ in calls))
    if times > 1 or y.shape[:-1] != x.shape:
        raise ValueError(
            f"{who} expects one Embedding, called once, that makes a vector of each word; {layer.name!r} makes shape\n"
            f"{y.shape} of words {x.shape}, and there are {times} calls. Hide words instead: minidl.explain.occlusion."
        )
    return layer
