"""Recurrent layers: the same numbers all at once, step by step and from both ends; states, dropout, training."""

import copy

import fake_cupy
import numpy as np
import pytest
from small_sequences import LAYERS, PAIRS, D, H, N, T, assert_alike, each_layer, padded_words, sequences, some_mask

import minidl as md
from minidl.backward import gradients
from minidl.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    TimeDistributed,
)


@pytest.fixture(autouse=True)
def seeded():
    md.seed(0)


# --- parameters as in Keras -----------------------------------------------------------------------------------------


def test_parameters_have_keras_shapes_and_beginnings():
    md.seed(0)
    layer = LSTM(H)
    layer(sequences())
    shapes = {name: p.shape for name, p in layer.named_parameters()}
    assert shapes == {"cell.kernel": (D, 4 * H), "cell.recurrent_kernel": (H, 4 * H), "cell.bias": (4 * H,)}
    U = layer.cell.recurrent_kernel.data
    np.testing.assert_allclose(U @ U.T, np.eye(H), atol=1e-6)
    np.testing.assert_array_equal(layer.cell.bias.data, [0, 0, 1, 1, 0, 0, 0, 0])
    assert np.abs(layer.cell.kernel.data).max() <= (6 / (D + 4 * H)) ** 0.5


@pytest.mark.parametrize(
    "cell, bias",
    [
        (GRU(H), (2, 3 * H)),
        (GRU(H, reset_after=False), (3 * H,)),
        (GRU(H, use_bias=False), None),
        (SimpleRNN(H), (H,)),
        (LSTM(H, unit_forget_bias=False, bias_initializer="ones"), (4 * H,)),
    ],
)
def test_biases(cell, bias):
    cell(sequences())
    b = cell.cell.bias
    assert (b if b is None else b.shape) == bias


@pytest.mark.parametrize("cell", [LSTMCell, GRUCell])
def test_what_stands_elsewhere_in_keras_cells_is_given_by_its_name_only(cell):
    with pytest.raises(TypeError, match="positional arguments"):
        cell(H, "tanh", "sigmoid", False)  # there the fourth is use_bias


def test_layers_show_their_settings():
    assert repr(LSTM(64, return_sequences=True)) == "LSTM(64, return_sequences=True)"
    assert repr(Bidirectional(GRU(8))) == "Bidirectional(GRU(8))"
    assert repr(TimeDistributed(Dense(8))) == "TimeDistributed(Dense(8))"
    assert repr(Embedding(100, 8, mask_zero=True)) == "Embedding(100, 8, mask_zero=True)"
    assert repr(LSTMCell(3)) == "LSTMCell(3)"


# --- one step after the other ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, cell_kind", PAIRS)
def test_a_loop_over_the_cell_gives_what_the_layer_gives(kind, cell_kind):
    layer = kind(H, return_sequences=True, return_state=True)
    x = sequences()
    y, *ends = layer(x)
    assert isinstance(layer.cell, cell_kind)
    states = layer.cell.get_initial_state(N)
    for t in range(T):
        h, states = layer.cell(x[:, t], states)
        assert_alike(h, md.Tensor(y.data[:, t]))
    assert_alike(states, ends)


@each_layer
@pytest.mark.parametrize("masked", [False, True])
def test_the_steps_of_any_cell_are_those_of_the_op(kind, masked):
    """An activation that computes the same, but is not the op's own, goes step by step."""
    layer = kind(H, return_sequences=True, return_state=True)
    slow = kind(H, activation=lambda z: md.tanh(z), return_sequences=True, return_state=True)
    assert layer.cell.is_standard is not slow.cell.is_standard
    x, mask = sequences(), some_mask() if masked else None
    layer(x), slow(x)
    slow.set_weights(layer.get_weights())
    assert_alike(layer(x, mask=mask), slow(x, mask=mask))
    states = [md.Tensor(sequences(N, H)) for _ in range(layer.cell.n_states)]
    assert_alike(layer(x, initial_state=states, mask=mask), slow(x, initial_state=states, mask=mask))


def test_other_activations():
    x = sequences()
    md.seed(1)
    y = SimpleRNN(H, activation="relu", return_sequences=True)(x)
    assert y.data.min() == 0
    assert LSTM(H, recurrent_activation="hard_sigmoid")(x).shape == (N, H)
    assert GRU(H, reset_after=False)(x).shape == (N, H)
    assert SimpleRNN(H, activation=None)(x).shape == (N, H)


