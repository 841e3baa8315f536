"""LSTM, GRU and SimpleRNN are PyTorch's, on random configurations: gates in another order, kernels transposed."""

import numpy as np

import minidl as md
from tests.against_torch.comparing import assert_equal, both, both_parameters, every_seed, judge, torch

GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}  # Keras' i f g o and z r h, as PyTorch has them
MODULES = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "SimpleRNN": torch.nn.RNN}


class Configuration:
    """Random sizes, initial states or none, and lengths of the sequences."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.N, self.T, self.D, self.H = (int(n) for n in self.rng.integers(1, 7, 4))
        self.lengths = np.sort(self.rng.integers(1, self.T + 1, self.N))[::-1].copy()
        self.lengths[0] = self.T
        self.mask = np.arange(self.T) < self.lengths[:, None]  # (N, T)

    def normal(self, *shape):
        return self.rng.normal(size=shape)

    def inputs(self, kind, directions=1):
        """x, and initial states of every direction."""
        names = ["h0", "c0"][: 2 if kind == "LSTM" else 1]
        states = [f"{name} {k}" for k in range(directions) for name in names]
        return {"x": self.normal(self.N, self.T, self.D)} | {name: self.normal(self.N, self.H) for name in states}


def reordered(kind, W):
    """The gates (on the last axis) in PyTorch's order."""
    parts = W.chunk(len(GATES[kind]), dim=-1)
    return torch.cat([parts[k] for k in GATES[kind]], dim=-1)


def weights_of(kind, W, U, b, end=""):
    """minidl's kernel, recurrent kernel and bias under PyTorch's names; only a GRU of minidl has two biases too."""
    b1, b2 = b if kind == "GRU" else (b, torch.zeros_like(b))
    return {
        f"weight_ih_l0{end}": reordered(kind, W).T,
        f"weight_hh_l0{end}": reordered(kind, U).T,
        f"bias_ih_l0{end}": reordered(kind, b1),
        f"bias_hh_l0{end}": reordered(kind, b2),
    }


def run_module(kind, c, weights, x, states, bidirectional=False):
    """All h and the last states, with the steps behind each sequence's length left out."""
    module = MODULES[kind](c.D, c.H, batch_first=True, bidirectional=bidirectional)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(c.lengths), batch_first=True)
    states = states if kind == "LSTM" else states[0]
    h, last = torch.func.functional_call(module, weights, (packed, states))
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(h, batch_first=True, total_length=c.T)  # zeros behind the end
    return h, last if kind == "LSTM" else (last,)


def make(kind, H, **settings):
    return getattr(md.layers, kind)(H, return_sequences=True, return_state=True, **settings)


def one_number(y, states, mask, stack):
    """The outputs at steps that count and the last states, in one array, to be compared at once."""
    return stack([(y * mask).reshape(-1), *(s.reshape(-1) for s in states)])


def compare(kind, seed, dtype):
    c = Configuration(seed)
    ours, theirs = both(dtype, **c.inputs(kind))
    layer = make(kind, c.H)
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    x, *states = ours.values()
    y, *last = layer(x, initial_state=states, mask=c.mask)
    x, *states = theirs.values()
    z, their_last = run_module(kind, c, weights_of(kind, *their_weights.values()), x, [s[None] for s in states])
    mask = c.mask[..., None].astype(dtype)  # (N, T, 1)
    y = one_number(y, last, mask, md.concatenate)
    z = one_number(z, their_last, torch.tensor(mask), torch.cat)
    assert_equal(kind, y, z, ours | weights, theirs | their_weights)


@every_seed
def test_lstm(seed, dtype):
    compare("LSTM", seed, dtype)


@every_seed
def test_gru(seed, dtype):
    compare("GRU", seed, dtype)


@every_seed
def test_simple_rnn(seed, dtype):
    compare("SimpleRNN", seed, dtype)


@every_seed
def test_bidirectional_lstm(seed, dtype):
    """The masked steps are at the end, where the backward layer begins: it begins at each sequence's last word."""
    c = Configuration(seed)
    ours, theirs = both(dtype, **c.inputs("LSTM", directions=2))
    layer = md.layers.Bidirectional(make("LSTM", c.H))
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    x, *states = ours.values()
    y, *last = layer(x, initial_state=states, mask=c.mask)
    x, h, c_forward, h_back, c_back = theirs.values()
    W = list(their_weights.values())
    module_weights = weights_of("LSTM", *W[:3]) | weights_of("LSTM", *W[3:], end="_reverse")
    pairs = (torch.stack([h, h_back]), torch.stack([c_forward, c_back]))
    z, (h, cell) = run_module("LSTM", c, module_weights, x, pairs, bidirectional=True)
    mask = c.mask[..., None].astype(dtype)
    y = one_number(y, last, mask, md.concatenate)
    z = one_number(z, [h[0], cell[0], h[1], cell[1]], torch.tensor(mask), torch.cat)
    assert_equal("bidirectional LSTM", y, z, ours | weights, theirs | their_weights)


@every_seed
def test_lstm_with_holes_in_the_mask_is_the_cell_in_a_loop(seed, dtype):
    """Steps anywhere may not count; then h and c stay what they were. Read backwards too."""
    c = Configuration(seed)
    mask = c.rng.random((c.N, c.T)) < 0.6
    ours, theirs = both(dtype, x=c.normal(c.N, c.T, c.D))
    layer = md.layers.LSTM(c.H, return_sequences=True, go_backwards=seed % 2 == 1)
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    y = layer(ours["x"], mask=mask)
    names = {name.replace("_l0", ""): W for name, W in weights_of("LSTM", *their_weights.values()).items()}
    module = torch.nn.LSTMCell(c.D, c.H)
    h = cell = torch.zeros(c.N, c.H, dtype=theirs["x"].dtype)
    hs = []
    for t in reversed(range(c.T)) if layer.go_backwards else range(c.T):
        new_h, new_cell = torch.func.functional_call(module, names, (theirs["x"][:, t], (h, cell)))
        counts = torch.tensor(mask[:, t, None])
        h, cell = torch.where(counts, new_h, h), torch.where(counts, new_cell, cell)
        hs.append(h)
    assert_equal("LSTM, any mask", y, torch.stack(hs, dim=1), ours | weights, theirs | their_weights)


@every_seed
def test_embedding(seed, dtype):
    c = Configuration(seed)
    indices = c.rng.integers(0, 5, (c.N, c.T))
    layer = md.layers.Embedding(5, c.D)
    layer(indices)  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    z = torch.nn.functional.embedding(torch.tensor(indices), *their_weights.values())
    assert_equal("embedding", layer(indices), z, weights, their_weights)


def test_a_hundred_steps(dtype):
    """Long enough for rounding to add up."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 100, 3)).astype(dtype)
    layer = md.layers.LSTM(5, return_sequences=True)
    layer(x)  # builds it
    _, weights = both_parameters(layer, rng)
    module = torch.nn.LSTM(3, 5, batch_first=True)
    z, _ = torch.func.functional_call(module, weights_of("LSTM", *weights.values()), (torch.tensor(x),))
    judge("LSTM", "a hundred steps", layer(x).numpy(), z.detach().numpy())
