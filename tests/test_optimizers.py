"""Optimizers: each rule against its paper's equation in a plain loop, and what surrounds the rules."""

import copy
import math
import pickle

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import optimizers
from minidl.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop
from minidl.schedules import CosineDecay, StepDecay

SHAPES = [(3, 4), (4,), (), (300, 250), (2, 2, 2), (0,)]  # the fourth is larger than a block
STEPS = 7


def rng():
    return np.random.default_rng(9)


def some_parameters(dtype=np.float64, shapes=SHAPES):
    r = rng()
    return [md.Parameter(np.asarray(r.normal(size=shape), dtype)) for shape in shapes]


def some_gradients(shapes=SHAPES, steps=STEPS):
    r = np.random.default_rng(10)
    return [[np.asarray(r.normal(size=shape)) for shape in shapes] for _ in range(steps)]


def train(optimizer, parameters, gradients):
    """One step for each list of gradients; None leaves a parameter without."""
    for gs in gradients:
        for p, g in zip(parameters, gs):
            p.grad = None if g is None else g.astype(p.dtype)
        optimizer.step()
    return [p.numpy().copy() for p in parameters]


# --- the papers' equations, one number array at a time ------------------------------------------------------------


def plain_sgd(w, gs, rate=0.01):
    for g in gs:
        w = w - rate * g
    return w


def plain_momentum(w, gs, rate=0.01, momentum=0.9):
    v = 0
    for g in gs:
        v = momentum * v - rate * g
        w = w + v
    return w


def plain_nesterov(w, gs, rate=0.01, momentum=0.9):
    """Sutskever 2013: the gradient is taken at w + μ v, which is where our w stands; theirs is w − μ v."""
    v = 0
    theirs = w  # v starts at 0
    for g in gs:  # g is the gradient at theirs + μ v
        v = momentum * v - rate * g
        theirs = theirs + v
    return theirs + momentum * v


def plain_rmsprop(w, gs, rate=0.001, rho=0.9, epsilon=1e-7):
    v = 0
    for g in gs:
        v = rho * v + (1 - rho) * g**2
        w = w - rate * g / np.sqrt(v + epsilon)
    return w


def plain_adagrad(w, gs, rate=0.001, start=0.1, epsilon=1e-7):
    v = start
    for g in gs:
        v = v + g**2
        w = w - rate * g / np.sqrt(v + epsilon)
    return w


def plain_adam(w, gs, rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, decay=0.0):
    m = v = 0
    for t, g in enumerate(gs, start=1):
        w = w - rate * decay * w
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        w = w - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return w


RULES = {
    "SGD": (SGD, {}, plain_sgd),
    "SGD, rate 0.3": (SGD, {"learning_rate": 0.3}, lambda w, gs: plain_sgd(w, gs, 0.3)),
    "momentum": (SGD, {"momentum": 0.9}, plain_momentum),
    "momentum 0.5": (SGD, {"momentum": 0.5, "learning_rate": 0.1}, lambda w, gs: plain_momentum(w, gs, 0.1, 0.5)),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, plain_nesterov),
    "RMSprop": (RMSprop, {}, plain_rmsprop),
    "RMSprop, rho 0.5": (RMSprop, {"rho": 0.5, "epsilon": 0.01}, lambda w, gs: plain_rmsprop(w, gs, 0.001, 0.5, 0.01)),
    "Adagrad": (Adagrad, {}, plain_adagrad),
    "Adagrad from 0": (
        Adagrad,
        {"initial_accumulator_value": 0.0, "epsilon": 0.01},
        lambda w, gs: plain_adagrad(w, gs, 0.001, 0.0, 0.01),
    ),
    "Adam": (Adam, {}, plain_adam),
    "Adam, other settings": (
        Adam,
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.1},
        lambda w, gs: plain_adam(w, gs, 0.1, 0.5, 0.8, 0.1),
    ),
    "Adam without memory": (Adam, {"beta_1": 0.0, "beta_2": 0.0}, lambda w, gs: plain_adam(w, gs, 0.001, 0, 0)),
    "AdamW": (AdamW, {}, lambda w, gs: plain_adam(w, gs, decay=0.004)),
    "AdamW, decay 0.5": (
        AdamW,
        {"learning_rate": 0.1, "weight_decay": 0.5},
        lambda w, gs: plain_adam(w, gs, 0.1, decay=0.5),
    ),
}

