"""Rows for the layers, as functions of their inputs and of their parameters."""

from math import erf

import numpy as np

import minidl as md
from tests.table.row import Refusal, Row


def given(layer, **parameters):
    """The layer with these Tensors as its parameters, built."""
    for name, p in parameters.items():
        setattr(layer, name, p)
    layer.built = True
    return layer


def dense_row(label, x, activation=None, plain=lambda z: z):
    """Dense with five units, differentiated by x, W and b."""
    return Row(
        "Dense",
        lambda x, W, b: given(md.layers.Dense(5, activation), kernel=W, bias=b)(x),
        [x, (3, 5), (5,)],
        lambda x, W, b: plain(np.einsum("...d,dh->...h", x, W) + b),
        label,
    )


def plain_softmax(x, axis=-1):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def two_layers(x, W1, b1, W2, b2):
    """A network as users write it."""
    hidden = given(md.layers.Dense(5, "tanh"), kernel=W1, bias=b1)
    return given(md.Sequential([hidden, given(md.layers.Dense(2, "softmax"), kernel=W2, bias=b2)]))(x)


# --- dropout ------------------------------------------------------------------------------------------------------


def plain_dropout(x, dropped, shape=None):
    """x where a random byte is at least ``dropped``, divided by the share of such bytes; 0 elsewhere."""
    kept = np.random.default_rng(5).integers(0, 256, shape or x.shape, np.uint8) >= dropped
    return np.where(kept, x / (1 - dropped / 256), 0)


def dropout_row(rate, dropped, label="", noise_shape=None):
    return Row(
        "Dropout",
        lambda x: md.layers.Dropout(rate, noise_shape, rng=5)(x),
        [(4, 3)],
        lambda x: plain_dropout(x, dropped, noise_shape and (4, 1)),
        label or f"rate={rate}",
    )


# --- activations --------------------------------------------------------------------------------------------------

ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805
ACTIVATIONS = {
    "linear": (lambda x: x, ()),
    "relu": (lambda x: np.where(x > 0, x, 0), (0,)),
    "relu6": (lambda x: np.minimum(np.where(x > 0, x, 0), 6), (0,)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), (0,)),
    "elu": (lambda x: np.where(x > 0, x, np.exp(x) - 1), (0,)),
    "selu": (lambda x: LAMBDA * np.where(x > 0, x, ALPHA * (np.exp(x) - 1)), (0,)),
    "gelu": (lambda x: x * (1 + np.vectorize(erf, otypes=[float])(x / 2**0.5)) / 2, ()),
    "gelu_tanh": (lambda x: x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))) / 2, ()),
    "silu": (lambda x: x / (1 + np.exp(-x)), ()),
    "swish": (lambda x: x / (1 + np.exp(-x)), ()),
    "softplus": (lambda x: np.log(1 + np.exp(x)), ()),
    "softsign": (lambda x: x / (1 + np.abs(x)), (0,)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), ()),
    "hard_sigmoid": (lambda x: x / 6 + 0.5, ()),  # from −2 to 2
    "tanh": (lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), ()),
    "exponential": (np.exp, ()),
    "softmax": (plain_softmax, ()),
    "log_softmax": (lambda x: np.log(plain_softmax(x)), ()),
}

