"""What is said of a wrong gradient: each mistake by its name, in the words of the lessons."""

import re

import numpy as np
import pytest

from minidl.diagnosis import diagnose, is_right

r = np.random.default_rng(0)
DW, DB, W, B, X = (
    r.normal(size=(3, 5)),
    r.normal(size=5),
    r.normal(size=(3, 5)),
    r.normal(size=5),
    r.normal(size=(4, 3)),
)
G, SQUARE = r.normal(size=(4, 5)), r.normal(size=(3, 3))
INPUTS = {"x": X, "W": W, "b": B}


@pytest.mark.parametrize(
    "name, got, expected, words",
    [
        ("dW", None, DW, "dW: None. Is a `return` missing?"),
        ("dW", "words", DW, "expected an array of numbers, got str"),
        ("dW", DW.T, DW, "shape (5, 3), but W has shape (3, 5): the transpose of the right answer."),
        ("dW", -DW.T, DW, "shape (5, 3), but W has shape (3, 5): transposed, and not only that."),
        ("db", np.tile(DB / 4, (4, 1)), DB, "shape (4, 5), but b has shape (5,): a broadcast input, sum over axis 0."),
        ("db", np.ones((4, 5)), DB, "sum over axis 0 (and its numbers would still be wrong)."),
        ("db", np.ones((2, 4, 5)), DB, "sum over axes 0, 1"),
        ("db", np.ones((4, 1)), 4 * np.ones((1, 1)), "a broadcast input, sum over axis 0."),
        ("db", np.tile(DB, (4, 1)), DB, "shape (4, 5), but b has shape (5,): take the mean over axis 0."),
        ("db", np.ones((1, 5)), DB, "shape (1, 5), but b has shape (5,): keepdims, or one pair of brackets too many?"),
        ("y", np.ones(4), np.ones((4, 1)), "shape (4,), but the right answer has shape (4, 1): keepdims=True, or"),
        ("y", np.ones((4, 5)), np.ones(4), "shape (4, 5), but the right answer has shape (4,)."),
        ("y", np.ones((4, 5)), np.ones(5), "(4, 5), but the right answer has shape (5,): take the mean over axis 0."),
        ("y", np.ones((4, 5)), DB, "shape (4, 5), but the right answer has shape (5,): sum or mean over axis 0?"),
        ("y", 1j * DW, DW, "expected an array of numbers, got complex ones. Was a root taken of something negative?"),
        ("y", DB, DW, "that is the right db. Are two results swapped?"),
        ("y", 0 * DW, DW, "all zeros, but the right answer reaches"),
        ("dW", 1e-16 * W, DW, "zero up to rounding, but the right gradient reaches"),
        ("y", np.ones((2, 2)), DW, "shape (2, 2), but the right answer has shape (3, 5)."),
        ("dW", DW * (1 + 1e-6 * W), DW, "Is something in float32, or is a small constant added"),
        ("loss", 0.693147, np.array(np.log(2)), "got 0.693147, expected 0.693147181."),
        ("dW", DW * np.inf, DW, "(15 of 15 entries are not finite)"),
        ("dW", DB, DW, "the right gradient, but of db. Are two inputs swapped?"),
        ("dW", np.ones((2, 2)), DW, "shape (2, 2), but W has shape (3, 5). A gradient has its input's shape."),
        ("dW", DW * np.nan, DW, "nan at [0, 0] (15 of 15 entries are not finite)."),
        ("dW", 0 * DW, DW, "all zeros"),
        ("dW", DW, 0 * DW, "should be zero everywhere"),
        ("dW", -DW, DW, "dW: right size, wrong sign."),
        ("dW", DW / 4, DW, "dW: 0.25 times the right size. Axis 0 of x has size 4: mean or sum?"),
        ("dW", -12 * DW, DW, "-12 times the right size. X has size 12: mean or sum?"),
        ("dW", 2 * DW, DW, "2 times the right size. Is a 2 or a 1/2 lost or used twice?"),
        ("dW", 7 * DW, DW, "7 times the right size. Is a factor lost, or used twice?"),
        ("dW", DW * 1.00002, DW, "1.00002 times the right size."),
        ("loss", np.array(3.0), np.array(1.5), "2 times the right size. Is a 2 or a 1/2 lost"),
        ("loss", np.array(0.5), np.array(3.5), "0.1429 times the right size. Is a factor lost"),
        ("side", np.array(28), np.array(27), "side: too large by 1."),
        ("side", np.array(27.0), np.array(27.001), "side: too small by 0.001."),
        ("db", np.ones((0, 4, 5)), DB, "shape (0, 4, 5), but b has shape (5,)"),
        ("db", np.ones(0), np.array(0.5), "shape (0,), but b has shape ()"),
        ("dA", SQUARE.T, SQUARE, "dA: the transpose of the right answer."),
        ("dW", DW.T.reshape(3, 5), DW, "the transpose of the right answer, reshaped."),
        ("dW", DW[:, ::-1], DW, "reversed along axis 1"),
        ("dW", DW - DW.mean(0), DW, "the right answer minus its mean over axis 0"),
        ("dW", DW + 0.5, DW, "too large by 0.5 everywhere"),
        ("dW", DW * W, DW, "W times the right answer"),
        ("dW", DW / W, DW, "multiplied by W it would be right: is a factor W lost?"),
        ("dW", DW.mean(0) + 0 * DW, DW, "averaged over axis 0"),
        ("dW", DW.sum(1, keepdims=True) + 0 * DW, DW, "summed over axis 1"),
    ],
)
def test_mistakes_have_names(name, got, expected, words):
    said = diagnose(name, got, expected, inputs=INPUTS, gradients={"db": DB})
    assert words in said
    assert len(said.splitlines()) <= 2


def test_softmax_and_upstream_slips():
    y = np.exp(G) / np.exp(G).sum(1, keepdims=True)
    g = r.normal(size=(4, 5))
    dx = y * (g - (g * y).sum(1, keepdims=True))
    for got, words in [
        (y * (g - 1), "equals y (g − 1)"),
        (y * (1 - y) * g, "diagonal of the Jacobian"),
        (y - g, "softmax *with* cross-entropy"),
        (g, "equals the upstream gradient g itself"),
        (g - g.mean(1, keepdims=True), "equals g minus its mean over axis 1: centred"),
        (dx / g, "without the upstream gradient: multiply by g"),
        (dx * g, "multiplied by the upstream gradient g twice"),
    ]:
        assert words in diagnose("dx", got, dx, y=y, g=g)


def test_what_has_no_name_is_counted():
    got = DW.copy()
    got[1, 2] += 1.0
    said = diagnose("dW", got, DW)
    assert said == f"dW: 1 of 15 entries differ, most at [1, 2]: got {got[1, 2]:.6g}, expected {DW[1, 2]:.6g}."


def test_noise_is_given_no_name():
    assert re.search("15 of 15 entries differ", diagnose("dW", r.normal(size=(3, 5)), DW, inputs=INPUTS, g=G))


def test_right_means_shape_and_every_entry_within_its_limit():
    assert is_right(DW, DW + 1e-9, 1e-8)
    assert not is_right(DW, DW + 1e-7, 1e-8)
    assert not is_right(DW[:, :4], DW, 1.0)
    assert not is_right(DW * np.nan, DW, 1.0)
    assert is_right(np.zeros((0, 3)), np.zeros((0, 3)), 0.0)
