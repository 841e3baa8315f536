"""Keras' names, under the paths where its programs look for them, are minidl's own objects."""

import importlib

import numpy as np
import pytest

import minidl
from minidl import keras

PARTS = ["layers", "models", "optimizers", "losses", "metrics", "callbacks", "regularizers", "initializers"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_lists_the_very_objects_of_minidl(part):
    own, facade = importlib.import_module(f"minidl.{part}"), importlib.import_module(f"minidl.keras.{part}")
    assert getattr(keras, part) is facade
    for name in set(facade.__all__) - {"Input", "l1", "l2", "l1_l2"}:
        assert getattr(facade, name) is getattr(own, name)


@pytest.mark.parametrize("part", PARTS)
def test_no_public_class_is_left_out(part):
    own, facade = importlib.import_module(f"minidl.{part}"), importlib.import_module(f"minidl.keras.{part}")
    classes = {name for name, x in vars(own).items() if isinstance(x, type) and x.__module__.startswith(own.__name__)}
    assert {name for name in classes if not name.startswith("_")} - set(facade.__all__) <= {"CrossEntropy"}  # a base


def test_top_level_names():
    import minidl as tf

    assert tf.keras.Sequential is tf.keras.models.Sequential is minidl.Sequential
    assert tf.keras.Model is tf.keras.models.Model is minidl.Model
    assert tf.keras.Input is tf.keras.layers.Input is minidl.Input
    assert tf.__version__.count(".") == 2


def test_utilities():
    import minidl as tf
    from minidl.keras.utils import pad_sequences, set_random_seed, to_categorical

    set_random_seed(3)
    first = tf.layers.Dense(2)(np.ones((1, 3)))
    tf.random.set_seed(3)
    np.testing.assert_array_equal(tf.layers.Dense(2)(np.ones((1, 3))).numpy(), first.numpy())
    np.testing.assert_array_equal(to_categorical([0, 2], 3), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(pad_sequences([[1], [2, 3]]), [[0, 1], [2, 3]])
    assert tf.keras.utils.to_categorical is tf.data.to_categorical


def test_regularizers_and_schedules_by_their_habitual_names():
    from minidl.keras import regularizers
    from minidl.keras.optimizers import schedules

    assert regularizers.l2(0.1) == minidl.regularizers.L2(0.1)
    assert regularizers.l1_l2(l1=0.1, l2=0.2) == minidl.regularizers.L1L2(0.1, 0.2)
    assert schedules.ExponentialDecay is minidl.schedules.ExponentialDecay


def test_set_seed_repeats_the_initial_weights():
    import minidl as tf

    def first_weights():
        tf.random.set_seed(42)
        return tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(2,))]).get_weights()[0]

    np.testing.assert_array_equal(first_weights(), first_weights())
