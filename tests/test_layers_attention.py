"""Attention: causality, masks, the cache, positions and the transformer block."""

import copy
import itertools

import numpy as np
import pytest

import minidl as md
from minidl import layers
from minidl.gradcheck import check_grads
from tests.running import assert_close

rng = np.random.default_rng
X = rng(0).normal(size=(2, 6, 8)).astype(np.float32)


def block(**settings):
    md.seed(0)
    return layers.TransformerBlock(2, 16, use_causal_mask=True, **settings)


# --- the ops: long sequences, where causal attention goes block by block -----------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("T, S", [(70, 70), (64, 64), (33, 40), (1, 50)])
@pytest.mark.parametrize("masked", [False, True])
def test_blocks_equal_the_composition(T, S, masked, dtype):
    arrays = [
        rng(k).normal(size=shape).astype(dtype) for k, shape in enumerate([(2, 3, T, 4), (2, 3, S, 4), (2, 3, S, 5)])
    ]
    mask = rng(3).random((2, 1, T, S)) < 0.7 if masked else None
    one, other = ([md.Tensor(x, requires_grad=True) for x in arrays] for _ in range(2))
    y = md.attention(*one, mask, True)
    z = md.attention.composition(*other, mask, True)
    g = rng(4).normal(size=y.shape).astype(dtype)
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 2e-5, "atol": 5e-6}
    assert y.dtype == dtype
    assert_close(y.data, z.data, **close)
    assert_close(md.gradients(y, one, g), md.gradients(z, other, g), **close)


def test_a_query_that_sees_nothing_gathers_nothing():
    q, k, v = (md.Tensor(rng(i).normal(size=(3, 4)), requires_grad=True) for i in range(3))
    mask = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1]], bool)
    for y in (md.attention(q, k, v, mask), md.attention_weights(q, k, mask)):
        assert not y.numpy()[1].any()
        dq, dk = md.gradients(y, [q, k], np.ones(y.shape), create_graph=True)
        assert not dq.numpy()[1].any()
        assert np.isfinite(dk.numpy()).all()


def test_scores_beyond_what_exp_can_hold():
    q = np.array([[1000.0, 0.0], [-1000.0, 0.0]], np.float32)
    np.testing.assert_array_equal(md.attention(q, q, q), q)


def test_equal_queries_and_keys_share_one_tensor():
    x = md.Tensor(rng(0).normal(size=(3, 2)), requires_grad=True)
    check_grads(lambda x: md.attention(x, x, x, causal=True), x)


# --- multi-head attention -----------------------------------------------------------------------------------------


def test_weights_have_keras_order_and_number():
    layer = layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=5)
    layer(X, X[..., :7])
    shapes = {name: p.shape for name, p in layer.named_parameters()}
    assert shapes == {
        "query_kernel": (8, 6), "query_bias": (6,), "key_kernel": (7, 6), "key_bias": (6,),
        "value_kernel": (7, 10), "value_bias": (10,), "output_kernel": (10, 8), "output_bias": (8,),
    }  # fmt: skip
    assert len(layers.MultiHeadAttention(2, 3, use_bias=False, name="m").parameters()) == 0
    plain = layers.MultiHeadAttention(2, 3, use_bias=False)
    plain(X)
    assert len(plain.parameters()) == 4
    assert repr(plain) == "MultiHeadAttention(num_heads=2, key_dim=3)"


def test_one_product_or_three_give_the_same():
    layer = layers.MultiHeadAttention(2, 4)
    x = md.Tensor(X, requires_grad=True)
    ways = [
        layer(x, use_causal_mask=True),
        layer(x, x, x, use_causal_mask=True),
        layer(x, md.identity(x), use_causal_mask=True),
        layer(x, use_causal_mask=True, return_attention_scores=True)[0],
    ]
    assert [y.inputs[0].op.__name__ for y in ways] == ["self_attention"] * 2 + ["reshape"] * 2
    g = rng(1).normal(size=X.shape).astype(np.float32)
    for y in ways[1:]:
        assert_close(y.data, ways[0].data, rtol=1e-5, atol=1e-6)
    variables = [x, *layer.parameters()]
    first, *others = (md.gradients(y, variables, g) for y in ways)
    for other in others:
        assert_close(first, other, rtol=1e-4, atol=1e-5)


