"""Attention, multi-head attention and the transformer block are PyTorch's, with all kinds of masks."""

import numpy as np
import pytest

import minidl as md
from tests.against_torch.comparing import assert_equal, both, both_parameters, every_seed, torch

F = torch.nn.functional


class Configuration:
    """Random sizes, and masks in which every query sees something (where it sees nothing, PyTorch gives NaN)."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.N, self.h, self.T, self.S, self.d, self.e = (int(n) for n in self.rng.integers(1, 7, 6))
        self.D = self.h * self.d

    def normal(self, *shape):
        return self.rng.normal(size=shape)

    def mask(self, *shape):
        mask = self.rng.random(shape) < 0.6
        mask[..., 0] = True
        return mask


@every_seed
@pytest.mark.parametrize("kind", ["no mask", "mask", "causal"])
def test_scaled_dot_product_attention(kind, seed, dtype):
    c = Configuration(seed)
    c.S = c.T if kind == "causal" else c.S
    shapes = {"q": (c.N, c.h, c.T, c.d), "k": (c.N, c.h, c.S, c.d), "v": (c.N, c.h, c.S, c.e)}
    ours, theirs = both(dtype, **{name: c.normal(*shape) for name, shape in shapes.items()})
    mask = c.mask(c.N, 1, c.T, c.S) if kind == "mask" else None
    y = md.attention(*ours.values(), mask, kind == "causal")
    their_mask = None if mask is None else torch.tensor(mask)
    z = F.scaled_dot_product_attention(*theirs.values(), attn_mask=their_mask, is_causal=kind == "causal")
    assert_equal("attention", y, z, ours, theirs)


@pytest.mark.parametrize("T, S", [(3, 7), (1, 5), (40, 130)])
def test_causal_attention_with_more_keys_than_queries(T, S, dtype):
    """The queries are the last T of S steps, as they are with a cache."""
    c = Configuration(0)
    ours, theirs = both(dtype, q=c.normal(2, T, 4), k=c.normal(2, S, 4), v=c.normal(2, S, 3))
    y = md.attention(*ours.values(), None, True)
    seen = torch.ones(T, S, dtype=torch.bool).tril(S - T)
    assert_equal("attention", y, F.scaled_dot_product_attention(*theirs.values(), attn_mask=seen), ours, theirs)


def multi_head(c, weights, query, value, mask, padding):
    """PyTorch's module with minidl's kernels; its masks say what may *not* be seen."""
    WQ, bQ, WK, bK, WV, bV, WO, bO = weights.values()
    module = torch.nn.MultiheadAttention(c.D, c.h, batch_first=True)
    parameters = {
        "in_proj_weight": torch.cat([WQ.T, WK.T, WV.T]),
        "in_proj_bias": torch.cat([bQ, bK, bV]),
        "out_proj.weight": WO.T,
        "out_proj.bias": bO,
    }
    masks = {"attn_mask": None if mask is None else ~torch.tensor(mask), "key_padding_mask": ~torch.tensor(padding)}
    return torch.func.functional_call(module, parameters, (query, value, value), {**masks, "need_weights": True})


@every_seed
@pytest.mark.parametrize("kind", ["self", "causal", "cross"])
def test_multi_head_attention(kind, seed, dtype):
    c = Configuration(seed)
    c.S = c.S if kind == "cross" else c.T
    arrays = {"query": c.normal(c.N, c.T, c.D)} | ({"value": c.normal(c.N, c.S, c.D)} if kind == "cross" else {})
    ours, theirs = both(dtype, **arrays)
    layer = md.layers.MultiHeadAttention(c.h, c.d)
    layer(*ours.values())  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    padding, mask = c.mask(c.N, c.S), c.mask(c.T, c.S) if kind == "cross" else None
    y = layer(*ours.values(), attention_mask=mask, value_mask=padding, use_causal_mask=kind == "causal")
    mask = np.tril(np.ones((c.T, c.T), bool)) if kind == "causal" else mask
    query, value = theirs["query"], theirs.get("value", theirs["query"])
    z, scores = multi_head(c, their_weights, query, value, mask, padding)
    settings = {"attention_mask": mask, "value_mask": padding, "return_attention_scores": True}
    _, our_scores = layer(*ours.values(), **settings)
    np.testing.assert_allclose(our_scores.numpy().mean(axis=1), scores.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert_equal("multi-head attention", y, z, ours | weights, theirs | their_weights)


@every_seed
def test_transformer_block(seed, dtype):
    """Pre-norm and post-norm, with and without the causal mask."""
    c = Configuration(seed)
    first, causal = seed % 2 == 0, seed % 3 == 0
    c.D = c.h * (c.d + 1)  # a layer norm of one feature has nothing to say
    settings = {"activation": "relu", "normalize_first": first, "use_causal_mask": causal}
    layer = md.layers.TransformerBlock(c.h, 2 * c.D, epsilon=1e-5, **settings)
    ours, theirs = both(dtype, x=c.normal(c.N, c.T, c.D))
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    y = layer(ours["x"])
    g1, b1, WQ, bQ, WK, bK, WV, bV, WO, bO, g2, b2, W1, c1, W2, c2 = their_weights.values()
    parameters = {
        "self_attn.in_proj_weight": torch.cat([WQ.T, WK.T, WV.T]),
        "self_attn.in_proj_bias": torch.cat([bQ, bK, bV]),
        "self_attn.out_proj.weight": WO.T, "self_attn.out_proj.bias": bO,
        "linear1.weight": W1.T, "linear1.bias": c1, "linear2.weight": W2.T, "linear2.bias": c2,
        "norm1.weight": g1, "norm1.bias": b1, "norm2.weight": g2, "norm2.bias": b2,
    }  # fmt: skip
    settings = {"dropout": 0.0, "batch_first": True, "norm_first": first, "layer_norm_eps": 1e-5}
    module = torch.nn.TransformerEncoderLayer(c.D, c.h, 2 * c.D, **settings)
    hidden = ~torch.ones(c.T, c.T, dtype=torch.bool).tril() if causal else None
    z = torch.func.functional_call(module, parameters, (theirs["x"], hidden))
    assert_equal("transformer block", y, z, ours | weights, theirs | their_weights)
