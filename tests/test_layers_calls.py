"""Layers: what they are called with, what a ``call`` of one's own is told, and settings that are refused."""

import numpy as np
import pytest

import minidl as md
from minidl import layers
from minidl.layers import Dense, Dropout, Layer


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(2),
        layers.BatchNormalization,
        lambda: layers.GRU(2),
        layers.Flatten,
        lambda: md.Sequential([Dense(2)]),
    ],
)
def test_a_list_for_one_input_is_refused(make, built):
    layer, x = make(), np.zeros((2, 3, 4), np.float32)
    if built:
        layer(x)
    for inputs in ([x, x], [md.Input(shape=(3, 4))] * 2):
        with pytest.raises(TypeError, match="expects one Tensor as x, got a list of 2"):
            layer(inputs)


class Told(Layer):
    """A layer as they are written for Keras: its call has a default for the mode, and takes the mask."""

    def __init__(self):
        super().__init__()
        self.dropout, self.seen = Dropout(0.5), []

    def call(self, inputs, training=False, mask=None):
        self.seen.append((training, mask if mask is None else mask.tolist()))
        return self.dropout(inputs, training=training)


def test_a_call_with_training_is_told_the_mode():
    layer, x = Told(), np.ones((1, 99), np.float32)
    assert (layer(x).numpy() == 0).any() and (layer(x, training=False).numpy() == 1).all()
    assert (layer.eval()(x).numpy() == 1).all()
    assert (md.Sequential([layer])(x, training=True).numpy() == 0).any()
    assert [mode for mode, _ in layer.seen[:3]] == [True, False, False] and layer.seen[-1] == (True, None)
    symbol = md.Input(shape=(99,))
    model = md.Model(symbol, layer(symbol, training=False)).train()
    assert (model(x).numpy() == 1).all()


def test_a_call_with_mask_is_given_it():
    layer, embedding = Told(), layers.Embedding(3, 2, mask_zero=True)
    md.Sequential([embedding, layer])(np.array([[1, 0]]))
    assert layer.seen[-1][1] == [[True, False]]

    class Own(md.Sequential):
        def call(self, x):
            return super().call(x)

    assert md.Sequential([embedding, Own([Dense(4)])])(np.array([[1, 0]])).shape == (1, 2, 4)


def test_shapes_that_cannot_be_put_side_by_side_are_named():
    x, y = np.zeros((2, 3, 1)), np.zeros((2, 4, 1))
    with pytest.raises(ValueError, match=r"Concatenate 'concatenate' .* on axis -1 only, got \(2, 3, 1\), \(2, 4, 1\)"):
        layers.Concatenate()([x, y])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.BatchNormalization(axis=[1, 2]), TypeError, "BatchNormalization expects"),
        (lambda: layers.GroupNormalization(axis=[1, 2]), TypeError, "GroupNormalization expects"),
        (lambda: layers.LayerNormalization(center="no"), TypeError, "center as True or False"),
        (lambda: layers.GlobalMaxPooling2D(keepdims="no"), TypeError, "keepdims as True or False"),
        (lambda: layers.Embedding(3, 2, mask_zero="no"), TypeError, "mask_zero as True or False"),
        (lambda: layers.TransformerBlock(2, 4, normalize_first="no"), TypeError, "normalize_first as True or False"),
        (lambda: layers.LSTM(2, unit_forget_bias="no"), TypeError, "unit_forget_bias as True or False"),
        (lambda: layers.GRU(2, reset_after="no"), TypeError, "reset_after as True or False"),
        (lambda: layers.RNN([layers.GRUCell(2)]), TypeError, "RNN expects a cell such as LSTMCell"),
        (lambda: layers.RNN(layers.GRU(2)), TypeError, "RNN expects a cell such as LSTMCell"),
        (lambda: layers.RNN(layers.Dense(2)), TypeError, "has no n_states and no get_initial_state"),
        (lambda: layers.GRU(2, reset_after=False)(np.ones((1, 0, 3))), ValueError, r"at least one step.*\(1, 0, 3\)"),
        (lambda: Dropout(0.5, noise_shape=3), TypeError, "noise_shape as a tuple"),
        (lambda: layers.BagOfEmbeddings(2, 2, [1, np.nan]), ValueError, r"finite and none below 0(.|\n)*nan"),
        (lambda: layers.BagOfEmbeddings(2, 2, [1, np.inf]), ValueError, r"finite and none below 0(.|\n)*inf"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make, error, message):
    with pytest.raises(error, match=message):
        make()
