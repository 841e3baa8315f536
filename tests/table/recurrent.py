"""Rows for recurrent ops, cells and layers, embeddings and the layers around layers.

The references read one sample at a time, one step at a time, with each gate's own slice of the weights.
"""

import numpy as np

import minidl as md
from tests.table.cross_entropy import on
from tests.table.layers import given
from tests.table.row import Refusal, Row

STEPS = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]])[..., None]  # which steps count, (2, 3, 1)
N, T, D, H = 2, 3, 4, 1  # H = 1 and 3: sizes that tell gates from units

# --- plain loops ----------------------------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gate(k, H, x, h, W, U, b=None):
    """z of the k-th gate, for one sample."""
    cut = slice(k * H, (k + 1) * H)
    return x @ W[:, cut] + h @ U[:, cut] + (0 if b is None else b[cut])


def rnn_cell(x, states, W, U, b=None, f=np.tanh):
    (h,) = states
    return [f(gate(0, len(h), x, h, W, U, b))]


def lstm_cell(x, states, W, U, b=None):
    h, c = states
    z_i, z_f, z_g, z_o = (gate(k, len(h), x, h, W, U, b) for k in range(4))
    c = sigmoid(z_f) * c + sigmoid(z_i) * np.tanh(z_g)
    return [sigmoid(z_o) * np.tanh(c), c]


def gru_cell(x, states, W, U, b=None, reset_after=True):
    (h,) = states
    H = len(h)
    b = np.zeros((2, 3 * H)) if b is None else b if b.ndim == 2 else np.stack([b, 0 * b])
    z, r = (sigmoid(gate(k, H, x, h, W, U, b[0] + b[1])) for k in (0, 1))
    W_h, U_h, b1, b2 = W[:, 2 * H :], U[:, 2 * H :], b[0, 2 * H :], b[1, 2 * H :]
    inner = r * (h @ U_h + b2) if reset_after else (r * h) @ U_h
    return [z * h + (1 - z) * np.tanh(x @ W_h + b1 + inner)]


def plain(cell, x, weights, states=None, mask=None, n_states=1, backwards=False):
    """All h (N, T, H) and the last states, sample by sample."""
    H = len(weights[1])
    hs = np.zeros((*x.shape[:2], H))
    ends = []
    for n in range(len(x)):
        s = [np.zeros(H)] * n_states if states is None else [state[n] for state in states]
        order = range(x.shape[1])
        for k, t in enumerate(reversed(order) if backwards else order):
            if mask is None or mask[n, t]:
                s = cell(x[n, t], s, *weights)
            hs[n, k] = s[0]
        ends.append(s)
    return hs, [np.stack([s[k] for s in ends]) for k in range(n_states)]


DROPPING = {"return_sequences": True, "recurrent_dropout": 0.5, "rng": 5}


def plain_dropping(cell, x, weights, n_states):
    """All h, where the products with U see half of h_{t−1}, times 2: of each sample always the same units."""
    H = len(weights[1])
    seen = 2.0 * (np.random.default_rng(5).integers(0, 256, (len(x), H), np.uint8) >= 128)
    W, U, b = weights
    samples = [plain(cell, x[n : n + 1], (W, seen[n][:, None] * U, b), n_states=n_states)[0] for n in range(len(x))]
    return np.concatenate(samples)


def with_cell(h, states):
    return np.concatenate([h, states[1][:, None]], axis=1)


# --- ops ------------------------------------------------------------------------------------------------------------

MASK = np.array([[True, False, True], [False, True, False]])
X = (N, T, D)


def shapes(gates, H, states, bias=None):
    return [X, (D, gates * H), (H, gates * H), bias or (gates * H,), *[(N, H)] * states]