X = [(4, 3)]
ROWS = [
    dense_row("a batch", (4, 3)),
    dense_row("steps", (2, 4, 3)),
    dense_row("tanh", (4, 3), "tanh", np.tanh),
    dense_row("softmax", (4, 3), "softmax", plain_softmax),
    Row("Dense", lambda x, W: given(md.layers.Dense(5, use_bias=False), kernel=W)(x), [(4, 3), (3, 5)],
        lambda x, W: x @ W, "no bias"),
    Row("Sequential", two_layers, [(4, 3), (3, 5), (5,), (5, 2), (2,)],
        lambda x, W1, b1, W2, b2: plain_softmax(np.tanh(x @ W1 + b1) @ W2 + b2)),
    *(
        Row("Activation", lambda x, name=name: md.layers.Activation(name)(x), X, plain, name, kinks=kinks)
        for name, (plain, kinks) in ACTIVATIONS.items()
    ),
    Row("Activation", lambda x: md.layers.Activation(md.sin)(x), X, np.sin, "a function"),
    Row("ReLU", lambda x: md.layers.ReLU()(x), X, lambda x: np.maximum(x, 0), kinks=(0,)),
    Row("ReLU", lambda x: md.layers.ReLU(max_value=1.0, negative_slope=0.1)(x), X,
        lambda x: np.minimum(np.where(x > 0, x, 0.1 * x), 1), "max_value, negative_slope", kinks=(0, 1)),
    Row("LeakyReLU", lambda x: md.layers.LeakyReLU()(x), X, lambda x: np.where(x > 0, x, 0.3 * x), kinks=(0,)),
    Row("ELU", lambda x: md.layers.ELU(0.5)(x), X, lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1)), kinks=(0,)),
    Row("Softmax", lambda x: md.layers.Softmax()(x), X, plain_softmax),
    Row("Softmax", lambda x: md.layers.Softmax(axis=1)(x), [(2, 4, 3)], lambda x: plain_softmax(x, 1), "axis=1"),
    Row("Flatten", lambda x: md.layers.Flatten()(x), [(4, 3, 2)], lambda x: np.hstack([x[:, 0], x[:, 1], x[:, 2]])),
    Row("Flatten", lambda x: md.layers.Flatten()(x), [(4,)], lambda x: x[:, None], "one number a sample"),
    Row("Reshape", lambda x: md.layers.Reshape((3, 2))(x), [(4, 6)], lambda x: np.stack([x[:, ::2], x[:, 1::2]], 2)),
    Row("Reshape", lambda x: md.layers.Reshape((-1,))(x), [(4, 3, 2)], lambda x: x.reshape(4, 6), "-1"),
    dropout_row(0.5, 128),
    dropout_row(0.2, 51),
    dropout_row(0.999, 255),
    dropout_row(0.5, 128, "one column for all", (None, 1)),
    Row("Dropout", lambda x: md.layers.Dropout(0.0)(x) * 1.0, X, lambda x: x, "rate=0"),
    Row("Dropout", lambda x: md.layers.Dropout(0.5)(x, training=False) * 1.0, X, lambda x: x, "in use"),
    Row("Add", lambda x1, x2, x3: md.layers.Add()([x1, x2, x3]), [(4, 3)] * 3, lambda x1, x2, x3: x1 + x2 + x3),
    Row("Concatenate", lambda x1, x2: md.layers.Concatenate()([x1, x2]), [(4, 3), (4, 2)],
        lambda x1, x2: np.hstack([x1, x2])),
    Row("Concatenate", lambda x1, x2: md.layers.Concatenate(axis=1)([x1, x2]), [(4, 3, 2), (4, 5, 2)],
        lambda x1, x2: np.concatenate([x1, x2], axis=1), "axis=1"),
    Row("InputLayer", lambda x: md.layers.InputLayer(input_shape=(None,))(x) * 1.0, X, lambda x: x),
]  # fmt: skip

KINKS = []

ONES = np.ones((4, 3), np.float32)


def call_wide(shape):
    """Call a layer that was built for 784 features on another shape."""
    layer = md.layers.Dense(10, name="dense_1")
    layer(np.zeros((1, 784)))
    return layer(np.zeros(shape))


WIDE = r"^Dense 'dense_1' expects 784 features on the last axis, got shape "

