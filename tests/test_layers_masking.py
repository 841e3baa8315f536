"""Masks on their way: with padding a model gives what it gives without."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L

LENGTHS = [3, 5, 1]
T, V, D = 5, 9, 6
WORDS = np.random.default_rng(0).integers(1, V, (len(LENGTHS), T)) * (np.arange(T) < np.array(LENGTHS)[:, None])


def words(mask_zero=True):
    return L.Embedding(V, D, md.initializers.RandomNormal(stddev=1), mask_zero=mask_zero)


def sequential(*inside):
    return md.Sequential([words(), *inside, L.Dense(2)])


def encoder_decoder():
    """A second sequence attends to the first: it looks at no padding of it."""
    x, y = md.Input((None,), dtype="int64"), md.Input((None,), dtype="int64")
    h, q = words()(x), words()(y)
    h = L.LayerNormalization()(L.Add()([h, L.MultiHeadAttention(2, 3)(h)]))
    q = L.Add()([q, L.MultiHeadAttention(2, 3)(q, h)])
    return md.Model([x, y], L.GlobalAveragePooling1D()(q))


MODELS = {
    "attention": lambda: sequential(L.PositionEmbedding(T), L.MultiHeadAttention(2, 3), L.GlobalAveragePooling1D()),
    "blocks": lambda: sequential(
        L.SinusoidalPositions(), L.TransformerBlock(2, 8), L.TransformerBlock(2, 8, normalize_first=False), L.LSTM(4)
    ),
    "mean of words": lambda: sequential(L.Dropout(0.5), L.GlobalAveragePooling1D()),
    "nested": lambda: md.Sequential(
        [md.Sequential([words(), L.TransformerBlock(2, 8), L.GlobalAveragePooling1D()]), L.Dense(2)]
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_nothing(name):
    md.seed(0)
    model = MODELS[name]()
    y = model.predict(WORDS, verbose=0)
    for n, length in enumerate(LENGTHS):
        np.testing.assert_allclose(model.predict(WORDS[n : n + 1, :length], verbose=0)[0], y[n], rtol=1e-5, atol=1e-6)


def test_padding_changes_nothing_between_two_sequences():
    md.seed(0)
    model = encoder_decoder()
    other = WORDS[::-1]
    y = model.predict([WORDS, other], verbose=0)
    for n, length in enumerate(LENGTHS):
        one = [WORDS[n : n + 1, :length], other[n : n + 1, : LENGTHS[::-1][n]]]
        np.testing.assert_allclose(model.predict(one, verbose=0)[0], y[n], rtol=1e-5, atol=1e-6)


def test_without_a_mask_padding_counts():
    md.seed(0)
    model = md.Sequential([words(mask_zero=False), L.MultiHeadAttention(2, 3), L.GlobalAveragePooling1D()])
    y = model.predict(WORDS, verbose=0)
    assert np.abs(model.predict(WORDS[:1, :3], verbose=0)[0] - y[0]).max() > 0.01


@pytest.mark.parametrize("value", [0.0, -1.5])
def test_masking_marks_steps_of_numbers(value):
    x = np.random.default_rng(1).normal(size=(3, T, 2)).astype(np.float32)
    x[0, 0, 0] = value  # one feature of a step may be this
    for n, length in enumerate(LENGTHS):
        x[n, length:] = value
    md.seed(0)
    model = md.Sequential([L.Masking(value), L.GRU(3, return_sequences=True), L.LSTM(4)])
    y = model.predict(x, verbose=0)
    for n, length in enumerate(LENGTHS):
        np.testing.assert_allclose(model.predict(x[n : n + 1, :length], verbose=0)[0], y[n], rtol=1e-5, atol=1e-6)


def test_a_mean_of_no_steps_is_zero():
    x, mask = np.ones((2, 3, 4), np.float32), [[True, False, True], [False] * 3]
    np.testing.assert_array_equal(L.GlobalAveragePooling1D()(x, mask=mask).numpy(), [[1] * 4, [0] * 4])
    assert L.GlobalAveragePooling1D(keepdims=True)(x, mask=np.array(mask)).shape == (2, 1, 4)


def test_an_input_layer_in_a_row_within_a_row_hides_no_mask():
    embedding, last = words(), L.GRU(3)
    model = md.Sequential([md.Sequential([L.InputLayer((T,)), embedding]), last])
    np.testing.assert_array_equal(model(WORDS).numpy(), last(embedding(WORDS), mask=WORDS != 0).numpy())


def found_inside(kind, *layers):
    """A model of these layers, drawn or in a row."""
    if kind == "row":
        return md.Sequential(layers)
    x = y = md.Input((T, 2))
    for layer in layers:
        y = layer(y)
    return md.Model(x, y)


@pytest.mark.parametrize("kind", ["row", "drawn"])
def test_a_mask_made_inside_a_nested_model_goes_on_to_the_next_layer(kind):
    x = np.random.default_rng(3).normal(size=(3, T, 2)).astype(np.float32)
    x[:, 2:] = 0
    scaled, last = L.Activation("relu"), L.GRU(3)
    model = md.Sequential([found_inside(kind, scaled, L.Masking()), last])
    h = scaled(md.Tensor(x))
    np.testing.assert_array_equal(model(x).numpy(), last(h, mask=(h.numpy() != 0).any(-1)).numpy())
    assert np.abs(model(x).numpy() - last(h).numpy()).max() > 1e-4
    np.testing.assert_array_equal(model.layers[0].compute_mask(md.Tensor(x)), (h.numpy() != 0).any(-1))


def test_a_mask_made_inside_the_steps_goes_on():
    """Sentences of words: (N, T, S) words become one mask of sentences for each text."""
    sentences = np.stack([WORDS, WORDS[::-1]], axis=1)  # (N, 2, T)
    embedding, mean, last = words(), L.GlobalAveragePooling1D(), L.GRU(2)
    text = md.Sequential([L.Reshape((T,)), embedding, L.Activation("tanh")])
    model = md.Sequential([L.TimeDistributed(text), L.TimeDistributed(mean), last])
    h = np.tanh(embedding(sentences).numpy())  # (N, 2, T, D)
    counts = (sentences != 0)[..., None]
    means = (h * counts).sum(2) / counts.sum(2)
    np.testing.assert_allclose(model(sentences).numpy(), last(means).numpy(), rtol=1e-5, atol=1e-6)


def test_a_mean_takes_a_mask_of_truth_values_not_of_weights():
    x, mean = md.Tensor([[[1.0], [4.0]]]), L.GlobalAveragePooling1D()
    assert mean(x, mask=[[7, 2]]).item() == 2.5  # any number but 0 says that the step counts
    with pytest.raises(TypeError, match="expects a mask of truth values, got float64"):
        mean(x, mask=np.array([[0.7, 0.2]]))


def test_masks_pass_attention_and_end_where_steps_end():
    mask = WORDS != 0
    stays = [L.MultiHeadAttention(2, 3), L.TransformerBlock(2, 4), L.PositionEmbedding(T), L.SinusoidalPositions()]
    assert all(layer.compute_mask(None, mask) is mask for layer in stays)
    assert L.GlobalAveragePooling1D().compute_mask(None, mask) is None
    np.testing.assert_array_equal(L.Masking().compute_mask(np.float32([[[0, 0], [0, 1]]])), [[False, True]])


@pytest.mark.parametrize("axis, expected", [(1, (2, 6)), (2, (2, 3)), (-2, (2, 3)), (-1, (2, 3)), (0, None)])
def test_only_a_concatenation_along_the_steps_joins_masks_of_steps_with_an_inside(axis, expected):
    x = md.Tensor(np.zeros((2, 3, 5, 4)))  # (N, T, S, D)
    mask = np.ones((2, 3), bool)
    joined = md.layers.Concatenate(axis).compute_mask([x, x], [mask, mask])
    assert (None if joined is None else joined.shape) == expected
