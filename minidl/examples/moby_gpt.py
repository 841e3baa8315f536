"""Moby-Dick, character by character: a small GPT that reads nine tenths of the novel and writes on.

Nothing tells it what a word is. The measure is bits per character: −log₂ of the probability that it gave to the
character that came, on average over the last tenth, which it has never seen. Beside it stand the counts of ``ngrams``.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

import minidl as md
from minidl import plot
from minidl.data import Tokenizer, moby_dick
from minidl.examples import moby_picture as picture
from minidl.examples.gpt import GPT
from minidl.examples.ngrams import NGrams
from minidl.optimizers import Muon
from minidl.sampling import generate
from minidl.schedules import CosineDecay, LinearWarmup

TITLE = "a character GPT, 4 blocks of 4 heads, 128 features"
EPOCHS = 5
LENGTH = 128  # T, the characters that it looks at
BATCH = 16
LEARNING_RATE = 2e-2
PROMPT = "The whale "
TEMPERATURES = (0.5, 0.8, 1.0)
TOP_K = 40
WRITTEN = 500  # characters of a sample
SHOWN = 1000  # characters of the unseen text in the picture


def data() -> tuple[tuple, tuple, tuple]:
    """(x, y), y the character after x: two long rows for training, passages (N, T) for watching, rows for judging."""
    train, test = (indices(text) for text in moby_dick())
    held_out = len(train) // 20
    x, y = before_and_after(train[-held_out:])
    passages = len(x) // LENGTH
    watched = tuple(row[: passages * LENGTH].reshape(passages, LENGTH) for row in (x, y))  # (N, T)
    return before_and_after(train[:-held_out]), watched, before_and_after(test)


@lru_cache
def tokenizer() -> Tokenizer:
    """The characters of the training text and one, "�", for all others. Index 0 is never used."""
    characters = Tokenizer(char_level=True, lower=False, oov_token="�")
    characters.fit_on_texts([moby_dick()[0]])
    return characters


def indices(text: str) -> np.ndarray:
    """A text (N,) as the indices of its characters."""
    return np.array(tokenizer().texts_to_sequences([text])[0])


def characters(indices: Any) -> str:
    """The text of such indices."""
    return "".join(tokenizer().index_word.get(int(i), "�") for i in indices)


def before_and_after(text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All characters but the last, and for each the one that comes next."""
    return text[:-1], text[1:]


def describe(train: tuple, validation: tuple, test: tuple) -> str:
    """How many characters there are for what."""
    return f"{train[1].size} characters to train on, {validation[1].size} to watch, {test[1].size} to judge."


def build() -> GPT:
    """The network. It gives logits, which the loss takes as they are.

    What its parts are good for, in bits per character of the validation text after 300 steps: without n-grams and
    convolution 2.93, with either alone 2.65 (convolution) and 2.45 (n-grams), with both 2.39. What dropout costs in the
    beginning it gives back later: n-grams alone end at 2.26, having learnt the training text by heart.
    """
    return GPT(len(tokenizer().word_index) + 1, LENGTH, width=128, heads=4, blocks=4, ngrams=4, dropout=0.3)


def loss() -> md.losses.Loss:
    """−log of the probability that the softmax of the logits gives to the next character, on average."""
    return md.losses.SparseCategoricalCrossentropy(from_logits=True)


def point_to_check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two passages of eight characters."""
    places = rng.integers(len(x) - 8, size=(2, 1)) + np.arange(8)  # (2, 8)
    return x[places], y[places]


class Passages:
    """The batches of an epoch: passages (B, T) that begin at random, as many characters as the text x (N,) has."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.x, self.y = x, y

    def __len__(self) -> int:
        return math.ceil(len(self.x) / (BATCH * LENGTH))

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = md.arrays.generator(None)
        starts = rng.permutation(np.arange(0, len(self.x), LENGTH))
        starts = np.minimum(starts + rng.integers(LENGTH, size=len(starts)), len(self.x) - LENGTH)
        for i in range(0, len(starts), BATCH):
            places = starts[i : i + BATCH, None] + np.arange(LENGTH)  # (B, T)
            yield self.x[places], self.y[places]


