"""What optimizers remember: saving, copying, moving to a device; and what they refuse."""

import copy
import math
import pickle

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import optimizers
from minidl.optimizers import SGD, Adagrad, Adam, AdamW, Muon
from minidl.schedules import StepDecay
from tests.update_rules import every_rule, plain_adam, some_gradients, some_parameters, train

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


@pytest.mark.parametrize("n", [1, 2])
def test_a_step_that_was_stopped_half_way_is_noticed_too(n):
    class Stopped(SGD):
        def update(self, w, g, t, rate, v=None):
            super().update(w, g, t, rate, v)
            if self.iterations == 2:
                raise KeyboardInterrupt

    w = md.Parameter(np.ones(300_000, np.float32))
    w.grad = np.ones(300_000, np.float32)
    optimizer = Stopped([w])
    with md.Threads(n) as threads:
        optimizer.step(threads)
        loss = (w * w).sum()
        with pytest.raises(KeyboardInterrupt):
            optimizer.step(threads)
    with pytest.raises(ValueError, match="edited in place after it was used"):
        loss.backward()


# --- freezing and thawing -----------------------------------------------------------------------------------------


@every_rule
def test_binding_again_keeps_what_is_remembered(rule, settings, reference):
    gradients = some_gradients()
    one, other = some_parameters(), some_parameters()
    expected = train(rule(one, **settings), one, gradients)
    optimizer = rule(other, **settings)
    train(optimizer, other, gradients[:3])
    optimizer.bind(other[::-1])
    assert optimizer.parameters == other[::-1]
    for w, w2 in zip(train(optimizer, other, gradients[3:]), expected):
        np.testing.assert_array_equal(w, w2)


@every_rule
@pytest.mark.parametrize("through_a_file", [False, True])
def test_a_thawed_parameter_begins_like_a_new_one_beside_those_that_go_on(rule, settings, reference, through_a_file):
    """The step is counted from when it came: the correction of Adam's first steps is its own."""
    gradients = some_gradients([(3, 2), (2,)])
    (w, b), alone = some_parameters(shapes=[(3, 2), (2,)]), some_parameters(shapes=[(3, 2), (2,)])
    expected_w = train(rule(alone[:1], **settings), alone[:1], [gs[:1] for gs in gradients])[0]
    expected_b = train(rule(alone[1:], **settings), alone[1:], [gs[1:] for gs in gradients[3:]])[0]
    b.requires_grad = False
    optimizer = rule([w, b], **settings)
    assert optimizer.parameters == [w]
    train(optimizer, [w], [gs[:1] for gs in gradients[:3]])
    b.requires_grad = True
    optimizer.bind([w, b])
    train(optimizer, [w, b], gradients[3:4])
    if through_a_file:
        state = optimizer.state_dict()
        optimizer = rule([w, b], **settings)
        optimizer.load_state_dict(state)
    train(optimizer, [w, b], gradients[4:])
    np.testing.assert_array_equal(w.numpy(), expected_w)
    np.testing.assert_array_equal(b.numpy(), expected_b)


def test_a_frozen_parameter_stands_still_and_is_remembered():
    gradients = some_gradients([(2,), (3,)])
    (a, b), (a2, _) = some_parameters(shapes=[(2,), (3,)]), some_parameters(shapes=[(2,), (3,)])
    optimizer, other = SGD([a, b], momentum=0.9, weight_decay=0.1), SGD([a2], momentum=0.9, weight_decay=0.1)
    train(optimizer, [a, b], gradients[:2])
    train(other, [a2], [gs[:1] for gs in gradients[:2]])
    a.requires_grad, a.grad, still = False, None, a.numpy().copy()
    optimizer.bind([a, b])
    train(optimizer, [b], [gs[1:] for gs in gradients[2:4]])
    np.testing.assert_array_equal(a.numpy(), still)
    a.requires_grad = True
    train(optimizer, [a, b], gradients[4:])
    train(other, [a2], [gs[:1] for gs in gradients[4:]])
    np.testing.assert_array_equal(a.numpy(), a2.numpy())


def test_parameters_that_are_no_longer_given_are_forgotten():
    parameters = some_parameters(shapes=[(2,), (3,)])
    optimizer = Adam(parameters)
    train(optimizer, parameters, some_gradients([(2,), (3,)])[:2])
    optimizer.bind(parameters[:1])
    assert set(optimizer.state_dict()) == {"iterations", "0.m", "0.v"}
    optimizer.bind([])
    with pytest.raises(ValueError, match="no parameters to update"):
        optimizer.step()


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
    (lambda: SGD([W], learning_rate=math.nan), ValueError, "learning_rate as a finite number >= 0, got nan"),
    (lambda: SGD([W], momentum=1.0), ValueError, r"momentum in \[0, 1\), got 1\.0"),
    (lambda: Adam([W], beta_1=1.0), ValueError, r"beta_1 in \[0, 1\), got 1\.0"),
    (lambda: AdamW([W], beta_2=-0.1), ValueError, r"beta_2 in \[0, 1\), got -0\.1"),
    (lambda: Muon([W], exclude_layers=[md.layers.Dense(3, name="z")]), ValueError, "'z' has no parameters yet"),
    (lambda: Muon([W], exclude_layers=[W]), TypeError, "layers in exclude_layers, got Parameter"),
    (lambda: Muon([W], exclude_layers=md.layers.Dense(3)), TypeError, "exclude_layers as a list of layers, got Dense"),
    (lambda: Muon([W], ns_steps=0), ValueError, "Muon expects ns_steps"),
    (lambda: SGD([W], clipnorm=0), ValueError, "clipnorm > 0, or None, got 0"),
    (lambda: SGD([W], clipvalue=-1.0), ValueError, "clipvalue > 0"),
    (lambda: SGD([W], global_clipnorm=-1.0), ValueError, "global_clipnorm > 0"),
    (lambda: Adam([W]).load_state_dict({}), ValueError, "a state with 'iterations', got"),
    (
        lambda: Adam([W]).load_state_dict({**STATE, "iterations": -3}),
        ValueError,
        "iterations is a count of steps, got -3",
    ),
    (
        lambda: Adam([W]).load_state_dict({**STATE, "joined": np.array([9])}),
        ValueError,
        "joined counts steps from 0 to",
    ),
    (lambda: Adam([W]).load_state_dict({**STATE, "0.m": np.full(W.shape, "x")}), ValueError, "0.m holds no numbers"),
    (lambda: Adam([W]).load_state_dict({**STATE, "1.m": 0}), ValueError, r"does not fit Adam(.|\n)*unexpected: 1\.m"),
    (lambda: Adam([W]).load_state_dict({"iterations": 1, "0.m": np.ones(1)}), ValueError, r"missing: 0\.v"),
    (lambda: Adam([W]).load_state_dict({**STATE, "0.m": np.ones(2)}), ValueError, r"0\.m has shape \(2,\), expected"),
    (
        lambda: Adam([W]).load_state_dict({**STATE, "joined": [0, 0]}),
        ValueError,
        r"joined has shape \(2,\), expected \(1,",
    ),
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


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adagrad", "adam", "adamw", "muon", "Adam", "RMSprop", "SGD"])
def test_by_name(name):
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_objects_and_classes_are_taken_as_they_are():
    optimizer = Adam(learning_rate=0.5)
    assert optimizers.get(optimizer) is optimizer
    assert isinstance(optimizers.get(AdamW), AdamW)
    assert repr(optimizer) == "Adam(learning_rate=0.5)"
