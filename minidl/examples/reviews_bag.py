"""Film reviews as bags of embeddings: a text is the weighted mean of the vectors of its pieces, whatever their order.

This is D1.E2, v = Σ_w α_w e_w, with one dense unit on v. Its α is the frequency of a piece in the text times its
inverse document frequency: a piece that stands in every second text says little. Pieces are words, pairs of neighbours
("not bad") and beginnings of words ("charm*": charms, charming), so that rare words learn from their relatives.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from minidl import plot
from minidl.data import DataLoader, Tokenizer, pad_sequences
from minidl.examples import reviews
from minidl.examples.reviews import describe, judge, loss, point_to_check, sentences  # noqa: F401 -- as all reviews
from minidl.layers import BagOfEmbeddings, Dense, Dropout
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay

TITLE = "a weighted bag of embeddings on film reviews, embedding32-mean-dense1"
EPOCHS = 7
BATCH = 64
NUM_PIECES = 40_000
LENGTH = 120  # pieces of the longest sentences
BEGINNING = 5  # letters


def pieces(words: Sequence[str]) -> list[str]:
    """Words, pairs and beginnings.

    >>> pieces(["not", "boring"])
    ['not', 'boring', '^ not', 'not boring', 'not*', 'borin*']
    """
    pairs = [f"{first} {second}" for first, second in zip(["^", *words], words)]
    return [*words, *pairs, *(word[:BEGINNING] + "*" for word in words)]


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """Knows the pieces of the training sentences."""
    tokenizer = Tokenizer(NUM_PIECES)
    tokenizer.fit_on_texts([pieces(words) for words in sentences()[0][0]])
    return tokenizer


def rows(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Pieces as indices: N sentences -> (N, LENGTH), filled up with 0."""
    return pad_sequences(tokenizer().texts_to_sequences([pieces(words) for words in sentences]), LENGTH)


def data() -> tuple[tuple, tuple, tuple]:
    """(indices (N, LENGTH), labels (N, 1)) for training, for watching, for the judgement."""
    return tuple((rows(words), y) for words, y in sentences())


def inverse_frequency() -> np.ndarray:
    """ln(documents / (1 + those in which the piece stands)) of each piece, at least 0: (NUM_PIECES,)."""
    texts_with = tokenizer().word_docs
    n = [texts_with[tokenizer().index_word.get(i, "")] for i in range(NUM_PIECES)]
    return np.log(np.maximum(tokenizer().document_count / (1 + np.array(n)), 1))


def build() -> Sequential:
    """The network. Its last layer gives one logit, above 0 for a good review."""
    return Sequential(
        [
            BagOfEmbeddings(NUM_PIECES, 32, word_weights=inverse_frequency(), input_length=LENGTH),  # (N, T) -> (N, 32)
            Dropout(0.5),
            Dense(1),
        ],
        name="reviews_bag",
    )


def batches(x: np.ndarray, y: np.ndarray, device: str) -> DataLoader:
    """Shuffled batches."""
    return DataLoader(x, y, batch_size=BATCH, device=device)


def prepare(model: Sequential, epochs: int, steps: int) -> None:
    """Choose optimizer, loss and metric."""
    model.compile(
        optimizer=Adam(learning_rate=CosineDecay(3e-3, epochs * steps)),
        loss=loss(),
        metrics=["accuracy"],
    )


def draw(model: Sequential, history: Any, test: tuple, logits: np.ndarray) -> Any:
    """The picture of all reviews, and the pieces that pull hardest."""
    return reviews.draw(model, history, test, logits, rows, inside=draw_inside)


def draw_inside(model: Sequential, words: Sequence[str], figure: Any) -> None:
    """The 30 pieces that pull hardest to either side: a_w e_w · W, W the weights of the dense unit."""
    bag, dense = model.layers[0], model.layers[-1]
    pull = bag.word_weights.numpy() * (bag.embeddings.numpy() @ dense.kernel.numpy())[:, 0]  # (V, D) (D, 1) -> (V,)
    order = [int(i) for i in pull.argsort() if i in tokenizer().index_word]
    bad, good = order[:30], order[:-31:-1]
    plot.coloured_words(
        [[tokenizer().index_word[i] for i in part] for part in (bad, good)],
        [pull[part] for part in (bad, good)],
        ["hardest towards bad", "hardest towards good"],
        label="weight times effect",
        width=40,
        ax=figure.subplots(),
    )
