"""Habits from Keras and PyTorch: names that minidl has not, each with what to write instead.

>>> import minidl as md
>>> md.Sequential([md.layers.Dense(1)]).to_json()
Traceback (most recent call last):
AttributeError: Sequential 'sequential' has no to_json. Your program is the description of the model.

Weights are saved, models are not: a file that describes a model has to be trusted like a program.
"""

from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any, NoReturn

from minidl.errors import unknown_name


class Absent:
    """Stands in a class under a name that Keras or PyTorch has; who asks for it is told what to write instead."""

    def __init__(self, instead: str):
        self.instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, thing: Any, owner: type) -> NoReturn:
        who = f"{owner.__name__} {thing.name!r}" if hasattr(thing, "name") else owner.__name__
        raise AttributeError(f"{who} has no {self.name}. {self.instead}")


class LayerHabits:
    """What layers have in Keras."""

    weights = Absent("Write parameters(), or get_weights() for their numbers.")
    variables = Absent("Write parameters(), or get_weights() for their numbers.")
    trainable_weights = Absent("Write [p for p in layer.parameters() if p.requires_grad].")
    trainable_variables = Absent("Write [p for p in layer.parameters() if p.requires_grad].")
    input = Absent("Keep what Input(...) gave: Model(x, y) makes a model from it to any symbol.")
    output = Absent("Keep what the layer gave, y = layer(x): Model(x, y) makes a model of any symbol.")
    output_shape = Absent("Write model.summary(), which shows the shapes.")
    get_config = Absent("Your program is the description of the layer.")


class ModelHabits:
    """What models have in Keras."""

    save = Absent("Write save_weights('weights.npz'); your program builds the model anew, load_weights fills it.")
    to_json = Absent("Your program is the description of the model.")
    fit_generator = Absent("Write fit(loader): it takes generators and loaders too.")
    evaluate_generator = Absent("Write evaluate(loader): it takes generators and loaders too.")
    predict_generator = Absent("Write predict(loader): it takes generators and loaders too.")
    predict_classes = Absent("Write predict(x).argmax(axis=-1), or predict(x) > 0.5 for one output.")
    predict_proba = Absent("Write predict(x).")
    metrics_names = Absent("Write evaluate(x, y, return_dict=True): the names are its keys.")
    inputs = Absent("Keep what Input(...) gave: Model(x, y) makes a model from it to any symbol.")
    outputs = Absent("Keep what the layers gave: Model(x, y) makes a model of any of them.")
    pop = Absent("Write Sequential(model.layers[:-1]).")
    reset_states = Absent("No layer remembers the batch before: hand states over by initial_state=.")


class MetricHabits:
    """What metrics have in Keras."""

    update_state = Absent("Write update(targets, outputs).")
    reset_state = Absent("Write reset().")
    reset_states = Absent("Write reset().")


class OptimizerHabits:
    """What optimizers once had in Keras. Assigning to it is refused too: it would change nothing."""

    @property
    def lr(self) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} has no lr. Write learning_rate.")

    @lr.setter
    def lr(self, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} has no lr. Write learning_rate = {value!r}.")