@pytest.mark.parametrize("settings", [{"activation": None}, {"activation": "linear"}, {"recurrent_activation": None}])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_no_activation_leaves_numbers_as_they_are(kind, settings):
    layer = kind(H, **settings)
    plain = kind(H, **dict.fromkeys(settings, lambda z: z))
    x = sequences()
    layer(x), plain(x)
    plain.set_weights(layer.get_weights())
    assert_alike(layer(x), plain(x))


@pytest.mark.parametrize("kind", [SimpleRNNCell, LSTMCell, GRUCell])
def test_the_states_of_a_cell_become_the_kernels_kind_of_number(kind):
    cell, x = kind(H), sequences()[:, 0]
    _, states = cell(x)
    same = [s.numpy().astype("float64") for s in states]
    h, states = cell(x, same if len(same) > 1 else same[0])  # a single state need not stand in a list
    assert h.dtype == np.float32 and all(s.shape == (N, H) for s in states)


WRONG_STEPS = {
    "a state too few": (lambda cell, x: cell(x, [np.zeros((N, H))]), r"LSTMCell 'lstm_cell' expects states \[h, c\], "),
    "a state for one sample": (
        lambda cell, x: cell(x, [np.zeros((1, H))] * 2),
        r"\(N, H\) = .*, got \(1, 2\), \(1, 2\)",
    ),
    "no numbers": (
        lambda cell, x: cell(x, states=[None, None]),
        "LSTMCell 'lstm_cell': expected numbers, got NoneType",
    ),
    "another width": (lambda cell, x: cell(x[:, :-1]), r"LSTMCell 'lstm_cell' expects one step \(N, D\) of D = "),
    "all steps": (lambda cell, x: cell(sequences()), r"LSTMCell 'lstm_cell' expects one step \(N, D\) of D = "),
}


@pytest.mark.parametrize("wrong", WRONG_STEPS)
def test_a_wrong_call_of_a_cell_is_refused(wrong):
    cell, x = LSTMCell(H), sequences()[:, 0]
    cell(x)
    call, message = WRONG_STEPS[wrong]
    with pytest.raises((ValueError, TypeError), match=message):
        call(cell, x)


def test_a_cell_of_ones_own():
    class Sum(md.Layer):
        units, n_states = D, 1

        def get_initial_state(self, batch_size):
            return [md.Tensor(np.zeros((batch_size, D), np.float32))]

        def call(self, x, states):
            return states[0] + x, [states[0] + x]

    x = sequences()
    np.testing.assert_allclose(RNN(Sum(), return_sequences=True)(x).data, x.cumsum(axis=1), rtol=1e-5, atol=1e-6)


# --- what comes out -------------------------------------------------------------------------------------------------


@each_layer
def test_the_last_output_is_the_last_of_all_and_the_state(kind):
    layer = kind(H, return_sequences=True, return_state=True)
    x = sequences()
    y, h, *_ = layer(x)
    assert y.shape == (N, T, H)
    assert_alike(md.Tensor(y.data[:, -1]), h)
    layer.return_sequences = layer.return_state = False
    assert_alike(layer(x), h)


@each_layer
def test_backwards_is_forwards_on_the_reversed_sequence(kind):
    layer = kind(H, return_sequences=True)
    x, mask = sequences(), some_mask()
    forwards = layer(np.ascontiguousarray(x[:, ::-1]), mask=mask[:, ::-1])
    layer.go_backwards = True
    assert_alike(layer(x, mask=mask), forwards)
    np.testing.assert_array_equal(layer.compute_mask(x, mask), mask[:, ::-1])


@each_layer
def test_a_sequence_in_two_parts(kind):
    """States that are handed on make two short sequences one long one."""
    layer = kind(H, return_sequences=True, return_state=True)
    x = sequences()
    whole = layer(x)
    first, *states = layer(x[:, :1])
    second, *ends = layer(x[:, 1:], initial_state=states)
    assert_alike([md.concatenate([first, second], axis=1), *ends], whole)


@each_layer
def test_initial_states_may_be_given_by_position_and_get_gradients(kind):
    layer = kind(H)
    states = [md.Tensor(sequences(N, H), requires_grad=True) for _ in range(layer.cell.n_states)]
    layer(sequences(), states).sum().backward()
    assert all(np.abs(s.grad).max() > 0 for s in states)
    if len(states) == 1:
        assert_alike(layer(sequences(), initial_state=states[0]), layer(sequences(), states))


@each_layer
def test_one_step_and_one_sample(kind):
    layer = kind(H)
    assert layer(sequences(1, 1, D)).shape == (1, H)
    assert layer(sequences(0, T, D)).shape == (0, H)


