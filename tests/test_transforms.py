"""Functions to functions: values against formulas, shapes, nesting, and what they leave alone."""

import numpy as np
import pytest

import minidl as md
from minidl.autograd import Tensor
from minidl.gradcheck import check_grads
from minidl.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def cubic(x):
    """Σ x³ + x₀ x₁ ..., whose Hessian is full."""
    return (x * x * x).sum() + x.sum() * x.sum()


X = normal(4)
A = normal(3, 4)


# --- values -------------------------------------------------------------------------------------------------------


def test_grad_of_a_formula():
    np.testing.assert_allclose(grad(cubic)(X).data, 3 * X**2 + 2 * X.sum())


def test_value_and_grad():
    y, dx = value_and_grad(cubic)(X)
    np.testing.assert_allclose(y.data, (X**3).sum() + X.sum() ** 2)
    np.testing.assert_allclose(dx.data, grad(cubic)(X).data)


def test_argnums_one_or_several():
    def f(a, b, c):
        return (a * b * b).sum() * c

    a, b = normal(3), normal(3, seed=1)
    np.testing.assert_allclose(grad(f, 1)(a, b, 2.0).data, 4 * a * b)
    db, da = grad(f, (1, 0))(a, b, 2.0)
    np.testing.assert_allclose(da.data, 2 * b * b)
    np.testing.assert_allclose(db.data, 4 * a * b)
    np.testing.assert_allclose(grad(f, -1)(a, b, 2.0).data, (a * b * b).sum(), rtol=1e-6)


def test_an_argument_asked_for_twice():
    for dx in grad(cubic, (0, -1))(X):
        np.testing.assert_array_equal(dx.data, grad(cubic)(X).data)
        assert dx.is_leaf  # a constant: nothing outside wants a gradient


def test_one_argument_in_two_places():
    """∂/∂x of f(x, x) by the first place only."""
    x = normal(3)
    np.testing.assert_allclose(grad(lambda a, b: (a * b * b).sum())(x, x).data, x * x)


def test_vjp_and_jvp_are_products_with_the_jacobian():
    def f(x):
        return md.tanh(A @ x)

    J = jacobian(f)(X).data
    g, v = normal(3, seed=1), normal(4, seed=2)
    y, pullback = vjp(f, X)
    np.testing.assert_allclose(y.data, np.tanh(A @ X))
    np.testing.assert_allclose(pullback(g)[0].data, g @ J)
    np.testing.assert_allclose(pullback(2 * g)[0].data, 2 * g @ J)
    y, Jv = jvp(f, X, v)
    np.testing.assert_allclose(y.data, np.tanh(A @ X))
    np.testing.assert_allclose(Jv.data, J @ v)
    np.testing.assert_array_equal(jvp(f, X, v.tolist())[1].data, Jv.data)  # a list takes the dtype of x
    np.testing.assert_array_equal(hvp(cubic, X, v.tolist()).data, hvp(cubic, X, v).data)


def test_several_inputs():
    def f(a, b):
        return a * md.sin(b)

    a, b, da, db = (normal(3, seed=k) for k in range(4))
    _, pullback = vjp(f, a, b)
    ga, gb = pullback(np.ones(3))
    np.testing.assert_allclose(ga.data, np.sin(b))
    np.testing.assert_allclose(gb.data, a * np.cos(b))
    _, change = jvp(f, (a, b), (da, db))
    np.testing.assert_allclose(change.data, da * np.sin(b) + a * np.cos(b) * db)


@pytest.mark.parametrize("shape_in, shape_out", [((4,), (3,)), ((2, 3), (3, 2)), ((), (2,)), ((3,), ()), ((2,), (0,))])
def test_shape_of_a_jacobian_is_out_plus_in(shape_in, shape_out):
    n_in, n_out = int(np.prod(shape_in)), int(np.prod(shape_out))
    M = normal(n_out, n_in)
    x = normal(*shape_in)
    J = jacobian(lambda x: (M @ x.reshape(-1)).reshape(shape_out))(x)
    assert J.shape == shape_out + shape_in
    np.testing.assert_allclose(J.data, M.reshape(shape_out + shape_in))


def test_jacobians_of_several_arguments():
    Ja, Jb = jacobian(lambda a, b: a * b[0], (0, 1))(normal(3), normal(2, seed=1))
    assert (Ja.shape, Jb.shape) == ((3, 3), (3, 2))


