"""The examples on film reviews and sunspots: what they read, that they learn, what their pictures show."""

from functools import cache

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.__main__ import MODELS, check_gradients, main
from minidl.examples import reviews, reviews_attention, reviews_bag, reviews_lstm, sunspots_lstm

REVIEWS = (reviews_lstm, reviews_attention, reviews_bag)
EXAMPLES = (*REVIEWS, sunspots_lstm)


@cache
def data(example):
    """The example's data, read once for all tests, which leave them as they are."""
    return example.data()


def trained(example, n, epochs, device="cpu"):
    """The example's network after some epochs on n samples, and its history."""
    md.seed(0)
    (x, y), *_ = data(example)
    model = example.build()
    model.to(device)
    loader = example.batches(x[:n], y[:n], device)
    example.prepare(model, epochs, len(loader))
    return model, model.fit(loader, epochs=epochs, verbose=0).history


# --- all ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES)
def test_data_are_described_and_fit_the_network(example):
    parts = data(example)
    assert all(len(x) == len(y) and str(len(x)) in example.describe(*parts) for x, y in parts)
    assert all(x.shape[1:] == parts[0][0].shape[1:] and y.shape == (len(x), 1) for x, y in parts)
    assert example.build().predict(parts[2][0][:3]).shape == (3, 1)


@pytest.mark.parametrize("example", EXAMPLES)
def test_gradients_of_the_very_network_are_judged(example, capsys):
    md.seed(1)
    check_gradients(example, example.build(), *data(example)[0])
    assert "gradients right to order 1" in capsys.readouterr().out


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_learns_a_few_samples(example):
    losses = trained(example, 64, epochs=15)[1]["loss"]
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_step_on_the_gpu_is_that_on_the_cpu(example):
    with fake_cupy.installed():
        on_gpu, _ = trained(example, 16, epochs=1, device="cuda")
        if example in REVIEWS:
            example.judge(on_gpu, tuple(a[:20] for a in data(example)[2]))
        weights = on_gpu.to("cpu").get_weights()
    for there, here in zip(weights, trained(example, 16, epochs=1)[0].get_weights()):
        np.testing.assert_allclose(there, here, atol=2e-5)


@pytest.mark.parametrize("name", [name for name, example in MODELS.items() if example in EXAMPLES])
def test_the_main_job(name, tmp_path, monkeypatch, capsys):
    example = MODELS[name]
    train, validation, test = data(example)
    if example in REVIEWS:  # the test sentences are drawn with their words, so they stay
        monkeypatch.setattr(
            example, "data", lambda: ((train[0][:64], train[1][:64]), tuple(a[:20] for a in validation), test)
        )
    assert main(["--model", name, "--epochs", "1", "--out", str(tmp_path / "p.png")]) == 0
    printed = capsys.readouterr().out
    assert "gradients right" in printed and "Epoch 1/1" in printed
    assert ("Root mean squared error" if example is sunspots_lstm else "Test accuracy") in printed
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


# --- film reviews -------------------------------------------------------------------------------------------------


def test_words_are_those_of_the_training_sentences_and_parts_share_none():
    train, validation, test = reviews.sentences()
    assert [len(words) for words, _ in (train, validation, test)] == [7200, 800, 2072]
    assert all(set(y.ravel().tolist()) == {0, 1} for _, y in (train, validation, test))
    assert reviews.tokenizer().document_count == reviews_bag.tokenizer().document_count == 7200
    known = {word for words in train[0] for word in words}
    assert set(reviews.tokenizer().word_counts) == known
    assert any(word not in known for words in test[0] for word in words)
    assert reviews.rows([["the", "qwertyuiop"]])[0, -2:].tolist() == [2, 1]


def test_one_word_in_seven_is_left_out_and_none_put_in():
    x = np.tile(np.arange(5), (2000, 1))
    left = reviews.leave_out(x, np.random.default_rng(0))
    assert ((left == x) | (left == 0)).all() and x[0].tolist() == [0, 1, 2, 3, 4]
    assert abs((left[:, 1:] == 0).mean() - reviews.WORD_DROPOUT) < 0.01