REFUSALS = [
    Refusal("Dense", lambda: call_wide((32, 28, 28)), ValueError, WIDE + r"\(32, 28, 28\)\. Add Flatten\(\)"),
    Refusal("Dense", lambda: call_wide((32, 10)), ValueError, WIDE + r"\(32, 10\)\.$"),
    Refusal("Dense", lambda: call_wide(()), ValueError, WIDE + r"\(\)\.$"),
    Refusal("Dense", lambda: md.layers.Dense(3)(np.ones(4)), ValueError, r"batch .*\(4,\)(.|\n)*reshape\(-1, 1\)"),
    Refusal("Dense", lambda: md.layers.Dense(3)(md.Input(shape=(None,))), ValueError, "must know the size of the last"),
    Refusal("Dense", lambda: md.layers.Dense(0), ValueError, "positive integer, got 0"),
    Refusal("Dense", lambda: md.layers.Dense(2.5), ValueError, r"positive integer, got 2\.5"),
    Refusal("Dense", lambda: md.layers.Dense(3, activation="rellu"), ValueError, "Did you mean 'relu'"),
    Refusal("Dense", lambda: md.layers.Dense(3, kernel_initializer="glorot"), ValueError, "initializer 'glorot'"),
    Refusal("Dense", lambda: md.layers.Dense(3, activaton="relu"), TypeError, "activaton"),
    Refusal("Dense", lambda: md.layers.Dense(3, input_shape=784), TypeError, r"Write \(784,\)\?"),
    Refusal("Dense", lambda: md.layers.Dense(3)(), TypeError, "expects an input"),
    Refusal("Input", lambda: md.Input(shape=784), TypeError, r"Write \(784,\)\?"),
    Refusal("Input", lambda: md.Input(shape=(0,)), ValueError, r"positive sizes.*\(0,\)"),
    Refusal("InputLayer", lambda: md.layers.InputLayer((3,))(np.ones((4, 2))), ValueError, r"\(3,\), got \(2,\)"),
    Refusal("Activation", lambda: md.layers.Activation(3), ValueError, "activation 3 is not known"),
    Refusal("ReLU", lambda: md.layers.ReLU(max_value=-1), ValueError, "max_value >= 0, or None, got -1"),
    Refusal("Flatten", lambda: md.layers.Flatten()(1.0), ValueError, "Flatten 'flatten' expects a batch"),
    Refusal("Reshape", lambda: md.layers.Reshape((28, 28))(ONES), ValueError, r"\(28, 28\).*hold 3 numbers, not 784"),
    Refusal("Reshape", lambda: md.layers.Reshape((2, -1))(ONES), ValueError, "hold 3 numbers, not a multiple of 2"),
    Refusal("Reshape", lambda: md.layers.Reshape((-1, -1)), ValueError, "at most one of them -1"),
    Refusal("Reshape", lambda: md.layers.Reshape(784), TypeError, "target_shape as a tuple"),
    Refusal("Dropout", lambda: md.layers.Dropout(1.0), ValueError, r"rate in \[0, 1\), got 1.0"),
    Refusal("Dropout", lambda: md.layers.Dropout(50), ValueError, r"rate in \[0, 1\), got 50"),
    Refusal("Dropout", lambda: md.layers.Dropout(0.5, (1,))(ONES), ValueError, r"got \(1,\) for x of shape \(4, 3\)"),
    Refusal("Dropout", lambda: md.layers.Dropout(0.5, (2, 3))(ONES), ValueError, r"noise_shape .* \(2, 3\) for x"),
    Refusal("Dropout", lambda: md.layers.Dropout(0.5, rng="0"), TypeError, "rng must be"),
    Refusal("Add", lambda: md.layers.Add()(md.Tensor(ONES)), TypeError, r"list of at least two inputs: Add\(\)\(\[x1"),
    Refusal("Add", lambda: md.layers.Add()([ONES, ONES[:, :1]]), ValueError, r"one shape, got \(4, 3\), \(4, 1\)"),
    Refusal("Concatenate", lambda: md.layers.Concatenate()([ONES]), TypeError, "at least two inputs"),
    Refusal("Concatenate", lambda: md.layers.Concatenate()([ONES, ONES[:2]]), ValueError, "concatenate"),
    Refusal("Layer", lambda: md.Layer()(ONES), TypeError, "Layer defines no call"),
]  # fmt: skip
