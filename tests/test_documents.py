"""The articles' equations on trial: right forms against finite differences or the library, wrong prints refuted.

Every equation has its row in one of the two tables: ``FORMULAS`` (gradients and updates, with what is printed) or
``DEFINITIONS`` (what something is called, in loops, beside the library's name for it).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import minidl as md
from minidl.check.printed import FORMULAS, printed_D2_E5, right_D2_E5
from minidl.check.three_layers import Network, softmax
from minidl.differences import Estimate
from tests.update_rules import plain_momentum, plain_rmsprop

# How far each wrong print is off with the numbers of seed 1: largest difference / largest number.
SIZES = {
    "D0.E2": 9.59, "D0.E3": 4.30, "D0.E4": 4.16, "D0.E8": 1.20, "D2.E1": 0.068, "D2.E5": 0.10,
    "D4.E2": 5.92, "D4.E3": 5.92, "D4.E5": 0.99,
}  # fmt: skip
WRONG = [formula for formula in FORMULAS if formula.printed is not None]


@pytest.fixture(autouse=True)
def float64():
    """Layers with weights of twice the digits: agreement is not a matter of rounding."""
    md.set_default_dtype("float64")
    yield
    md.set_default_dtype("float32")


# --- formulas for gradients and updates ---------------------------------------------------------------------------


@pytest.mark.parametrize("rng", [1, 2, 3])
@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.id)
def test_the_right_form_is_what_was_measured(formula, rng):
    case = formula.case(rng)
    measured, right = formula.measured(case), formula.right(case)
    if isinstance(measured, Estimate):  # finite differences know how far they may be off
        assert measured.trusted.all() and right.shape == measured.value.shape
        assert (np.abs(right - measured.value) <= measured.limit).all()
    assert formula.errors(rng)[0] < 1e-9


@pytest.mark.parametrize("formula", WRONG, ids=lambda formula: f"{formula.id} as printed is off by {SIZES[formula.id]}")
def test_the_printed_form_is_wrong(formula):
    """By 7 % to ten times the whole, where the right form is off by less than a billionth."""
    error = formula.errors()[1]
    assert error == pytest.approx(SIZES[formula.id], rel=0.01), f"{formula.id}: {formula.reason}: off by {error:.3f}"
    assert all(formula.errors(rng)[1] > 0.05 for rng in range(2, 12)), f"{formula.id}: not with other numbers"


def test_every_wrong_print_has_a_reason_and_no_other_has():
    assert {formula.id for formula in WRONG} == set(SIZES)
    assert all(bool(formula.reason) == (formula.printed is not None) for formula in FORMULAS)


@pytest.mark.parametrize("id", ["D0.E2", "D0.E3", "D0.E4", "D0.E8"])
def test_with_different_widths_the_shapes_give_the_printed_forms_away(id):
    """D0.E2, D0.E3, D0.E4, D0.E8: nothing needs to be measured."""
    (formula,) = [formula for formula in FORMULAS if formula.id == id]
    net = Network(widths=(4, 3, 5, 2))
    measured = formula.measured(net).value
    np.testing.assert_allclose(formula.right(net), measured, rtol=1e-7, atol=1e-10)
    try:
        shape = formula.printed(net).shape
    except ValueError:  # NumPy refuses to compute it
        return
    assert shape != measured.shape


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_the_librarys_gradients_are_the_right_forms(output):
    """The same network in layers of minidl, whose samples are rows and whose kernels are therefore W[l]ᵀ."""
    net = Network(output, widths=(4, 3, 5, 2))
    sizes, ends = (3, 5, 2), ("sigmoid", "sigmoid", output)
    model = md.Sequential([md.layers.Dense(n, activation=end) for n, end in zip(sizes, ends)])
    model(net.x.T)  # builds it
    for l, layer in enumerate(model.layers, start=1):
        layer.kernel.data, layer.bias.data = net.W[l].T.copy(), net.b[l].ravel()
    loss = md.losses.CategoricalCrossentropy() if output == "softmax" else md.losses.HalfSumOfSquares()
    value = loss(net.y.T, model(net.x.T))
    value.backward()
    assert value.item() == pytest.approx(net.J(), rel=1e-12)
    for l, layer in enumerate(model.layers, start=1):
        np.testing.assert_allclose(layer.kernel.grad.T, net.delta[l] @ net.a[l - 1].T, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(layer.bias.grad, net.delta[l].ravel(), rtol=1e-9, atol=1e-15)


# --- D2.E5, further -----------------------------------------------------------------------------------------------


def test_adam_takes_the_steps_of_the_right_form():
    gs = [np.random.default_rng(t).normal(size=3) for t in range(20)]
    w, expected = md.Parameter(np.zeros(3)), np.zeros(3)
    adam = md.optimizers.Adam([w], learning_rate=0.1)
    for t, g in enumerate(gs, start=1):
        m_hat, v_hat = right_D2_E5(gs[:t])
        expected = expected - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-7)
        w.grad = g
        adam.step()
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-10)


def test_adam_as_printed_averages_nothing():
    """D2.E5: noise that changes its sign at each step is damped to a twentieth, and as printed amplified by a tenth."""
    noise = [np.array([(-1.0) ** t]) for t in range(200)]
    assert abs(right_D2_E5(noise)[0, 0]) == pytest.approx(0.1 / 1.9, rel=1e-6)
    assert abs(printed_D2_E5(noise)[0, 0]) == pytest.approx(1.1)


@pytest.mark.parametrize("start", [-1.0, 5.0])
def test_adam_as_printed_does_not_look_at_the_loss_if_x_is_the_parameter(start):
    """D2.E5 calls x_t neither gradient nor parameter. With parameters, w goes to 0 wherever the minimum is."""
    minimum = 3.0
    w_before = w = start
    for _ in range(2000):
        m, v = printed_D2_E5([w_before, w])
        w_before, w = w, w - 0.01 * m / (np.sqrt(v) + 1e-7)
    assert abs(w) < 0.05
    p = md.Parameter(np.array([start]))
    adam = md.optimizers.Adam([p], learning_rate=0.01)
    for _ in range(2000):
        p.grad = p.numpy() - minimum  # of ½ (w − 3)²
        adam.step()
    assert p.item() == pytest.approx(minimum, abs=0.01)


# --- worked examples ----------------------------------------------------------------------------------------------


def test_D2_E1_the_printed_mean_squared_error():
    y, y_hat = np.array([2.0, 3, 4, 5, 6]), np.array([2.5, 3.1, 3.9, 4.2, 5.0])
    np.testing.assert_allclose((y - y_hat) ** 2, [0.25, 0.01, 0.01, 0.64, 1.00])
    assert md.losses.MeanSquaredError()(y, y_hat).item() == pytest.approx(0.382)
    assert np.mean([0.25, 0.01, 0.81, 0.04, 1.00]) == pytest.approx(0.422)  # the printed squares: not 0.356 either


def test_D2_E2_a_cross_entropy_in_nats():
    y, y_hat = np.array([[0.2, 0.3, 0.5]]), np.array([[0.1, 0.4, 0.5]])
    by_hand = -(0.2 * math.log(0.1) + 0.3 * math.log(0.4) + 0.5 * math.log(0.5))
    assert f"{by_hand:.4f}" == "1.0820"
    assert md.losses.CategoricalCrossentropy()(y, y_hat).item() == pytest.approx(by_hand)


def test_D2_E4_a_step_of_gradient_descent():
    w = md.Parameter(np.array([1.0]))
    w.grad = np.array([0.5])
    md.optimizers.SGD([w], learning_rate=0.1).step()
    assert 1 - w.item() == pytest.approx(0.05)


def test_D2_E5_a_step_of_adam_without_correction():
    assert f"{0.001 * 0.3 / (math.sqrt(0.4) + 0.001):.4e}" == "4.7359e-04"
    assert f"{0.001 * 0.3 / math.sqrt(0.4 + 0.001):.4e}" != "4.7359e-04"  # ε stands outside the root


# --- definitions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Definition:
    """The articles' equation in loops, and what the library gives for the same numbers."""

    id: str
    compared: str
    equation: Callable[[], np.ndarray]
    library: Callable[[], np.ndarray]