def test_a_word_left_out_is_a_word_masked():
    """What the LSTM and attention see as 0 inside a sentence does not change their logit: as if it were not there."""
    for example in (reviews_lstm, reviews_attention):
        model = example.build()
        with_gap = reviews.rows([["a", "truly", "bad", "film"]])
        with_gap[0, -3] = 0
        without = reviews.rows([["a", "bad", "film"]])
        np.testing.assert_allclose(model.predict(with_gap), model.predict(without), atol=1e-6)


def test_effects_are_differences_of_logits():
    model = reviews_bag.build()
    words = ["not", "bad", "at", "all"]
    effects = reviews.effects(model, reviews_bag.rows, words)
    whole, without = model.predict(reviews_bag.rows([words, ["not", "at", "all"]]))[:, 0]
    assert effects.shape == (4,) and effects[1] == pytest.approx(whole - without, abs=1e-6)


def test_the_sentences_shown_are_the_surest():
    words = [["w"] * 6] * 8 + [["too", "short"]]
    y = np.array([0, 0, 0, 1, 1, 1, 1, 0, 0])[:, None]
    logits = np.array([-3, -2, -1, 3, 2, 1, -5, 5, -9])[:, None]
    assert reviews.telling(words, y, logits) == [0, 1, 2, 5, 4, 3, 6, 7, 6, 7][:10]


def test_judging_counts_both_kinds_of_mistakes(capsys):
    class Says(md.Sequential):
        def predict(self, x, batch_size=None):
            return np.array([[1.0], [1.0], [-1.0], [-1.0]])

    reviews.judge(Says(), (np.zeros((4, 1)), np.array([[1], [0], [0], [0]])))
    printed = capsys.readouterr().out
    assert "Test accuracy 0.7500 on 4 sentences" in printed
    assert "0 of 1 good ones were taken for bad" in printed and "1 of 3 bad ones were taken for good" in printed


def test_pieces_are_words_pairs_and_beginnings():
    assert reviews_bag.pieces([]) == []
    counts = reviews_bag.tokenizer().word_counts
    assert counts["not"] > 100 and counts["^ the"] > 100 and counts["of the"] > 100 and counts["movie*"] > 100


def test_rare_pieces_weigh_more():
    weights = reviews_bag.inverse_frequency()
    index = reviews_bag.tokenizer().word_index
    assert weights.shape == (reviews_bag.NUM_PIECES,) and (weights >= 0).all()
    assert weights[index["the"]] < weights[index["film"]] < weights[index["charming"]]


def test_attention_is_shared_among_the_words_only():
    model = reviews_attention.build()
    _, A, alpha = model.look(md.Tensor(reviews.rows([["not", "bad"]])))
    np.testing.assert_allclose(A.numpy()[0, :, -2:, -2:].sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(alpha.numpy()[0, -2:].sum(), 1, rtol=1e-5)
    assert (alpha.numpy()[0, :-2] == 0).all() and (A.numpy()[..., :-2] == 0).all()


# --- sunspots -----------------------------------------------------------------------------------------------------


def test_parts_follow_one_another_and_the_scale_knows_the_first_only():
    _, values = md.data.sunspots()
    targets = [sunspots_lstm.scale().back(y)[:, 0] for _, y in data(sunspots_lstm)]
    assert [len(t) for t in targets] == [309 - 60 - 30 - 12, 30, 60]
    np.testing.assert_allclose(np.concatenate(targets) ** 2, values[12:], atol=1e-3)
    np.testing.assert_allclose(sunspots_lstm.scale().mean, np.sqrt(values[:219]).mean())


def test_autoregression_finds_the_weights_of_a_series_that_obeys_them():
    s = [1.0, 2.0]
    while len(s) < 150:
        s.append(1.6 * s[-1] - 0.8 * s[-2] + 3)
    np.testing.assert_allclose(sunspots_lstm.autoregression(np.array(s), 2), s[-60:], rtol=1e-6)


def test_autoregression_on_sunspots_is_as_good_as_known(capsys):
    sunspots_lstm.judge(sunspots_lstm.build(), data(sunspots_lstm)[2])
    lines = {line[:25].strip(): float(line[25:]) for line in capsys.readouterr().out.splitlines()[1:]}
    assert lines["AR(9)"] == 0.545 and lines["the same as last year"] == 0.938
