"""Embeddings, and the bag of them (D1.E2)."""

import numpy as np
import pytest
from small_sequences import assert_alike

import minidl as md
from minidl.layers import (
    BagOfEmbeddings,
    Embedding,
)


@pytest.fixture(autouse=True)
def seeded():
    md.seed(0)


# --- embeddings -----------------------------------------------------------------------------------------------------


def test_an_embeddings_gradient_sums_over_the_places_of_a_word():
    layer = Embedding(4, 2)
    layer([[1, 1, 3]]).sum().backward()
    np.testing.assert_array_equal(layer.embeddings.grad, [[0, 0], [2, 2], [0, 0], [1, 1]])


def test_embedding_takes_whole_numbers_of_any_type():
    layer = Embedding(4, 2)
    y = layer([[1, 2]])
    for dtype in (np.uint8, np.int32, np.float32):
        assert_alike(layer(np.array([[1, 2]], dtype)), y)
    assert layer(np.zeros((3, 0), int)).shape == (3, 0, 2)
    assert layer([1, 2]).shape == (2, 2)


def test_embedding_says_its_input():
    assert md.Sequential([Embedding(10, 8, input_length=5)]).count_params() == 80
    assert np.abs(md.Sequential([Embedding(10, 8, input_length=5)]).get_weights()[0]).max() <= 0.05


def test_a_bag_weighs_words_by_their_frequency():
    """D1.E2: v = Σ α_w e_w, with the α of a tokenizer's matrix of frequencies."""
    tokenizer = md.data.Tokenizer()
    texts = ["a b a", "c", "b b b a"]
    tokenizer.fit_on_texts(texts)
    bag = BagOfEmbeddings(4, 2)
    v = bag(md.data.pad_sequences(tokenizer.texts_to_sequences(texts)))
    alpha = tokenizer.texts_to_matrix(texts, mode="freq")
    np.testing.assert_allclose(v.data, alpha @ bag.embeddings.data, rtol=1e-6)


def test_a_bag_of_nothing_is_zero_and_weights_are_kept_but_not_trained():
    bag = BagOfEmbeddings(3, 2, word_weights=[5.0, 1.0, 2.0], mask_zero=False)
    bag([[0, 1]])
    assert [p.requires_grad for p in bag.parameters()] == [True, False]
    E = bag.embeddings.data
    np.testing.assert_allclose(bag([[0, 2]]).data[0], (5 * E[0] + 2 * E[2]) / 7, rtol=1e-6)
    assert (BagOfEmbeddings(3, 2)([[0, 0]]).data == 0).all()