R = np.random.default_rng(5)
W, A, B = R.normal(size=(3, 4)), R.normal(size=4), R.normal(size=3)  # W[i, j] leads from j to i
P, Y = np.array([0.1, 0.7, 0.2]), np.array([0.0, 1.0, 0.0])
Q, K, V = R.normal(size=(3, 4)), R.normal(size=(5, 4)), R.normal(size=(5, 2))
WORDS, VECTORS = [1, 3, 3, 2], R.normal(size=(4, 2))  # a text, and a vector for each word of the vocabulary
GRADIENTS = list(R.normal(size=(20, 3)))
X = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])


def stepped(make):
    """Where 20 steps of an optimizer lead from 0."""
    w = md.Parameter(np.zeros(3))
    optimizer = make([w])
    for g in GRADIENTS:
        w.grad = g
        optimizer.step()
    return w.numpy()


def attention_in_loops():
    rows = []
    for q in Q:
        weights = softmax(np.array([q @ k / math.sqrt(4) for k in K]))
        rows.append(sum(w * v for w, v in zip(weights, V)))
    return np.array(rows)


def bag():
    layer = md.layers.BagOfEmbeddings(4, 2, mask_zero=False)
    layer(np.array([WORDS]))
    layer.embeddings.data = VECTORS
    return layer(np.array([WORDS])).numpy()[0]