OPS = [
    Row("simple_rnn", lambda *xs: md.simple_rnn(*xs), shapes(1, 3, 1),
        lambda x, W, U, b, h: plain(rnn_cell, x, (W, U, b), [h])[0]),
    Row("simple_rnn", lambda *xs: md.simple_rnn(*xs, mask=on(MASK, xs[0])), shapes(1, 3, 1),
        lambda x, W, U, b, h: plain(rnn_cell, x, (W, U, b), [h], MASK)[0], "mask"),
    Row("lstm", lambda *xs: md.lstm(*xs, final_cell=True), shapes(4, 1, 2),
        lambda x, W, U, b, h, c: with_cell(*plain(lstm_cell, x, (W, U, b), [h, c], n_states=2)), "final cell"),
    Row("lstm", lambda *xs: md.lstm(*xs, mask=on(MASK, xs[0]), final_cell=True), shapes(4, 1, 2),
        lambda x, W, U, b, h, c: with_cell(*plain(lstm_cell, x, (W, U, b), [h, c], MASK, 2)), "mask, final cell"),
    Row("lstm", lambda x, W, U: md.lstm(x, W, U, None, None, None), shapes(4, 3, 0)[:3],
        lambda x, W, U: plain(lstm_cell, x, (W, U), n_states=2)[0], "no bias, zero states"),
    Row("gru", lambda *xs: md.gru(*xs), shapes(3, 1, 1, (2, 3)),
        lambda x, W, U, b, h: plain(gru_cell, x, (W, U, b), [h])[0]),
    Row("gru", lambda *xs: md.gru(*xs, mask=on(MASK, xs[0])), shapes(3, 1, 1, (2, 3)),
        lambda x, W, U, b, h: plain(gru_cell, x, (W, U, b), [h], MASK)[0], "mask"),
    Row("gru", lambda x, W, U: md.gru(x, W, U, None, None), shapes(3, 3, 0)[:3],
        lambda x, W, U: plain(gru_cell, x, (W, U))[0], "no bias, zero state"),
]  # fmt: skip

# --- layers ---------------------------------------------------------------------------------------------------------


def with_weights(layer, W, U, b=None):
    """The recurrent layer or cell with these Tensors as its parameters."""
    given(getattr(layer, "cell", layer), kernel=W, recurrent_kernel=U, bias=b)
    layer.built = True
    return layer


def both_ways(x, W, U, b, W2, U2, b2):
    layer = md.layers.Bidirectional(md.layers.GRU(1, return_sequences=True))
    with_weights(layer.forward_layer, W, U, b)
    with_weights(layer.backward_layer, W2, U2, b2)
    return given(layer)(x, mask=on(MASK, x))


def plain_both_ways(x, W, U, b, W2, U2, b2):
    forward, _ = plain(gru_cell, x, (W, U, b), None, MASK)
    backward, _ = plain(gru_cell, x, (W2, U2, b2), None, MASK, backwards=True)
    return np.concatenate([forward, backward[:, ::-1]], axis=2)


INDICES = np.array([[1, 2, 1], [0, 2, 0]])
WORD_WEIGHTS = [1.0, 0.5, 2.0]


def plain_bag(E):
    v = np.zeros((2, E.shape[1]))
    for n, indices in enumerate(INDICES):
        for i in indices:
            if i:
                v[n] += WORD_WEIGHTS[i] * E[i]
        v[n] /= sum(WORD_WEIGHTS[i] for i in indices if i)
    return v


def bag(E):
    layer = given(md.layers.BagOfEmbeddings(3, 2, WORD_WEIGHTS), embeddings=E)
    layer.word_weights = md.Parameter(on(np.array(WORD_WEIGHTS) * [0, 1, 1], E), trainable=False)
    return layer(on(INDICES, E))


