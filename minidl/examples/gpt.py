"""GPT: a stack of transformer blocks that sees only what came before, and says what comes next."""

from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.examples.ngram_embedding import NGramEmbedding
from minidl.layers import Conv1D, Dense, Dropout, LayerNormalization, PositionEmbedding, TransformerBlock
from minidl.layers.attention import KeyValueCache
from minidl.models import Model

REACH = 4  # symbols that the convolution sees


class GPT(Model):
    """The logits of the next symbol, after each symbol of a text.

        e  = dropout(E[x])               what the symbol is
        h⁰ = e + (e ∗ K + c) + P         what stands right before it, and where it stands itself
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
    dropout : float
        Of E[x]: a table with a row for each n-gram learns the training text by heart where nothing hinders it.

    Raises
    ------
    ValueError
        More than T symbols, or an index beyond the vocabulary.

    Notes
    -----
    Shapes: x (N, t) of indices, t ≤ T → z (N, t, V). ``minidl.sampling.generate`` writes texts with it.
    Source: Radford et al., "Language models are unsupervised multitask learners", 2019 (GPT-2), with fewer features,
    and made for single characters, which mean little without their neighbours. Attention would find these, but late;
    the convolution e ∗ K has them from the start (Clark et al., "CANINE", 2022, section 3.2). What the blocks add to
    h starts at 1 / 2L of the usual size, so that h is at first little more than h⁰.

    Examples
    --------
    >>> model = GPT(vocabulary=10, sequence_length=8, width=16, heads=2, blocks=2)
    >>> model([[1, 2, 3]]).shape, model.count_params()
    ((1, 3, 10), 8090)
    """

    def __init__(
        self,
        vocabulary: int,
        sequence_length: int,
        width: int,
        heads: int,
        blocks: int,
        ngrams: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__(name="gpt")
        self.vocabulary, self.sequence_length = vocabulary, sequence_length
        self.symbols = NGramEmbedding(vocabulary, width, ngrams)
        self.dropout = Dropout(dropout)
        self.nearby = Conv1D(width, REACH, padding="causal")
        self.positions = PositionEmbedding(sequence_length, initializer="random_uniform")
        self.blocks = [TransformerBlock(heads, 4 * width, use_causal_mask=True) for _ in range(blocks)]
        self.norm = LayerNormalization(epsilon=1e-5)
        self.logits = Dense(vocabulary)
        self([[0]])  # builds the layers
        for block in self.blocks:
            for kernel in (block.attention.output_kernel, block.output.kernel):
                kernel.data[...] /= 2 * blocks  # as many parts are added to h on its way

    def call(self, x: Tensor, *, past: "Past | None" = None) -> Tensor:
        """(N, t) → (N, t, V). With a past x is what comes after it, and becomes part of it."""
        if past is None:
            h = self.positions(self.embed(x))  # (N, t, D)
            caches = [None] * len(self.blocks)
        else:
            h = self.positions(self.embed(x, past.text), start=len(past))  # (N, t, D)
            caches = past.caches
            past.extend(x.data)
        for block, cache in zip(self.blocks, caches):
            h = block(h, cache=cache)  # (N, t, D)
        return self.logits(self.norm(h))  # (N, t, V)

    def embed(self, x: Tensor, before: Array | None = None) -> Tensor:
        """e + (e ∗ K + c): (N, t) → (N, t, D); ``before`` (N, any number) are the symbols that stand before x."""
        n = 0 if before is None else min(REACH - 1, before.shape[1])  # so many come along, for the convolution
        if n:
            x, before = array_module(before).concatenate([before[:, -n:], x.data], axis=1), before[:, :-n]
        e = self.dropout(self.symbols(x, before=before))  # (N, n + t, D)
        return (e + self.nearby(e))[:, n:]

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
