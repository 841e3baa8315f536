import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import to_categorical


@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=20), extra=st.integers(0, 3))
def test_one_hot_rows(labels, extra):
    y = to_categorical(np.array(labels), max(labels) + 1 + extra)
    assert y.shape == (len(labels), max(labels) + 1 + extra) and y.dtype == np.float32
    np.testing.assert_array_equal(y.sum(axis=-1), 1)
    np.testing.assert_array_equal(y.argmax(axis=-1), labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_any_integer_will_do(dtype):
    np.testing.assert_array_equal(to_categorical(np.array([1, 0], dtype)), [[0, 1], [1, 0]])


def test_shapes():
    assert to_categorical(np.zeros((2, 5), int), 3).shape == (2, 5, 3)
    assert to_categorical(np.zeros((4, 1), int), 3).shape == (4, 3)
    assert to_categorical(np.array(2)).tolist() == [0, 0, 1]
    assert to_categorical(np.zeros((0,), int), 3).shape == (0, 3)


def test_uint8_labels_and_many_classes():
    y = to_categorical(np.array([0, 255], np.uint8), 300)  # the classes do not fit in the labels' dtype
    assert y.shape == (2, 300) and y.sum() == 2 and y.argmax(axis=1).tolist() == [0, 255]


def test_no_labels_at_all():
    assert to_categorical([], num_classes=3).shape == (0, 3)


@pytest.mark.parametrize(
    "labels, num_classes, kind, message",
    [
        ([0, 3], 3, ValueError, r"from 0 to 2 \(num_classes=3\), got 3"),
        ([-1, 0], 3, ValueError, "got -1"),
        ([-1, 0], None, ValueError, "got -1"),
        ([0.0, 1.0], 2, TypeError, r"expects integer labels, got float32 array of shape \(2,\)"),
        (["cat"], 2, TypeError, "expected numbers"),
        (np.zeros(0, int), None, ValueError, "Give num_classes"),
        ([], None, ValueError, "Give num_classes"),
        ([0, 1], 0, ValueError, "num_classes as a positive integer, got 0"),
        ([0, 1], 2.0, ValueError, "num_classes as a positive integer, got 2.0"),
        ([0, 1], "2", TypeError, "num_classes as a positive integer, got str '2'"),
    ],
)
def test_mistakes_are_named(labels, num_classes, kind, message):
    with pytest.raises(kind, match=message):
        to_categorical(labels, num_classes)
