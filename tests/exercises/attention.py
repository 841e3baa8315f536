import numpy as np

import minidl as md
from tests.exercises.answers import Answers


def causal_attention(q, k, v):
    T, d = q.shape[1:]
    scores = q @ k.swapaxes(1, 2) / np.sqrt(d)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    E = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True) @ v


def attention_with_loops(q, k, v):
    y = np.zeros(v.shape)
    for n in range(len(q)):
        for t in range(q.shape[1]):
            e = [np.exp(q[n, t] @ k[n, s] / np.sqrt(q.shape[2])) for s in range(t + 1)]
            y[n, t] = sum(e_s * v[n, s] for s, e_s in enumerate(e)) / sum(e)
    return y


def attention_with_einsum(q, k, v):
    scores = np.einsum("ntd,nsd->nts", q, k) / np.sqrt(q.shape[2])
    E = np.tril(np.exp(scores))
    return np.einsum("nts,nse->nte", E / np.einsum("nts->nt", E)[..., None], v)


def under_other_names(Q, K, V):
    return causal_attention(Q, K, V)


def like(mask, scale=None, axis=-1):
    def attend(q, k, v):
        scores = q @ k.swapaxes(1, 2) * (1 / np.sqrt(q.shape[2]) if scale is None else scale(q.shape[2]))
        scores = np.where(mask(q.shape[1]), scores, -1e30)
        return np.asarray(md.softmax(scores, axis=axis)) @ v

    return attend


def below(T):
    return np.tri(T, dtype=bool)


def masked_too_late(q, k, v):
    return np.tril(md.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2]))) @ v


def divided_by_what_is_left(q, k, v):
    P = np.tril(md.softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])))
    return P / P.sum(axis=-1, keepdims=True) @ v


def leaking_a_little(q, k, v):
    return causal_attention(q, k, v) + 1e-12 * v.mean(axis=1, keepdims=True)


ANSWERS = [
    Answers(
        "logit_spread",
        lambda d: np.sqrt(d),
        [lambda d: d**0.5, lambda d: np.sqrt(np.sum(np.ones(d)))],
        [
            (lambda d: d, "the standard deviation is its root"),
            (lambda d: 1.0, "each of the d products has variance 1"),
            (lambda d: 1 / np.sqrt(d), "what q · k must be multiplied by"),
        ],
    ),
    Answers(
        "causal_attention",
        causal_attention,
        [attention_with_loops, attention_with_einsum, under_other_names],
        [
            (like(lambda T: np.ones((T, T), bool)), "the mask is missing"),
            (like(lambda T: below(T).T), "the mask is the wrong way round"),
            (like(lambda T: np.tri(T, k=1, dtype=bool)), "the mask cuts off one too few"),
            (like(below, scale=lambda d: 1), "not divided by √d"),
            (like(below, scale=lambda d: 1 / d), "divided by d, not by its root"),
            (like(below, axis=-2), "over the queries"),
            (masked_too_late, "masked after the softmax"),
            (lambda q, k, v: md.softmax(np.tril(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2]))) @ v, "masked with 0"),
            (lambda q, k, v: causal_attention(q * np.sqrt(q.shape[2] / q.shape[1]), k, v), "the number of steps"),
            (leaking_a_little, "changed with them."),
            (divided_by_what_is_left, "though only by rounding: some maximum or sum goes over all steps."),
        ],
    ),
]
