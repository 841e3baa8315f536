"""Weights of PyTorch networks, converted: the same outputs from the same inputs. Skipped where PyTorch is absent."""

import numpy as np
import pytest

import minidl as md
from minidl import layers as L
from minidl.saving import save_arrays
from minidl.transfer import from_pytorch
from tests.against_torch.comparing import torch

nn = torch.nn


class Last(nn.Module):
    """A recurrent module's last output, or all of them."""

    def __init__(self, rnn, sequences=False):
        super().__init__()
        self.rnn, self.sequences = rnn, sequences

    def forward(self, x):
        y = self.rnn(x)[0]
        if self.sequences:
            return y
        if not self.rnn.bidirectional:
            return y[:, -1]
        H = self.rnn.hidden_size
        return torch.cat([y[:, -1, :H], y[:, 0, H:]], dim=1)


class Itself(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, *args, **settings):
        super().__init__()
        self.attention = nn.MultiheadAttention(*args, batch_first=True, **settings)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


BLOCK = {"dropout": 0.0, "activation": "gelu", "batch_first": True}
REAL = (4, 5)  # one sample of a sequence: T, D

CASES = {  # PyTorch's layers, ours, one sample's shape here
    "Linear": (lambda: [nn.Linear(5, 3)], lambda: [L.Dense(3)], (5,)),
    "Linear without bias": (lambda: [nn.Linear(5, 3, bias=False)], lambda: [L.Dense(3, use_bias=False)], (5,)),
    "three of one size": (
        lambda: [nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5)],
        lambda: [L.Dense(5, "tanh"), L.Dense(5, "tanh"), L.Dense(5)],
        (5,),
    ),
    "Conv2d": (
        lambda: [nn.Conv2d(4, 6, 3, groups=2, dilation=2)],
        lambda: [L.Conv2D(6, 3, groups=2, dilation_rate=2)],
        (7, 9, 4),
    ),
    "Conv2d, not square": (lambda: [nn.Conv2d(4, 6, (3, 2), 2)], lambda: [L.Conv2D(6, (3, 2), 2)], (7, 9, 4)),
    "Conv1d": (lambda: [nn.Conv1d(4, 6, 3)], lambda: [L.Conv1D(6, 3)], (9, 4)),
    "ConvTranspose2d": (
        lambda: [nn.ConvTranspose2d(4, 6, (3, 2), 2)],
        lambda: [L.Conv2DTranspose(6, (3, 2), 2)],
        (5, 6, 4),
    ),
    "depthwise": (
        lambda: [nn.Conv2d(4, 8, (3, 2), groups=4)],
        lambda: [L.DepthwiseConv2D((3, 2), depth_multiplier=2)],
        (7, 9, 4),
    ),
    "separable": (
        lambda: [nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.Conv2d(4, 6, 1)],
        lambda: [L.SeparableConv2D(6, 3)],
        (7, 9, 4),
    ),
    "CNN": (
        lambda: [
            nn.Conv2d(2, 4, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(48, 5),
            nn.ReLU(),
            nn.Linear(5, 3),
        ],
        lambda: [
            L.Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Dropout(0.5),
            L.Flatten(),
            L.Dense(5, "relu"),
            L.Dense(3),
        ],
        (8, 10, 2),
    ),
    "norm of a flattened image": (
        lambda: [nn.Conv2d(2, 4, 3), nn.Flatten(), nn.BatchNorm1d(48), nn.ReLU(), nn.LayerNorm(48), nn.Linear(48, 48)],
        lambda: [
            L.Conv2D(4, 3),
            L.Flatten(),
            L.BatchNormalization(epsilon=1e-5),
            L.ReLU(),
            L.LayerNormalization(epsilon=1e-5),
            L.Dense(48),
        ],
        (5, 6, 2),
    ),
    "flattened sequence of channels": (
        lambda: [nn.Conv1d(3, 4, 3), nn.Flatten(), nn.Linear(28, 5)],
        lambda: [L.Conv1D(4, 3), L.Flatten(), L.Dense(5)],
        (9, 3),
    ),
    "generator": (
        lambda: [
            nn.Linear(5, 24),
            nn.BatchNorm1d(24),
            nn.ReLU(),
            nn.Unflatten(1, (4, 2, 3)),
            nn.ConvTranspose2d(4, 3, 3),
        ],
        lambda: [
            L.Dense(24),
            L.BatchNormalization(epsilon=1e-5),
            L.ReLU(),
            L.Reshape((2, 3, 4)),
            L.Conv2DTranspose(3, 3),
        ],
        (5,),
    ),
    "from image to image": (
        lambda: [nn.Flatten(), nn.Linear(24, 12), nn.Unflatten(1, (2, 2, 3))],
        lambda: [L.Flatten(), L.Dense(12), L.Reshape((2, 3, 2))],
        (3, 4, 2),
    ),
    "BatchNorm2d, GroupNorm": (
        lambda: [nn.BatchNorm2d(4), nn.GroupNorm(2, 4)],
        lambda: [L.BatchNormalization(epsilon=1e-5), L.GroupNormalization(2, epsilon=1e-5)],
        (5, 6, 4),
    ),
    "RMSNorm": (lambda: [nn.RMSNorm(5, eps=1e-6)], lambda: [L.RMSNormalization()], REAL),
    "flattened steps": (
        lambda: [Last(nn.LSTM(5, 3, batch_first=True), True), nn.Flatten(), nn.Linear(12, 2)],
        lambda: [L.LSTM(3, return_sequences=True), L.Flatten(), L.Dense(2)],
        REAL,
    ),
    "RNN": (lambda: [Last(nn.RNN(5, 3, batch_first=True))], lambda: [L.SimpleRNN(3)], REAL),
    "LSTM": (lambda: [Last(nn.LSTM(5, 3, batch_first=True))], lambda: [L.LSTM(3)], REAL),
    "LSTM without bias": (
        lambda: [Last(nn.LSTM(5, 3, batch_first=True, bias=False))],
        lambda: [L.LSTM(3, use_bias=False)],
        REAL,
    ),
    "GRU": (lambda: [Last(nn.GRU(5, 3, batch_first=True))], lambda: [L.GRU(3)], REAL),
    "bidirectional GRU": (
        lambda: [Last(nn.GRU(5, 3, batch_first=True, bidirectional=True))],
        lambda: [L.Bidirectional(L.GRU(3))],
        REAL,
    ),
    "a stack of bidirectional LSTMs": (
        lambda: [Last(nn.LSTM(5, 3, 2, batch_first=True, bidirectional=True))],
        lambda: [L.Bidirectional(L.LSTM(3, return_sequences=True)), L.Bidirectional(L.LSTM(3))],
        REAL,
    ),
    "attention": (lambda: [Itself(6, 2)], lambda: [L.MultiHeadAttention(2, 3)], (4, 6)),
    "attention without bias": (
        lambda: [Itself(6, 2, bias=False)],
        lambda: [L.MultiHeadAttention(2, 3, use_bias=False)],
        (4, 6),
    ),
    "blocks, norm first": (
        lambda: [nn.TransformerEncoderLayer(6, 2, 7, norm_first=True, **BLOCK) for _ in range(2)],
        lambda: [L.TransformerBlock(2, 7, activation="gelu") for _ in range(2)],
        (4, 6),
    ),
    "a block, norm last": (
        lambda: [nn.TransformerEncoderLayer(6, 2, 7, **BLOCK)],
        lambda: [L.TransformerBlock(2, 7, activation="gelu", normalize_first=False)],
        (4, 6),
    ),
}