def batches(x: np.ndarray, y: np.ndarray, device: str) -> Passages:
    """Those of the training text; ``fit`` moves them to the device."""
    return Passages(x, y)


def prepare(model: GPT, epochs: int, steps: int) -> None:
    """Muon, its rate rising for the first steps and then falling along half a cosine to 0.

    Muon is for the blocks' matrices. After one epoch validation is no better than with AdamW at its usual rate 0.003
    (2.36 and 2.35 bits), after three it is 0.03 bits lower.
    """
    total = epochs * steps
    warmup = min(100, total // 10 + 1)
    rate = LinearWarmup(CosineDecay(LEARNING_RATE, max(1, total - warmup)), warmup)
    optimizer = Muon(
        learning_rate=rate,
        weight_decay=0.1,
        adam_lr_ratio=0.15,
        adam_beta_2=0.99,
        exclude_layers=[model.symbols, model.positions, model.logits],
    )
    model.compile(optimizer, loss=loss(), metrics=["bits"])


# --- judging --------------------------------------------------------------------------------------------------------


def judge(model: GPT, test: tuple) -> dict[str, Any]:
    """Print the bits per character, of the counts too, and a sample; return them."""
    x, y = test
    bits = bits_of_each(model, x, y, stride=model.sequence_length // 4)  # (N,)
    train, V = indices(moby_dick()[0]), model.vocabulary
    counts = {n: NGrams(n, V).fit(train).bits(y) for n in (1, 2, 5)}
    print(f"Test: {bits.mean():.4f} bits per character on {len(y)} characters.")
    print("By counts: " + ", ".join(f"{n}-grams {b:.3f}" for n, b in counts.items()) + ".\n")
    texts = {t: write(model, PROMPT, WRITTEN, t) for t in TEMPERATURES}
    print(f"A sample (temperature 0.8):\n{texts[0.8]}")
    return {"bits": bits, "counts": counts, "texts": texts}


def bits_of_each(model: GPT, x: np.ndarray, y: np.ndarray, stride: int, batch_size: int = 32) -> np.ndarray:
    """−log₂ p of every character of y (N,), each told by at least T − stride characters before it.

    A window of T slides over the text. Where windows overlap, the one that began first has seen most before the
    character: windows are taken from the last to the first, and each writes over the later one. (The text's own first
    characters have only what there is before them.)
    """
    T = min(model.sequence_length, len(x))
    starts = np.unique(np.append(np.arange(0, len(x) - T, stride), len(x) - T))[::-1]  # falling
    bits = np.empty(len(x))
    for i in range(0, len(starts), batch_size):
        places = starts[i : i + batch_size, None] + np.arange(T)  # (B, T)
        log_p = md.log_softmax(model.predict(x[places], batch_size))  # (B, T, V)
        bits[places] = -np.take_along_axis(log_p, y[places][..., None], -1)[..., 0] / math.log(2)
    return bits


def write(model: GPT, prompt: str, length: int, temperature: float) -> str:
    """The prompt and what the model makes of it."""
    return characters(generate(model, list(indices(prompt)), length, temperature, TOP_K, rng=0))


def draw(model: GPT, history: Any, test: tuple, result: dict[str, Any]) -> Any:
    """How the bits fell, what it writes, and what surprises it in the text that it has never seen."""
    figure = plot.style.new_figure(13, 10)
    figure.suptitle(f"Moby-Dick: {result['bits'].mean():.3f} bits per character of unseen text", fontsize=15)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.1, 1])
    left, right = top.subfigures(1, 2, width_ratios=[1, 1.2])
    picture.curves(history.history, result["counts"], left.subplots())
    picture.samples(result["texts"], right.subplots())
    picture.surprise(characters(test[1][:SHOWN]), result["bits"][:SHOWN], bottom.subplots())
    return figure
