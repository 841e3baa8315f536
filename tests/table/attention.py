"""Rows for attention: the ops and the layers."""

import numpy as np

import minidl as md
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
]  # fmt: skip

KINKS = []

Q, K = np.ones((2, 3, 4), np.float32), np.ones((2, 5, 4), np.float32)

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
    Refusal("self_attention", lambda: md.self_attention(Q, 2), ValueError, r"\(N, T, 3 \* 2 heads \* d\), got \(2, 3"),
]  # fmt: skip
