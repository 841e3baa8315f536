"""The engine's contracts: the walk, memory, dtypes, higher order, broadcasting, errors."""

import weakref

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Primitive, Tensor
from minidl.backward import gradients


def leaf(*shape, dtype=np.float64, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def spy(forward, *rules, **settings):
    """An op in no registry, and the list of the inputs whose rule was called."""
    called = []
    op = Primitive(forward, settings.get("broadcasts", False), False)
    op.rule(
        *(lambda *args, k=k, rule=rule, **more: called.append(k) or rule(*args, **more) for k, rule in enumerate(rules))
    )
    return op, called


# --- the walk --------------------------------------------------------------------------------------------------------


def test_a_chain_of_100_000_ops():
    x = leaf(2)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])


def test_a_chain_of_100_000_ops_dies_without_backward():
    y = leaf(2)
    for _ in range(100_000):
        y = y + 1.0
    last = weakref.ref(y)
    del y
    assert last() is None


def test_each_op_is_visited_once():
    """In a ladder of n diamonds there are 2ⁿ paths; each rung is visited once."""
    double, called = spy(lambda a, b, /: a + b, lambda g, y, a, b: g, lambda g, y, a, b: g * 1.0)
    x = leaf(1)
    y = x
    for _ in range(60):
        y = double(y, y)
    y.backward(np.ones(1))
    assert len(called) == 120
    assert x.grad == 2.0**60


def test_a_tensor_used_twice_sums_its_gradients():
    x = leaf(3)
    y = x * x + x
    y.backward(np.ones(3))
    np.testing.assert_allclose(x.grad, 2 * x.data + 1)


def test_backward_adds_to_grad_until_zero_grad():
    x = leaf(3)
    x.sum().backward()
    x.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0, 2.0])
    x.zero_grad()
    assert x.grad is None


def test_backward_of_a_leaf():
    x = Tensor(3.0, requires_grad=True)
    x.backward()
    assert x.grad == 1.0
    assert x.grad.dtype == np.float32


def test_gradients_nobody_asked_for_are_not_computed():
    product, called = spy(lambda x, w, /: x @ w, lambda g, y, x, w: g @ w.T, lambda g, y, x, w: x.T @ g)
    batch, w1, w2 = np.ones((4, 3)), leaf(3, 5), leaf(5, 2)
    product(product(batch, w1), w2).sum().backward()
    assert called == [0, 1, 1]  # of the second layer both, of the first only the weights
    assert w1.grad.shape == (3, 5)


def test_joint_rules_are_told_what_is_needed():
    asked = []
    op = Primitive(lambda a, b, c, /: a + b + c, False, False)
    op.joint = lambda g, y, a, b, c, needs: asked.append(needs) or [g * 1.0 if need else None for need in needs]
    x = leaf(2)
    op(np.ones(2), x, Tensor(np.ones(2))).sum().backward()
    assert asked == [[False, True, False]]


def test_gradients_of_inner_tensors():
    x = leaf(2)
    h = x * x
    dh, dx = gradients((3 * h).sum(), [h, x])
    np.testing.assert_allclose(dh, [3.0, 3.0])
    np.testing.assert_allclose(dx, 6 * x.data)
    assert x.grad is None


def test_gradients_of_what_does_not_matter_are_none():
    x, z = leaf(2), leaf(2)
    assert gradients(x.sum(), [z]) == [None]


