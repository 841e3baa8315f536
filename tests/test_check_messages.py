"""What the checker of exercises says, and how it is used."""

import re

import numpy as np
import pytest

import minidl as md
from minidl.check import Checker
from minidl.check.bank import EXERCISES
from tests.exercises import ANSWERS

affine_backward = ANSWERS["affine_backward"].solution


@pytest.fixture
def check():
    return Checker(EXERCISES)


# --- 3 and 4: the message -----------------------------------------------------------------------------------------


def test_the_message_says_what_was_checked_how_near_it_is_and_what_to_look_at(check):
    good = check("affine_backward", affine_backward)
    assert good and repr(good).startswith("affine_backward: right.\nChecked: dx, dW, db in two runs")
    assert re.search(r"Largest error \d\.\de[-+]\d\d \(limit \d\.\de-07\)", repr(good))
    bad = check("affine_backward", lambda g, x, W: (g @ W.T, 2 * x.T @ g, -g.sum(axis=0)))
    assert not bad
    assert repr(bad).splitlines()[1:] == [
        "dW: 2 times the right size. Is a 2 or a 1/2 lost or used twice?",
        f"Given g (4, 5), x (4, 3), W (3, 5): dx is right; db too needs another look. {worst(bad, 'dW')}",
        "Look next: check.verdicts['affine_backward'] holds .inputs, .got and .expected of this run.",
    ]
    assert bad.inputs["x"].shape == (4, 3) and np.allclose(bad.got["dW"], 2 * bad.expected["dW"])


def worst(verdict, name):
    error = np.abs(verdict.got[name] - verdict.expected[name]).max()
    return f"Largest error {error:.2g} in {name} (limit {1e-7 * np.abs(verdict.expected[name]).max():.1e})."


# --- 5: mine_or, report, and mistakes in using it -----------------------------------------------------------------


def test_mine_or_takes_mine_only_once_it_has_passed(check, capsys):
    MyDense = ANSWERS["MyDense"].solution
    assert check.mine_or(MyDense, md.layers.Dense) is md.layers.Dense
    assert "Dense is used: MyDense has not passed its check yet." in capsys.readouterr().out
    check("MyDense", ANSWERS["MyDense"].wrong[0][0])
    assert check.mine_or(ANSWERS["MyDense"].wrong[0][0], md.layers.Dense) is md.layers.Dense
    check("MyDense", MyDense)
    capsys.readouterr()
    assert check.mine_or(MyDense, md.layers.Dense) is MyDense
    assert capsys.readouterr().out == "Your own MyDense is used.\n"

    class Changed(MyDense):
        """Written anew after the check: not yet checked."""

    assert check.mine_or(Changed, md.layers.Dense) is md.layers.Dense


def test_my_layer_trains_a_network(check):
    MyDense = ANSWERS["MyDense"].solution
    check("MyDense", MyDense)
    layer = check.mine_or(MyDense, md.layers.Dense)
    md.seed(0)
    (x, y), _ = md.data.digits()
    model = md.Sequential([md.layers.Flatten(input_shape=(8, 8)), layer(10)])
    model.compile(md.optimizers.Adam(learning_rate=0.02), md.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(x[:320] / 16, y[:320], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_the_check_leaves_the_default_dtype_alone(check):
    check("MyDense", ANSWERS["MyDense"].solution)
    check("MyDense", ANSWERS["MyDense"].wrong[0][0])
    assert md.default_dtype() == np.float32


def test_the_report_is_a_table(check):
    assert repr(check.report()) == "No exercise tried yet."
    check("affine_backward", affine_backward)
    check("MyDense", ANSWERS["MyDense"].wrong[0][0])
    check("affine_backward", affine_backward)
    assert repr(check.report()).splitlines() == [
        "affine_backward  right",
        "MyDense          not right yet",
        "1 of 2 right",
    ]


def test_mistakes_in_using_it(check):
    with pytest.raises(ValueError, match=r"exercise 'afine_backward' is not known\. Did you mean 'affine_backward'"):
        check("afine_backward", affine_backward)
    with pytest.raises(TypeError, match=r"Write check\('affine_backward', affine_backward\), without calling it"):
        check("affine_backward", np.ones(3))
    for no_name in (affine_backward, None, ["affine_backward"]):
        with pytest.raises(TypeError, match="check expects the exercise's name first"):
            check(no_name, "affine_backward")
