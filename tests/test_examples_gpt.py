"""The GPT on Moby-Dick: n-grams counted and embedded, the network, its data, its judgement and its picture."""

import io
import math
from collections import Counter

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.examples import moby_gpt
from minidl.examples.gpt import GPT
from minidl.examples.ngram_embedding import NGramEmbedding
from minidl.examples.ngrams import NGrams

RNG = np.random.default_rng(0)


# --- counting -------------------------------------------------------------------------------------------------------


def smoothed(train, history, c, V):
    """The equation as it stands, by a loop."""
    shorter = smoothed(train, history[1:], c, V) if history else 1 / V
    n = len(history) + 1
    grams = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
    after = {g[-1]: count for g, count in grams.items() if g[:-1] == tuple(history)}
    if not after:
        return shorter
    return (after.get(c, 0) + len(after) * shorter) / (sum(after.values()) + len(after))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_counts_are_those_of_the_equation(n):
    train, text = RNG.integers(0, 4, 60), RNG.integers(0, 5, 25)  # 4 was never seen
    p = NGrams(n, 5).fit(train).probabilities(text)
    train, text = train.tolist(), text.tolist()
    expected = [smoothed(train, text[max(0, i - n + 1) : i], c, 5) for i, c in enumerate(text)]
    np.testing.assert_allclose(p, expected, rtol=1e-12)


def test_counted_probabilities_sum_to_1():
    model = NGrams(3, 5).fit(RNG.integers(0, 4, 60))
    for history in ([0, 1], [4, 4], [3, 4]):
        assert math.isclose(sum(model.probabilities(np.array([*history, c]))[-1] for c in range(5)), 1)


def test_counts_of_very_short_texts():
    assert NGrams(5, 3).fit(np.array([1])).bits(np.array([0, 2])) > 0
    assert NGrams(2, 4).fit(np.array([], int)).bits(np.array([0, 2, 3])) == 2  # nothing known: log₂ 4


@pytest.mark.parametrize(("n", "vocabulary"), [(0, 3), (2, 0), (10, 85)])
def test_too_many_ngrams_are_refused(n, vocabulary):
    with pytest.raises(ValueError, match=f"got {n} and {vocabulary}"):
        NGrams(n, vocabulary)


# --- embedding ------------------------------------------------------------------------------------------------------


def test_every_ngram_has_its_row():
    layer = NGramEmbedding(5, 3, ngrams=3)  # 5, 25 and 125 rows: no two share one
    x = RNG.integers(0, 5, (2, 6))
    y = layer(x).numpy()
    single, pairs, triples = (table.embeddings.numpy() for table in layer.tables)
    for row, t in np.ndindex(2, 6):
        c, b, a = (x[row, t - k] if t >= k else 0 for k in range(3))
        np.testing.assert_allclose(y[row, t], single[c] + pairs[5 * b + c] + triples[25 * a + 5 * b + c], rtol=1e-6)


def test_what_stands_before_counts():
    layer = NGramEmbedding(9, 4, ngrams=4, buckets=100)
    x = RNG.integers(0, 9, (2, 7))
    whole = layer(x).numpy()
    for cut in (1, 3, 6):
        np.testing.assert_array_equal(layer(x[:, cut:], before=x[:, :cut]).numpy(), whole[:, cut:])


def test_hashed_rows_are_spread():
    """Of the novel's triples nine in ten, as they occur, are the most frequent of their row, as by chance."""
    text = moby_gpt.indices(md.data.moby_dick()[1])
    numbers, counts = np.unique(text[:-2] * 85**2 + text[1:-1] * 85 + text[2:], return_counts=True)
    rows = NGramEmbedding(85, 2, ngrams=3).row(numbers, 3, 8192)
    assert rows.min() >= 0 and rows.max() < 8192
    most = np.zeros(8192)
    np.maximum.at(most, rows, counts)
    assert most.sum() > 0.88 * counts.sum()


def test_one_symbol_alone_is_an_embedding():
    layer, x = NGramEmbedding(6, 3), RNG.integers(0, 6, (2, 4))
    np.testing.assert_array_equal(layer(x).numpy(), layer.tables[0](x).numpy())


def test_wrong_symbols_are_refused():
    with pytest.raises(ValueError, match=r"indices 0\.\.4 \(input_dim=5\), got 1\.\.5"):
        NGramEmbedding(5, 3, ngrams=2)([[1, 5]])
    with pytest.raises(ValueError, match="ngrams of at least 1, got 0"):
        NGramEmbedding(5, 3, ngrams=0)


# --- the network ----------------------------------------------------------------------------------------------------


def tiny():
    return GPT(len(moby_gpt.tokenizer().word_index) + 1, 16, width=8, heads=2, blocks=1, ngrams=2)


def test_gradients_of_a_small_gpt_are_right():
    md.seed(0)
    model = GPT(5, 4, width=4, heads=2, blocks=2, ngrams=3)
    for table in model.symbols.tables:
        table.embeddings.data[...] = RNG.normal(size=table.embeddings.shape)  # small ones make layer norm very steep
    x, y, loss = RNG.integers(0, 5, (2, 4)), RNG.integers(0, 5, (2, 4)), moby_gpt.loss()
    md.check_grads(lambda: loss(y, model(x)), parameters=model.parameters(), sample=4)


