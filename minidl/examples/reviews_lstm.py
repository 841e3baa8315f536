"""Film reviews with an LSTM: embedding 64 – LSTM 64 – 1, one after the other as in D1.P2 and D2.P3.

The network reads a sentence word by word, and what it remembers at the end says whether the reviewer liked the film.
7,200 sentences are few: half of the numbers of each word and of the memory are dropped in training, and in each epoch
one word in seven is left out.
"""

from minidl.data import DataLoader
from minidl.examples.reviews import (  # noqa: F401 -- the same for all reviews
    LENGTH,
    NUM_WORDS,
    data,
    describe,
    draw,
    judge,
    leave_out,
    loss,
    point_to_check,
)
from minidl.layers import LSTM, Dense, Dropout, Embedding
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.schedules import CosineDecay

TITLE = "an LSTM on film reviews, embedding64-lstm64-dense1"
EPOCHS = 3
BATCH = 64


def build() -> Sequential:
    """The network. Its last layer gives one logit, above 0 for a good review."""
    return Sequential(
        [
            Embedding(NUM_WORDS, 64, mask_zero=True, input_length=LENGTH),  # (N, T, 64)
            Dropout(0.5),
            LSTM(64),  # (N, 64), after the last word
            Dropout(0.5),
            Dense(1),
        ],
        name="reviews_lstm",
    )


def batches(x, y, device: str) -> DataLoader:
    """Shuffled batches of sentences with gaps."""
    return DataLoader(x, y, batch_size=BATCH, augment=leave_out, device=device)


def prepare(model: Sequential, epochs: int, steps: int) -> None:
    """Choose optimizer, loss and metric."""
    model.compile(
        optimizer=Adam(learning_rate=CosineDecay(3e-3, epochs * steps)),
        loss=loss(),
        metrics=["accuracy"],
    )
