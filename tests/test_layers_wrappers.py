"""Bidirectional and TimeDistributed."""

import numpy as np
import pytest
from small_sequences import D, H, N, T, assert_alike, sequences

import minidl as md
from minidl.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Embedding,
    TimeDistributed,
)


@pytest.fixture(autouse=True)
def seeded():
    md.seed(0)


# --- around a layer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("all_steps", [True, False])
def test_bidirectional_merges(mode, all_steps):
    layer = Bidirectional(GRU(H, return_sequences=all_steps), merge_mode=mode)
    x = sequences()
    y = layer(x)
    a, b = (part(x).data for part in (layer.forward_layer, layer.backward_layer))
    assert not np.allclose(a, b)
    b = b[:, ::-1] if all_steps else b
    expected = {
        "concat": np.concatenate([a, b], axis=-1), "sum": a + b, "mul": a * b, "ave": (a + b) / 2, None: [a, b],
    }[mode]  # fmt: skip
    assert_alike(y, [md.Tensor(e) for e in expected] if mode is None else md.Tensor(expected))


def test_bidirectional_states():
    layer = Bidirectional(LSTM(H, return_state=True))
    x = sequences()
    y, *states = layer(x)
    assert len(states) == 4
    np.testing.assert_array_equal(y.data, np.concatenate([states[0].data, states[2].data], axis=-1))
    again, *_ = layer(x, initial_state=states)
    assert not np.allclose(again.data, y.data)
    assert_alike(layer(x, states)[0], again)


def test_bidirectional_with_a_backward_layer_of_ones_own():
    layer = Bidirectional(GRU(2), backward_layer=LSTM(3, go_backwards=True))
    assert layer(sequences()).shape == (N, 5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([GRU(2, go_backwards=True)], "a layer that reads forwards"),
        ([GRU(2), GRU(2)], "go_backwards=True"),
        ([GRU(2), GRU(2, go_backwards=True, return_sequences=True)], "the same return_sequences"),
        ([GRU(2, return_state=True), GRU(2, go_backwards=True)], "the same return_state"),
    ],
)
def test_bidirectional_refuses_layers_whose_outputs_do_not_belong_together(layers, message):
    with pytest.raises(ValueError, match=message):
        Bidirectional(layers[0], backward_layer=layers[1] if layers[1:] else None)


def test_time_distributed_hands_masks_of_steps_inside_the_steps_on():
    words = np.array([[[1, 2, 0], [3, 0, 0], [0, 0, 0]]])  # (1, 3 sentences, 3 words), the last sentence padding
    embedding, of_words, of_sentences = Embedding(4, D, mask_zero=True), LSTM(H), GRU(H)
    model = md.Sequential([embedding, TimeDistributed(of_words), of_sentences])
    sentences = of_words(embedding(words[0]), mask=words[0] != 0)
    assert_alike(model(words), of_sentences(sentences.reshape(1, 3, H), mask=[[True, True, False]]))
    model = md.Sequential([TimeDistributed(embedding), TimeDistributed(of_words)])
    assert_alike(model(words)[0], sentences)


def test_time_distributed_refuses_a_layer_of_several_outputs():
    with pytest.raises(TypeError, match=r"expects a layer with one output, got a list from LSTM\(2, return_state"):
        TimeDistributed(LSTM(2, return_state=True))(sequences(N, T, 3, 2))


def test_time_distributed_is_the_layer_at_each_step():
    layer = TimeDistributed(md.Sequential([md.layers.Flatten(), Dense(5)]))
    x = sequences(N, T, 3, 2)
    y = layer(x)
    assert y.shape == (N, T, 5)
    for t in range(T):
        assert_alike(md.Tensor(y.data[:, t]), layer.layer(x[:, t]))
    model = md.Sequential([md.Input((None, 3, 2)), TimeDistributed(md.layers.Flatten()), LSTM(H)])
    assert model(x).shape == (N, H)
