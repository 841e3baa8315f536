"""Optimizers (D.T4): each rule against its paper's equation in a plain loop; clipping, weight decay, schedules."""

import math

import numpy as np
import pytest

import minidl as md
from minidl.optimizers import SGD, Adagrad, Adam, AdamW, Muon, RMSprop
from minidl.optimizers.muon import orthogonal
from minidl.schedules import CosineDecay, StepDecay
from tests.update_rules import STEPS, every_rule, some_gradients, some_parameters, train


@every_rule
def test_each_rule_is_its_papers_equation(rule, settings, reference):
    parameters, gradients = some_parameters(), some_gradients()
    start = [p.numpy().copy() for p in parameters]
    end = train(rule(parameters, **settings), parameters, gradients)
    for i, (w0, w) in enumerate(zip(start, end)):
        expected = reference(w0, [gs[i] for gs in gradients])
        np.testing.assert_allclose(w, expected, rtol=1e-11, atol=1e-13)


@every_rule
def test_float32_stays_float32(rule, settings, reference):
    parameters, gradients = some_parameters(np.float32), some_gradients()
    start = [p.numpy().copy() for p in parameters]
    end = train(rule(parameters, **settings), parameters, gradients)
    for i, (w0, w) in enumerate(zip(start, end)):
        assert w.dtype == np.float32
        np.testing.assert_allclose(w, reference(w0, [gs[i] for gs in gradients]), rtol=2e-5, atol=2e-6)


@every_rule
def test_some_parameters_have_no_gradient_in_some_steps(rule, settings, reference):
    """They stay as they are, and so does what is remembered of them; Adam's t counts all steps."""
    parameters, gradients = some_parameters(), some_gradients()
    start = [p.numpy().copy() for p in parameters]
    absent = 1
    for step in (1, 2):
        gradients[step][absent] = None
    before, after = gradients[:3], gradients[3:]
    optimizer = rule(parameters, **settings)
    train(optimizer, parameters, before)
    middle = parameters[absent].numpy().copy()
    np.testing.assert_allclose(middle, reference(start[absent], [gradients[0][absent]]), rtol=1e-11)
    end = train(optimizer, parameters, after)
    assert (end[absent] != middle).all()
    np.testing.assert_allclose(end[0], reference(start[0], [gs[0] for gs in gradients]), rtol=1e-11)
    if rule not in (Adam, AdamW, Muon):
        gs = [gs[absent] for gs in gradients if gs[absent] is not None]
        np.testing.assert_allclose(end[absent], reference(start[absent], gs), rtol=1e-11)


@every_rule
def test_frozen_parameters_are_left_out(rule, settings, reference):
    parameters = some_parameters()
    parameters[0].requires_grad = False
    optimizer = rule(parameters, **settings)
    frozen = parameters[0].numpy().copy()
    end = train(optimizer, parameters, some_gradients())
    np.testing.assert_array_equal(end[0], frozen)
    assert len(optimizer.parameters) == len(parameters) - 1


def test_muon_leaves_excluded_matrices_and_all_that_is_none_to_adam():
    layers = [md.layers.Embedding(5, 3), md.layers.Dense(4), md.layers.Dense(2)]
    model = md.Sequential(layers)
    model(np.ones((2, 3), int))
    alone = [md.Parameter(p.numpy().copy()) for p in model.parameters()]
    gradients = some_gradients([p.shape for p in alone])
    end = train(Muon(model.parameters(), exclude_layers=[layers[0], layers[2]]), model.parameters(), gradients)
    by_adam = train(AdamW(alone), alone, gradients)
    assert [(w == w2).all() for w, w2 in zip(end, by_adam)] == [True, False, True, True, True]


def test_muons_steps_are_as_long_in_all_directions():
    U, V = (np.linalg.qr(np.random.default_rng(i).normal(size=(6, 4)))[0] for i in (0, 1))
    s = np.linalg.svd(orthogonal((U * [100.0, 10.0, 5.0, 2.0]) @ V.T, 5), compute_uv=False)
    np.testing.assert_allclose(s, [0.9, 0.9, 0.9, 0.9, 0, 0], atol=0.24)


# --- the documents' examples --------------------------------------------------------------------------------------


def test_the_documents_sgd_example():
    """D2.E4: α = 0.1 and gradient 0.5 make a step of 0.05."""
    w = md.Parameter([1.0])
    train(SGD([w], learning_rate=0.1), [w], [[np.array([0.5])]])
    assert w.item() == pytest.approx(1 - 0.05)


def test_the_documents_adam_example():
    """D2.E5: m = 0.3, v = 0.4, α = ε = 0.001 make a step of 4.7359e-4, once the corrections have died out."""
    w = md.Parameter(np.array([0.0]))
    adam = Adam([w], learning_rate=0.001, epsilon=0.001)
    train(adam, [w], [[np.array([0.3])]])
    state = adam.state_dict()
    m1, v1 = 0.1 * 0.3, 0.001 * 0.3**2  # what is kept after the first step is a multiple of the paper's m and v
    before = {"m": 0.3, "v": (0.4 - v1) / 0.999}  # a gradient of 0.3 leads from here to m = 0.3, v = 0.4
    state["0.m"] *= before["m"] / m1
    state["0.v"] *= before["v"] / v1
    adam.load_state_dict({**state, "iterations": 10**6})
    w.data[...] = 0
    train(adam, [w], [[np.array([0.3])]])
    assert w.item() == pytest.approx(-0.001 * 0.3 / (math.sqrt(0.4) + 0.001), rel=1e-12)
    assert f"{-w.item():.4e}" == "4.7359e-04"


