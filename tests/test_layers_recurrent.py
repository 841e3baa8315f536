"""Recurrent layers: the same numbers all at once, step by step and from both ends; masks, states, dropout, models."""

import copy

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl.backward import gradients
from minidl.layers import (
    GRU,
    LSTM,
    RNN,
    BagOfEmbeddings,
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

N, T, D, H = 5, 4, 3, 2
PAIRS = [(SimpleRNN, SimpleRNNCell), (LSTM, LSTMCell), (GRU, GRUCell)]
LAYERS = [layer for layer, _ in PAIRS]

each_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def seeded():
    md.seed(0)


def sequences(*shape):
    return np.random.default_rng(3).normal(size=shape or (N, T, D)).astype(np.float32)


def some_mask():
    return np.random.default_rng(4).random((N, T)) < 0.6


def outputs(result):
    return [y.data for y in (result if isinstance(result, list) else [result])]


def assert_alike(a, b, **tolerance):
    for one, other in zip(outputs(a), outputs(b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6, **tolerance)


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


# --- masks ----------------------------------------------------------------------------------------------------------


@each_layer
def test_a_mask_leaves_steps_out(kind):
    """What is masked might as well not be there, in value and gradient."""
    layer = kind(H)
    x, mask = sequences(), some_mask()
    mask[:, 0] |= ~mask.any(axis=1)
    y = layer(x, mask=mask)
    for n in range(N):
        assert_alike(md.Tensor(y.data[n : n + 1]), layer(x[n : n + 1, mask[n]]))
    xs = md.Tensor(x, requires_grad=True)
    layer(xs, mask=mask).sum().backward()
    assert (xs.grad[~mask] == 0).all() and (xs.grad[mask] != 0).any()


@each_layer
def test_a_mask_of_truth_values_in_any_form(kind):
    layer = kind(H)
    x, mask = sequences(), some_mask()
    y = layer(x, mask=mask)
    for form in (mask.tolist(), mask.astype(int), md.Tensor(mask)):
        assert_alike(layer(x, mask=form), y)
    assert_alike(layer(x, mask=np.ones((N, T), bool)), layer(x))
    assert (layer(x, mask=np.zeros((N, T), bool)).data == 0).all()


def padded_words():
    words = np.random.default_rng(5).integers(1, 10, (N, T))
    words[0, :3] = words[1, 1:] = words[2, :1] = 0
    return words


def by_hand(layers, words, mask):
    """The layers in a row, each recurrent one given the mask."""
    y = words
    for layer in layers:
        y = layer(y, mask=mask) if layer.uses_mask else layer(y)
    return y


@pytest.mark.parametrize("form", ["Sequential", "drawn", "nested", "nested drawing"])
def test_models_carry_masks_from_the_embedding_to_every_recurrent_layer(form):
    layers = [
        Embedding(10, D, md.initializers.RandomNormal(stddev=1), mask_zero=True),
        Dropout(0.5),
        GRU(H, return_sequences=True),
        Dense(D, activation="tanh"),
        Bidirectional(LSTM(H)),
        Dense(1),
    ]
    if form == "drawn":
        x = y = md.Input((None,), dtype="int64")
        for layer in layers:
            y = layer(y)
        model = md.Model(x, y)
    elif form == "nested":
        model = md.Sequential([md.Sequential(layers[:3]), md.Sequential(layers[3:])])
    elif form == "nested drawing":
        x, s = md.Input((None,), dtype="int64"), md.Input((None, H))
        inner = md.Model(x, layers[2](layers[1](layers[0](x))))
        outer = md.Model(s, layers[4](layers[3](s)))
        model = md.Sequential([inner, outer, layers[5]])
    else:
        model = md.Sequential(layers)
    words = padded_words()
    model.eval()
    y = model(words)
    expected = by_hand(layers, words, words != 0)
    assert_alike(y, expected)
    without = by_hand(layers, words, np.ones_like(words, bool))
    assert np.abs(without.data - expected.data).max() > 1e-3


def test_masks_end_where_steps_end_and_pass_where_they_stay():
    x, mask = md.Tensor(np.zeros((N, T, D))), some_mask()
    stays = [Dense(3), Dropout(0.5), md.layers.ReLU(), LSTM(3, return_sequences=True), TimeDistributed(Dense(3))]
    ends = [LSTM(3), md.layers.Flatten(), Bidirectional(GRU(3)), BagOfEmbeddings(9, 3), md.layers.Reshape((12,))]
    assert all(layer.compute_mask(x, mask) is mask for layer in stays)
    assert all(layer.compute_mask(x, mask) is None for layer in ends)
    assert Bidirectional(GRU(3, return_sequences=True)).compute_mask(x, mask) is mask
    np.testing.assert_array_equal(Embedding(9, 3, mask_zero=True).compute_mask([[1, 0]]), [[True, False]])
    assert Embedding(9, 3).compute_mask([[1, 0]]) is None


def test_masks_meet_where_branches_meet():
    a, b = np.array([[True, True, False]]), np.array([[False, True, True]])
    np.testing.assert_array_equal(md.layers.Add().compute_mask(None, [a, b]), [[False, True, False]])
    np.testing.assert_array_equal(md.layers.Concatenate().compute_mask(None, [a, None]), a)
    assert md.layers.Add().compute_mask(None, [None, None]) is None
    np.testing.assert_array_equal(md.layers.Concatenate(axis=2).compute_mask(None, [a, b]), a & b)
    assert md.layers.Concatenate(axis=0).compute_mask(None, [a, b]) is None
    words = np.array([[1, 0, 2]])
    x = md.Input((3,), dtype="int64")
    left, right = Embedding(3, D, mask_zero=True), Embedding(3, D)
    last = GRU(H)
    model = md.Model(x, last(md.layers.Add()([left(x), right(x)])))
    assert_alike(model(words), last(left(words) + right(words), mask=words != 0))
    model = md.Model(x, last(right(x) + left(x)))  # an operator carries the mask of either side
    assert_alike(model(words), last(right(words) + left(words), mask=words != 0))


def test_masks_of_sequences_one_after_the_other_are_joined():
    a, b, x = np.array([[True, False]]), np.array([[False, True, True]]), md.Tensor(np.zeros((1, 2, D)))
    one_after_the_other = md.layers.Concatenate(axis=1)
    np.testing.assert_array_equal(one_after_the_other.compute_mask(None, [a, b]), [[True, False, False, True, True]])
    np.testing.assert_array_equal(one_after_the_other.compute_mask([x, x], [a, None]), [[True, False, True, True]])
    assert one_after_the_other.compute_mask([x, x], [None, None]) is None
    words = np.array([[1, 0, 2]])
    symbol = md.Input((3,), dtype="int64")
    embedding, last = Embedding(3, D, mask_zero=True), GRU(H)
    model = md.Model(symbol, last(one_after_the_other([embedding(symbol), embedding(symbol)])))
    twice = np.concatenate([words, words], axis=1)
    assert_alike(model(words), last(embedding(twice), mask=twice != 0))


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


# --- embeddings -----------------------------------------------------------------------------------------------------


def test_an_embeddings_gradient_sums_over_the_places_of_a_word():
    layer = Embedding(4, 2)
    layer([[1, 1, 3]]).sum().backward()
    np.testing.assert_array_equal(layer.embeddings.grad, [[0, 0], [2, 2], [0, 0], [1, 1]])


def test_embedding_takes_whole_numbers_of_any_type():
    layer = Embedding(4, 2)
    y = layer([[1, 2]])
    for dtype in (np.uint8, np.int32, np.float32):
        assert_alike(layer(np.array([[1, 2]], dtype)), y)
    assert layer(np.zeros((3, 0), int)).shape == (3, 0, 2)
    assert layer([1, 2]).shape == (2, 2)


def test_embedding_says_its_input():
    assert md.Sequential([Embedding(10, 8, input_length=5)]).count_params() == 80
    assert np.abs(md.Sequential([Embedding(10, 8, input_length=5)]).get_weights()[0]).max() <= 0.05


def test_a_bag_weighs_words_by_their_frequency():
    """D1.E2: v = Σ α_w e_w, with the α of a tokenizer's matrix of frequencies."""
    tokenizer = md.data.Tokenizer()
    texts = ["a b a", "c", "b b b a"]
    tokenizer.fit_on_texts(texts)
    bag = BagOfEmbeddings(4, 2)
    v = bag(md.data.pad_sequences(tokenizer.texts_to_sequences(texts)))
    alpha = tokenizer.texts_to_matrix(texts, mode="freq")
    np.testing.assert_allclose(v.data, alpha @ bag.embeddings.data, rtol=1e-6)


def test_a_bag_of_nothing_is_zero_and_weights_are_kept_but_not_trained():
    bag = BagOfEmbeddings(3, 2, word_weights=[5.0, 1.0, 2.0], mask_zero=False)
    bag([[0, 1]])
    assert [p.requires_grad for p in bag.parameters()] == [True, False]
    E = bag.embeddings.data
    np.testing.assert_allclose(bag([[0, 2]]).data[0], (5 * E[0] + 2 * E[2]) / 7, rtol=1e-6)
    assert (BagOfEmbeddings(3, 2)([[0, 0]]).data == 0).all()


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