STEP = [(N, D)]
ROWS = [
    *OPS,
    Row("SimpleRNNCell", lambda x, W, U, b, h: with_weights(md.layers.SimpleRNNCell(3), W, U, b)(x, [h])[0],
        [*STEP, *shapes(1, 3, 1)[1:]],
        lambda x, W, U, b, h: np.stack([rnn_cell(x[n], [h[n]], W, U, b)[0] for n in range(len(x))])),
    Row("LSTMCell", lambda x, W, U, b, h, c: with_weights(md.layers.LSTMCell(1), W, U, b)(x, [h, c])[1][1],
        [*STEP, *shapes(4, 1, 2)[1:]],
        lambda x, W, U, b, h, c: np.stack([lstm_cell(x[n], [h[n], c[n]], W, U, b)[1] for n in range(len(x))])),
    Row("GRUCell", lambda x, W, U, b, h: with_weights(md.layers.GRUCell(1, reset_after=False), W, U, b)(x, [h])[0],
        [*STEP, *shapes(3, 1, 1)[1:]],
        lambda x, W, U, b, h: np.stack([gru_cell(x[n], [h[n]], W, U, b, False)[0] for n in range(len(x))])),
    Row("RNN", lambda x, W, U, b: with_weights(md.layers.RNN(md.layers.SimpleRNNCell(3, None)), W, U, b)(
            x, mask=on(MASK, x)), shapes(1, 3, 0),
        lambda x, W, U, b: plain(lambda *a: rnn_cell(*a, f=lambda z: z), x, (W, U, b), None, MASK)[0][:, -1]),
    Row("SimpleRNN", lambda x, W, U, b: with_weights(md.layers.SimpleRNN(3, go_backwards=True), W, U, b)(x),
        shapes(1, 3, 0), lambda x, W, U, b: plain(rnn_cell, x, (W, U, b), backwards=True)[0][:, -1]),
    Row("LSTM", lambda x, W, U, b, h, c: with_weights(md.layers.LSTM(1, return_state=True), W, U, b)(
            x, initial_state=[h, c])[2], shapes(4, 1, 2),
        lambda x, W, U, b, h, c: plain(lstm_cell, x, (W, U, b), [h, c], n_states=2)[1][1]),
    Row("GRU", lambda x, W, U, b: with_weights(md.layers.GRU(1, return_sequences=True), W, U, b)(x),
        shapes(3, 1, 0, (2, 3)), lambda x, W, U, b: plain(gru_cell, x, (W, U, b))[0]),
    *(
        Row(name, lambda x, W, U, b, make=make: with_weights(make(), W, U, b)(x), shapes(gates, 3, 0, bias),
            lambda x, W, U, b, cell=cell, n=n: plain_dropping(cell, x, (W, U, b), n), f"recurrent dropout{more}")
        for name, make, gates, bias, cell, n, more in [
            ("SimpleRNN", lambda: md.layers.SimpleRNN(3, **DROPPING), 1, None, rnn_cell, 1, ""),
            ("LSTM", lambda: md.layers.LSTM(3, **DROPPING), 4, None, lstm_cell, 2, ""),
            ("GRU", lambda: md.layers.GRU(3, **DROPPING), 3, (2, 9), gru_cell, 1, ""),
            ("GRU", lambda: md.layers.GRU(3, reset_after=False, **DROPPING), 3, None,
             lambda *a, **s: gru_cell(*a, reset_after=False, **s), 1, ", reset before"),
        ]
    ),
    Row("Bidirectional", both_ways, [*shapes(3, 1, 0, (2, 3)), *shapes(3, 1, 0, (2, 3))[1:]], plain_both_ways),
    Row("TimeDistributed", lambda x, W, b: given(md.layers.TimeDistributed(
            given(md.layers.Dense(5), kernel=W, bias=b)))(x), [X, (D, 5), (5,)], lambda x, W, b: x @ W + b),
    Row("Masking", lambda x: md.layers.Masking(0.5)(md.where(on(STEPS > 0, x), x, on(np.array(0.5, x.dtype), x))),
        [(2, 3, 2)], lambda x: x * STEPS, domain=(1.0, 2.0)),
    Row("GlobalAveragePooling1D", lambda x: md.layers.GlobalAveragePooling1D()(x, mask=on(STEPS[..., 0] > 0, x)),
        [(2, 3, 2)], lambda x: np.stack([x[0, 1:].mean(0), x[1, 1]]), "a mask"),
    Row("Embedding", lambda E: given(md.layers.Embedding(3, 2), embeddings=E)(on(INDICES, E)), [(3, 2)],
        lambda E: np.stack([np.stack([E[i] for i in row]) for row in INDICES])),
    Row("BagOfEmbeddings", bag, [(3, 2)], plain_bag),
]  # fmt: skip

KINKS = []

# --- refusals -------------------------------------------------------------------------------------------------------

SEQUENCES = np.ones((2, 3, 4), np.float32)
WEIGHTS = [np.ones((4, 8)), np.ones((2, 8)), np.ones(8), None, None]


def built(layer):
    layer(SEQUENCES)
    return layer