class TensorHabits:
    """What tensors have in PyTorch.

    >>> import minidl as md
    >>> md.Tensor([1.0]).exp()
    Traceback (most recent call last):
    AttributeError: Tensor has no exp. Write md.exp(t).
    """

    __slots__ = ()

    view = Absent("Write t.reshape(...).")
    view_as = Absent("Write t.reshape(u.shape).")
    permute = Absent("Write t.transpose(...).")
    t = Absent("Write t.T.")
    unsqueeze = Absent("Write md.expand_dims(t, axis).")
    expand = Absent("Write md.broadcast_to(t, shape).")
    dim = Absent("Write t.ndim.")
    numel = Absent("Write t.size.")
    float = Absent("Write t.astype('float32').")
    double = Absent("Write t.astype('float64').")
    long = Absent("Write t.numpy().astype('int64').")
    cpu = Absent("Write t.to('cpu').")
    cuda = Absent("Write t.to('cuda').")
    grad_fn = Absent("Write t.op.")
    requires_grad_ = Absent("Write md.Tensor(x, requires_grad=True).")
    mm = Absent("Write t @ u.")
    bmm = Absent("Write t @ u.")
    matmul = Absent("Write t @ u.")
    pow = Absent("Write t**n.")
    sort = Absent("Write t[np.argsort(t)].")
    exp = Absent("Write md.exp(t).")
    log = Absent("Write md.log(t).")
    sqrt = Absent("Write md.sqrt(t).")
    abs = Absent("Write abs(t).")
    tanh = Absent("Write md.tanh(t).")
    sigmoid = Absent("Write md.sigmoid(t).")
    relu = Absent("Write md.relu(t).")
    softmax = Absent("Write md.softmax(t).")
    norm = Absent("Write md.norm(t).")
    flip = Absent("Write md.flip(t).")
    split = Absent("Write md.split(t, n).")


LOAD = "Build the model by your program, then model.load_weights('weights.npz')."
SETS = "Nothing is downloaded: md.data has digits, mnist, movie_reviews, moby_dick and sunspots."
TOP_K = "Write TopKAccuracy(k), which takes labels and one-hot rows."
OWN_LAYER = "Write a class derived from md.Layer, whose call(self, x) computes it."

IN_MODULES = {
    "GradientTape": "Write loss.backward(), or md.grad(f): every Tensor that requires a gradient is on the tape.",
    "Variable": "Write md.Tensor(x, requires_grad=True), or md.Parameter(x) in a layer.",
    "constant": "Write md.Tensor(x): it is one unless requires_grad=True.",
    "convert_to_tensor": "Write md.Tensor(x).",
    "load_model": LOAD,
    "model_from_json": LOAD,
    "save_model": "Write model.save_weights('weights.npz').",
    "clone_model": "Write copy.deepcopy(model), or build it again.",
    "plot_model": "Write model.summary(), or md.plot.graph(loss) for the graph of a Tensor.",
    "np_utils": "Write to_categorical(labels), which is in keras.utils.",
    "backend": "Write md.exp(x), md.mean(x) ...: minidl's functions take Tensors, and NumPy's do too.",
    "applications": "No trained networks come with minidl: md.transfer.from_pytorch reads the weights of others.",
    "Lambda": OWN_LAYER,
    "Permute": OWN_LAYER,
    "Dot": OWN_LAYER,
    "concatenate": "Write Concatenate()([x, y]).",
    "add": "Write Add()([x, y]), or x + y.",
    "MaxPool2D": "Write MaxPooling2D.",
    "AvgPool2D": "Write AveragePooling2D.",
    "GlobalMaxPool2D": "Write GlobalMaxPooling2D.",
    "GlobalAvgPool2D": "Write GlobalAveragePooling2D.",
    "Multiply": "Write x * y.",
    "Subtract": "Write x - y.",
    "Average": "Write (x + y) / 2.",
    "Rescaling": "Divide the data, x / 255, or write ImageDataGenerator(rescale=1 / 255).",
    "Normalization": "Write md.data.Normalizer.of(x_train), which is a function.",
    "TextVectorization": "Write Tokenizer and pad_sequences, which are in keras.preprocessing.",
    "CuDNNLSTM": "Write LSTM.",
    "CuDNNGRU": "Write GRU.",
    "activations": "Write activation='relu' in a layer, or md.relu(x).",
    "binary_crossentropy": "Write BinaryCrossentropy()(y_true, y_pred).",
    "categorical_crossentropy": "Write CategoricalCrossentropy()(y_true, y_pred).",
    "sparse_categorical_crossentropy": "Write SparseCategoricalCrossentropy()(y_true, y_pred).",
    "TopKCategoricalAccuracy": TOP_K,
    "SparseTopKCategoricalAccuracy": TOP_K,
    "cifar10": SETS,
    "fashion_mnist": SETS,
    "imdb": SETS,
    "load_img": "Write minidl.data.folders.read_image(path), or ImageDataGenerator().flow_from_directory(folder).",
    "img_to_array": "Write minidl.data.folders.read_image(path), which gives an array.",
    "TensorBoard": "Write CSVLogger('log.csv'), or md.plot.training_curves(history) afterwards.",
}