every_rule = pytest.mark.parametrize("rule, settings, reference", RULES.values(), ids=RULES)


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
    if rule not in (Adam, AdamW):
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


def test_a_gradient_of_zeros_is_not_divided_by_its_norm():
    w = md.Parameter([1.0])
    train(SGD([w], clipnorm=1.0, global_clipnorm=1.0), [w], [[np.zeros(1)]])
    assert w.item() == 1.0


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


@pytest.mark.parametrize("rule", [RMSprop, Adagrad, Adam, AdamW])
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


# --- stopping and going on ----------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("first", [0, 3])
def test_a_loaded_state_goes_on_bit_for_bit(rule, settings, reference, first):
    gradients = some_gradients()
    whole = some_parameters(np.float32)
    expected = train(rule(whole, **settings), whole, gradients)
    parts = some_parameters(np.float32)
    optimizer = rule(parts, **settings)
    weights = train(optimizer, parts, gradients[:first])
    state = {name: np.array(value) for name, value in optimizer.state_dict().items()}  # as it comes from a file
    later = [md.Parameter(w) for w in weights] if first else some_parameters(np.float32)
    optimizer = rule(later, **settings)
    optimizer.load_state_dict(state)
    assert optimizer.iterations == first
    for w, w2 in zip(train(optimizer, later, gradients[first:]), expected):
        np.testing.assert_array_equal(w, w2)


@every_rule
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_a_copy_goes_on_by_itself(rule, settings, reference, duplicate):
    """Parameters are views of the optimizer's memory: a copy must not fall apart, nor touch the original."""
    gradients = some_gradients()
    parameters = some_parameters()
    optimizer = rule(parameters, **settings)
    train(optimizer, parameters, gradients[:3])
    copied, copied_optimizer = duplicate((parameters, optimizer))
    here = [p.numpy().copy() for p in parameters]
    there = train(copied_optimizer, copied, gradients[3:])
    for p, w in zip(parameters, here):
        np.testing.assert_array_equal(p.numpy(), w)
    for w, w2 in zip(train(optimizer, parameters, gradients[3:]), there):
        np.testing.assert_array_equal(w, w2)


def test_new_data_for_a_parameter_is_noticed():
    """Whoever assigns p.data gives it other memory; what is remembered stays."""
    gradients = some_gradients()
    one, other = some_parameters(), some_parameters()
    expected = train(Adam(one), one, gradients)
    optimizer = Adam(other)
    train(optimizer, other, gradients[:3])
    for p in other:
        p.data = p.data.copy()
    for w, w2 in zip(train(optimizer, other, gradients[3:]), expected):
        np.testing.assert_array_equal(w, w2)


@pytest.mark.parametrize("rule", [Adagrad, Adam])
def test_two_optimizers_take_turns(rule):
    """Each remembers its own gradients, and both change the same weights."""
    gradients = some_gradients()
    one = some_parameters()
    first, second = rule(one), SGD(one, learning_rate=0.1)
    other = some_parameters()
    alone = rule(other)
    for gs in gradients:
        train(first, one, [gs])
        train(second, one, [gs])
        expected = train(alone, other, [gs])
        for p, w, g in zip(other, expected, gs):
            p.data[...] = w - 0.1 * g
    for p, p2 in zip(one, other):
        np.testing.assert_allclose(p.numpy(), p2.numpy(), rtol=1e-12)


def test_parameters_stay_the_users_own():
    """Adam lays them side by side; the Parameter objects, their shapes and numbers are the same."""
    parameters = some_parameters()
    start = [p.numpy().copy() for p in parameters]
    train(SGD(parameters, learning_rate=0.0), parameters, some_gradients(steps=1))
    for p, w in zip(parameters, start):
        assert p.shape == w.shape
        np.testing.assert_array_equal(p.numpy(), w)