def test_grad_shares_memory_with_nothing():
    x, w = leaf(3), leaf(3)
    g = np.ones(3)
    (x + w).backward(g)
    arrays = [x.grad, w.grad, g, x.data, w.data]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    x.grad += 100.0
    np.testing.assert_array_equal(w.grad, [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(g, [1.0, 1.0, 1.0])


@pytest.mark.parametrize("function", [lambda x: x * x, lambda x: x + x, lambda x: x, lambda x: x.reshape(1)])
def test_grad_is_an_array_also_of_one_number(function):
    x = Tensor(2.0, requires_grad=True)
    for _ in range(2):
        function(x).backward(np.ones(function(x).shape))
        assert isinstance(x.grad, np.ndarray)
        assert (x.grad.dtype, x.grad.shape) == (np.float32, ())


# --- backward twice, and where it cannot start -----------------------------------------------------------------------


def test_a_second_backward_raises_with_the_remedy():
    x = leaf(3)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(ValueError, match=r"retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward():
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad, 4 * x.data)


def test_a_freed_part_of_the_graph_raises_too():
    x = leaf(3)
    a, b = x * 2.0, x * 3.0
    (a + b).sum().backward()
    with pytest.raises(ValueError, match="used up"):
        (a * b).sum().backward()


def test_backward_needs_a_number_or_a_gradient():
    y = leaf(3) * 2.0
    with pytest.raises(ValueError, match="one number"):
        y.backward()
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        y.backward(np.ones(2))
    y.backward([1.0, 2.0, 3.0])


def test_backward_of_a_constant_says_why_not():
    with pytest.raises(ValueError, match="no_grad"):
        Tensor(1.0).backward()
    with md.no_grad():
        y = leaf(3).sum()
    with pytest.raises(ValueError, match="requires_grad"):
        y.backward()


def test_backward_of_one_number_in_any_shape():
    x = leaf(1, 1)
    (x * 3.0).backward()
    np.testing.assert_array_equal(x.grad, [[3.0]])


# --- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_python_numbers_do_not_change_the_dtype(dtype):
    x = leaf(3, dtype=dtype)
    y = ((2.0 * x + 1 - x / 3) ** 2 - 0.5).sum()
    y.backward()
    assert y.dtype == dtype
    assert x.grad.dtype == dtype


def test_python_numbers_reach_the_dtype_asked_for_unrounded():
    assert md.Tensor(0.3, dtype="float64").item() == 0.3
    assert md.Tensor([1, 2], dtype="float64").dtype == np.float64


def test_each_input_gets_a_gradient_of_its_own_dtype():
    x, w = leaf(3, dtype=np.float32), leaf(3, dtype=np.float64)
    y = x * w
    assert y.dtype == np.float64
    y.sum().backward()
    assert (x.grad.dtype, w.grad.dtype) == (np.float32, np.float64)


def test_an_upstream_gradient_of_another_dtype_is_converted():
    x = leaf(3, dtype=np.float32)
    (x * 2.0).backward(np.ones(3))
    assert x.grad.dtype == np.float32


def test_an_upstream_tensor_of_another_dtype_stays_on_the_graph():
    x, g = leaf(3, dtype=np.float32), leaf(3)
    (dx,) = gradients(x * 2.0, [x], g, create_graph=True)
    assert dx.dtype == np.float32
    (dg,) = gradients(dx.sum(), [g])
    assert np.array_equal(dg, np.full(3, 2.0)) and dg.dtype == np.float64


def test_the_default_dtype_can_be_changed():
    md.set_default_dtype("float64")
    try:
        assert Tensor(1.0).dtype == np.float64
    finally:
        md.set_default_dtype("float32")
    assert Tensor(1.0).dtype == np.float32


def test_integer_arrays_take_part_as_constants():
    x = leaf(3, dtype=np.float32)
    y = x * Tensor([1, 2, 3])
    y.sum().backward()
    assert x.grad.dtype == np.float32


# --- higher order ----------------------------------------------------------------------------------------------------


def test_create_graph_gives_gradients_that_can_be_differentiated():
    x = leaf(3)
    (x * x * x).sum().backward(create_graph=True)
    assert isinstance(x.grad, Tensor)
    (second,) = gradients(x.grad.sum(), [x])
    np.testing.assert_allclose(second, 6 * x.data)


def test_to_the_fifth_order():
    x = Tensor(np.array(0.7), requires_grad=True)
    y = md.sin(x)
    for _ in range(5):
        (y,) = gradients(y, [x], create_graph=True)
    np.testing.assert_allclose(y.data, np.cos(0.7))


# --- broadcasting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((1,), (2, 3)), ((4, 1, 3), (2, 1))]
)
def test_broadcasting_is_undone(shapes):
    x1, x2 = leaf(*shapes[0]), leaf(*shapes[1], seed=1)
    y = x1 * x2
    y.sum().backward()
    np.testing.assert_allclose(
        x1.grad, (np.ones(y.shape) * x2.data).sum(axis=axes_to_sum(shapes[0], y.shape)).reshape(shapes[0])
    )
    assert x2.grad.shape == shapes[1]


def axes_to_sum(shape, full):
    shape = (1,) * (len(full) - len(shape)) + shape
    return tuple(i for i, (n, m) in enumerate(zip(shape, full)) if n != m)


def test_a_rule_with_a_wrong_shape_is_named():
    op = Primitive(lambda x, /: x.sum(), False, False)
    op.rule(lambda g, y, x: g)
    with pytest.raises(ValueError, match="its input's shape"):
        op(leaf(3)).backward()


# --- ops: arguments and errors ---------------------------------------------------------------------------------------


def test_settings_by_place_or_by_name():
    x = leaf(2, 3)
    np.testing.assert_array_equal(md.sum(x, 0, True).data, md.sum(x, axis=0, keepdims=True).data)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: leaf(2, 3) + leaf(2, 4), ValueError, r"add cannot take.*\(2, 3\).*\(2, 4\)"),
        (lambda: leaf(2, 3) @ leaf(2, 3), ValueError, "matmul"),
        (lambda: md.sum(leaf(2), 0, False, 3), TypeError, "sum takes at most 3 arguments, got 4"),
        (lambda: leaf(2, 3).sum(axis=5), ValueError, "sum"),
        (lambda: leaf(3)[7], IndexError, "7"),
        (lambda: md.exp("a"), TypeError, "exp"),
    ],
)
def test_errors_say_who_and_what(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3


def test_gradients_computes_only_what_leads_to_the_wanted(monkeypatch):
    calls = []
    dot_rules = md.ops.matmul.rules
    counted = (dot_rules[0], lambda *a, **k: calls.append(1) or dot_rules[1](*a, **k))
    monkeypatch.setattr(md.ops.matmul, "rules", counted)
    x, W1, W2 = (md.Tensor(np.ones((3, 3)), requires_grad=True) for _ in range(3))
    y = ((x @ W1) @ W2).sum()
    (dx,) = gradients(y, [x])
    assert not calls and np.array_equal(dx, np.full((3, 3), 9.0))  # no weight's gradient was computed
    assert gradients((W1 * 2).sum(), [x]) == [None]


def test_gradients_of_a_used_up_part_raise_instead_of_missing_a_path():
    x = md.Tensor([1.0], requires_grad=True)
    z = x * 2
    gradients(z * 3, [x])
    with pytest.raises(ValueError, match="used up"):
        gradients(z * 5, [x])


@pytest.mark.parametrize(
    "backward",
    [
        lambda x: (x * 1j).sum().backward(),
        lambda x: (x * np.array([1j, 1])).sum().backward(),
        lambda x: abs(x * 1j).sum().backward(),
        lambda x: (x * 2).backward(np.ones(2, complex)),
        lambda x: md.gradients(x.sum(), x),  # a Tensor is a sequence too: its numbers were not in the graph
        lambda x: md.gradients(x.sum(), [x.data]),
        lambda x: md.gradients(x.sum().item(), [x]),
    ],
)
def test_what_has_no_real_derivative_is_refused_not_cut_down(backward):
    x = md.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError):
        backward(x)
    assert x.grad is None


def test_whole_numbers_get_no_gradient_even_when_the_flag_is_set_later():
    x = md.Tensor([1, 2])
    x.requires_grad = True
    with pytest.raises(TypeError, match="int64"):
        (x * 2.5).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize("plain_first", [True, False])
def test_products_with_a_plain_array_can_be_differentiated_twice(plain_first):
    a, x = np.arange(6.0).reshape(2, 3), leaf(3, 2)
    f = (lambda x: md.matmul(a, x) ** 2) if plain_first else (lambda x: md.matmul(x, a) ** 2)
    md.check_grads(f, x, order=2)
