"""Multi-head attention (D3.E1), and the cache that makes generating text with it quick."""

import weakref
from typing import Any

from minidl import initializers, regularizers
from minidl.arrays import Array, as_array
from minidl.autograd import Tensor
from minidl.layers.base import Layer, Parameter
from minidl.layers.dropout import Dropout
from minidl.ops.attention import attention, attention_weights, self_attention
from minidl.ops.joining import concatenate
from minidl.ops.linear import linear
from minidl.settings import check_flag, check_whole


class KeyValueCache:
    """The keys and values of all steps so far: a text's next step need not compute them again. For one layer.

    >>> import minidl as md, numpy as np
    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x, cache = np.ones((1, 3, 8), np.float32), KeyValueCache()
    >>> with md.no_grad():
    ...     steps = [layer(x[:, t : t + 1], use_causal_mask=True, cache=cache) for t in range(3)]
    >>> len(cache), steps[2].shape
    (3, (1, 1, 8))
    """

    def __init__(self):
        self.k: Tensor | None = None  # (N, h, steps so far, d)
        self.v: Tensor | None = None
        self._layer: Any = None  # whose they are; weakly, or a copy of the cache would copy the layer

    def __len__(self) -> int:
        return 0 if self.k is None else self.k.shape[2]

    def belong_to(self, layer: Layer) -> None:
        """Be this layer's from now on; refused where the steps so far are another's, with other keys and values."""
        if len(self) and self._layer is not None and self._layer() is not layer:
            raise ValueError(
                f"{type(layer).__name__} {layer.name!r} expects a cache of its own, got one with the steps of another."
                "\nMake a KeyValueCache() for each attention layer."
            )
        self._layer = weakref.ref(layer)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Take these in as the latest, and return all there are."""
        if k.requires_grad or v.requires_grad:
            raise ValueError(
                "a cache keeps numbers, through which no gradient flows.\n"
                "Use it inside `with md.no_grad():`, and train without it."
            )
        if self.k is not None:
            if self.k.shape[0] != k.shape[0]:
                raise ValueError(
                    f"this cache is of {self.k.shape[0]} samples, got {k.shape[0]}. Begin with a new cache."
                )
            k, v = concatenate([self.k, k], axis=2), concatenate([self.v, v], axis=2)
        self.k, self.v = k, v
        return k, v


class MultiHeadAttention(Layer):
    """y = [head₁ ... head_h] W_O + b_O with head_i = Attention(Q W_Qi, K W_Ki, V W_Vi), b_Q, b_K, b_V added (D3.E1).

    Each query step gathers from the value steps whose keys are like it: ``layer(x)`` within one sequence,
    ``layer(query, value)`` and ``layer(query, value, key)`` from another.

    Parameters
    ----------
    num_heads : int
        h
    key_dim : int
        d, the features of a query or key in each head.
    value_dim : int, optional
        e, those of a value; d by default.
    dropout : float
        The share of the attention weights that is dropped in training.
    use_bias : bool
        Whether b_Q, b_K, b_V and b_O are there.
    kernel_initializer, bias_initializer
        By name or object; Glorot-uniform and zeros.
    kernel_regularizer, bias_regularizer : optional
        Penalties, see ``minidl.regularizers``.
    rng : Generator or int, optional
        For dropout; by default the one random generator.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: query (N, T, D), value and key (N, S, ...) → y (N, T, D). ``query_kernel`` W_Q (D, h d), ``key_kernel``,
    ``value_kernel`` (..., h e) and ``output_kernel`` (h e, D) are matrices, the heads side by side, in Keras' order;
    Keras' (D, h, d) with two axes folded into one. They are drawn as the matrices that they are. Within one sequence
    W_Q, W_K and W_V are put side by side for one product in place of three.
    Source: Vaswani et al., "Attention is all you need", 2017, section 3.2.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> y, weights = layer(np.ones((1, 3, 8), np.float32), use_causal_mask=True, return_attention_scores=True)
    >>> y.shape, weights.shape
    ((1, 3, 8), (1, 2, 3, 3))
    >>> weights.numpy()[0, 0].round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        *,
        rng: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        who = type(self).__name__
        self.num_heads = check_whole(who, "num_heads", num_heads)
        self.key_dim = check_whole(who, "key_dim", key_dim)
        self.value_dim = check_whole(who, "value_dim", key_dim if value_dim is None else value_dim)
        self.use_bias = check_flag(type(self).__name__, "use_bias", use_bias)
        self.dropout = Dropout(dropout, rng=rng)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.query_kernel = self.query_bias = self.key_kernel = self.key_bias = None
        self.value_kernel = self.value_bias = self.output_kernel = self.output_bias = None

    def __call__(self, query: Any, value: Any = None, key: Any = None, **settings: Any) -> Any:
        """See ``call`` for what there is; value and key are inputs, also where they come by keyword."""
        if value is None and key is not None:
            value = query
        return super().__call__(*(x for x in (query, value, key) if x is not None), **settings)

    def build(self, input_shape: Any) -> None:
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        query, value, key = shapes[0], shapes[min(1, len(shapes) - 1)], shapes[-1]
        if any(len(shape) != 3 or not shape[-1] for shape in (query, value, key)):
            raise ValueError(
                f"MultiHeadAttention {self.name!r} expects sequences (N, T, D) with D known, got "
                f"{', '.join(map(str, shapes))}."
            )
        keys, values = self.num_heads * self.key_dim, self.num_heads * self.value_dim  # h d, h e
        self.query_kernel, self.query_bias = self.add_pair(query[-1], keys)
        self.key_kernel, self.key_bias = self.add_pair(key[-1], keys)
        self.value_kernel, self.value_bias = self.add_pair(value[-1], values)
        self.output_kernel, self.output_bias = self.add_pair(values, query[-1])

    def add_pair(self, D: int, H: int) -> tuple[Parameter, Parameter | None]:
        """A kernel (D, H) and its bias (H,)."""
        kernel = self.add_weight((D, H), self.kernel_initializer, regularizer=self.kernel_regularizer)
        if not self.use_bias:
            return kernel, None
        return kernel, self.add_weight((H,), self.bias_initializer, regularizer=self.bias_regularizer)

    def call(
        self,
        query: Tensor,
        value: Tensor | None = None,
        key: Tensor | None = None,
        *,
        attention_mask: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        use_causal_mask: bool = False,
        return_attention_scores: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Any:
        """Attend.

        Parameters
        ----------
        query, value, key : (N, T, D), (N, S, ...), (N, S, ...)
            Without value, the query's own sequence; without key, the value.
        attention_mask : (T, S), (N, T, S) or (N, h, T, S), optional
            True where a query step may see a value step.
        query_mask, value_mask, key_mask : (N, T), (N, S), (N, S), optional
            False where a step is padding.
        use_causal_mask : bool
            No step sees a later one.
        return_attention_scores : bool
            Return (y, weights) with the weights (N, h, T, S), before dropout.
        cache : KeyValueCache, optional
            Holds the steps before these, and takes these in. For generation: inside ``no_grad``.

        Notes
        -----
        All masks hold together. A query step that may see nothing gathers nothing: its y is b_O.
        """
        own = (value is None or value is query) and (key is None or key is query)
        value = query if value is None else value
        key = value if key is None else key
        self.check_axes(query.shape, value.shape, key.shape)
        if cache is not None:
            cache.belong_to(self)
        S = value.shape[1] + (0 if cache is None else len(cache))
        mask = self.combined(attention_mask, query_mask, value_mask, key_mask, *query.shape[:2], S)
        drops = self.training and self.dropout.rate > 0
        weights = None
        if own and cache is None and self.key_dim == self.value_dim and not (drops or return_attention_scores):
            y = self_attention(self.query_key_value(query), self.num_heads, mask, use_causal_mask)  # (N, T, h e)
            return self.project(y, self.output_kernel, self.output_bias)
        q = self.heads(self.project(query, self.query_kernel, self.query_bias))  # (N, h, T, d)
        k = self.heads(self.project(key, self.key_kernel, self.key_bias))  # (N, h, S, d)
        v = self.heads(self.project(value, self.value_kernel, self.value_bias))  # (N, h, S, e)
        if cache is not None:
            k, v = cache.extend(k, v)
        if drops or return_attention_scores:
            weights = attention_weights(q, k, mask, use_causal_mask)  # (N, h, T, S)
            y = self.dropout(weights) @ v  # (N, h, T, e)
        else:
            y = attention(q, k, v, mask, use_causal_mask)
        N, h, T, e = y.shape
        y = self.project(y.swapaxes(1, 2).reshape(N, T, h * e), self.output_kernel, self.output_bias)  # (N, T, D)
        return (y, weights) if return_attention_scores else y

    def mask_settings(self, *masks: Any) -> dict[str, Any]:
        """No step looks at padding: the values' mask, or the query's own where it attends to itself.

        (What padding gathers does not matter.)
        """
        given = {"value_mask": masks[min(1, len(masks) - 1)], "key_mask": masks[2] if len(masks) > 2 else None}
        return {name: mask for name, mask in given.items() if mask is not None}

    def query_key_value(self, x: Tensor) -> Tensor:
        """x [W_Q W_K W_V], one product in place of three: (N, T, D) → (N, T, 3 h d)."""
        W = concatenate([self.query_kernel, self.key_kernel, self.value_kernel], axis=1)
        b = concatenate([self.query_bias, self.key_bias, self.value_bias]) if self.use_bias else None
        return self.project(x, W, b)

    def project(self, x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        """x W + b, in the dtype of W; refused where x has another width than W."""
        if x.shape[-1] != W.shape[0]:
            raise ValueError(
                f"MultiHeadAttention {self.name!r} expects {W.shape[0]} features on the last axis, got {x.shape}."
            )
        return linear(x if x.dtype == W.dtype else x.astype(W.dtype), W, b)

    def heads(self, x: Tensor) -> Tensor:
        """(N, T, h d) → (N, h, T, d)."""
        N, T, D = x.shape
        return x.reshape(N, T, self.num_heads, D // self.num_heads).swapaxes(1, 2)

    def combined(
        self, attention_mask: Any, query_mask: Any, value_mask: Any, key_mask: Any, N: int, T: int, S: int
    ) -> Array | None:
        """The masks as one that can be broadcast to (N, h, T, S); None where there is none."""
        total = None
        for name, mask, shapes in (
            ("attention_mask", attention_mask, [(T, S), (N, T, S), (N, self.num_heads, T, S)]),
            ("query_mask", query_mask, [(N, T)]),
            ("value_mask", value_mask, [(N, S)]),
            ("key_mask", key_mask, [(N, S)]),
        ):
            if mask is None:
                continue
            mask = self.checked_mask(name, mask, shapes)
            if name == "query_mask":
                mask = mask[:, None, :, None]  # (N, T) → (N, 1, T, 1)
            elif name != "attention_mask":
                mask = mask[:, None, None, :]  # (N, S) → (N, 1, 1, S)
            elif mask.ndim == 3:
                mask = mask[:, None]  # (N, T, S) → (N, 1, T, S)
            total = mask if total is None else total & mask
        return total

    def check_axes(self, query: tuple, value: tuple, key: tuple) -> None:
        """Refuse what is not sequences, one of each kind for every sample, and as many keys as values."""
        if not len(query) == len(value) == len(key) == 3 or not query[0] == value[0] == key[0] or value[1] != key[1]:
            raise ValueError(
                f"MultiHeadAttention {self.name!r} expects query (N, T, D), value and key (N, S, ...), "
                f"got {query}, {value} and {key}."
            )

    def checked_mask(self, name: str, mask: Any, shapes: list[tuple[int, ...]]) -> Array:
        """The mask as truth values, refused unless it has one of these shapes (or 1 on some axes)."""
        mask = mask.data if isinstance(mask, Tensor) else as_array(mask)
        if mask.dtype.kind not in "biu":
            raise TypeError(
                f"MultiHeadAttention {self.name!r} expects {name} of truth values, True where a step may be seen, "
                f"got {mask.dtype}.\nCompare first: mask > 0.5, or mask > -1 for numbers to be added to scores."
            )
        if not any(len(s) == mask.ndim and all(n in (1, m) for n, m in zip(mask.shape, s)) for s in shapes):
            allowed = " or ".join(map(str, shapes))
            steps = name == "attention_mask" and mask.shape == shapes[1][::2]  # (N, S)
            fix = "\nOne truth value for each step goes into value_mask." if steps else ""
            raise ValueError(
                f"MultiHeadAttention {self.name!r} expects {name} of shape {allowed}, got {mask.shape}.{fix}"
            )
        return mask.astype(bool)

    def describe(self) -> str:
        return f"num_heads={self.num_heads}, key_dim={self.key_dim}"