def normalised(x):
    """Each row less its mean, divided by its deviation; γ = 1, β = 0."""
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)


STEPS = R.normal(size=(1, 3, 4))  # three steps of four features


def block():
    layer = md.layers.TransformerBlock(2, 8, activation="relu", normalize_first=False)
    md.seed(0)
    layer(STEPS)
    return layer


def block_in_words():
    """Weights, weighted sum, residual and norm; then a small network, residual and norm."""
    layer = block()
    h = normalised(STEPS + layer.attention(STEPS).numpy())
    inner = np.maximum(h @ layer.hidden.kernel.numpy() + layer.hidden.bias.numpy(), 0)
    return normalised(h + inner @ layer.output.kernel.numpy() + layer.output.bias.numpy())


DEFINITIONS = [
    Definition(
        "D0.E1",
        "σ(W a + b), one unit after the other, and linear, sigmoid",
        lambda: np.array([1 / (1 + math.exp(-(W[i] @ A + B[i]))) for i in range(3)]),
        lambda: md.sigmoid(md.linear(A[None], W.T, B))[0],
    ),
    Definition(
        "D4.E1",
        "z_i = Σ_j w_ji a_j + b_i and linear",
        lambda: np.array([sum(W.T[j, i] * A[j] for j in range(4)) + B[i] for i in range(3)]),
        lambda: md.linear(A[None], W.T, B)[0],
    ),
    Definition(
        "D1.E1",
        "−Σ y log p and the loss",
        lambda: -sum(y * math.log(p) for y, p in zip(Y, P) if y),
        lambda: md.losses.CategoricalCrossentropy()(Y[None], P[None]).numpy(),
    ),
    Definition("D1.E2", "Σ_w α_w e_w with the words' frequencies", lambda: [0.0, 0.25, 0.25, 0.5] @ VECTORS, bag),
    Definition(
        "D2.E2",
        "−Σ y log ŷ with soft labels",
        lambda: -P @ np.log([0.2, 0.5, 0.3]),
        lambda: md.losses.CategoricalCrossentropy()(P[None], np.array([[0.2, 0.5, 0.3]])).numpy(),
    ),
    Definition("D2.E3", "max(0, x)", lambda: np.array([max(0.0, x) for x in X]), lambda: md.relu(X)),
    Definition("D2.E3", "1 / (1 + e⁻ˣ)", lambda: 1 / (1 + np.exp(-X)), lambda: md.sigmoid(X)),
    Definition(
        "D2.E3",
        "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
        lambda: (np.exp(X) - np.exp(-X)) / (np.exp(X) + np.exp(-X)),
        lambda: md.tanh(X),
    ),
    Definition(
        "D2.E4",
        "θ ← θ − α ∇J, 20 steps",
        lambda: -0.1 * sum(GRADIENTS),
        lambda: stepped(lambda w: md.optimizers.SGD(w, 0.1)),
    ),
    Definition(
        "D4.E6",
        "w ← w − α ∂L/∂w, 20 steps",
        lambda: -0.3 * sum(GRADIENTS),
        lambda: stepped(lambda w: md.optimizers.SGD(w, 0.3)),
    ),
    Definition(
        "D2.E6",
        "momentum, 20 steps",
        lambda: plain_momentum(np.zeros(3), GRADIENTS),
        lambda: stepped(lambda w: md.optimizers.SGD(w, momentum=0.9)),
    ),
    Definition(
        "D2.E6",
        "RMSprop, 20 steps",
        lambda: plain_rmsprop(np.zeros(3), GRADIENTS),
        lambda: stepped(md.optimizers.RMSprop),
    ),
    Definition(
        "D3.E1", "softmax(Q Kᵀ / √d_k) V, one query after the other", attention_in_loops, lambda: md.attention(Q, K, V)
    ),
    Definition("D3.E2", "the block in words, and TransformerBlock", block_in_words, lambda: block()(STEPS).numpy()),
]


