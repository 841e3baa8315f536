"""Film reviews with attention: each word looks at all others, then a learnt question decides which words count.

First the block of D3.E2 without its network, but with a norm on both sides of the attention:

    h = norm₂(e + Attention(norm₁(e)))

so that what a word says may depend on which others are there (not on where: no positions are told). Without norm₁ the
small vectors of the embedding give all scores near 0, and every word looks at all others alike. Then the sentence
becomes one vector, v = Σ_t α_t h_t: the weighted bag of D1.E2 again, but its weights are learnt, α = softmax over the
words of q · h_t.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.data import DataLoader
from minidl.examples import reviews
from minidl.examples.reviews import (  # noqa: F401 -- the same for all reviews
    NUM_WORDS,
    data,
    describe,
    judge,
    leave_out,
    loss,
    point_to_check,
    rows,
)
from minidl.layers import Dense, Dropout, Embedding, LayerNormalization, MultiHeadAttention
from minidl.models import Model
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay

TITLE = "attention on film reviews, embedding64-attention4x16-pooling-dense1"
EPOCHS = 3
BATCH = 64


class Attentive(Model):
    """One logit for each sentence of indices (N, T), in which 0 is no word."""

    def __init__(self):
        super().__init__(name="reviews_attention")
        self.embedding = Embedding(NUM_WORDS, 64)
        self.norm = LayerNormalization()
        self.attention = MultiHeadAttention(num_heads=4, key_dim=16)
        self.norm_after = LayerNormalization()
        self.question = Dense(1, use_bias=False)  # q; a constant would leave the softmax as it is
        self.answer = Dense(1)
        self.dropout = Dropout(0.5)

    def call(self, x: md.Tensor) -> md.Tensor:
        h, _, alpha = self.look(x)
        v = (alpha[..., None] * h).sum(axis=1)  # (N, T, D) -> (N, D)
        return self.answer(self.dropout(v))

    def look(self, x: md.Tensor) -> tuple[md.Tensor, md.Tensor | None, md.Tensor]:
        """h (N, T, D), and who looks at whom: A (N, heads, T, T), and α (N, T)."""
        word = x.data != 0  # (N, T)
        e = self.dropout(self.embedding(x))  # (N, T) -> (N, T, D)
        gathered, A = self.attention(self.norm(e), value_mask=word, return_attention_scores=True)
        h = self.norm_after(e + gathered)
        scores = md.where(word, self.question(h)[..., 0], -1e9)  # (N, T, 1) -> (N, T)
        return h, A, md.softmax(scores)


def build() -> Attentive:
    """The network, its shapes known from a sentence without words."""
    model = Attentive()
    model(np.zeros((1, reviews.LENGTH), np.int32))
    return model


def batches(x: np.ndarray, y: np.ndarray, device: str) -> DataLoader:
    """Shuffled batches of sentences with gaps."""
    return DataLoader(x, y, batch_size=BATCH, augment=leave_out, device=device)


def prepare(model: Model, epochs: int, steps: int) -> None:
    """Choose optimizer, loss and metric."""
    model.compile(
        optimizer=Adam(learning_rate=CosineDecay(3e-3, epochs * steps)),
        loss=loss(),
        metrics=["accuracy"],
    )


def draw(model: Attentive, history: Any, test: tuple, logits: np.ndarray) -> Any:
    """The picture of all reviews, and where the attention goes in one of them."""
    return reviews.draw(model, history, test, logits, inside=draw_inside)


def draw_inside(model: Attentive, words: Sequence[str], figure: Any) -> None:
    """Who looks at whom, the mean of the heads; and beneath, how much each word counts in the bag."""
    x = md.Tensor(rows([words]), device=model.answer.kernel.device)  # (1, LENGTH)
    with md.no_grad():
        _, A, alpha = model.look(x)
    T = len(words)
    top, bottom = figure.subplots(2, 1, height_ratios=[4, 1])
    plot.attention_map(A.numpy()[0, :, -T:, -T:].mean(axis=0), words, ax=top)  # the words stand at the end
    top.set_title("attention, mean of the heads")
    plot.attention_map(alpha.numpy()[:, -T:], ["α"], words, ax=bottom)
    bottom.set_title("weights of the words in the bag")
    bottom.set_ylabel("")