ROWS_OF_WORDS = np.array([[1, 3], [2, 0]])
REFUSALS = [
    Refusal("lstm", lambda: md.lstm(SEQUENCES[0], *WEIGHTS), ValueError, r"^lstm expects x \(N, T, D\).*\(3, 4\)"),
    Refusal("lstm", lambda: md.lstm(SEQUENCES, WEIGHTS[0][:, :6], *WEIGHTS[1:]), ValueError, r"W of shape \(4, 8\)"),
    Refusal("lstm", lambda: md.lstm(SEQUENCES, *WEIGHTS[:2], np.ones((2, 8)), None, None), ValueError, r"b of .*\(8,"),
    Refusal("lstm", lambda: md.lstm(SEQUENCES[:, :0], *WEIGHTS), ValueError, r"at least one step.*\(2, 0, 4\)"),
    Refusal("lstm", lambda: md.lstm(SEQUENCES, *WEIGHTS[:4], np.ones((3, 2))), ValueError, r"state 2 of .*\(2, 2\)"),
    Refusal("lstm", lambda: md.lstm(SEQUENCES, *WEIGHTS, mask=MASK[:1]), ValueError, r"mask of .*\(2, 3\).*\(1, 3\)"),
    Refusal("lstm", lambda: md.lstm(SEQUENCES, *WEIGHTS, mask=MASK * 1.0), TypeError, r"truth values.*astype\(bool\)"),
    Refusal("LSTM", lambda: md.layers.LSTM(2)(SEQUENCES[0]), ValueError, r"^LSTM 'lstm' .*\(3, 4\)\.\n.*Embedding"),
    Refusal("LSTM", lambda: built(md.layers.LSTM(2))(SEQUENCES[:, 0]), ValueError, r"return_sequences=True"),
    Refusal("LSTM", lambda: built(md.layers.LSTM(2))(SEQUENCES[None]), ValueError, r"\(1, 2, 3, 4\)"),
    Refusal("LSTM", lambda: built(md.layers.LSTM(2))(SEQUENCES[..., :1]), ValueError, r"4 features.*\(2, 3, 1\)"),
    Refusal("LSTM", lambda: md.layers.LSTM(2)(md.Input((3, None))), ValueError, r"must know the number of features"),
    Refusal("LSTM", lambda: md.layers.LSTM(2)(SEQUENCES, mask=MASK.T), ValueError, r"\(N, T\) = \(2, 3\).*\(3, 2\)"),
    Refusal("LSTM", lambda: md.layers.LSTM(2)(SEQUENCES, mask=MASK * 0.5), TypeError, r"mask of truth values.*float64"),
    Refusal("LSTM", lambda: md.layers.LSTM(2)(SEQUENCES, initial_state=np.ones((2, 2))), ValueError, r"\[h, c\], each"),
    Refusal("LSTM", lambda: md.layers.LSTM(0), ValueError, r"units as a positive integer, got 0"),
    Refusal("LSTM", lambda: md.layers.LSTM(2, reset_after=True), TypeError, r"reset_after"),
    Refusal("LSTMCell", lambda: md.layers.LSTMCell(2)(SEQUENCES), ValueError, r"one step \(N, D\), got .*\(2, 3, 4\)"),
    Refusal("Embedding", lambda: md.layers.Embedding(3, 2)(ROWS_OF_WORDS), ValueError, r"0\.\.2.*0\.\.3.*\n.*num_w"),
    Refusal("Embedding", lambda: md.layers.Embedding(4, 2)(-ROWS_OF_WORDS), ValueError, r"0\.\.3 .*got -3\.\.0"),
    Refusal("Embedding", lambda: md.layers.Embedding(4, 2)(ROWS_OF_WORDS * 0.5), TypeError, r"whole numbers.*float64"),
    Refusal("Masking", lambda: md.layers.Masking()(np.ones((2, 3))), ValueError, r"\(N, T, D\), got shape \(2, 3\)"),
    Refusal("Masking", lambda: md.layers.Masking("a"), TypeError, "mask_value as a number"),
    Refusal("GlobalAveragePooling1D", lambda: md.layers.GlobalAveragePooling1D()(
        np.ones((2, 3, 4)), mask=np.ones((2, 4), bool)), ValueError, r"mask \(N, T\) = \(2, 3\), got \(2, 4\)"),
    Refusal("Embedding", lambda: md.layers.Embedding(0, 2), ValueError, r"input_dim as a positive integer, got 0"),
    Refusal("BagOfEmbeddings", lambda: md.layers.BagOfEmbeddings(4, 2, [1, 2]), ValueError, r"\(4,\).*shape \(2,\)"),
    Refusal("Bidirectional", lambda: md.layers.Bidirectional(md.layers.Dense(2)), TypeError, r"such as LSTM\(64\)"),
    Refusal("Bidirectional", lambda: md.layers.Bidirectional(md.layers.GRU(2), "cat"), ValueError, r"mean 'concat'"),
    Refusal("Bidirectional", lambda: md.layers.Bidirectional(built(md.layers.GRU(2))), ValueError, r"not called yet"),
    Refusal("Bidirectional", lambda: md.layers.Bidirectional(md.layers.GRU(2), backward_layer=md.layers.GRU(2)),
            ValueError, r"go_backwards=True"),
    Refusal("TimeDistributed", lambda: md.layers.TimeDistributed(md.layers.Dense(2))(SEQUENCES[0]), ValueError,
            r"\(N, T, \.\.\.\).*\(3, 4\)\.\nUse Dense by itself"),
]  # fmt: skip
