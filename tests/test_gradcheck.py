"""``check_grads``: what it accepts, what it insists on, what it refuses to judge."""

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive, Tensor
from minidl.gradcheck import GradientError, GradientReport, check_grads


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def op_with(forward, *rules):
    """An op that is in no registry."""
    op = Primitive(forward, broadcasts=True, saves=False)
    op.rule(*rules)
    return op


# --- what it accepts ----------------------------------------------------------------------------------------------


def test_a_right_gradient_gives_a_report():
    report = check_grads(lambda x, w: md.tanh(x @ w), normal(2, 3), normal(3, 4))
    assert isinstance(report, GradientReport)
    assert report.entries == (6 + 12) + (6 + 12 + 8)  # first order; second order, also by g
    assert report.error <= report.limit < 1e-6
    assert "right to order 2: 44 derivatives" in repr(report)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_to_any_order(order):
    assert check_grads(lambda x: md.sin(x) * x, normal(2), order=order).order == order


def test_several_outputs():
    check_grads(lambda x: (md.sin(x), x.sum(), md.exp(x[:1])), normal(3))


def test_inputs_of_any_kind():
    check_grads(md.sin, 0.5)
    check_grads(md.sin, [0.5, 1.0])
    check_grads(md.sin, Tensor(normal(2, 3)))
    check_grads(md.sin, normal(2, 3).astype(np.float32))
    check_grads(md.sin, np.asfortranarray(normal(2, 3))[:, ::-1])
    check_grads(md.sin, np.zeros((0, 3)))
    check_grads(lambda x, i: x[i], normal(4), np.array([0, 2, 2]))
    check_grads(lambda x, i: x[i], normal(4), [0, 2, 2])


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_values_of_any_size(scale):
    check_grads(lambda x: scale * md.sin(x) * x, normal(3))
    check_grads(lambda x: md.square(x) / scale, scale * normal(3))


def test_steep_functions():
    check_grads(md.log, np.array([0.01, 1.0, 100.0]))
    check_grads(md.tan, np.array([1.5, 0.0]))
    check_grads(lambda x: md.exp(5 * x), np.array([3.0, -3.0]))


def test_functions_that_do_not_depend_on_an_input():
    check_grads(lambda x, z: x * 2.0, normal(3), normal(2))
    check_grads(lambda x: x * 0.0, normal(3))
    check_grads(lambda x: Tensor(np.ones(2)), normal(3))


def test_a_slope_that_vanishes_in_the_rounding_of_f():
    """∂/∂x₁ log(e^x₁ + e^x₂) is 1e-13 here: the differences are exactly 0, and the limit knows why."""
    check_grads(lambda x: md.logsumexp(x), np.array([0.0, 30.0]))


def test_a_sample_of_a_large_array():
    x, w = normal(20, 30), normal(30, 4)
    report = check_grads(lambda x, w: md.tanh(x @ w), x, w, sample=5)
    assert (report.order, report.entries) == (1, 10)
    wrong = op_with(lambda x, w, /: x @ w, lambda g, y, x, w: g @ w.T, lambda g, y, x, w: -x.T @ g)
    with pytest.raises(GradientError, match="dw: right size, wrong sign"):
        check_grads(wrong, x, w, sample=5)
    with pytest.raises(ValueError, match=r"x\[\d+, \d+\] = 0 sits on a kink"):
        check_grads(md.relu, np.zeros((20, 30)), sample=5)


# --- parameters ---------------------------------------------------------------------------------------------------


def test_parameters_are_checked_and_given_back_untouched():
    w = Tensor(normal(3, 2).astype(np.float32), requires_grad=True)
    w.grad = np.ones((3, 2), np.float32)
    array, grad = w.data, w.grad
    copy = array.copy()
    report = check_grads(lambda x: md.tanh(x @ w), normal(4, 3), parameters=[w])
    assert report.entries == (12 + 6) + (12 + 6 + 8)
    assert w.data is array
    assert w.grad is grad
    np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("given", [lambda W: W, lambda W: iter([W]), lambda W: (W, W)])
def test_parameters_in_any_container_are_checked(given):
    double = op_with(lambda x, /: x * 2.0, lambda g, y, x: g)
    W = Tensor(normal(3), requires_grad=True)
    with pytest.raises(GradientError, match="parameter 1"):
        check_grads(lambda x: x * double(W), normal(3), parameters=given(W))


