"""GPT: a stack of transformer blocks that sees only what came before, and says what comes next."""

from minidl.autograd import Tensor
from minidl.layers import Dense, Embedding, LayerNormalization, PositionEmbedding, TransformerBlock
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

    Notes
    -----
    Shapes: x (N, t) of indices, t ≤ T → z (N, t, V). ``minidl.sampling.generate`` writes texts with it.
    Source: Radford et al., "Language models are unsupervised multitask learners", 2019 (GPT-2), with fewer features.

    Raises
    ------
    ValueError
        More than T symbols, or an index beyond the vocabulary.

    Examples
    --------
    >>> model = GPT(vocabulary=10, sequence_length=8, width=16, heads=2, blocks=2)
    >>> model([[1, 2, 3]]).shape, model.count_params()
    ((1, 3, 10), 7050)
    """

    def __init__(self, vocabulary: int, sequence_length: int, width: int, heads: int, blocks: int):
        super().__init__(name="gpt")
        self.sequence_length = sequence_length
        self.symbols = Embedding(vocabulary, width)
        self.positions = PositionEmbedding(sequence_length, initializer="random_uniform")
        self.blocks = [TransformerBlock(heads, 4 * width, use_causal_mask=True) for _ in range(blocks)]
        self.norm = LayerNormalization(epsilon=1e-5)
        self.logits = Dense(vocabulary)
        self([[0]])  # builds the layers

    def call(self, x: Tensor, *, caches: list[KeyValueCache] | None = None) -> Tensor:
        """(N, t) → (N, t, V). With caches x is what comes after the symbols that they hold already."""
        h = self.positions(self.symbols(x), start=len(caches[0]) if caches else 0)  # (N, t, D)
        for block, cache in zip(self.blocks, caches or [None] * len(self.blocks)):
            h = block(h, cache=cache)  # (N, t, D)
        return self.logits(self.norm(h))  # (N, t, V)

    def new_caches(self) -> list[KeyValueCache]:
        """An empty cache for each block."""
        return [KeyValueCache() for _ in self.blocks]
