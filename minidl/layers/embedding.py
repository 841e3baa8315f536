"""Embeddings: a vector for each word of a vocabulary, and texts as weighted sums of them (D1.E2)."""

from typing import Any

import numpy as np

from minidl import initializers, regularizers
from minidl.arrays import Array, array_module, as_array, default_dtype
from minidl.autograd import Tensor
from minidl.layers.base import Layer, Parameter
from minidl.ops.indexing import take
from minidl.settings import check_flag, check_whole


class Embedding(Layer):
    """y = E[x]: each index becomes its row of the table E, a vector that is learnt.

    Parameters
    ----------
    input_dim : int
        V, the size of the vocabulary: indices are 0 .. V−1.
    output_dim : int
        D, the size of the vectors.
    embeddings_initializer
        By name or object; uniform between −0.05 and 0.05.
    mask_zero : bool
        Index 0 is padding: recurrent layers stand still there. See ``compute_mask``.
    input_length : int, optional
        T, the same as ``input_shape=(T,)``.
    embeddings_regularizer : optional
        A penalty that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, T) → y (N, T, D); ``embeddings`` E (V, D). ∂L/∂E sums the g of all places where a word stands.

    Raises
    ------
    ValueError
        An index is not one of 0 .. V−1.
    TypeError
        Indices are not whole numbers.

    Examples
    --------
    >>> import minidl as md
    >>> Embedding(1000, 8)([[4, 20, 0]]).shape
    (1, 3, 8)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "random_uniform",
        mask_zero: bool = False,
        *,
        input_length: int | None = None,
        embeddings_regularizer: Any = None,
        **common: Any,
    ):
        if input_length is not None:
            common["input_shape"] = (input_length,)
        super().__init__(**common)
        who = type(self).__name__
        self.input_dim = check_whole(who, "input_dim", input_dim)
        self.output_dim = check_whole(who, "output_dim", output_dim)
        self.mask_zero = check_flag(who, "mask_zero", mask_zero)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.add_weight(shape, self.embeddings_initializer, regularizer=self.embeddings_regularizer)

    def call(self, x: Tensor) -> Tensor:
        return take(self.embeddings, self.checked_indices(x), axis=0)  # (V, D), (N, T) → (N, T, D)

    def checked_indices(self, x: Tensor) -> Array:
        """The indices as integers, each a row of the table."""
        indices, V = x.data, self.input_dim
        if indices.dtype.kind not in "iu":  # such as the float32 that arrays of several kinds become
            floating = indices.dtype.kind == "f"
            if not floating or not ((array_module(indices).floor(indices) == indices) & (abs(indices) < 2**31)).all():
                others = " numbers with fractions, NaN or infinity" if floating else ""
                raise TypeError(
                    f"{type(self).__name__} {self.name!r} expects whole numbers, got {indices.dtype}{others}."
                )
            indices = indices.astype(np.int64)
        if indices.size and not (indices.min() >= 0 and indices.max() < V):
            fix = "input_dim is the largest index + 1: with a Tokenizer its num_words, or len(word_index) + 1."
            if indices.min() < 0:
                fix = "Indices count from 0, which is usually kept for padding."
            raise ValueError(
                f"{type(self).__name__} {self.name!r} expects indices 0..{V - 1} (input_dim={V}), "
                f"got {indices.min()}..{indices.max()}.\n{fix}"
            )
        return indices

    def compute_mask(self, x: Any, mask: Any = None) -> Array | None:
        """With ``mask_zero``: True where x is not 0, (N, T)."""
        if not self.mask_zero:
            return None
        return as_array(x.data if isinstance(x, Tensor) else x) != 0

    def describe(self) -> str:
        return f"{self.input_dim}, {self.output_dim}" + (", mask_zero=True" if self.mask_zero else "")


class BagOfEmbeddings(Embedding):
    """v = Σ_w α_w E_w, a text as the weighted mean of its words' vectors, whatever their order: D1.E2.

    Parameters
    ----------
    input_dim, output_dim, **settings
        See ``Embedding``.
    word_weights : (V,), optional
        a_w, how much each occurrence of a word counts: for instance its inverse document frequency. 1 each by default.
    mask_zero : bool
        Index 0 is padding and does not count.

    Notes
    -----
    Shapes: x (N, T) → v (N, D). With n_w the times that word w stands in the text, α_w = a_w n_w / Σ_w' a_w' n_w': with
    weights of 1 its frequency in the text. A text of nothing but padding gives v = 0.

    Examples
    --------
    >>> import minidl as md
    >>> bag = BagOfEmbeddings(4, 2)
    >>> _ = bag([[1]]); bag.embeddings.data[:] = [[9, 9], [1, 0], [0, 1], [5, 5]]
    >>> bag([[1, 1, 1, 2], [0, 0, 0, 1]])
    Tensor([[0.75, 0.25],
            [1.  , 0.  ]], op=divide)
    """

    def __init__(
        self, input_dim: int, output_dim: int, word_weights: Any = None, mask_zero: bool = True, **settings: Any
    ):
        super().__init__(input_dim, output_dim, mask_zero=mask_zero, **settings)
        a = np.ones(self.input_dim) if word_weights is None else np.array(word_weights, np.float64)
        if a.shape != (self.input_dim,) or not (np.isfinite(a) & (a >= 0)).all():
            raise ValueError(
                f"BagOfEmbeddings expects word_weights ({self.input_dim},), finite and none below 0, "
                f"got shape {a.shape}" + (f" with {a.min()}..{a.max()}." if a.size else ".")
            )
        if mask_zero:
            a[0] = 0
        self.word_weights = Parameter(a.astype(default_dtype()), trainable=False)

    def call(self, x: Tensor) -> Tensor:
        indices = self.checked_indices(x)  # (N, T)
        if indices.ndim != 2:
            fix = " Write [text] for one text?" if indices.ndim == 1 else ""
            raise ValueError(f"BagOfEmbeddings {self.name!r} expects texts (N, T), got shape {indices.shape}.{fix}")
        a = self.word_weights.data[indices].astype(self.embeddings.dtype, copy=False)  # (N, T)
        total = a.sum(axis=1)  # (N,)
        total = total + (total == 0)  # of a text without words: 0 / 1
        return (take(self.embeddings, indices, axis=0) * a[..., None]).sum(axis=1) / total[:, None]  # (N, D)

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """No steps are left."""
        return None
