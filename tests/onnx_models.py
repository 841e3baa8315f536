"""Models to be exported, one for each row of the table at least, with weights drawn at random, and inputs for them."""

import numpy as np

import minidl as md
from minidl import layers as L

ACTIVATIONS = sorted(md.layers.activations.ACTIVATIONS)


def row(*layers):
    return md.Sequential(list(layers))


def convolutions(seed):
    """Convolutions with random settings, on images of a size that is known or not."""
    rng = np.random.default_rng(seed)
    strides = tuple(int(n) for n in rng.integers(1, 4, 2))
    dilation = tuple(int(n) for n in rng.integers(1, 3, 2)) if strides == (1, 1) or seed % 2 else (1, 1)
    strides = (1, 1) if max(dilation) > 1 else strides
    padding = ("same", "valid")[int(rng.integers(2))]
    image = (None, None) if max(dilation) == 1 and seed % 3 == 0 else (12, 11)
    return row(
        md.Input(shape=(*image, 4)),
        L.Conv2D(6, (3, 2), strides, padding, dilation_rate=dilation, groups=2, activation="tanh"),
        L.DepthwiseConv2D(2, padding=padding, depth_multiplier=2),
        L.SeparableConv2D(3, 2, strides=2, padding="same", use_bias=False),
        L.AveragePooling2D(2, 1, "same"),
    ), (2, 12, 11, 4)


