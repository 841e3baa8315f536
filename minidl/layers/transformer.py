"""The transformer block (D3.E2, D.T6): attention between the steps, then a small network in each of them."""

from typing import Any

from minidl.autograd import Tensor
from minidl.layers.attention import KeyValueCache, MultiHeadAttention
from minidl.layers.base import Layer
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout
from minidl.layers.normalization import LayerNormalization
from minidl.layers.symbolic import Symbol
from minidl.settings import check_flag, check_whole


class TransformerBlock(Layer):
    """Attention and a two-layer network, each beside a residual connection and with a layer norm.

    Pre-norm (``normalize_first=True``; GPT-2, and easier to train when deep), and post-norm (the original, D3.E2):

        h = x + Attention(norm₁(x))        h = norm₁(x + Attention(x))
        y = h + Network(norm₂(h))          y = norm₂(h + Network(h))

    with Network(h) = activation(h W₁ + b₁) W₂ + b₂.

    Parameters
    ----------
    num_heads : int
        h, which divides the D features; each head has D/h.
    intermediate_dim : int
        The width of Network's hidden layer; 4 D is usual.
    dropout : float
        Of what Attention and Network give.
    activation : str or callable
        Of Network's hidden layer.
    use_causal_mask : bool
        No step sees a later one: a decoder's block, without an encoder.
    normalize_first : bool
    epsilon : float
        ε of the layer norms.
    rng : Generator or int, optional
        For dropout; by default the one random generator.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, T, D) → y (N, T, D). Sources: Vaswani et al., "Attention is all you need", 2017, section 3.1; Xiong et
    al., "On layer normalization in the transformer architecture", 2020.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> block = TransformerBlock(num_heads=2, intermediate_dim=32, use_causal_mask=True)
    >>> block(np.ones((1, 3, 8), np.float32)).shape, block.count_params()
    ((1, 3, 8), 872)
    """

    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        dropout: float = 0.0,
        activation: Any = "gelu_tanh",
        use_causal_mask: bool = False,
        normalize_first: bool = True,
        epsilon: float = 1e-5,
        *,
        rng: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        self.num_heads = check_whole("TransformerBlock", "num_heads", num_heads)
        self.intermediate_dim = check_whole("TransformerBlock", "intermediate_dim", intermediate_dim)
        self.use_causal_mask = check_flag("TransformerBlock", "use_causal_mask", use_causal_mask)
        self.normalize_first = check_flag("TransformerBlock", "normalize_first", normalize_first)
        self.attention_norm = LayerNormalization(epsilon=epsilon)
        self.attention: MultiHeadAttention | None = None
        self.network_norm = LayerNormalization(epsilon=epsilon)
        self.hidden = Dense(intermediate_dim, activation=activation)
        self.output: Dense | None = None
        self.dropout = Dropout(dropout, rng=rng)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        D = input_shape[-1] if len(input_shape) == 3 else None
        if not D or D % self.num_heads:
            raise ValueError(
                f"TransformerBlock {self.name!r} expects (N, T, D) with D a multiple of its {self.num_heads} heads, "
                f"got shape {input_shape}."
            )
        self.attention = MultiHeadAttention(self.num_heads, D // self.num_heads)
        self.output = Dense(D)
        for layer in (self.attention_norm, self.attention, self.network_norm, self.hidden):
            layer.build_for(Symbol((None, None, D)))
        self.output.build_for(Symbol((None, None, self.intermediate_dim)))

    def call(
        self,
        x: Tensor,
        *,
        attention_mask: Any = None,
        padding_mask: Any = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """One block.

        Parameters
        ----------
        x : (N, T, D)
        attention_mask : (T, T), (N, T, T) or (N, h, T, T), optional
            True where a step may see another.
        padding_mask : (N, T), optional
            False where a step is padding, which no step sees.
        cache : KeyValueCache, optional
            For generation, one for each block: see ``MultiHeadAttention``.
        """
        masks = {"attention_mask": attention_mask, "value_mask": padding_mask, "cache": cache}
        gamma = self.attention_norm.gamma
        x = x if x.dtype == gamma.dtype else x.astype(gamma.dtype)  # as Dense does; x + ... would keep float64
        if self.normalize_first:
            h = x + self.attend(self.attention_norm(x), masks)
            return h + self.network(self.network_norm(h))
        h = self.attention_norm(x + self.attend(x, masks))
        return self.network_norm(h + self.network(h))

    def mask_settings(self, *masks: Any) -> dict[str, Any]:
        return {"padding_mask": masks[0]} if masks[0] is not None else {}

    def attend(self, x: Tensor, masks: dict[str, Any]) -> Tensor:
        """What the steps gather from each other: (N, T, D) → (N, T, D)."""
        return self.dropout(self.attention(x, use_causal_mask=self.use_causal_mask, **masks))

    def network(self, h: Tensor) -> Tensor:
        """What each step makes of it by itself: (N, T, D) → (N, T, intermediate_dim) → (N, T, D)."""
        return self.dropout(self.output(self.hidden(h)))

    def describe(self) -> str:
        return f"num_heads={self.num_heads}, intermediate_dim={self.intermediate_dim}"
