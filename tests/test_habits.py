"""Names that Keras or PyTorch has and minidl has not: whoever types one is told what to write instead."""

import copy
import importlib
import inspect
import pickle
import re

import numpy as np
import pytest

import minidl as md
from minidl import habits, layers
from minidl.layers import Dense


def model():
    return md.Sequential([Dense(3, input_shape=(2,)), Dense(1)])


NAMES = {
    table: [name for name, value in vars(table).items() if isinstance(value, habits.Absent)]
    for table in (habits.LayerHabits, habits.ModelHabits)
}


@pytest.mark.parametrize("name", [*NAMES[habits.LayerHabits], *NAMES[habits.ModelHabits]])
def test_a_model_says_what_to_write(name):
    with pytest.raises(AttributeError, match=rf"^Sequential 'sequential' has no {name}\. [A-Z]") as caught:
        getattr(model(), name)
    assert len(str(caught.value).splitlines()) == 1
    assert not hasattr(model(), name)


def test_a_layer_and_a_class_say_it_too():
    with pytest.raises(AttributeError, match=r"Dense 'dense' has no weights\. Write parameters\(\)"):
        _ = Dense(1).weights
    with pytest.raises(AttributeError, match=r"^Dense has no weights"):
        _ = Dense.weights
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'save'"):
        _ = Dense(1).save


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: md.optimizers.Adam(lr=0.1), "^Adam has no setting 'lr'. Write learning_rate.$"),
        (lambda: md.optimizers.AdamW(betas=(0.9, 0.99)), "^AdamW has no setting 'betas'. Write beta_1 and beta_2.$"),
        (lambda: md.optimizers.RMSprop(eps=1e-8), "^RMSprop has no setting 'eps'. Write epsilon.$"),
        (lambda: md.optimizers.SGD(nesterof=True), r"^SGD: setting 'nesterof' is not known. Did you mean 'nesterov'\?"),
        (lambda: md.optimizers.Adam(decay=1e-4), r"^Adam has no setting 'decay'. Write learning_rate=md.schedules.Inv"),
    ],
)
def test_an_optimizer_says_what_a_setting_is_called(make, message):
    with pytest.raises(TypeError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: md.losses.MeanSquaredError(reduction="sum"),
            r"^MeanSquaredError has no setting 'reduction'. It is the",
        ),
        (lambda: md.losses.MeanAbsoluteError(name="mine"), r"^MeanAbsoluteError has no settings\.$"),
        (
            lambda: md.losses.Huber(detla=2.0),
            r"^Huber: setting 'detla' is not known. Did you mean 'delta'\?\nKnown: delta",
        ),
        (
            lambda: md.losses.BinaryCrossentropy(axis=-1),
            r"^BinaryCrossentropy: setting 'axis' is not known\.\nKnown: from",
        ),
        (
            lambda: md.data.ImageDataGenerator(rotation=20),
            r"^ImageDataGenerator: setting 'rotation' is not known. Did you mean 'rotation_range'\?\nKnown: crop",
        ),
        (
            lambda: md.data.ImageDataGenerator(rescale=1 / 255, shear_range=0.2),
            r"^ImageDataGenerator has no setting 'shear_range'. Leave it out",
        ),
    ],
)
def test_losses_and_image_generators_say_which_settings_they_have(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("name", [n for n, v in vars(habits.MetricHabits).items() if isinstance(v, habits.Absent)])
def test_a_metric_says_what_its_methods_are_called(name):
    with pytest.raises(AttributeError, match=rf"^Accuracy 'accuracy' has no {name}\. Write (update|reset)\("):
        getattr(md.metrics.Accuracy(), name)


def test_the_rooms_of_metrics_and_losses_say_it_themselves():
    with pytest.raises(
        AttributeError, match=r"minidl\.metrics has no TopKCategoricalAccuracy\.\nWrite TopKAccuracy\(k\)"
    ):
        _ = md.metrics.TopKCategoricalAccuracy
    with pytest.raises(AttributeError, match=r"minidl\.losses has no binary_crossentropy\.\nWrite BinaryCross"):
        _ = md.losses.binary_crossentropy


def test_what_a_tensor_is_told_to_write_can_be_done():
    t = u = md.Tensor([[1.0, 2.0], [3.0, 4.0]])
    names = {"md": md, "np": np, "t": t, "u": u, "shape": (2, 2, 2), "axis": 0, "x": [1.0], "n": 2}
    table = {
        name: value.instead for name, value in vars(habits.TensorHabits).items() if isinstance(value, habits.Absent)
    }
    for name, instead in table.items():
        with pytest.raises(AttributeError, match=rf"^Tensor has no {name}\. {re.escape(instead)}$"):
            getattr(t, name)
        if "..." not in instead and name != "cuda":
            eval(instead.removeprefix("Write ").removesuffix("."), names)
    assert len(table) > 20


def test_lr_is_not_set_in_vain():
    adam = md.optimizers.Adam()
    with pytest.raises(AttributeError, match=r"Adam has no lr\. Write learning_rate = 0\.1\."):
        adam.lr = 0.1
    assert not hasattr(adam, "lr")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(3, in_features=4), r"^Dense has no setting 'in_features'. Leave it out: the size of the input"),
        (lambda: Dense(3, bias=False), "^Dense has no setting 'bias'. Write use_bias.$"),
        (lambda: Dense(3, activaton="relu"), r"^Dense: setting 'activaton' is not known. Did you mean 'activation'\?"),
        (lambda: Dense(3, p=0.5), r"^Dense: setting 'p' is not known.\nKnown: activation, .*units, use_bias.$"),
        (lambda: layers.Conv2D(8, 3, stride=2), "^Conv2D has no setting 'stride'. Write strides.$"),
        (lambda: layers.LSTM(3, hidden_size=3), "^LSTM has no setting 'hidden_size'. Write units.$"),
        (
            lambda: layers.LSTM(3, return_sequence=True),
            "'return_sequence' is not known. Did you mean 'return_sequences'",
        ),
        (lambda: layers.GRU(3, use_bais=True), "^GRU: setting 'use_bais' is not known. Did you mean 'use_bias'"),
        (lambda: layers.SpatialDropout1D(0.5, seed=0), "^SpatialDropout1D has no setting 'seed'. Write rng.$"),
        (
            lambda: layers.Flatten(start_dim=1),
            r"^Flatten: setting 'start_dim' .*\nKnown: input_shape, name, trainable.$",
        ),
    ],
)
def test_a_layer_says_what_a_setting_is_called(make, message):
    with pytest.raises(TypeError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) <= 2


