"""The sentences that many rooms share: an unknown name, and what an object is."""

import fake_cupy
import numpy as np
import pytest

from minidl.errors import describe, unknown_name


def test_unknown_name_suggests_the_nearest():
    error = unknown_name("optimizer", "adm", ["sgd", "adam", "rmsprop"])
    assert isinstance(error, ValueError)
    assert str(error) == "optimizer 'adm' is not known. Did you mean 'adam'?\nKnown: adam, rmsprop, sgd."


def test_unknown_name_ignores_case():
    assert "Did you mean 'adam'?" in str(unknown_name("optimizer", "Adam", ["sgd", "adam"]))


@pytest.mark.parametrize("name", ["quasi-newton", "", None, 3])
def test_unknown_name_does_not_guess_wildly(name):
    text = str(unknown_name("optimizer", name, {"sgd": 1, "adam": 2}))
    assert text == f"optimizer {name!r} is not known.\nKnown: adam, sgd."


def test_unknown_name_takes_any_iterable_once():
    assert str(unknown_name("loss", "msee", (n for n in ("mse", "mae")))).endswith(
        "Did you mean 'mse'?\nKnown: mae, mse."
    )


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.zeros((2, 3), np.float32), "float32 array of shape (2, 3)"),
        (np.float64(1), "float64 array of shape ()"),
        (np.zeros(0, bool), "bool array of shape (0,)"),
        (3, "int 3"),
        (None, "NoneType None"),
        ("relu", "str 'relu'"),
    ],
    ids=str,
)
def test_describe(x, text):
    assert describe(x) == text


def test_describe_a_device_array():
    assert describe(fake_cupy.cupy.ones((2, 1), "float32")) == "float32 array of shape (2, 1)"


def test_describe_cuts_long_things_short():
    text = describe(list(range(100)))
    assert text == "list [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11..."
    assert len(describe("x" * 38)) == len("str ") + 40  # just fits, quotes and all
    assert describe("x" * 39).endswith("...")


def test_describe_stays_in_one_line():
    assert describe([np.zeros((3, 1))]) == "list [array([[0.], [0.], [0.]])]"