@pytest.mark.parametrize("row", DEFINITIONS, ids=lambda row: f"{row.id} {row.compared}")
def test_a_definition_is_what_the_library_computes(row):
    np.testing.assert_allclose(row.library(), row.equation(), rtol=1e-11, atol=1e-14)


def test_D2_E3_the_naive_forms_overflow():
    """float32 ends at e^88.7: the library's forms hold there, without a warning."""
    x = np.array([-100, 100], np.float32)
    with pytest.warns(RuntimeWarning, match="overflow"):
        1 / (1 + np.exp(-x))
    with pytest.warns(RuntimeWarning):
        tanh = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    assert np.isnan(tanh).all()
    np.testing.assert_allclose(md.sigmoid(x), [0, 1], atol=1e-37)
    np.testing.assert_array_equal(md.tanh(x), [-1, 1])


# --- D0.P2: the equations as a network ----------------------------------------------------------------------------


def test_D0_P2_two_convolutions_and_a_dense_layer():
    """Softmax, cross-entropy and SGD on images of many classes: δ = a − y at the end (D0.E6), and the loss falls."""
    md.seed(0)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 8, 8, 3)), np.arange(20)  # twenty classes, one image each
    layers = [md.layers.Conv2D(4, 3, activation="relu"), md.layers.Conv2D(6, 3, activation="relu")]
    model = md.Sequential([*layers, md.layers.Flatten(), md.layers.Dense(20)])
    loss = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    model(x)  # builds it
    z = model(x)
    loss(labels, z).backward(retain_graph=True)
    delta = (md.softmax(z.data) - np.eye(20)) / 20
    (dz,) = md.gradients(loss(labels, z), [z])
    np.testing.assert_allclose(dz, delta, rtol=1e-9, atol=1e-15)
    flat = md.Sequential(model.layers[:-1])(x).numpy()
    np.testing.assert_allclose(model.layers[-1].kernel.grad, flat.T @ delta, rtol=1e-9, atol=1e-12)  # D0.E8, by rows
    md.check_grads(lambda x: loss(labels[:3], model(x)), x[:3], parameters=model.parameters(), order=1, sample=5)
    model.compile(optimizer=md.optimizers.SGD(learning_rate=0.1), loss=loss, metrics=["accuracy"])
    history = model.fit(x, labels, epochs=40, batch_size=10, verbose=0)
    assert history.history["loss"][0] > 2 and history.history["accuracy"][-1] == 1.0