@pytest.mark.parametrize("cuts", [[1], [2, 3], [1, 2, 3, 4, 5, 6], [7, 15]])
def test_reading_in_pieces_is_reading_at_once(cuts):
    """The n-grams and the convolution know the symbols of the piece before, attention all of them."""
    md.seed(0)
    model, x = GPT(9, 16, width=8, heads=2, blocks=2, ngrams=3, dropout=0.5).eval(), RNG.integers(0, 9, (2, 16))
    past = model.new_past()
    with md.no_grad():
        pieces = [model(piece, past=past).numpy() for piece in np.split(x, cuts, axis=1)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model(x).numpy(), atol=1e-5)


def test_no_symbol_sees_a_later_one():
    md.seed(0)
    model, x = tiny(), RNG.integers(0, 80, (1, 16))
    other = x.copy()
    other[0, 9:] += 1
    np.testing.assert_array_equal(model(x).numpy()[:, :9], model(other).numpy()[:, :9])


def test_at_first_the_blocks_add_little():
    model = GPT(9, 16, width=64, heads=2, blocks=4)
    block = model.blocks[0]
    for kernel, limit in ((block.attention.output_kernel, 128), (block.output.kernel, 320)):
        assert 0.9 < abs(kernel.data).max() / (math.sqrt(6 / limit) / 8) <= 1  # Glorot's limit, by 2 L


def test_the_network_on_the_gpu_gives_the_same():
    md.seed(0)
    model, x = tiny(), RNG.integers(1, 80, (2, 16))
    expected = model(x).numpy()
    with fake_cupy.installed() as cupy:
        np.testing.assert_allclose(model.to("cuda")(cupy.asarray(x)).numpy(), expected, atol=1e-5)


# --- the example ----------------------------------------------------------------------------------------------------


def test_data_follow_one_another():
    train, watched, test = moby_gpt.data()
    assert moby_gpt.characters(train[0][22:38]) == "Call me Ishmael."
    assert watched[0].shape == watched[1].shape == (len(watched[0]), moby_gpt.LENGTH)
    for x, y in (train, test, (watched[0].ravel(), watched[1].ravel())):
        np.testing.assert_array_equal(x[1:], y[:-1])
        assert x.min() >= 1 and x.max() < moby_gpt.build().vocabulary
    assert len(train[1]) + len(test[1]) + watched[1].size > 1_190_000
    assert str(len(test[1])) in moby_gpt.describe(train, watched, test)


def test_unknown_characters_have_an_index_of_their_own():
    assert moby_gpt.characters(moby_gpt.indices("whale ☃ é")) == "whale � �"


def test_an_epoch_reads_as_many_characters_as_there_are():
    x = np.arange(1000)
    loader = moby_gpt.batches(x[:-1], x[1:], "cpu")
    parts = list(loader)
    assert len(parts) == len(loader) and sum(a.size for a, _ in parts) >= 999
    for a, b in parts:
        np.testing.assert_array_equal(a[:, :1] + np.arange(moby_gpt.LENGTH), a)
        np.testing.assert_array_equal(a + 1, b)


@pytest.mark.parametrize("n", [7, 16, 17, 50, 64])
def test_each_character_is_judged_once_with_all_that_may_be_seen(n):
    md.seed(0)
    model = tiny()
    text = RNG.integers(1, 80, n + 1)
    x, y = moby_gpt.before_and_after(text)
    bits = moby_gpt.bits_of_each(model, x, y, stride=4, batch_size=3)
    for i in range(n):
        # the earliest window that has the character: windows start at 0, 4, 8 ... and at the end
        start = next(s for s in sorted({*range(0, max(n - 16, 0), 4), max(n - 16, 0)}) if s + 16 > i)
        p = md.softmax(model(x[None, start : i + 1])).numpy()[0, -1, y[i]]
        assert bits[i] == pytest.approx(-math.log2(p), rel=1e-4)


def test_the_job_on_a_few_pages(monkeypatch, capsys):
    train, watched, test = moby_gpt.data()
    monkeypatch.setattr(moby_gpt, "LENGTH", 16)
    monkeypatch.setattr(moby_gpt, "SHOWN", 100)
    monkeypatch.setattr(moby_gpt, "WRITTEN", 20)
    md.seed(0)
    model = tiny()
    x, y = (part[:3000] for part in train)
    loader = moby_gpt.batches(x, y, "cpu")
    moby_gpt.prepare(model, epochs=6, steps=len(loader))
    assert model.optimizer.learning_rate(0) < moby_gpt.LEARNING_RATE
    assert model.optimizer.learning_rate(6 * len(loader)) == 0
    history = model.fit(loader, epochs=6, validation_data=(watched[0][:20, :16], watched[1][:20, :16]), verbose=0)
    assert history.history["val_bits"][-1] < history.history["val_bits"][0] < math.log2(85) + 0.3
    few = tuple(part[:800] for part in test)
    result = moby_gpt.judge(model, few)
    printed = capsys.readouterr().out
    assert "bits per character on 800 characters" in printed and "The whale" in printed
    assert result["counts"][5] < result["counts"][2] < result["counts"][1]
    figure = moby_gpt.draw(model, history, few, result)
    assert len(figure.axes) == 3
    figure.savefig(io.BytesIO(), format="png", dpi=20)


def test_the_point_where_gradients_are_judged():
    train, *_ = moby_gpt.data()
    x, y = moby_gpt.point_to_check(*train, np.random.default_rng(0))
    assert x.shape == y.shape == (2, 8) and (x[:, 1:] == y[:, :-1]).all()