def transposed_convolutions(seed):
    rng = np.random.default_rng(seed)
    strides, size = (tuple(int(n) for n in rng.integers(1, most, 2)) for most in (4, 6))
    padding, interpolation = ("same", "valid")[seed % 2], ("nearest", "bilinear")[seed // 2 % 2]
    return row(
        md.Input(shape=(None, 5, 3)),
        L.Conv2DTranspose(4, size, strides, padding, dilation_rate=2 if strides == (1, 1) else 1),
        L.UpSampling2D((2, 3), interpolation),
        L.ZeroPadding2D(((1, 2), (0, 3))),
    ), (2, 4, 5, 3)


def digits():
    return row(
        L.Conv2D(3, 3, activation="relu", input_shape=(10, 10, 1)), L.MaxPooling2D(2),
        L.Conv2D(4, 3, padding="same", use_bias=False), L.BatchNormalization(), L.ReLU(), L.SpatialDropout2D(0.5),
        L.MaxPooling2D(3, 2, "same"), L.Flatten(), L.Dropout(0.5), L.Dense(5, "softmax"),
    ), (3, 10, 10, 1)  # fmt: skip


def residual():
    x = md.Input(shape=(6, 5, 3))
    h = L.Conv2D(4, 3, padding="same")(x)
    y = L.ReLU()(L.Add()([h, L.Conv2D(4, 1)(x), h]))
    z = L.GaussianNoise(0.5)(L.Concatenate()([y, h]))
    tall = L.Concatenate(axis=1)([z, L.LayerNormalization()(z)])
    outputs = [tall, L.Dense(2)(L.GlobalAveragePooling2D()(z)), h, L.Concatenate(axis=2)([h, y])]
    return md.Model(x, outputs), (2, 6, 5, 3)


def norms():
    return row(
        L.LayerNormalization(input_shape=(5, 6, 2)), L.LayerNormalization(axis=[2, 3], center=False),
        L.LayerNormalization(axis=[1, 2, 3], scale=False), L.BatchNormalization(axis=1, scale=False),
        L.Conv2D(2, 1), L.BatchNormalization(axis=1), L.Softmax(axis=1), L.Reshape((-1, 2)), L.BatchNormalization(),
    ), (3, 5, 6, 2)  # fmt: skip


def rectifiers():
    layers = [L.LeakyReLU(0.1), L.ELU(0.7), L.ReLU(0.8), L.ReLU(0.5, 0.1), L.ReLU(negative_slope=0.2)]
    dense = [L.Dense(4, layer) for layer in layers]
    return row(md.Input(shape=(4,)), *dense, L.Activation("softplus")), (5, 4)


def sequence():
    return row(
        L.Conv1D(4, 3, padding="causal", dilation_rate=2, input_shape=(None, 3)), L.MaxPooling1D(2),
        L.SpatialDropout1D(0.5), L.Conv1D(4, 3, padding="same", strides=2), L.AveragePooling1D(2, padding="same"),
        L.GlobalMaxPooling1D(keepdims=True), L.GlobalAveragePooling1D(),
    ), (2, 13, 3)  # fmt: skip


def pooled():
    return row(
        L.Conv2D(4, 3, input_shape=(6, 6, 2)), L.GlobalMaxPooling2D(keepdims=True), L.Flatten(), L.Dense(2)
    ), (2, 6, 6, 2)  # fmt: skip


RECURRENT = {
    "LSTM": lambda **s: L.LSTM(3, **s),
    "LSTM, relu": lambda **s: L.LSTM(3, "relu", use_bias=False, **s),
    "GRU": lambda **s: L.GRU(3, **s),
    "GRU, reset before": lambda **s: L.GRU(3, reset_after=False, **s),
    "SimpleRNN": lambda **s: L.SimpleRNN(3, **s),
    "SimpleRNN, relu": lambda **s: L.SimpleRNN(3, "relu", use_bias=False, **s),
}


def recurrent(make, merge_mode):
    """All ways of reading, one behind the other."""
    return row(
        md.Input(shape=(None, 2)), make(return_sequences=True), make(return_sequences=True, go_backwards=True),
        L.Bidirectional(make(return_sequences=True), merge_mode), L.Bidirectional(make(), merge_mode),
        L.Reshape((1, -1)), make(go_backwards=True),
    ), (2, 5, 2)  # fmt: skip


def operations():
    a, b, shared = md.Input(shape=(4,), name="a"), md.Input(shape=(4,), name="b"), L.Dense(3)
    u, v = shared(a), shared(b)
    outputs = [u, 1.0 - u * v / 3, -a, (u + np.arange(3.0)) ** 2, b @ np.eye(4, 2), L.Add()([u, v])]
    return md.Model([a, b], outputs), [(2, 4), (2, 4)]


def whole_numbers():
    x = md.Input(shape=(4,), dtype="uint8")
    return md.Model(x, L.Dense(2)(x / 255.0)), "uint8"


def words():
    inner = row(md.Input(shape=(6,)), L.Embedding(9, 4))
    return row(inner, L.LSTM(3), L.Dense(1, "sigmoid")), "int64"


def words_of_several():
    """Words go into a model with two inputs, and one of them is counted too."""
    a, b = md.Input(shape=(3,), name="a"), md.Input(shape=(3,), name="b")
    table = L.Embedding(9, 2)
    inner = md.Model([a, b], L.Add()([table(a), table(b)]))
    u, v = md.Input(shape=(3,), name="u"), md.Input(shape=(3,), name="v")
    return md.Model([u, v], [inner([u, v]), L.Add()([u, u]), L.Flatten()(L.Embedding(9, 1)(v))]), "float32"


def cases():
    """{name: function () -> (model, shapes of inputs of any numbers, or dtype of whole ones)}."""
    made = {f"convolutions {k}": (lambda k=k: convolutions(k)) for k in range(6)}
    made |= {f"transposed {k}": (lambda k=k: transposed_convolutions(k)) for k in range(8)}
    made |= {name: (lambda f=name: (row(md.Input(shape=(4,)), L.Dense(5, f)), (6, 4))) for name in ACTIVATIONS}
    modes = ("concat", "sum", "mul", "ave", "concat", "sum")
    made |= {name: (lambda m=make, w=way: recurrent(m, w)) for (name, make), way in zip(RECURRENT.items(), modes)}
    others = (digits, residual, norms, rectifiers, sequence, pooled, operations, whole_numbers, words, words_of_several)
    return made | {f.__name__: f for f in others}


def make(case):
    """The model with random weights, and random inputs by name."""
    rng = np.random.default_rng(0)
    model, shapes = case()
    for name, p in model.named_parameters():
        low, high = (0.5, 2.0) if name.endswith("variance") else (-1.0, 1.0)
        p.data = rng.uniform(low, high, p.shape).astype(p.dtype)
    if isinstance(shapes, str):
        inputs = [rng.integers(0, 9, (3, *shape[1:])).astype(shapes) for shape in model.input_shapes()]
    else:
        inputs = [rng.normal(size=s).astype("float32") for s in (shapes if isinstance(shapes, list) else [shapes])]
    return model, dict(zip(model.input_names, inputs))


def outputs_of(model, inputs):
    """What minidl computes, as a list."""
    xs = list(inputs.values())
    y = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    return y if isinstance(y, list) else [y]
