"""Masks of recurrent layers, and in models of them."""

import numpy as np
import pytest
from small_sequences import D, H, N, T, assert_alike, each_layer, padded_words, sequences, some_mask

import minidl as md
from minidl.layers import (
    GRU,
    LSTM,
    BagOfEmbeddings,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    TimeDistributed,
)


@pytest.fixture(autouse=True)
def seeded():
    md.seed(0)


# --- masks ----------------------------------------------------------------------------------------------------------


@each_layer
def test_a_mask_leaves_steps_out(kind):
    """What is masked might as well not be there, in value and gradient."""
    layer = kind(H)
    x, mask = sequences(), some_mask()
    mask[:, 0] |= ~mask.any(axis=1)
    y = layer(x, mask=mask)
    for n in range(N):
        assert_alike(md.Tensor(y.data[n : n + 1]), layer(x[n : n + 1, mask[n]]))
    xs = md.Tensor(x, requires_grad=True)
    layer(xs, mask=mask).sum().backward()
    assert (xs.grad[~mask] == 0).all() and (xs.grad[mask] != 0).any()


@each_layer
def test_a_mask_of_truth_values_in_any_form(kind):
    layer = kind(H)
    x, mask = sequences(), some_mask()
    y = layer(x, mask=mask)
    for form in (mask.tolist(), mask.astype(int), md.Tensor(mask)):
        assert_alike(layer(x, mask=form), y)
    assert_alike(layer(x, mask=np.ones((N, T), bool)), layer(x))
    assert (layer(x, mask=np.zeros((N, T), bool)).data == 0).all()


def by_hand(layers, words, mask):
    """The layers in a row, each recurrent one given the mask."""
    y = words
    for layer in layers:
        y = layer(y, mask=mask) if layer.uses_mask else layer(y)
    return y


@pytest.mark.parametrize("form", ["Sequential", "drawn", "nested", "nested drawing"])
def test_models_carry_masks_from_the_embedding_to_every_recurrent_layer(form):
    layers = [
        Embedding(10, D, md.initializers.RandomNormal(stddev=1), mask_zero=True),
        Dropout(0.5),
        GRU(H, return_sequences=True),
        Dense(D, activation="tanh"),
        Bidirectional(LSTM(H)),
        Dense(1),
    ]
    if form == "drawn":
        x = y = md.Input((None,), dtype="int64")
        for layer in layers:
            y = layer(y)
        model = md.Model(x, y)
    elif form == "nested":
        model = md.Sequential([md.Sequential(layers[:3]), md.Sequential(layers[3:])])
    elif form == "nested drawing":
        x, s = md.Input((None,), dtype="int64"), md.Input((None, H))
        inner = md.Model(x, layers[2](layers[1](layers[0](x))))
        outer = md.Model(s, layers[4](layers[3](s)))
        model = md.Sequential([inner, outer, layers[5]])
    else:
        model = md.Sequential(layers)
    words = padded_words()
    model.eval()
    y = model(words)
    expected = by_hand(layers, words, words != 0)
    assert_alike(y, expected)
    without = by_hand(layers, words, np.ones_like(words, bool))
    assert np.abs(without.data - expected.data).max() > 1e-3


def test_masks_end_where_steps_end_and_pass_where_they_stay():
    x, mask = md.Tensor(np.zeros((N, T, D))), some_mask()
    stays = [Dense(3), Dropout(0.5), md.layers.ReLU(), LSTM(3, return_sequences=True), TimeDistributed(Dense(3))]
    ends = [LSTM(3), md.layers.Flatten(), Bidirectional(GRU(3)), BagOfEmbeddings(9, 3), md.layers.Reshape((12,))]
    assert all(layer.compute_mask(x, mask) is mask for layer in stays)
    assert all(layer.compute_mask(x, mask) is None for layer in ends)
    assert Bidirectional(GRU(3, return_sequences=True)).compute_mask(x, mask) is mask
    np.testing.assert_array_equal(Embedding(9, 3, mask_zero=True).compute_mask([[1, 0]]), [[True, False]])
    assert Embedding(9, 3).compute_mask([[1, 0]]) is None


def test_masks_meet_where_branches_meet():
    a, b = np.array([[True, True, False]]), np.array([[False, True, True]])
    np.testing.assert_array_equal(md.layers.Add().compute_mask(None, [a, b]), [[False, True, False]])
    np.testing.assert_array_equal(md.layers.Concatenate().compute_mask(None, [a, None]), a)
    assert md.layers.Add().compute_mask(None, [None, None]) is None
    np.testing.assert_array_equal(md.layers.Concatenate(axis=2).compute_mask(None, [a, b]), a & b)
    assert md.layers.Concatenate(axis=0).compute_mask(None, [a, b]) is None
    words = np.array([[1, 0, 2]])
    x = md.Input((3,), dtype="int64")
    left, right = Embedding(3, D, mask_zero=True), Embedding(3, D)
    last = GRU(H)
    model = md.Model(x, last(md.layers.Add()([left(x), right(x)])))
    assert_alike(model(words), last(left(words) + right(words), mask=words != 0))
    model = md.Model(x, last(right(x) + left(x)))  # an operator carries the mask of either side
    assert_alike(model(words), last(right(words) + left(words), mask=words != 0))


def test_masks_of_sequences_one_after_the_other_are_joined():
    a, b, x = np.array([[True, False]]), np.array([[False, True, True]]), md.Tensor(np.zeros((1, 2, D)))
    one_after_the_other = md.layers.Concatenate(axis=1)
    np.testing.assert_array_equal(one_after_the_other.compute_mask(None, [a, b]), [[True, False, False, True, True]])
    np.testing.assert_array_equal(one_after_the_other.compute_mask([x, x], [a, None]), [[True, False, True, True]])
    assert one_after_the_other.compute_mask([x, x], [None, None]) is None
    words = np.array([[1, 0, 2]])
    symbol = md.Input((3,), dtype="int64")
    embedding, last = Embedding(3, D, mask_zero=True), GRU(H)
    model = md.Model(symbol, last(one_after_the_other([embedding(symbol), embedding(symbol)])))
    twice = np.concatenate([words, words], axis=1)
    assert_alike(model(words), last(embedding(twice), mask=twice != 0))