def test_frozen_parameters_are_constants_in_float64():
    """Left in float32 they would round f, and no derivative could be judged."""
    w = md.Parameter(normal(3, 2).astype(np.float32), trainable=False)
    report = check_grads(lambda x: md.tanh(x @ w), normal(4, 3), order=1, parameters=[w])
    assert report.entries == 12 and w.dtype == np.float32


def test_parameters_come_back_after_a_failure():
    w = Tensor(normal(3), requires_grad=True)
    array = w.data
    wrong = op_with(lambda x, w, /: x * w, lambda g, y, x, w: g * w, lambda g, y, x, w: g)
    with pytest.raises(GradientError, match="dparameter 1: equals the upstream gradient"):
        check_grads(lambda x: wrong(x, w), normal(3), parameters=[w])
    assert w.data is array


# --- what it leaves alone -----------------------------------------------------------------------------------------


def test_inputs_are_not_modified():
    x = normal(3)
    x.flags.writeable = False
    t = Tensor(x, requires_grad=True)
    check_grads(md.sin, x)
    check_grads(md.sin, t)
    assert t.grad is None


def test_the_verdict_can_be_repeated_and_the_generator_is_not_used():
    md.seed(0)
    expected = np.random.default_rng(0).random()
    one, two = (check_grads(md.sin, normal(3)) for _ in range(2))
    assert one == two
    assert md.arrays.generator().random() == expected
    assert check_grads(md.sin, normal(3), rng=5) != one


# --- what it insists on -------------------------------------------------------------------------------------------


def test_one_wrong_entry_among_many():
    def rule(g, y, x):
        dx = np.array(g)
        dx[17, 3] *= 1.000001
        return dx

    wrong = op_with(lambda x, /: x * 1.0, rule)
    with pytest.raises(GradientError, match=r"dx: 1 of 100 entries differ, most at \[17, 3\]"):
        check_grads(wrong, normal(20, 5), order=1)


def test_a_rule_that_computes_in_float32_is_noticed():
    """It is right to seven digits; the limit asks for more."""
    wrong = op_with(lambda x, /: x * x, lambda g, y, x: g * (2 * x).astype(np.float32))
    with pytest.raises(GradientError, match="entries differ"):
        check_grads(wrong, normal(3), order=1)


def test_a_composition_that_is_another_function():
    op = op_with(lambda x, /: md.sin(x))
    op.joint = lambda g, y, x, needs: (g * md.cos(x),)
    op.composition = lambda x: md.sin(x) * 2.0
    with pytest.raises(GradientError, match=r"create_graph=True.*\n.*2 times the right size"):
        check_grads(op, normal(3))
    check_grads(op, normal(3), order=1)


# --- what it refuses to judge -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, x, words",
    [
        (md.relu, np.array([1.0, 0.0]), r"x\[1\] = 0 sits on a kink: slope 0 to the left"),
        (lambda x: md.max(x), np.array([2.0, 2.0]), "kink"),
        (abs, np.zeros(2), "kink"),
        (lambda x: x.astype(np.float32), np.ones(2), "returned float32"),
        (lambda x: x / 0.0, np.ones(2), "not finite"),
        (lambda x: x * np.random.default_rng().random(), np.ones(2), "two different values"),
        (lambda x: md.sin(1e9 * x), np.ones(1), "do not settle"),
        (md.sin, np.arange(3), "nothing to differentiate by"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_where_differences_mean_nothing(f, x, words):
    with pytest.raises(ValueError, match=words) as caught:
        check_grads(f, x)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("f", [lambda x: x.numpy() * 2, lambda x: (), lambda x: (x, None)])
def test_a_function_must_return_tensors(f):
    with pytest.raises(TypeError, match="leave the graph"):
        check_grads(f, normal(3))


@pytest.mark.parametrize("settings", [{"order": 0}, {"order": -1}, {"order": 1.5}, {"sample": 0}, {"sample": -1}])
def test_a_check_that_checks_nothing_is_refused(settings):
    with pytest.raises(ValueError, match="as a positive integer"):
        check_grads(md.sin, normal(3), **settings)


@pytest.mark.parametrize("parameters", [{"W": Tensor([1.0])}, [np.ones(3)], None])
def test_parameters_must_be_tensors(parameters):
    with pytest.raises(TypeError, match="parameters as a list of Tensors, got"):
        check_grads(md.sin, normal(3), parameters=parameters)
