"""Attention: each query gathers the values whose keys are like it (D3.E1).

| op | y | with |
|---|---|---|
| attention_weights | P = softmax(Q Kᵀ / √d) | rows of P sum to 1 |
| attention | P V | |
| self_attention | P V for each head, from q, k, v side by side | |

For P = softmax(A) with A = Q Kᵀ / √d, ∂L/∂P = g Vᵀ and D_i = Σ_j P_ij ∂L/∂P_ij,

    ∂L/∂V = Pᵀ g    ∂L/∂A = P ⊙ (g Vᵀ − D)    ∂L/∂Q = ∂L/∂A K / √d    ∂L/∂K = (∂L/∂A)ᵀ Q / √d

A mask is True where a query may see a key. ``causal=True`` is the mask of a text that is written from left to right: a
query sees no later key. Where there are more keys than queries, the queries stand beside the last keys. **A query that
may see no key at all gathers nothing: its weights, its y and its gradients are 0**, not NaN.

The two fused ops keep E = e^(A − max A) and its sums s instead of P = E / s, since dividing y, with d numbers to a
query, is less work than dividing P, with one to each key. A causal A is computed in blocks of rows that leave out the
keys which none of the rows may see: nearly half of all.

Source: Vaswani et al., "Attention is all you need", 2017, equation 1.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, as_operand, check_same_device
from minidl.autograd import Tensor, primitive
from minidl.dispatch import composite
from minidl.operators import unwrap
from minidl.ops.selection import where
from minidl.ops.softmax import softmax
from minidl.settings import check_whole

BLOCK = 32  # rows of a causal block: 16 to 64 are all about as quick
NOTHING = -1e30  # e^−1e30 is 0, and unlike −∞ it may be subtracted from itself


@composite()
def attention_weights(q, k, mask=None, causal=False):
    """P = softmax(Q Kᵀ / √d): how much of each value a query gathers.

    Shapes: Q (..., T, d), K (..., S, d), mask broadcastable to (..., T, S) → P (..., T, S).

    >>> import minidl as md, numpy as np
    >>> md.attention_weights(np.ones((3, 2)), np.ones((3, 2)), causal=True).round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]])
    """
    q, k = as_operand(q), as_operand(k)
    check_shapes("attention_weights", q, k, k, causal)
    scores = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(q.shape[-1]))  # (..., T, S)
    seen = as_mask("attention_weights", mask, scores.shape, unwrap(k))
    if causal:
        T, S = scores.shape[-2:]
        earlier = array_module(unwrap(k)).tri(T, S, S - T, dtype=bool)
        seen = earlier if seen is None else seen & earlier
    if seen is None:
        return softmax(scores)
    return softmax(where(seen, scores, NOTHING)) * seen  # (where nothing is seen, softmax alone would give 1/S)


@primitive(saves=True)
def attention(q, k, v, /, mask=None, causal=False):
    """y = softmax(Q Kᵀ / √d) V: scaled dot-product attention (D3.E1).

    Shapes: Q (..., T, d), K (..., S, d), V (..., S, e), mask broadcastable to (..., T, S) → y (..., T, e). The axes
    before the last two, samples and heads, are the same in all three.

    Raises
    ------
    ValueError
        The shapes do not fit, there are no keys, or ``causal`` with fewer keys than queries.
    TypeError
        The mask is not of truth values.

    >>> import minidl as md, numpy as np
    >>> md.attention(np.zeros((1, 2)), np.ones((3, 2)), np.array([[1.0], [2.0], [6.0]]), mask=[[True, True, False]])
    array([[1.5]])
    """
    check_shapes("attention", q, k, v, causal)
    y = array_module(q).empty(q.shape[:-1] + v.shape[-1:], np.result_type(q, k, v))  # (..., T, e)
    mask = as_mask("attention", mask, q.shape[:-1] + k.shape[-2:-1], q)
    return y, attend(q, k, v, mask, causal, y)


@attention.joint_rule
def attention_gradients(g, y, q, k, v, needs, saved, mask, causal):
    """∂L/∂Q, ∂L/∂K and ∂L/∂V."""
    xp = array_module(g)
    found = [xp.empty(x.shape, y.dtype) for x in (q, k, v)]
    attend_gradients(g, q, k, v, saved, *found)
    return [dx if need else None for dx, need in zip(found, needs)]


@attention.specified_by
def attention_composition(q, k, v, mask=None, causal=False):
    """softmax(Q Kᵀ / √d) V, said plainly."""
    return attention_weights(q, k, mask, causal) @ v


@primitive(saves=True)
def self_attention(qkv, /, heads, mask=None, causal=False):
    """y = Attention(Q, K, V) in each head, where queries, keys and values come side by side from one product.

    Shapes: qkv (N, T, 3 h d): of every step first the queries of all h heads, then the keys, then the values; mask
    broadcastable to (N, h, T, T) → y (N, T, h d), the heads side by side. Nothing is copied to part or join them.

    >>> import minidl as md, numpy as np
    >>> md.self_attention(np.ones((2, 5, 3 * 4 * 8)), heads=4, causal=True).shape
    (2, 5, 32)
    """
    check_whole("self_attention", "heads", heads)
    if qkv.ndim != 3 or qkv.shape[-1] == 0 or qkv.shape[-1] % (3 * heads):
        raise ValueError(f"self_attention expects qkv of shape (N, T, 3 * {heads} heads * d), got {qkv.shape}.")
    q, k, v = parted(qkv, 3, heads)
    check_shapes("self_attention", q, k, v, causal)
    mask = as_mask("self_attention", mask, q.shape[:-1] + k.shape[-2:-1], q)
    y = array_module(qkv).empty(qkv.shape[:2] + (qkv.shape[2] // 3,), qkv.dtype)  # (N, T, h d)
    return y, attend(q, k, v, mask, causal, *parted(y, 1, heads))


@self_attention.joint_rule
def self_attention_gradients(g, y, qkv, needs, saved, heads, mask, causal):
    """∂L/∂Q, ∂L/∂K and ∂L/∂V, side by side."""
    dqkv = array_module(g).empty(qkv.shape, y.dtype)
    attend_gradients(*parted(g, 1, heads), *parted(qkv, 3, heads), saved, *parted(dqkv, 3, heads))
    return (dqkv,)


@self_attention.specified_by
def self_attention_composition(qkv, heads, mask=None, causal=False):
    """Attention in each head, said plainly."""
    y = attention_composition(*parted(qkv, 3, heads), mask, causal)  # (N, h, T, d)
    return y.swapaxes(1, 2).reshape(qkv.shape[:2] + (qkv.shape[2] // 3,))  # (N, T, h d)


def parted(x: Any, n: int, heads: int) -> list:
    """x (N, T, n h d) as n views (N, h, T, d)."""
    N, T, D = x.shape
    x = x.reshape(N, T, n, heads, D // (n * heads))
    return [x[:, :, i].swapaxes(1, 2) for i in range(n)]  # (N, T, h, d) → (N, h, T, d)


# --- on plain arrays, block by block --------------------------------------------------------------------------------


def attend(q: Array, k: Array, v: Array, mask: Array | None, causal: bool, y: Array) -> list[tuple]:
    """Write softmax(Q Kᵀ / √d) V into y. Returns (first row, end, keys, E, 1/s) of each block of rows."""
    xp = array_module(q)
    T, S = q.shape[-2], k.shape[-2]
    scale = 1 / math.sqrt(q.shape[-1])
    kT = k.swapaxes(-1, -2)  # (..., d, S)
    if mask is not None:
        hidden = xp.zeros(mask.shape, y.dtype)
        hidden[~mask] = -math.inf
        hidden = xp.broadcast_to(hidden, y.shape[:-1] + (S,))  # (..., T, S)
    kept = []
    for i, j, n in blocks(T, S, causal):
        E = xp.matmul(q[..., i:j, :] * scale, kT[..., :n])  # (..., b, d) (..., d, n) → (..., b, n)
        if causal:
            E[..., n - (j - i) :] += xp.triu(xp.full((j - i, j - i), -math.inf, E.dtype), 1)  # what is later still
        if mask is not None:
            E += hidden[..., i:j, :n]
        top = E.max(axis=-1, keepdims=True)  # (..., b, 1)
        if mask is not None:
            top = xp.maximum(top, NOTHING)  # a row of −∞ alone: −∞ − top stays −∞
        E -= top
        xp.exp(E, out=E)
        s = xp.einsum("...n->...", E)[..., None]  # (..., b, 1); Σ_j E_ij
        r = 1 / xp.maximum(s, 1)  # the largest E_ij is 1; where nothing is seen s = 0
        xp.matmul(E, v[..., :n, :], out=y[..., i:j, :])  # (..., b, n) (..., n, e) → (..., b, e)
        y[..., i:j, :] *= r
        kept.append((i, j, n, E, r))
    return kept


def attend_gradients(
    g: Array, q: Array, k: Array, v: Array, kept: list[tuple], dq: Array, dk: Array, dv: Array
) -> None:
    """Write ∂L/∂Q, ∂L/∂K and ∂L/∂V into dq, dk and dv. The last block comes first: it alone reaches all keys."""
    xp = array_module(q)
    scale = 1 / math.sqrt(q.shape[-1])
    vT = v.swapaxes(-1, -2)  # (..., e, S)
    first = True
    for i, j, n, E, r in reversed(kept):
        g_s = g[..., i:j, :] * r  # (..., b, e), g / s: P ⊙ ∂L/∂P = E ⊙ (g / s) Vᵀ, and Pᵀ g = Eᵀ (g / s)
        dA = xp.matmul(g_s, vT[..., :n])  # (..., b, n)
        D = xp.einsum("...n,...n->...", E, dA)[..., None]  # (..., b, 1)
        dA -= D * r
        dA *= E
        xp.matmul(dA, k[..., :n, :], out=dq[..., i:j, :])
        q_scaled = q[..., i:j, :] * scale
        if first:
            xp.matmul(E.swapaxes(-1, -2), g_s, out=dv)
            xp.matmul(dA.swapaxes(-1, -2), q_scaled, out=dk)
            first = False
        else:
            dv[..., :n, :] += xp.matmul(E.swapaxes(-1, -2), g_s)
            dk[..., :n, :] += xp.matmul(dA.swapaxes(-1, -2), q_scaled)
    dq *= scale
    if first:  # no queries
        dk[...] = dv[...] = 0


def blocks(T: int, S: int, causal: bool) -> Iterator[tuple[int, int, int]]:
    """(first row, end, keys that the rows may see) of each block.

    >>> list(blocks(40, 50, causal=True))
    [(0, 32, 42), (32, 40, 50)]
    """
    if not causal:
        yield 0, T, S
        return
    for i in range(0, T, BLOCK):
        j = min(i + BLOCK, T)
        yield i, j, S - T + j


# --- what is refused ------------------------------------------------------------------------------------------------


def check_shapes(who: str, q: Any, k: Any, v: Any, causal: bool) -> None:
    """Refuse shapes that do not fit, and what has no weights: no keys, no features."""
    kinds = {q.dtype.kind, k.dtype.kind, v.dtype.kind}
    if kinds != {"f"}:
        raise TypeError(f"{who} expects floating numbers, got {q.dtype}, {k.dtype} and {v.dtype}.")
    if (
        min(q.ndim, k.ndim, v.ndim) < 2
        or not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
        or q.shape[-1] != k.shape[-1]
        or k.shape[-2] != v.shape[-2]
        or k.shape[-1] * k.shape[-2] == 0
    ):
        raise ValueError(
            f"{who} expects Q (..., T, d), K (..., S, d) and V (..., S, e) with S and d at least 1, "
            f"got {q.shape}, {k.shape} and {v.shape}."
        )
    if causal and k.shape[-2] < q.shape[-2]:
        raise ValueError(
            f"{who} with causal=True expects at least as many keys as queries, got {k.shape[-2]} and {q.shape[-2]}."
        )


def as_mask(who: str, mask: Any, shape: tuple[int, ...], beside: Array) -> Array | None:
    """The mask as truth values, refused unless it can be broadcast to ``shape`` (..., T, S) and is on that device."""
    if mask is None:
        return None
    mask = mask.data if isinstance(mask, Tensor) else as_array(mask)
    check_same_device(who, mask, beside)
    if mask.dtype.kind not in "biu":
        raise TypeError(
            f"{who} expects a mask of truth values, True where a query may see a key, got {mask.dtype}.\n"
            "Numbers to be added to the scores are no such mask: compare them first, numbers > -1 for instance."
        )
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{who} expects a mask that can be broadcast to (..., queries, keys) = {shape}, got {mask.shape}."
        )
    return mask.astype(bool)