def test_the_first_step_of_adam_is_the_learning_rate():
    """With both corrections m̂ = g and v̂ = g², whatever the size of g: D2.E5 as printed lacks them."""
    for g in (1e-3, 1.0, 1e3):
        w = md.Parameter(np.array([0.0]))
        train(Adam([w], learning_rate=0.01), [w], [[np.array([g])]])
        assert w.item() == pytest.approx(-0.01, rel=2e-4)


# --- clipping, weight decay, schedules ----------------------------------------------------------------------------


def clipped(gs, clipvalue=None, clipnorm=None, global_clipnorm=None):
    if clipvalue:
        gs = [np.minimum(np.maximum(g, -clipvalue), clipvalue) for g in gs]
    if clipnorm:
        gs = [g * min(1, clipnorm / max(np.sqrt((g**2).sum()), 1e-30)) for g in gs]
    if global_clipnorm:
        size = np.sqrt(sum((g**2).sum() for g in gs))
        gs = [g * min(1, global_clipnorm / size) for g in gs]
    return gs


@pytest.mark.parametrize(
    "limits",
    [
        {"clipvalue": 0.5},
        {"clipnorm": 1.5},
        {"global_clipnorm": 3.0},
        {"global_clipnorm": 1e6},
        {"clipvalue": 0.7, "clipnorm": 2.0, "global_clipnorm": 4.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("rule", [SGD, Adam])
def test_gradients_are_clipped(rule, limits):
    gradients = some_gradients()
    one, other = some_parameters(), some_parameters()
    end = train(rule(one, learning_rate=0.1, **limits), one, gradients)
    expected = train(rule(other, learning_rate=0.1), other, [clipped(gs, **limits) for gs in gradients])
    for w, w2 in zip(end, expected):
        np.testing.assert_allclose(w, w2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wrong", [np.ones(1), np.ones((3, 2)), np.float64(1.0), 0.5, [1.0, 2.0]], ids=repr)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_gradient_of_another_shape_is_refused_before_any_update(wrong, place):
    parameters = [md.layers.Parameter(np.zeros(shape)) for shape in ((2,), (2, 3), (300, 300))]
    optimizer = SGD(parameters)
    for p in parameters:
        p.grad = np.ones(p.shape)
    parameters[place].grad = wrong
    with pytest.raises(ValueError, match=r"^step expects a gradient of its parameter's shape"):
        optimizer.step()
    assert optimizer.iterations == 0 and not any(p.data.any() for p in parameters)


def test_a_gradient_of_zeros_is_not_divided_by_its_norm():
    w = md.Parameter([1.0])
    train(SGD([w], clipnorm=1.0, global_clipnorm=1.0), [w], [[np.zeros(1)]])
    assert w.item() == 1.0


@pytest.mark.parametrize("limits", [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}], ids=str)
@pytest.mark.parametrize("dtype, large", [("float32", 1e25), ("float64", 1e200)])
def test_a_gradient_whose_squares_are_too_large_for_its_dtype_is_clipped_too(limits, dtype, large):
    p = md.layers.Parameter(np.zeros(3, dtype))
    p.grad = np.array([3 * large, 4 * large, 0], dtype)
    SGD([p], learning_rate=1.0, **limits).step()
    np.testing.assert_allclose(p.data, [-0.6, -0.8, 0], rtol=1e-6)


def test_weight_decay_is_decoupled():
    """w ← w (1 − α λ) and then the rule's own step: not part of the gradient, so not divided by anything."""
    parameters, gradients = some_parameters(), some_gradients(steps=1)
    start = [p.numpy().copy() for p in parameters]
    end = train(SGD(parameters, learning_rate=0.1, weight_decay=0.2), parameters, gradients)
    for w0, w, g in zip(start, end, gradients[0]):
        np.testing.assert_allclose(w, w0 * (1 - 0.1 * 0.2) - 0.1 * g, rtol=1e-12)


def test_a_schedule_is_asked_for_each_step():
    schedule = StepDecay(0.1, drop=0.5, every=2)
    w = md.Parameter(np.array([0.0]))
    optimizer = SGD([w], learning_rate=schedule)
    rates = []
    for _ in range(5):
        rates.append(optimizer.current_learning_rate)
        before = w.item()
        train(optimizer, [w], [[np.array([1.0])]])
        assert before - w.item() == pytest.approx(rates[-1])
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025]


@pytest.mark.parametrize("rule", [RMSprop, Adagrad, Adam, AdamW, Muon])
def test_a_schedule_is_the_rate_of_every_rule(rule):
    """Its rates by hand, step by step, give the same weights."""
    schedule = CosineDecay(0.1, decay_steps=STEPS)
    one, other = some_parameters(), some_parameters()
    end = train(rule(one, learning_rate=schedule), one, some_gradients())
    optimizer = rule(other, learning_rate=0.0)
    for step, gs in enumerate(some_gradients()):
        optimizer.learning_rate = schedule(step)
        expected = train(optimizer, other, [gs])
    for w, w2 in zip(end, expected):
        np.testing.assert_array_equal(w, w2)


@pytest.mark.parametrize("rate", [-1.0, math.nan, "fast", None, np.ones(2), md.schedules.CosineDecay], ids=str)
def test_a_learning_rate_set_later_is_looked_at_as_at_first(rate):
    optimizer = SGD(learning_rate=0.5)
    with pytest.raises((TypeError, ValueError), match=r"^SGD expects"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.5


@pytest.mark.parametrize("settings", [{"learning_rate": "0.1"}, {"learning_rate": None}, {"weight_decay": "0.1"}])
def test_settings_that_are_no_numbers_are_named(settings):
    with pytest.raises(TypeError, match=f"SGD expects {next(iter(settings))} as a number"):
        md.optimizers.SGD(**settings)