def test_a_parameter_given_twice_is_updated_once():
    w = md.Parameter(np.array([1.0]))
    optimizer = SGD([w, w], learning_rate=0.1)
    train(optimizer, [w], [[np.array([1.0])]] * 2)
    assert w.item() == pytest.approx(0.8)
    assert len(optimizer.parameters) == 1


def test_gradients_that_can_be_differentiated_again():
    """After backward(create_graph=True) p.grad is a Tensor."""
    for sizes in ([(2,), (3,)], [(2,)]):
        parameters = some_parameters(shapes=sizes)
        loss = sum((p * p).sum() for p in parameters)
        loss.backward(create_graph=True)
        start = [p.numpy().copy() for p in parameters]
        SGD(parameters, learning_rate=0.1, clipnorm=1e9, clipvalue=1e9, global_clipnorm=1e9).step()
        for p, w in zip(parameters, start):
            np.testing.assert_allclose(p.numpy(), w - 0.1 * 2 * w)


def test_parameters_of_two_dtypes():
    gradients = some_gradients()
    both = [md.Parameter(p.numpy(), dtype=[np.float32, np.float64][i % 2]) for i, p in enumerate(some_parameters())]
    start = [p.numpy().copy() for p in both]
    end = train(Adam(both), both, gradients)
    for i, (w0, w) in enumerate(zip(start, end)):
        assert w.dtype == w0.dtype
        np.testing.assert_allclose(w, plain_adam(w0, [gs[i] for gs in gradients]), rtol=2e-5, atol=2e-6)


def test_a_step_between_forward_and_backward_is_noticed():
    w = md.Parameter([2.0])
    optimizer = SGD([w])
    train(optimizer, [w], [[np.array([1.0])]])
    loss = (w * w).sum()
    optimizer.step()
    with pytest.raises(ValueError, match="edited in place after it was used"):
        loss.backward()


# --- on the GPU's stand-in ----------------------------------------------------------------------------------------


@every_rule
def test_cupy_parameters_give_the_same(rule, settings, reference):
    gradients = some_gradients()
    parameters = some_parameters(np.float32)
    expected = train(rule(parameters, clipnorm=2.0, **settings), parameters, gradients)
    with fake_cupy.installed() as cupy:
        there = [md.Parameter(cupy.asarray(p.numpy())) for p in some_parameters(np.float32)]
        optimizer = rule(there, clipnorm=2.0, **settings)
        for step, gs in enumerate(gradients):
            for p, g in zip(there, gs):
                p.grad = cupy.asarray(g.astype(np.float32))
            optimizer.step()
            if step == 3:  # to the CPU and back
                state = optimizer.state_dict()
                assert all(isinstance(value, (int, np.ndarray)) for value in state.values())
                optimizer = rule(there, clipnorm=2.0, **settings)
                optimizer.load_state_dict(state)
        for p, w in zip(there, expected):
            np.testing.assert_allclose(p.numpy(), w, rtol=1e-6, atol=1e-7)


def test_what_is_remembered_moves_with_the_parameters():
    layer = md.layers.Dense(2)
    layer(np.ones((1, 3)))
    gradients = some_gradients([(3, 2), (2,)])
    other = [md.Parameter(p.numpy().copy()) for p in layer.parameters()]
    expected = train(Adam(other), other, gradients)
    optimizer = Adam(layer.parameters())
    train(optimizer, layer.parameters(), gradients[:2])
    with fake_cupy.installed() as cupy:
        layer.to("cuda")
        for gs in gradients[2:4]:
            for p, g in zip(layer.parameters(), gs):
                p.grad = cupy.asarray(g.astype(np.float32))
            optimizer.step()
        layer.to("cpu")
        end = train(optimizer, layer.parameters(), gradients[4:])
    for w, w2 in zip(end, expected):
        np.testing.assert_allclose(w, w2, rtol=1e-6)