def randomized(network):
    """All numbers drawn anew, those of the norms and running averages too."""
    torch.manual_seed(0)
    for p in [*network.parameters(), *network.buffers()]:
        if p.dtype.is_floating_point:
            p.data.uniform_(0.1, 0.6) if p.ndim == 1 else p.data.uniform_(-0.5, 0.5)
    return network.eval()


def their_outputs(network, x):
    """With channels first where PyTorch wants them so."""
    modules = list(network.modules())
    channels = x.ndim == 4 or any(isinstance(m, nn.Conv1d) for m in modules)
    with torch.no_grad():
        y = network(torch.tensor(x).movedim(-1, 1) if channels else torch.tensor(x))
    images = y.ndim == 4 or (y.ndim == 3 and isinstance(modules[-1], nn.Conv1d))
    return (y.movedim(1, -1) if images else y).numpy()


def some(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def assert_the_same(model, network, x):
    np.testing.assert_allclose(model.predict(x, verbose=0), their_outputs(network, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_converted_weights_give_the_same_outputs(case):
    theirs, ours, shape = CASES[case]
    network = randomized(nn.Sequential(*theirs()))
    model = md.Sequential([md.Input(shape=shape), *ours()])
    report = model.load_state_dict(from_pytorch(model, network.state_dict()))
    assert not report.faults()
    assert_the_same(model, network, some(2, *shape))


def test_embeddings_and_positions():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places, self.out = nn.Embedding(9, 4), nn.Embedding(6, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.words(x) + self.places.weight[: x.shape[1]])

    network = randomized(Network())
    model = md.Sequential([L.Embedding(9, 4, input_shape=(5,)), L.PositionEmbedding(6), L.Dense(3)])
    model.load_state_dict(from_pytorch(model, network.state_dict()))
    x = np.random.default_rng(0).integers(0, 9, (2, 5))
    assert_the_same(model, network, x)


def test_attention_to_another_sequence():
    theirs = randomized(nn.MultiheadAttention(6, 2, kdim=5, vdim=7, batch_first=True))
    ours = L.MultiHeadAttention(2, 3)
    query, key, value = some(2, 4, 6), some(2, 3, 5), some(2, 3, 7)
    ours(query, value, key)
    ours.load_state_dict(from_pytorch(ours, theirs.state_dict()))
    with torch.no_grad():
        expected = theirs(*map(torch.tensor, (query, key, value)), need_weights=False)[0].numpy()
    np.testing.assert_allclose(ours(query, value, key).numpy(), expected, rtol=1e-5, atol=1e-5)


class Branches(nn.Module):
    """A residual network with names of its own."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(48, 3)  # assigned first, used last
        self.stem = nn.Conv2d(2, 4, 3)
        self.branch = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.flatten(x + self.branch(x), 1))


def drawn():
    x = md.Input(shape=(5, 6, 2))
    h = L.Conv2D(4, 3, activation="relu", name="stem")(x)
    y = h + L.Conv2D(4, 3, padding="same", name="side")(h)
    return md.Model(inputs=x, outputs=L.Dense(3, name="out")(L.Flatten()(y)))


class Written(md.Model):
    def __init__(self):
        super().__init__()
        self.stem, self.side = L.Conv2D(4, 3, activation="relu"), L.Conv2D(4, 3, padding="same")
        self.out = L.Dense(3)

    def call(self, x):
        h = self.stem(x)
        return self.out((h + self.side(h)).reshape(len(x), -1))


NAMES = {"branch.*": "side.*", "head.*": "out.*"}


def test_names_of_ones_own_in_a_functional_model():
    network, model = randomized(Branches()), drawn()
    model.load_state_dict(from_pytorch(model, network.state_dict(), NAMES))
    assert_the_same(model, network, some(2, 5, 6, 2))


def test_a_model_with_a_call_of_its_own_says_what_it_flattens():
    network, model = randomized(Branches()), Written()
    x = some(2, 5, 6, 2)
    model(x)
    with pytest.raises(ValueError, match=r"cannot see where(.|\n)*flattened=\{'out': \(H, W, C\)\}"):
        from_pytorch(model, network.state_dict(), NAMES)
    model.load_state_dict(from_pytorch(model, network.state_dict(), NAMES, flattened={"out": (3, 4, 4)}))
    assert_the_same(model, network, x)


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_from_a_file(tmp_path, ending):
    theirs, ours, shape = CASES["CNN"]
    network = randomized(nn.Sequential(*theirs()))
    path = tmp_path / f"theirs{ending}"
    save_arrays(path, {name: p.numpy() for name, p in network.state_dict().items()})
    model = md.Sequential([md.Input(shape=shape), *ours()])
    model.load_state_dict(from_pytorch(model, path))
    assert_the_same(model, network, some(2, *shape))


def test_half_precision_that_numpy_lacks_is_told():
    weights = {name: p.to(torch.bfloat16) for name, p in nn.Linear(3, 2).state_dict().items()}
    with pytest.raises(TypeError, match=r"cannot read 'weight'(.|\n)*\.float\(\)\.numpy"):
        from_pytorch(md.Sequential([L.Dense(2, input_shape=(3,))]), weights)
