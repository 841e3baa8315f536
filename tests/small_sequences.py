"""Short sequences, and how their outputs are compared, for the tests of layers that read them."""

import numpy as np
import pytest

from minidl.layers import GRU, LSTM, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell

N, T, D, H = 5, 4, 3, 2
PAIRS = [(SimpleRNN, SimpleRNNCell), (LSTM, LSTMCell), (GRU, GRUCell)]
LAYERS = [layer for layer, _ in PAIRS]

each_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)


def sequences(*shape):
    return np.random.default_rng(3).normal(size=shape or (N, T, D)).astype(np.float32)


def some_mask():
    return np.random.default_rng(4).random((N, T)) < 0.6


def padded_words():
    words = np.random.default_rng(5).integers(1, 10, (N, T))
    words[0, :3] = words[1, 1:] = words[2, :1] = 0
    return words


def outputs(result):
    return [y.data for y in (result if isinstance(result, list) else [result])]


def assert_alike(a, b, **tolerance):
    for one, other in zip(outputs(a), outputs(b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6, **tolerance)