def test_hessian_and_its_products():
    H = hessian(cubic)(X)
    expected = 2 * np.ones((4, 4)) + np.diag(6 * X)
    np.testing.assert_allclose(H.data, expected)
    v = normal(4, seed=1)
    np.testing.assert_allclose(hvp(cubic, X, v).data, expected @ v)


def test_hessian_of_several_arguments():
    W, b = normal(2, 3), normal(3, seed=1)
    H = hessian(lambda W, b: md.square(W * b).sum(), (0, 1))(W, b)
    assert [[block.shape for block in row] for row in H] == [[(2, 3, 2, 3), (2, 3, 3)], [(3, 2, 3), (3, 3)]]
    np.testing.assert_allclose(H[0][1].data.reshape(6, 3), H[1][0].data.reshape(3, 6).T)
    np.testing.assert_allclose(H[1][1].data, np.diag(2 * (W * W).sum(0)))


def test_hvp_of_several_arguments():
    W, b = normal(2, 3), normal(3, seed=1)
    vectors = normal(2, 3, seed=2), normal(3, seed=3)

    def f(W, b):
        return md.square(W * b).sum()

    H = hessian(f, (0, 1))(W, b)
    HW, Hb = hvp(f, (W, b), vectors)
    np.testing.assert_allclose(HW.data, np.tensordot(H[0][0].data, vectors[0], 2) + H[0][1].data @ vectors[1])
    np.testing.assert_allclose(Hb.data, np.tensordot(H[1][0].data, vectors[0], 2) + H[1][1].data @ vectors[1])


def test_the_hessian_of_a_linear_function_is_zero():
    H = hessian(lambda x: (A @ x).sum())(X)
    np.testing.assert_array_equal(H.data, np.zeros((4, 4)))


def test_a_constant_function_has_gradient_zero():
    assert grad(lambda x: Tensor(3.0))(X).data.tolist() == [0.0] * 4
    assert jvp(lambda x: Tensor(3.0), X, X)[1].item() == 0.0


# --- nesting ------------------------------------------------------------------------------------------------------


def test_to_any_order():
    f = md.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        f = grad(f)
        np.testing.assert_allclose(f(np.float64(0.7)).data, expected(0.7))


def test_transforms_of_transforms_agree():
    rows = [grad(lambda x, i=i: grad(cubic)(x)[i])(X).data for i in range(4)]
    np.testing.assert_allclose(rows, hessian(cubic)(X).data)
    np.testing.assert_allclose(jvp(grad(cubic), X, X)[1].data, hvp(cubic, X, X).data)
    np.testing.assert_allclose(jacobian(jacobian(jacobian(cubic)))(X)[1, 1, 1].data, 6.0)


def test_an_inner_gradient_sees_outer_variables():
    """∂/∂w of (∂/∂x of w x²) = 2 x: no confusion between the two."""
    f = grad(lambda w: grad(lambda x: w * x * x)(3.0))
    assert f(5.0).item() == 6.0


def test_the_same_variable_inside_and_outside():
    """d/dx (x · d/dz (x z) at z = x) = d/dx x² = 2x."""
    assert grad(lambda x: x * grad(lambda z: x * z)(x))(3.0).item() == 6.0


def test_gradients_of_every_transform():
    v = normal(4, seed=1)
    check_grads(grad(cubic), X)
    check_grads(lambda x: hvp(cubic, x, v), X, order=1)
    check_grads(lambda x, v: jvp(lambda x: md.tanh(A @ x), x, v)[1], X, v)
    check_grads(lambda x, g: vjp(lambda x: md.tanh(A @ x), x)[1](g)[0], X, normal(3))


def test_a_gradient_penalty_trains_parameters():
    w = Tensor(normal(4), requires_grad=True)
    penalty = md.square(grad(lambda x: md.tanh(w * x).sum())(X)).sum()
    penalty.backward()
    t = np.tanh(w.data * X)
    slope = w.data * (1 - t * t)
    np.testing.assert_allclose(w.grad, 2 * slope * ((1 - t * t) - 2 * w.data * X * t * (1 - t * t)))


# --- what results are ---------------------------------------------------------------------------------------------