# --- what is refused ----------------------------------------------------------------------------------------------

W = md.Parameter([1.0])
STATE = {"iterations": 1, "0.m": np.ones(1), "0.v": np.ones(1)}
REFUSED = [
    (lambda: optimizers.get("adm"), ValueError, "optimizer 'adm' is not known. Did you mean 'adam'"),
    (lambda: optimizers.get(3), ValueError, "optimizer 3 is not known"),
    (lambda: Adam([]).step(), ValueError, r"Adam has no parameters to update(.|\n)*after the model is built"),
    (lambda: Adam(0.01), TypeError, r"expects Parameters first, got float 0\.01\. Write learning_rate="),
    (lambda: Adam(StepDecay(0.1)), TypeError, "expects Parameters first, got StepDecay"),
    (lambda: Adam(md.layers.Dense(3)), TypeError, r"got Dense Dense\(3\)\. Pass model\.parameters\(\)"),
    (lambda: Adam([md.Tensor([1.0])]), TypeError, r"expects Parameters, got Tensor\. Pass model\.parameters\(\)"),
    (lambda: Adam([("name", W)]), TypeError, "expects Parameters, got tuple"),
    (lambda: SGD([W], learning_rate=-1), ValueError, "learning_rate >= 0, got -1"),
    (lambda: SGD([W], learning_rate=math.nan), ValueError, "learning_rate >= 0, got nan"),
    (lambda: SGD([W], momentum=1.0), ValueError, r"momentum in \[0, 1\), got 1\.0"),
    (lambda: Adam([W], beta_1=1.0), ValueError, r"beta_1 in \[0, 1\), got 1\.0"),
    (lambda: AdamW([W], beta_2=-0.1), ValueError, r"beta_2 in \[0, 1\), got -0\.1"),
    (lambda: SGD([W], clipnorm=0), ValueError, "clipnorm > 0, or None, got 0"),
    (lambda: SGD([W], clipvalue=-1.0), ValueError, "clipvalue > 0"),
    (lambda: SGD([W], global_clipnorm=-1.0), ValueError, "global_clipnorm > 0"),
    (lambda: Adam([W]).load_state_dict({}), ValueError, "a state with 'iterations', got"),
    (lambda: Adam([W]).load_state_dict({**STATE, "1.m": 0}), ValueError, r"does not fit Adam(.|\n)*unexpected: 1\.m"),
    (lambda: Adam([W]).load_state_dict({"iterations": 1, "0.m": np.ones(1)}), ValueError, r"missing: 0\.v"),
    (lambda: Adam([W]).load_state_dict({**STATE, "0.m": np.ones(2)}), ValueError, r"0\.m has shape \(2,\), expected"),
    (lambda: SGD([W]).load_state_dict(STATE), ValueError, r"unexpected: 0\.m; unexpected: 0\.v"),
    (lambda: Adam([]).load_state_dict({"iterations": 0}), ValueError, "no parameters"),
]


@pytest.mark.parametrize("call, error, match", REFUSED, ids=[match[:40] for _, _, match in REFUSED])
def test_wrong_calls_are_refused_in_words(call, error, match):
    with pytest.raises(error, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3


def test_a_refused_state_changes_nothing():
    parameters = some_parameters()
    optimizer = Adam(parameters)
    train(optimizer, parameters, some_gradients(steps=2))
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match="has shape"):
        optimizer.load_state_dict({**before, "iterations": 99, "0.m": np.zeros(5)})
    after = optimizer.state_dict()
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adagrad", "adam", "adamw", "Adam", "RMSprop", "SGD"])
def test_by_name(name):
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_objects_and_classes_are_taken_as_they_are():
    optimizer = Adam(learning_rate=0.5)
    assert optimizers.get(optimizer) is optimizer
    assert isinstance(optimizers.get(AdamW), AdamW)
    assert repr(optimizer) == "Adam(learning_rate=0.5)"