def test_settings_of_ones_own_layer_are_known():
    class Mine(Dense):
        def __init__(self, units, sharpness=1.0, **settings):
            super().__init__(units, **settings)

    assert Mine(3, use_bias=False, sharpness=2.0).use_bias is False
    with pytest.raises(
        TypeError, match=r"^Mine: setting 'sharpnes' is not known. Did you mean 'sharpness'\?\nKnown: act"
    ):
        Mine(3, sharpnes=2.0)


def test_every_other_name_leads_to_a_setting_that_there_is():
    kinds = [kind for module in (layers, md.optimizers) for kind in vars(module).values() if isinstance(kind, type)]
    kinds = [kind for kind in kinds if issubclass(kind, (md.Layer, md.optimizers.Optimizer))]
    known = {name for kind in kinds for name in habits.settings_of(kind)}
    assert not set(habits.NO_SETTINGS) & known
    assert {name for here in habits.CALLED_HERE.values() for name in here.split(" and ")} <= known


def test_ones_own_attribute_of_that_name_is_ones_own():
    class Mine(md.Layer):
        def __init__(self):
            super().__init__()
            self.weights = 3

        def get_config(self):
            return {}

    assert Mine().weights == 3 and Mine().get_config() == {}


@pytest.mark.parametrize("name", habits.IN_MODULES)
def test_modules_of_the_facade_say_it(name):
    with pytest.raises(ImportError, match=f"minidl.keras.models has no {name}\\.\n[A-Z]"):
        exec(f"from minidl.keras.models import {name}")


@pytest.mark.parametrize(
    "line",
    [
        "from minidl.keras import backend",
        "from minidl.keras.layers import Lambda",
        "from minidl.keras.losses import binary_crossentropy",
        "from minidl.keras.metrics import TopKCategoricalAccuracy",
        "from minidl.keras.callbacks import TensorBoard",
        "from minidl.keras.datasets import cifar10",
        "from minidl.keras.preprocessing.image import load_img",
        "from minidl.keras.utils import plot_model",
    ],
)
def test_each_module_of_the_facade_knows_what_is_asked_of_it(line):
    with pytest.raises(ImportError, match=r"has no \w+\.\n\w+"):
        exec(line)
    module = importlib.import_module(line.split()[1])
    assert not hasattr(module, "no_such_name")


def test_the_package_itself_says_it_and_can_be_asked():
    with pytest.raises(AttributeError, match=r"minidl has no GradientTape\.\nWrite loss\.backward"):
        _ = md.GradientTape
    assert not hasattr(md, "Variable") and not hasattr(md, "no_such_name")
    assert not set(habits.IN_MODULES) - {"add", "concatenate"} & set(dir(md))


def test_what_is_there_is_not_said_to_be_absent():
    for module in (
        md.keras,
        *(getattr(md.keras, name) for name in ("layers", "models", "losses", "metrics", "utils", "callbacks")),
    ):
        assert not set(habits.IN_MODULES) & set(dir(module))


def test_copies_pickles_and_help_do_not_mind():
    inspect.getmembers(md.Sequential)
    assert copy.deepcopy(model()).count_params() == pickle.loads(pickle.dumps(model())).count_params() == 13


def test_what_is_recommended_works():
    m = model()
    assert md.Sequential(m.layers[:-1])(np.ones((1, 2))).shape == (1, 3)
    m.compile("sgd", "mse")
    assert list(m.evaluate(np.ones((2, 2)), np.ones((2, 1)), verbose=0, return_dict=True)) == ["loss"]
