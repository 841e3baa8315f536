"""Words, explained by the vectors that an embedding makes of them (D.T11)."""

import numpy as np
import pytest
from explained_models import WORDS, text_model

import minidl as md
from minidl import explain
from minidl import layers as L


def test_words_are_explained_by_the_vectors_of_an_embedding():
    model = text_model()
    E = model.layers[0].embeddings.numpy()[WORDS]  # (N, T, D)
    rest = md.Sequential(model.layers[1:])
    mask = WORDS != 0

    def f(E):
        return rest(E, mask=mask)[:, 1].sum()

    dE = md.grad(f)(E).numpy()
    np.testing.assert_allclose(explain.saliency(model, WORDS, 1), np.sqrt((dE**2).sum(-1)), rtol=1e-5)
    np.testing.assert_allclose(explain.gradient_times_input(model, WORDS, 1), (E * dE).sum(-1), rtol=1e-4, atol=1e-7)
    a, gap = explain.integrated_gradients(model, WORDS, target=1, steps=60)
    with md.no_grad():
        change = (rest(E, mask=mask) - rest(E * 0, mask=mask)).numpy()[:, 1]
    np.testing.assert_allclose(a.sum(axis=1), change, atol=1e-4)
    assert abs(gap).max() < 1e-4 and a.shape == WORDS.shape
    assert not a[~mask].any() and a[mask].all()  # padding is skipped
    np.testing.assert_array_equal(
        explain.saliency(model, WORDS.astype(np.float32), 1), explain.saliency(model, WORDS, 1)
    )


class TwoReaders(md.Model):
    """Words read by two embeddings, or by one twice, or after they were changed."""

    def __init__(self, way):
        super().__init__()
        self.way, self.deep, self.wide, self.out = way, L.Embedding(20, 4), L.Embedding(20, 1), L.Dense(2)

    def call(self, x):
        h = self.deep(md.Tensor(19 - x.data) if self.way == "changed" else x)  # (N, T) -> (N, T, 4)
        if self.way == "twice":
            h = h + self.deep(md.Tensor(19 - x.data))
        if self.way == "two":
            h = h * self.wide(x)
        return self.out(h.mean(axis=1))


def test_words_without_a_vector_of_their_own_are_refused():
    bag = md.Sequential([L.BagOfEmbeddings(20, 4, input_length=5), L.Dense(2)])
    with pytest.raises(ValueError, match=r"makes shape\n\(3, 4\) of words \(3, 5\), .*Hide words instead"):
        explain.saliency(bag, WORDS)
    for way, error, words in (
        ("two", ValueError, "there are 2 calls. Hide words instead"),
        ("twice", ValueError, "one Embedding, called once, .*\n.*2 calls"),
        ("changed", TypeError, "x holds int64, which has no slope, and no Embedding is seen"),
    ):
        model = TwoReaders(way)
        model(WORDS)
        with pytest.raises(error, match=f"^saliency(.|\n)*{words}"):
            explain.saliency(model, WORDS)
        assert explain.occlusion(model, WORDS, baseline=19).any()
    with pytest.raises(TypeError, match=r"no Embedding is seen that reads it as words.\nNumbers: x.astype"):
        explain.saliency(lambda x: text_model()(x), WORDS)
    assert explain.occlusion(bag, WORDS).shape == WORDS.shape
    with pytest.raises(ValueError, match="begins at vectors of zeros, got baseline=3"):
        explain.integrated_gradients(text_model(), WORDS, baseline=3)