def absent_in(module: str, error: type[Exception] = ImportError) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module, which Python calls for names that are not there.

    What is mostly imported by its name raises ``ImportError``: of an ``AttributeError`` Python would not show the text.

    >>> from minidl.keras.models import load_model
    Traceback (most recent call last):
    ImportError: minidl.keras.models has no load_model.
    Build the model by your program, then model.load_weights('weights.npz').
    """

    def __getattr__(name: str) -> NoReturn:
        if name in IN_MODULES:
            raise error(f"{module} has no {name}.\n{IN_MODULES[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__


# --- settings -------------------------------------------------------------------------------------------------------

CALLED_HERE = {  # settings under other names
    "lr": "learning_rate",
    "betas": "beta_1 and beta_2",
    "eps": "epsilon",
    "out_features": "units",
    "hidden_size": "units",
    "out_channels": "filters",
    "stride": "strides",
    "dilation": "dilation_rate",
    "bias": "use_bias",
    "p": "rate",
    "seed": "rng",
    "alpha": "negative_slope",
}

SEEN = "Leave it out: the size of the input is seen at the first call."
NO_SETTINGS = {  # what is no setting
    "in_features": SEEN,
    "in_channels": SEEN,
    "input_size": SEEN,
    "num_features": SEEN,
    "batch_first": "Leave it out: x is (N, T, D).",
    "data_format": "Leave it out: x is (N, H, W, C).",
    "num_layers": "Put several layers in a row, all but the last with return_sequences=True.",
    "bidirectional": "Write Bidirectional(layer).",
    "stateful": "No layer remembers the batch before: hand states over by initial_state=.",
    "batch_input_shape": "Write input_shape, without the batch.",
    "dtype": "Write md.set_default_dtype('float64') before.",
    "shear_range": "Leave it out, or shear the images in preprocessing_function.",
    "brightness_range": "Leave it out, or write preprocessing_function=lambda x: ..., of one image.",
    "validation_split": "Split the data before: md.data.train_test_split, or a folder for each part.",
    "reduction": "It is the mean over the samples: times N it is the sum, and one sample alone has its own.",
    "decay": "Write learning_rate=md.schedules.InverseTimeDecay(...).",
}


def settings_of(kind: type) -> list[str]:
    """The keywords that a class is made with: those of its ``__init__``, and of those to which that hands the rest.

    >>> import minidl as md
    >>> settings_of(md.layers.Flatten)
    ['name', 'input_shape', 'trainable']
    """
    names = []
    for base in kind.__mro__:
        if "__init__" in vars(base):
            parameters = signature(base.__init__).parameters.values()
            names += [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
            if all(p.kind is not p.VAR_KEYWORD for p in parameters):
                break
    return [name for name in dict.fromkeys(names) if name != "self"]


def unknown_setting(who: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for a keyword that a class does not take.

    >>> print(unknown_setting("Adam", "lr", ["learning_rate", "epsilon"]))
    Adam has no setting 'lr'. Write learning_rate.
    """
    here = CALLED_HERE.get(name, "")
    instead = f"Write {here}." if here.partition(" ")[0] in known else NO_SETTINGS.get(name)
    if instead is None:
        return TypeError(str(unknown_name(f"{who}: setting", name, known)) if known else f"{who} has no settings.")
    return TypeError(f"{who} has no setting {name!r}. {instead}")
