"""Positions, and the Transformer block with its residual connections and norms (D3.E2, D.T6)."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import layers

rng = np.random.default_rng
X = rng(0).normal(size=(2, 6, 8)).astype(np.float32)


def block(**settings):
    md.seed(0)
    return layers.TransformerBlock(2, 16, use_causal_mask=True, **settings)


# --- positions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("D", [1, 2, 7, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sinusoids_of_any_width_and_start(D, dtype):
    x = np.zeros((1, 9, D), dtype)
    P = layers.SinusoidalPositions()(x).numpy()
    assert P.dtype == dtype
    np.testing.assert_allclose(P[0, :, 0], np.sin(np.arange(9)), atol=1e-6)
    np.testing.assert_array_equal(layers.SinusoidalPositions()(x[:, :4], start=5).numpy(), P[:, 5:])


def test_a_shift_is_a_rotation_of_the_sinusoids():
    """What the pairs are for: P_t · P_s depends on t − s alone."""
    P = layers.SinusoidalPositions()(np.zeros((1, 50, 16))).numpy()[0]
    products = P @ P.T
    np.testing.assert_allclose(products[3, 10], products[30, 37], rtol=1e-9)
    np.testing.assert_allclose(np.diag(products), 8, rtol=1e-9)


def test_positions_beyond_the_table_are_refused():
    layer = layers.PositionEmbedding(4, name="where")
    with pytest.raises(
        ValueError, match=r"'where' has 4 positions of 8 features, got x of shape \(2, 6, 8\)\.\nShorten"
    ):
        layer(X)
    assert repr(layer) == "PositionEmbedding(4)"


def test_position_embedding_learns_only_what_is_used():
    layer = layers.PositionEmbedding(9)
    layer(X).sum().backward()
    np.testing.assert_array_equal(layer.positions.grad, np.repeat([2.0, 0.0], [6, 3])[:, None] * np.ones(8))


# --- the block ----------------------------------------------------------------------------------------------------


def test_the_block_in_sequential_and_drawn_models():
    model = md.Sequential([layers.SinusoidalPositions(input_shape=(None, 8)), block(), layers.Dense(3)])
    assert model(X).shape == (2, 6, 3)
    x = md.Input(shape=(None, 8))
    drawn = md.Model(inputs=x, outputs=layers.MultiHeadAttention(2, 4)(block()(x), use_causal_mask=True))
    assert drawn(X).shape == X.shape
    assert drawn.layers[0].count_params() == block_size(8, 16)


def block_size(D, hidden):
    return 2 * 2 * D + 4 * (D * D + D) + 2 * D * hidden + hidden + D


def test_padding_is_not_seen():
    layer = block(normalize_first=False)
    mask = np.ones((2, 6), bool)
    mask[0, 4:] = False
    changed = X.copy()
    changed[0, 4:] = 9
    one, other = (layer(x, padding_mask=mask).numpy() for x in (X, changed))
    np.testing.assert_array_equal(one[0, :4], other[0, :4])


def test_dropout_in_the_block_is_for_training_only():
    layer = block(dropout=0.5, rng=0)
    assert (layer(X).numpy() != layer(X).numpy()).any()
    layer.eval()
    np.testing.assert_array_equal(layer(X).numpy(), layer(X).numpy())


def test_frozen_before_it_is_built():
    layer = block(trainable=False)
    layer(X)
    assert not any(p.requires_grad for p in layer.parameters())


@pytest.mark.parametrize("first", [True, False], ids=["pre-norm", "post-norm"])
def test_the_block_learns_to_copy_the_step_before(first):
    """What no layer without attention can: y_t = x_t−1."""
    md.seed(0)
    model = md.Sequential([layers.PositionEmbedding(8), block(normalize_first=first), layers.Dense(4)])
    x = np.eye(4, dtype=np.float32)[rng(0).integers(0, 4, (64, 8))]
    x = np.concatenate([x, np.zeros_like(x)], axis=-1)  # (64, 8, 8)
    model(x)
    optimizer = md.optimizers.Adam(model.parameters(), learning_rate=0.01)
    loss_function = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = x[:, :-1, :4].argmax(axis=-1)
    for _ in range(100):
        loss = loss_function(labels, model(x)[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2  # ln 4 = 1.39 without looking


def test_blocks_train_alike_on_the_gpus_stand_in():
    def trained(device):
        md.seed(0)
        model = md.Sequential([layers.PositionEmbedding(6, input_shape=(6, 8)), block(), layers.Dense(1)]).to(device)
        optimizer = md.optimizers.AdamW(model.parameters(), learning_rate=0.01)
        for _ in range(2):
            optimizer.zero_grad()
            (model(md.Tensor(X, device=device)) ** 2).mean().backward()
            optimizer.step()
        with md.no_grad():
            cache = layers.KeyValueCache()
            h = model.layers[1](md.Tensor(X, device=device), cache=cache)
            model.layers[1](
                md.Tensor(X, device=device), padding_mask=md.array_module(h.data).ones((2, 12), bool), cache=cache
            )
        return model.get_weights()

    expected = trained("cpu")
    with fake_cupy.installed():
        for a, b in zip(trained("cuda"), expected):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64])
@pytest.mark.parametrize("normalize_first", [True, False])
def test_a_block_gives_the_dtype_of_its_weights(dtype, normalize_first):
    x = np.arange(12).reshape(1, 3, 4).astype(dtype)
    assert layers.TransformerBlock(2, 8, normalize_first=normalize_first)(x).dtype == np.float32
