"""Masks at the end: losses and metrics leave out the steps that are padding, as in Keras."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L

N, T, V, D, H, C = 6, 5, 9, 4, 3, 3
COUNTS = np.arange(T) < np.array([3, 5, 1, 2, 4, 5])[:, None]  # (N, T)
rng = np.random.default_rng(0)
WORDS = rng.integers(1, V, (N, T)) * COUNTS
LABELS = rng.integers(0, C, (N, T))
NUMBERS = rng.normal(size=(N, T, 1)).astype(np.float32)
WEIGHTS = rng.random(N).astype(np.float32)
ANSWERS = rng.integers(0, 2, (N, T, 1)).astype(np.float32)
LSTM = [rng.normal(size=shape) for shape in ((V, D), (D, 4 * H), (H, 4 * H), (4 * H,))]
ENDS = {C: [rng.normal(size=(H, C)), rng.normal(size=C)], 1: [rng.normal(size=(H, 1)), np.zeros(1)]}


def tagger(units, activation, loss, metrics):
    """An output for each word."""
    last = L.TimeDistributed(L.Dense(units, activation=activation))
    model = md.Sequential([L.Embedding(V, D, mask_zero=True), L.LSTM(H, return_sequences=True), last])
    model(WORDS)
    model.set_weights(LSTM + ENDS[units])
    model.compile(md.optimizers.SGD(learning_rate=0.1), loss, metrics)
    return model


SOFTMAX = (C, "softmax", "sparse_categorical_crossentropy", ["accuracy"])
SQUARES = (1, None, "mse", ["mae"])
SIGMOID = (1, "sigmoid", "binary_crossentropy", ["accuracy"])


# Loss and metric of two epochs, then Σ|w| of the embedding and of the last kernel: what Keras 3.15 prints. (There the
# samples' weights have to be (N, 1).)
@pytest.mark.parametrize(
    "settings, y, w, losses, figures, sums",
    [
        (SOFTMAX, LABELS, None, [1.87187, 1.74787], [0.15, 0.15], [28.7245, 8.8388]),
        (SOFTMAX, LABELS, WEIGHTS, [0.76500, 0.74078], [0.15, 0.15], [28.7821, 8.8866]),
        (SQUARES, NUMBERS, None, [1.06103, 0.84372], [0.75771, 0.71773], [28.8530, 2.3525]),
        (SQUARES, NUMBERS, WEIGHTS, [0.34694, 0.30140], [0.77210, 0.74270], [28.8717, 2.4465]),
        (SIGMOID, ANSWERS, WEIGHTS, [0.32501, 0.32204], [0.4, 0.4], [28.8331, 2.5094]),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_masked_steps_are_left_out_as_in_keras(settings, y, w, losses, figures, sums, threads):
    model = tagger(*settings)
    history = model.fit(
        WORDS, y, batch_size=4, epochs=2, shuffle=False, sample_weight=w, verbose=0, threads=threads
    ).history
    np.testing.assert_allclose(history["loss"], losses, atol=1e-5)
    np.testing.assert_allclose(history[settings[3][0]], figures, atol=1e-5)
    weights = model.get_weights()
    np.testing.assert_allclose([abs(weights[0]).sum(), abs(weights[-2]).sum()], sums, atol=1e-4)


def test_what_stands_behind_masked_steps_does_not_matter():
    other = np.where(COUNTS, LABELS, (LABELS + 1) % C)
    runs = []
    for y in (LABELS, other):
        model = tagger(*SOFTMAX)
        before = model.evaluate(WORDS, y, verbose=0), model.test_on_batch(WORDS, y), model.train_on_batch(WORDS, y)
        history = model.fit(WORDS, y, epochs=2, validation_data=(WORDS, y), shuffle=False, verbose=0).history
        runs.append((before, history, [w.tolist() for w in model.get_weights()]))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("threads", [1, 2])
def test_each_of_several_outputs_has_its_own_mask(threads):
    x = md.Input((T,), dtype="int64")
    h = L.Embedding(V, D, mask_zero=True)(x)
    words, text = L.Dense(1, name="words")(h), L.Dense(1, name="text")(L.GlobalAveragePooling1D()(h))
    model = md.Model(x, [words, text])
    model.compile("sgd", ["mse", "mse"], [["mae"], ["mae"]])
    t = NUMBERS[:, 0]  # (N, 1)
    y, z = model.predict(WORDS, verbose=0)
    expected = [((y - NUMBERS)[COUNTS] ** 2).mean(), ((z - t) ** 2).mean()]
    mae = [abs(y - NUMBERS)[COUNTS].mean(), abs(z - t).mean()]
    history = model.fit(WORDS, [NUMBERS, t], batch_size=N, shuffle=False, verbose=0, threads=threads).history
    logs = [history[key][0] for key in ("loss", "words_loss", "text_loss", "words_mae", "text_mae")]
    np.testing.assert_allclose(logs, [sum(expected), *expected, *mae], rtol=1e-5)


def test_functions_give_a_number_for_each_step():
    model = tagger(1, None, lambda t, y: (t - y) ** 2, [lambda t, y: abs(t - y)])
    named = tagger(*SQUARES)
    results = model.evaluate(WORDS, NUMBERS, verbose=0)
    assert results == pytest.approx(named.evaluate(WORDS, NUMBERS, verbose=0))
    with pytest.raises(ValueError, match=r"returned shape \(\), but steps of the outputs \(6, 5, 1\) are masked"):
        tagger(1, None, lambda t, y: ((t - y) ** 2).mean(), []).evaluate(WORDS, NUMBERS, verbose=0)
    with pytest.raises(ValueError, match=r"masked, it needs a value for each step: it gave shape \(6,\)"):
        tagger(1, None, "mse", [lambda t, y: abs(t - y).mean()]).evaluate(WORDS, NUMBERS, verbose=0)


def test_where_no_step_counts_the_loss_is_zero():
    model = tagger(*SOFTMAX)
    before = model.get_weights()
    assert model.train_on_batch(np.zeros_like(WORDS), LABELS)[0] == 0
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_train_step_without_the_objective_finds_no_mask_of_another_batch():
    class Own(md.Sequential):
        def train_step(self, x, y, sample_weight=None):
            outputs = self(x)
            return md.losses.MeanSquaredError()(y, outputs), outputs

    model = Own([L.Masking(), L.Dense(1)])
    model.compile("sgd", "mse", ["mae"])
    x = np.where(COUNTS[..., None], NUMBERS, 0)
    model.evaluate(x, NUMBERS, verbose=0)
    mae = abs(model.predict(x, verbose=0) - NUMBERS).mean()
    assert model.fit(x, NUMBERS, verbose=0, shuffle=False).history["mae"] == pytest.approx([mae])


def test_a_mask_that_does_not_fit_the_outputs_is_refused():
    class Shorter(L.Layer):
        supports_masking = True

        def call(self, x):
            return x[:, 1:]

    model = md.Sequential([L.Masking(), Shorter()])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"shape \(6, 5\), which does not fit outputs of shape \(6, 4, 1\)"):
        model.evaluate(NUMBERS, NUMBERS[:, 1:], verbose=0)


def test_steps_may_be_weighted_in_a_loss_by_itself():
    t, y = NUMBERS, NUMBERS[::-1]
    weights = WEIGHTS[:, None] * COUNTS  # (N, T)
    expected = (weights * ((t - y) ** 2)[..., 0]).mean()
    assert md.losses.MeanSquaredError()(t, y, weights).item() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"weights of shape \(6, 5\) do not fit losses of shape \(6,\)"):
        md.losses.CategoricalCrossentropy()(np.full((N, T), 1 / T), np.full((N, T), 1 / T, np.float32), weights)


def test_a_call_of_ones_own_is_computed_once_for_each_batch():
    """Nothing looks for masks by computing the layers in their row a second time."""
    seen = []

    class Watched(md.Layer):
        def call(self, x):
            seen.append(x.shape)
            return x * 1.0

    class Doubled(md.Sequential):
        def call(self, x):
            return super().call(x) * 2.0

    model = Doubled([Watched(), L.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)
    model.train_on_batch(x, y)
    seen.clear()
    model.train_on_batch(x, y)
    assert seen == [(4, 3)]