def test_inputs_may_come_by_keyword():
    x, y = (np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((2, 3, 4), (2, 5, 7)))
    layer = layers.MultiHeadAttention(2, 3)
    z = layer(query=x, value=y, key=y).numpy()  # builds it for values of 7 features
    np.testing.assert_array_equal(layer(x, y, y).numpy(), z)
    np.testing.assert_array_equal(layer(x, value=y).numpy(), layer(x, y).numpy())
    a, b = md.Input((3, 4)), md.Input((5, 7))
    np.testing.assert_array_equal(md.Model([a, b], layer(a, value=b, key=b))([x, y]).numpy(), z)
    layer = layers.MultiHeadAttention(2, 3)
    assert layer(x, key=x[..., :2]).shape == (2, 3, 4) and layer.key_kernel.shape == (2, 6)


def test_all_parameters_have_right_gradients():
    md.set_default_dtype("float64")
    try:
        layer = layers.MultiHeadAttention(2, 1)
        x = X[:1, :3, :2].astype(np.float64)
        layer(x)
        check_grads(lambda x: layer(x), x, parameters=layer.parameters())
        check_grads(lambda x: layer(x, x * 2), x, parameters=layer.parameters(), order=1)
    finally:
        md.set_default_dtype("float32")


@pytest.mark.parametrize("kind", [bool, int])
def test_masks_hold_together(kind):
    layer = layers.MultiHeadAttention(2, 4)
    value = X[:, :5]
    attention_mask, query_mask, value_mask = (
        rng(1).random((2, 6, 5)) < 0.8,
        rng(2).random((2, 6)) < 0.8,
        np.ones((2, 5)),
    )
    value_mask[1, 3:] = 0
    y, weights = layer(
        X, value, attention_mask=attention_mask.astype(kind), query_mask=query_mask.astype(kind),
        value_mask=md.Tensor(value_mask.astype(kind)), key_mask=np.ones((2, 5), kind), return_attention_scores=True,
    )  # fmt: skip
    seen = attention_mask & query_mask[:, :, None] & (value_mask > 0)[:, None]  # (N, T, S)
    seen = np.broadcast_to(seen[:, None], weights.shape)
    assert not weights.numpy()[~seen].any()
    assert (weights.numpy()[seen] > 0).all()
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), seen.any(axis=-1), rtol=1e-6)
    changed = value.copy()
    changed[1, 3:] += 100
    masks = {"attention_mask": attention_mask, "value_mask": value_mask.astype(bool), "query_mask": query_mask}
    np.testing.assert_array_equal(layer(X, changed, **masks).numpy(), layer(X, value, **masks).numpy())
    np.testing.assert_allclose(layer(X, value, **masks).numpy(), y.numpy(), rtol=1e-4, atol=1e-6)


def test_masks_of_lists_heads_and_pairs():
    layer = layers.MultiHeadAttention(2, 4)
    causal = np.tri(6, dtype=bool)
    expected = layer(X, use_causal_mask=True).numpy()
    for mask in (causal, causal.tolist(), causal[None], np.broadcast_to(causal, (2, 2, 6, 6))):
        np.testing.assert_allclose(layer(X, attention_mask=mask).numpy(), expected, atol=1e-6)


def test_dropout_of_the_weights_is_for_training_only():
    layer = layers.MultiHeadAttention(2, 4, dropout=0.5, rng=0)
    first, second = layer(X).numpy(), layer(X).numpy()
    assert (first != second).any()
    layer.eval()
    np.testing.assert_array_equal(layer(X).numpy(), layer(X).numpy())
    _, weights = layer(X, return_attention_scores=True, training=True)
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1, rtol=1e-6)


def test_one_step_looks_at_itself():
    layer = layers.MultiHeadAttention(2, 4)
    x = X[:, :1]
    for causal in (False, True):
        y = layer(x, use_causal_mask=causal).numpy()
        np.testing.assert_allclose(y, x @ layer.value_kernel.data @ layer.output_kernel.data, rtol=1e-4, atol=1e-6)


# --- causality ----------------------------------------------------------------------------------------------------