@each_layer
def test_inputs_become_the_kernels_dtype(kind):
    layer = kind(H)
    x = sequences()
    y = layer(x)
    assert_alike(layer(x.astype(np.float64)), y)
    assert layer(x.astype(np.float64)).dtype == layer(x.astype(int)).dtype == np.float32
    x64 = md.Tensor(x.astype(np.float64), requires_grad=True)
    layer(x64).sum().backward()
    assert x64.grad.dtype == np.float64
    states = [np.zeros((N, H))] * layer.cell.n_states
    assert_alike(layer(x, initial_state=states), y)
    assert layer(x, initial_state=states).dtype == np.float32
    assert_alike(layer(x, initial_state=[s.tolist() for s in states]), y)


def test_large_numbers_do_not_overflow():
    """Warnings are errors: e^−z of a gate far from 0 is infinite in float32."""
    for kind in LAYERS:
        y = kind(H, return_sequences=True)(sequences() * 1e6)
        assert np.isfinite(y.data).all()


# --- dropout --------------------------------------------------------------------------------------------------------


@each_layer
def test_dropout_drops_a_feature_in_all_steps_of_a_sample(kind):
    layer = kind(H, return_sequences=True, dropout=0.5, rng=3)
    x = md.Tensor(np.ones((N, T, D), np.float32), requires_grad=True)
    layer(x).sum().backward()
    dropped = x.grad == 0
    assert (dropped.all(axis=1) == dropped.any(axis=1)).all() and dropped.any() and not dropped.all()
    assert_alike(layer(x, training=False), copy.deepcopy(layer).eval()(x))
    assert np.abs(layer(x).data - layer(x).data).max() > 0


def test_the_two_directions_drop_from_one_generator():
    layer = Bidirectional(LSTM(H, dropout=0.5, rng=3))
    assert layer.forward_layer.dropout.rng is layer.backward_layer.dropout.rng


# --- training -------------------------------------------------------------------------------------------------------


def two_lstms():
    """D2.P3's classifier, smaller."""
    return md.Sequential([
        Embedding(20, 8, mask_zero=True), LSTM(8, return_sequences=True), Dropout(0.5), LSTM(8), Dropout(0.5),
        Dense(1, activation="sigmoid"),
    ])  # fmt: skip


def test_a_network_learns_what_only_memory_can_tell():
    """The class is the first word, seven steps ago."""
    md.seed(0)
    words = np.random.default_rng(0).integers(1, 20, (256, 8))
    model = two_lstms()
    model.compile(optimizer=md.optimizers.Adam(learning_rate=0.02), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(words, words[:, :1] >= 10, epochs=25, verbose=0)
    assert model.evaluate(words, words[:, :1] >= 10, verbose=0)[1] > 0.95


def test_a_copy_and_loaded_weights_give_the_same(tmp_path):
    model = two_lstms()
    words = padded_words()
    y = model(words, training=False)
    assert_alike(copy.deepcopy(model)(words, training=False), y)
    model.save_weights(tmp_path / "weights.npz")
    other = two_lstms()
    other(words)
    other.load_weights(tmp_path / "weights.npz")
    assert_alike(other(words, training=False), y)


@pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU, Bidirectional])
def test_networks_train_alike_on_the_gpus_stand_in(kind):
    def trained(device):
        md.seed(3)
        recurrent = Bidirectional(LSTM(3)) if kind is Bidirectional else kind(3)
        model = md.Sequential([Embedding(10, 4, mask_zero=True, input_length=T), Dropout(0.5), recurrent, Dense(1)])
        model.to(device)
        optimizer = md.optimizers.Adam(model.parameters())
        words = md.Tensor(padded_words()).to(device)
        for _ in range(3):
            loss = (model(words) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model.state_dict()

    expected = trained("cpu")
    with fake_cupy.installed():
        found = trained("cuda")
    for name, weights in expected.items():
        np.testing.assert_allclose(found[name], weights, rtol=1e-5, atol=1e-6)


@each_layer
def test_the_inputs_gradient_is_not_computed_where_nobody_asks(kind):
    layer = kind(H)
    x = md.Tensor(sequences())
    (dW,) = gradients(layer(x).sum(), [layer.cell.kernel])
    assert dW.shape == layer.cell.kernel.shape


def test_frozen_layers_pass_gradients_on():
    x = md.Tensor(sequences(), requires_grad=True)
    layer = LSTM(H, trainable=False)
    layer(x).sum().backward()
    assert layer.cell.kernel.grad is None and np.abs(x.grad).max() > 0
