"""A vector for each symbol that also knows the few symbols before it."""

from typing import Any

from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.layers import Embedding
from minidl.layers.base import Layer

KNUTH = 2654435761  # 2³² divided by the golden ratio: multiples of it, modulo 2³², are spread evenly


class NGramEmbedding(Layer):
    """y_t = E₁[x_t] + E₂[x_t−1 x_t] + ... + E_n[x_t−n+1 ... x_t]: a table for single symbols, one for pairs ...

    What counting knows at once (after "q" comes "u") a transformer has to find out by attention. Here the pair has a
    row of its own to learn it in.

    Parameters
    ----------
    input_dim : int
        V; symbols are 0 ... V − 1, and 0 also stands before the first.
    output_dim : int
        D
    ngrams : int
        n; 1 makes it an ``Embedding``.
    buckets : int
        The most rows that a table has. Where there are more n-grams, several share a row, as chance (a hash) has it.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, T) → y (N, T, D).
    Sources: Bojanowski et al., "Enriching word vectors with subword information", 2017, section 3.2 (hashed n-grams);
    Pagnoni et al., "Byte latent transformer", 2024, section 3.2.1 (at the input of a transformer). The hash: Knuth,
    "The art of computer programming" 3, section 6.4.

    Examples
    --------
    >>> layer = NGramEmbedding(10, 4, ngrams=3, buckets=200)
    >>> layer([[1, 2, 3]]).shape, [table.input_dim for table in layer.tables]
    ((1, 3, 4), [10, 100, 200])
    """

    def __init__(self, input_dim: int, output_dim: int, ngrams: int = 1, buckets: int = 8192, **common: Any):
        super().__init__(**common)
        if ngrams < 1:
            raise ValueError(f"NGramEmbedding expects ngrams of at least 1, got {ngrams!r}.")
        self.input_dim = input_dim
        rows = [input_dim, *(min(input_dim**n, buckets) for n in range(2, ngrams + 1))]
        self.tables = [Embedding(n, output_dim) for n in rows]

    def call(self, x: Tensor, *, before: Array | None = None) -> Tensor:
        """(N, T) → (N, T, D); ``before`` (N, any number) are the symbols that stand before x."""
        symbols = self.tables[0].checked_indices(x)  # (N, T)
        xp = array_module(symbols)
        N, T = symbols.shape
        parts = [xp.zeros((N, len(self.tables) - 1), symbols.dtype), before, symbols]
        text = xp.concatenate([part for part in parts if part is not None], axis=1)
        end = text.shape[1]

        number = xp.zeros((N, T), xp.int64)  # of the latest n symbols: their digits to the base V
        y = 0
        for n, table in enumerate(self.tables):
            number = number + text[:, end - T - n : end - n] * self.input_dim**n  # (N, T)
            y = y + table(self.row(number, n + 1, table.input_dim))  # (N, T, D)
        return y

    def row(self, number: Array, n: int, rows: int) -> Array:
        """Which row an n-gram has: its own where there are enough."""
        if self.input_dim**n <= rows:
            return number
        return number * KNUTH % 2**32 * rows // 2**32

    def describe(self) -> str:
        return f"{self.input_dim}, {self.tables[0].output_dim}, ngrams={len(self.tables)}"