def test_results_are_constants_where_nothing_outside_wants_a_gradient():
    g = np.ones(4)
    results = [grad(cubic)(X), value_and_grad(cubic)(X)[0], jacobian(cubic)(X), hessian(cubic)(X), hvp(cubic, X, X)]
    results += [*jvp(cubic, X, X), vjp(md.exp, X)[0], *vjp(md.exp, X)[1](g)]
    for t in results:
        assert isinstance(t, Tensor)
        assert not t.requires_grad
        np.asarray(t)


def test_results_depend_on_an_input_that_requires_a_gradient():
    x = Tensor(X, requires_grad=True)
    dx = grad(cubic)(x)
    assert dx.requires_grad
    dx.sum().backward()
    np.testing.assert_allclose(x.grad, hessian(cubic)(X).data.sum(0))


def test_inside_no_grad_results_are_constants():
    w = Tensor(X, requires_grad=True)
    with md.no_grad():
        dx = grad(lambda x: (w * x).sum())(X)
        H = hessian(lambda x: (w * x * x).sum())(w)
        assert not md.is_recording()
    assert not dx.requires_grad
    assert not H.requires_grad
    np.testing.assert_allclose(dx.data, X)


def test_grad_of_parameters_and_inputs_is_left_alone():
    w, x = Tensor(normal(4), requires_grad=True), Tensor(X, requires_grad=True)
    before = np.full(4, 7.0)
    w.grad = before
    for transform in (grad, hessian, jacobian):
        transform(lambda x: (w * x * x).sum())(x)
    hvp(lambda x: (w * x * x).sum(), x, x)
    assert w.grad is before
    assert x.grad is None
    np.testing.assert_array_equal(before, 7.0)


def test_a_graph_from_before_is_not_used_up():
    w = Tensor(normal(4), requires_grad=True)
    h = w * 2.0
    grad(lambda x: (h * x).sum())(X)
    h.sum().backward()
    np.testing.assert_array_equal(w.grad, [2.0] * 4)


def test_dtypes_follow_the_input():
    assert grad(cubic)(X.astype(np.float32)).dtype == np.float32
    assert grad(cubic)(X).dtype == np.float64
    assert grad(md.sin)(1.0).dtype == np.float32
    assert hessian(cubic)(X.astype(np.float32)).dtype == np.float32


def test_keywords_and_other_arguments_pass_through():
    def f(x, labels, *, scale):
        assert isinstance(labels, np.ndarray)
        return (x[labels] * scale).sum()

    np.testing.assert_array_equal(grad(f)(np.ones(3), np.array([0, 2, 2]), scale=5.0).data, [5.0, 0.0, 10.0])


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: grad(md.exp)(X), ValueError, r"one number, got shape \(4,\).*\n.*jacobian"),
        (lambda: grad(cubic, 1)(X), ValueError, "argnums=1 .* given 1 positional argument"),
        (lambda: grad(cubic, (0, -3))(X), ValueError, "asks for argument -3"),
        (lambda: grad(cubic, "x")(X), TypeError, "int or a tuple"),
        (lambda: grad(cubic)(3), TypeError, "int64.*\n.*3.0 for 3"),
        (lambda: grad(lambda x: x.sum().item())(X), TypeError, "float.*\n.*item"),
        (lambda: grad(lambda x: None)(X), TypeError, "NoneType"),
        (lambda: jvp(cubic, X, np.ones(3)), ValueError, r"inputs \[\(4,\)\], vectors \[\(3,\)\]"),
        (lambda: hvp(cubic, (X,), (X, X)), ValueError, "hvp expects a vector of each"),
        (lambda: vjp(md.exp, X)[1](np.ones(3)), ValueError, r"vjp: .*\(4,\), got \(3,\)"),
        (lambda: vjp(lambda x: Tensor([1.0]), X)[1](np.ones(3)), ValueError, r"vjp: .*\(1,\), got \(3,\)"),
        (lambda: jvp(lambda x: Tensor([1, 2]), X, X), TypeError, "jvp expects f to return floating numbers, got int64"),
        (lambda: grad(lambda x: Tensor(1))(X), TypeError, "grad expects f to return floating numbers, got int64"),
        (lambda: grad(cubic, ())(X), ValueError, "grad expects at least one argument"),
        (lambda: jvp(cubic, (), ()), ValueError, "jvp expects at least one argument"),
    ],
)
def test_wrong_calls(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 3
