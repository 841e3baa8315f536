"""GPT: a stack of transformer blocks that sees only what came before, and says what comes next."""

from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.examples.ngram_embedding import NGramEmbedding
from minidl.layers import Dense, LayerNormalization, PositionEmbedding, TransformerBlock
from minidl.layers.attention import KeyValueCache
from minidl.models import Model


class GPT(Model):
    """The logits of the next symbol, after each symbol of a text.

        h⁰ = E[x] + P                    what the symbol is, and where it stands
        hˡ = Blockˡ(hˡ⁻¹)                l = 1 ... L, pre-norm, with a causal mask: no symbol sees a later one
        z  = norm(hᴸ) W + b

    Parameters
    ----------
    vocabulary : int
        V, how many symbols there are.
    sequence_length : int
        T, how many positions there are: the most symbols that it can look at.
    width : int
        D, the features of a symbol on its way up.
    heads, blocks : int
        Attention heads in a block, and L.
    ngrams : int
        E knows so many symbols, this one and those before it: see ``NGramEmbedding``. 1 is GPT-2.

    Raises
    ------
    ValueError
        More than T symbols, or an index beyond the vocabulary.

    Notes
    -----
    Shapes: x (N, t) of indices, t ≤ T → z (N, t, V). ``minidl.sampling.generate`` writes texts with it.
    Source: Radford et al., "Language models are unsupervised multitask learners", 2019 (GPT-2), with fewer features.

    Examples
    --------
    >>> model = GPT(vocabulary=10, sequence_length=8, width=16, heads=2, blocks=2)
    >>> model([[1, 2, 3]]).shape, model.count_params()
    ((1, 3, 10), 7050)
    """

    def __init__(self, vocabulary: int, sequence_length: int, width: int, heads: int, blocks: int, ngrams: int = 1):
        super().__init__(name="gpt")
        self.vocabulary, self.sequence_length = vocabulary, sequence_length
        self.symbols = NGramEmbedding(vocabulary, width, ngrams)
        self.positions = PositionEmbedding(sequence_length, initializer="random_uniform")
        self.blocks = [TransformerBlock(heads, 4 * width, use_causal_mask=True) for _ in range(blocks)]
        self.norm = LayerNormalization(epsilon=1e-5)
        self.logits = Dense(vocabulary)
        self([[0]])  # builds the layers

    def call(self, x: Tensor, *, past: "Past | None" = None) -> Tensor:
        """(N, t) → (N, t, V). With a past x is what comes after it, and becomes part of it."""
        if past is None:
            h = self.positions(self.symbols(x))  # (N, t, D)
            caches = [None] * len(self.blocks)
        else:
            h = self.positions(self.symbols(x, before=past.text), start=len(past))  # (N, t, D)
            caches = past.caches
            past.extend(x.data)
        for block, cache in zip(self.blocks, caches):
            h = block(h, cache=cache)  # (N, t, D)
        return self.logits(self.norm(h))  # (N, t, V)

    def new_past(self) -> "Past":
        """Of a text that has not begun."""
        return Past(len(self.blocks))


class Past:
    """What a GPT has read so far, and each block's keys and values of it: it need not read it again."""

    def __init__(self, blocks: int):
        self.text: Array | None = None  # (N, symbols so far)
        self.caches = [KeyValueCache() for _ in range(blocks)]

    def __len__(self) -> int:
        return 0 if self.text is None else self.text.shape[1]

    def extend(self, x: Array) -> None:
        """Take these in as the latest."""
        self.text = x if self.text is None else array_module(x).concatenate([self.text, x], axis=1)