MODELS = {
    "attention": lambda x: layers.MultiHeadAttention(2, 4)(x, use_causal_mask=True),
    "weights too": lambda x: layers.MultiHeadAttention(2, 4)(x, use_causal_mask=True, return_attention_scores=True)[0],
    "pre-norm": lambda x: block()(x),
    "post-norm": lambda x: block(normalize_first=False)(x),
    "two blocks": lambda x: block()(block()(layers.SinusoidalPositions()(x))),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("T", [6, 40])
def test_the_future_changes_nothing(name, T):
    """y_t is the same whatever follows, and its gradient by what follows is exactly 0."""

    def run(x):
        md.seed(1)  # the same weights each time
        return MODELS[name](x)

    x = rng(5).normal(size=(2, T, 8)).astype(np.float32)
    for t in (0, T // 2, T - 2):
        changed = x.copy()
        changed[:, t + 1 :] = rng(6).normal(size=changed[:, t + 1 :].shape)
        one, other = md.Tensor(x, requires_grad=True), md.Tensor(changed, requires_grad=True)
        y, z = run(one), run(other)
        np.testing.assert_allclose(y.numpy()[:, : t + 1], z.numpy()[:, : t + 1], rtol=1e-5, atol=1e-6)
        assert (y.numpy()[:, t + 1 :] != z.numpy()[:, t + 1 :]).any()
        g = np.zeros(y.shape, np.float32)
        g[:, : t + 1] = rng(7).normal(size=(2, t + 1, 8))
        dx, dz = md.gradients(y, [one], g)[0], md.gradients(z, [other], g)[0]
        assert not dx[:, t + 1 :].any()
        assert dx[:, 0].any()
        np.testing.assert_allclose(dx[:, : t + 1], dz[:, : t + 1], rtol=1e-4, atol=1e-6)


def test_without_the_mask_the_future_matters():
    x = md.Tensor(X, requires_grad=True)
    y = layers.MultiHeadAttention(2, 4)(x)
    g = np.zeros(y.shape, np.float32)
    g[:, 0] = 1
    assert md.gradients(y, [x], g)[0][:, 1:].any()


# --- generation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[1] * 6, [4, 1, 1], [2, 3, 1], [6]])
def test_the_cache_gives_what_the_whole_sequence_gives(pieces):
    positions, blocks = layers.PositionEmbedding(10), [block(), block(normalize_first=False)]

    def run(x, caches, start):
        h = positions(md.Tensor(x), start=start)
        for layer, cache in zip(blocks, caches):
            h = layer(h, cache=cache)
        return h.numpy()

    with md.no_grad():
        whole = run(X, [None, None], 0)
        caches = [layers.KeyValueCache(), layers.KeyValueCache()]
        starts = [0, *itertools.accumulate(pieces)]
        parts = [run(X[:, a:b], caches, a) for a, b in itertools.pairwise(starts)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-5)
    assert [len(cache) for cache in caches] == [6, 6]


def test_a_cache_with_padding():
    layer = layers.MultiHeadAttention(2, 4)
    mask = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]], bool)
    with md.no_grad():
        whole = layer(X, value_mask=mask, use_causal_mask=True).numpy()
        cache = layers.KeyValueCache()
        layer(X[:, :4], value_mask=mask[:, :4], use_causal_mask=True, cache=cache)
        last = layer(X[:, 4:], value_mask=mask, use_causal_mask=True, cache=cache).numpy()
    np.testing.assert_allclose(last, whole[:, 4:], rtol=1e-5, atol=1e-6)


def test_a_cache_is_of_one_layer():
    """Two layers of the same sizes would mix their keys in silence."""
    first, second = layers.MultiHeadAttention(2, 4, name="first"), layers.MultiHeadAttention(2, 4, name="second")
    cache = layers.KeyValueCache()
    with md.no_grad():
        first(X[:, :4], cache=cache)
        with pytest.raises(ValueError, match="'second' expects a cache of its own, got one with the steps of another"):
            second(X[:, :4], cache=cache)
        assert len(cache) == 4
        branch = copy.deepcopy(cache)  # two texts that begin alike
        np.testing.assert_array_equal(first(X[:, 4:], cache=branch).numpy(), first(X[:, 4:], cache=cache).numpy())
        second(X, cache=layers.KeyValueCache())


def test_a_cache_is_refused_in_training_and_for_other_samples():
    layer = layers.MultiHeadAttention(2, 4)
    with pytest.raises(ValueError, match=r"no gradient flows\.\nUse it inside `with md\.no_grad"):
        layer(X, cache=layers.KeyValueCache())
    cache = layers.KeyValueCache()
    with md.no_grad():
        layer(X, cache=cache)
        with pytest.raises(ValueError, match="cache is of 2 samples, got 1"):
            layer(X[:1], cache=cache)
