"""Rows for attention: the ops and the layers."""

from math import erf

import numpy as np

import minidl as md
from minidl import layers
from tests.table.normalization import plain_norm
from tests.table.row import Refusal, Row

MASK = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], bool)  # the query in the middle sees nothing


def on(mask, x):
    """The mask beside x, on its device."""
    return md.array_module(getattr(x, "data", x)).asarray(mask)


def plain_weights(q, k, mask=None, causal=False):
    """Query by query, from the keys that it may see."""
    T, S, d = *q.shape[:-1], k.shape[0], k.shape[1]
    P = np.zeros((T, S))
    for i in range(T):
        seen = [j for j in range(S) if (mask is None or mask[i, j]) and (not causal or j <= S - T + i)]
        e = np.exp([q[i] @ k[j] / d**0.5 for j in seen])
        P[i, seen] = e / e.sum()
    return P


def plain_attention(q, k, v, mask=None, causal=False):
    """Sample by sample and head by head."""
    y = np.zeros(q.shape[:-1] + v.shape[-1:])
    for n in np.ndindex(q.shape[:-2]):
        y[n] = plain_weights(q[n], k[n], mask, causal) @ v[n]
    return y


def plain_heads(q, k, v, heads, mask=None, causal=False):
    """(N, T, h d) each: attention in each slice of d numbers."""
    slices = (np.split(x, heads, axis=-1) for x in (q, k, v))
    return np.concatenate([plain_attention(*one, mask, causal) for one in zip(*slices)], axis=-1)


# --- layers with many parameters, all of them differentiated --------------------------------------------------------


def layer_row(label, make, inputs, reference, **masks):
    """A row with the inputs first, then the layer's parameters in their order.

    b_K is left out: it adds the same number to all scores of a query, which changes nothing. Its gradient is 0, and in
    float32 nothing but rounding.
    """
    call = {name: mask for name, mask in masks.items() if isinstance(mask, bool)}
    arrays = {name: mask for name, mask in masks.items() if name not in call}
    built = make()
    built(*map(np.zeros, inputs))
    parameters = {name: p for name, p in built.named_parameters() if not name.endswith("key_bias")}

    def f(*tensors):
        layer = make()
        layer(*map(np.zeros, inputs))
        layer.to(tensors[0].device)
        for name, t in zip(parameters, tensors[len(inputs) :]):
            *path, last = name.split(".")
            owner = layer
            for step in path:
                owner = getattr(owner, step)
            setattr(owner, last, t)
        beside = {name: on(mask, tensors[0]) for name, mask in arrays.items()}
        return layer(*tensors[: len(inputs)], **call, **beside)

    shapes = [*inputs, *(p.shape for p in parameters.values())]
    return Row(type(built).__name__, f, shapes, reference, label, domain=(-1.0, 1.0))


def plain_multi_head(x, value, Wq, bq, Wk, Wv, bv, Wo, bo, heads=2, mask=None, causal=False):
    return plain_heads(x @ Wq + bq, value @ Wk, value @ Wv + bv, heads, mask, causal) @ Wo + bo


def plain_pre_norm(x, c1, b1, *rest):
    """One head, a hidden layer with gelu."""
    attention, (c2, b2, W1, v1, W2, v2) = rest[:7], rest[7:]
    n = plain_norm(x, -1, c1, b1, 0.1)
    h = x + plain_multi_head(n, n, *attention, heads=1, causal=True)
    z = plain_norm(h, -1, c2, b2, 0.1) @ W1 + v1
    return h + z * (1 + np.vectorize(erf)(z / 2**0.5)) / 2 @ W2 + v2


def plain_post_norm(x, c1, b1, *rest):
    """Two heads, a hidden layer with tanh."""
    attention, (c2, b2, W1, v1, W2, v2) = rest[:7], rest[7:]
    h = plain_norm(x + plain_multi_head(x, x, *attention, mask=np.array([[1, 1], [1, 0]])), -1, c1, b1, 0.1)
    return plain_norm(h + np.tanh(h @ W1 + v1) @ W2 + v2, -1, c2, b2, 0.1)


