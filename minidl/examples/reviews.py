"""What all examples on film reviews share: the sentences, the loss, the judgement and its picture."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import minidl as md
from minidl import metrics, plot
from minidl.data import Tokenizer, movie_reviews, pad_sequences, train_test_split
from minidl.models import Model

NUM_WORDS = 10_000  # in use, of the 16,000 of the training sentences; 1 stands for all others
LENGTH = 40  # words; all but one sentence in a hundred are shorter
WORD_DROPOUT = 0.15
CLASSES = ("bad", "good")


def sentences() -> tuple[tuple, tuple, tuple]:
    """(lists of words, labels (N, 1)) for training, for watching the training, and for the one judgement at the end."""
    (texts, y), (test_texts, y_test) = movie_reviews()
    words, test_words = ([Tokenizer().words(text) for text in part] for part in (texts, test_texts))
    train, validation, y, y_val = train_test_split(np.array(words, object), y, test_size=800, stratify=y, rng=0)
    return (list(train), y[:, None]), (list(validation), y_val[:, None]), (test_words, y_test[:, None])


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """Knows the words of the training sentences."""
    tokenizer = Tokenizer(NUM_WORDS, oov_token="?")
    tokenizer.fit_on_texts(sentences()[0][0])
    return tokenizer


def rows(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Words as indices: N sentences -> (N, LENGTH), short ones filled up with 0 in front."""
    return pad_sequences(tokenizer().texts_to_sequences(sentences), LENGTH)


def data() -> tuple[tuple, tuple, tuple]:
    """(indices (N, LENGTH), labels (N, 1)) for training, for watching, for the judgement."""
    return tuple((rows(words), y) for words, y in sentences())


def describe(train: tuple, validation: tuple, test: tuple) -> str:
    """How many sentences there are for what."""
    return f"{len(train[0])} sentences to train on, {len(validation[0])} to watch, {len(test[0])} to judge."


def loss() -> md.losses.Loss:
    """−log of the probability that σ(logit) gives to the right class."""
    return md.losses.BinaryCrossentropy(from_logits=True)


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three of the sentences with their labels: there the gradients are judged before training."""
    few = rng.choice(len(x), 3, replace=False)
    return x[few], y[few]


def leave_out(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sentences without one word in seven, drawn anew each time: none can be learnt by heart (D.T5)."""
    return x * (rng.random(x.shape) >= WORD_DROPOUT)  # index 0 is no word


def judge(model: Model, test: tuple) -> np.ndarray:
    """Print accuracy and mistakes; return the logits (N, 1)."""
    x, y = test
    logits = model.predict(x, batch_size=256)
    guesses = (logits > 0).astype(int)
    print(f"Test accuracy {(guesses == y).mean():.4f} on {len(y)} sentences.")
    for wrong in (0, 1):
        n, of = int(((y == 1 - wrong) & (guesses == wrong)).sum()), int((y == 1 - wrong).sum())
        print(f"{n} of {of} {CLASSES[1 - wrong]} ones were taken for {CLASSES[wrong]}.")
    return logits


def effects(model: Model, rows: Callable[..., np.ndarray], words: Sequence[str]) -> np.ndarray:
    """What each word does to the logit: logit of the sentence − logit of the sentence without that word; (T,)."""
    without = [[*words[:t], *words[t + 1 :]] for t in range(len(words))]
    logits = model.predict(rows([words, *without]))[:, 0]  # (T + 1, 1) -> (T + 1,)
    return logits[0] - logits[1:]


def telling(words: Sequence[Sequence[str]], y: np.ndarray, logits: np.ndarray) -> list[int]:
    """Sentences of 5 to 16 words worth a look: the 3 surest bad and good ones, and the 4 surest mistakes."""
    readable = [n for n in range(len(words)) if 5 <= len(words[n]) <= 16]
    by_logit = sorted(readable, key=lambda n: float(logits[n, 0]))
    right = [n for n in by_logit if (logits[n, 0] > 0) == y[n, 0]]
    wrong = [n for n in by_logit if (logits[n, 0] > 0) != y[n, 0]]
    return [*right[:3], *right[-3:], *wrong[:2], *wrong[-2:]]


def draw(
    model: Model,
    history: Any,
    test: tuple,
    logits: np.ndarray,
    rows: Callable[..., np.ndarray] = rows,
    inside: Callable[..., None] | None = None,
) -> Any:
    """How the training went, what is confused with what, words coloured by their effect; what ``inside`` draws.

    ``inside(model, words, figure)`` shows what a network has learnt.
    """
    words, y = sentences()[2]
    shown = telling(words, y, logits)
    p = 1 / (1 + np.exp(-logits[:, 0]))  # (N, 1) -> (N,)
    titles = [
        f"{CLASSES[y[n, 0]]}, said {CLASSES[int(p[n] > 0.5)]}, {100 * max(p[n], 1 - p[n]):.0f} % sure" for n in shown
    ]
    figure = plot.style.new_figure(15 if inside else 13, 11)
    figure.suptitle(f"Film reviews: test accuracy {((logits > 0) == y).mean():.4f}", fontsize=15)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.9])
    left, right = top.subfigures(1, 2, width_ratios=[2, 1])
    plot.training_curves(history, figure=left)
    plot.confusion_matrix(metrics.confusion_matrix(y, logits > 0, num_classes=2), CLASSES, ax=right.subplots())
    if inside:
        bottom, other = bottom.subfigures(1, 2, width_ratios=[1.2, 1])
        inside(model, words[shown[0]], other)
    plot.coloured_words(
        [words[n] for n in shown],
        [effects(model, rows, words[n]) for n in shown],
        titles,
        label="effect on the logit: below 0 towards bad",
        width=45 if inside else 70,
        ax=bottom.subplots(),
    )
    return figure