def plain_positions(x):
    P = [[(np.sin if i % 2 == 0 else np.cos)(t / 10000 ** (i // 2 * 2 / 5)) for i in range(5)] for t in range(3)]
    return x + np.array(P)


ROWS = [
    Row("attention_weights", lambda q, k: md.attention_weights(q, k, on(MASK, q)), [(3, 2), (4, 2)],
        lambda q, k: plain_weights(q, k, MASK), "a mask"),
    Row("attention_weights", lambda q, k: md.attention_weights(q, k, causal=True), [(3, 2), (5, 2)],
        lambda q, k: plain_weights(q, k, causal=True), "causal, more keys"),
    Row("attention", lambda q, k, v: md.attention(q, k, v), [(2, 1, 3), (2, 4, 3), (2, 4, 5)], plain_attention),
    Row("attention", lambda q, k, v: md.attention(q, k, v, on(MASK, q)), [(3, 2), (4, 2), (4, 5)],
        lambda q, k, v: plain_attention(q, k, v, MASK), "a mask"),
    Row("attention", lambda q, k, v: md.attention(q, k, v, on(MASK, q), True), [(3, 2), (4, 2), (4, 1)],
        lambda q, k, v: plain_attention(q, k, v, MASK, True), "a mask, causal, more keys"),
    Row("self_attention", lambda x: md.self_attention(x, 2, causal=True), [(2, 3, 12)],
        lambda x: plain_heads(*np.split(x, 3, axis=-1), 2, causal=True), "causal"),
    Row("self_attention", lambda x: md.self_attention(x, 1, on(MASK[:, 1:], x)), [(2, 3, 6)],
        lambda x: plain_heads(*np.split(x, 3, axis=-1), 1, MASK[:, 1:]), "a mask"),
    layer_row("causal", lambda: layers.MultiHeadAttention(2, 1), [(2, 3, 3)],
              lambda x, *weights: plain_multi_head(x, x, *weights, causal=True), use_causal_mask=True),
    layer_row("another sequence, a mask", lambda: layers.MultiHeadAttention(2, 1, value_dim=2), [(2, 3, 3), (2, 4, 2)],
              lambda x, value, *weights: plain_multi_head(x, value, *weights, mask=MASK), attention_mask=MASK),
    layer_row("pre-norm", lambda: layers.TransformerBlock(1, 2, activation="gelu", use_causal_mask=True, epsilon=0.1),
              [(1, 3, 3)], plain_pre_norm),
    layer_row("post-norm", lambda: layers.TransformerBlock(
                  2, 3, activation="tanh", normalize_first=False, epsilon=0.1), [(1, 2, 4)],
              plain_post_norm, attention_mask=np.array([[1, 1], [1, 0]])),
    layer_row("", lambda: layers.PositionEmbedding(4), [(2, 3, 5)], lambda x, P: x + P[:3]),
    Row("SinusoidalPositions", lambda x: layers.SinusoidalPositions()(x), [(2, 3, 5)], plain_positions),
]  # fmt: skip

KINKS = []

Q, K = np.ones((2, 3, 4), np.float32), np.ones((2, 5, 4), np.float32)


def masked(**masks):
    return layers.MultiHeadAttention(2, 4)(Q, **masks)


def narrow(layer):
    """Call a layer that was built for 4 features on 3."""
    layer(Q)
    return layer(Q[..., :3])


REFUSALS = [
    Refusal("attention", lambda: md.attention(Q, K, Q), ValueError, r"V \(..., S, e\).*got \(2, 3, 4\), \(2, 5"),
    Refusal("attention", lambda: md.attention(Q, K[..., :0], K), ValueError, "S and d at least 1"),
    Refusal("attention", lambda: md.attention(Q, K[:, :0], K[:, :0]), ValueError, "S and d at least 1"),
    Refusal("attention", lambda: md.attention(K, Q, Q, causal=True), ValueError, "as many keys as queries, got 3"),
    Refusal("attention", lambda: md.attention(Q.astype(int), K, K), TypeError, "floating numbers, got int64, float32"),
    Refusal("attention", lambda: md.attention(Q, K, K, MASK), ValueError, r"keys\) = \(2, 3, 5\), got \(3, 4\)"),
    Refusal("attention", lambda: md.attention(Q, K, K, np.ones((2, 2, 3, 5), bool)), ValueError, r"got \(2, 2, 3, 5\)"),
    Refusal("attention", lambda: md.attention(Q, K, K, np.zeros((3, 5))), TypeError, "truth values.*float64"),
    Refusal("attention_weights", lambda: md.attention_weights(Q, K, MASK), ValueError, r"\(2, 3, 5\), got \(3, 4\)"),
    Refusal("self_attention", lambda: md.self_attention(Q, 0), ValueError, "heads as a positive integer, got 0"),
    Refusal("self_attention", lambda: md.self_attention(Q, 2), ValueError, r"\(N, T, 3 \* 2 heads \* d\), got \(2, 3"),
    Refusal("MultiHeadAttention", lambda: layers.MultiHeadAttention(0, 4), ValueError, "num_heads as a positive"),
    Refusal("MultiHeadAttention", lambda: layers.MultiHeadAttention(2, 4)(Q[0]), ValueError, r"\(N, T, D\) with D"),
    Refusal("MultiHeadAttention", lambda: masked(attention_mask=MASK), ValueError, r"\(3, 3\) or \(2, 3, 3\) or "),
    Refusal("MultiHeadAttention", lambda: masked(value_mask=MASK[:, :3]), ValueError, r"value_mask of shape \(2, 3"),
    Refusal("MultiHeadAttention", lambda: masked(query_mask=np.ones((2, 3))), TypeError, "query_mask of truth values"),
    Refusal("MultiHeadAttention", lambda: narrow(layers.MultiHeadAttention(2, 4)), ValueError, "expects 4 features"),
    Refusal("TransformerBlock", lambda: layers.TransformerBlock(3, 8)(Q), ValueError, "multiple of its 3 heads"),
    Refusal("PositionEmbedding", lambda: layers.PositionEmbedding(2)(Q), ValueError, "has 2 positions of 4 features"),
    Refusal("PositionEmbedding", lambda: layers.PositionEmbedding(4)(Q, start=2), ValueError, r"after 2 steps\."),
    Refusal("PositionEmbedding", lambda: layers.PositionEmbedding(0), ValueError, "positive integer, got 0"),
    Refusal("PositionEmbedding", lambda: layers.PositionEmbedding(2)(Q[0]), ValueError, r"\(N, T, D\) with D known"),
    Refusal("SinusoidalPositions", lambda: layers.SinusoidalPositions()(Q[0] > 0), ValueError, "Embedding before"),
]  # fmt: skip
