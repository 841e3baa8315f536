"""Losses: the documents' equations, the way through the logits, extremes, dtypes and names."""

import fake_cupy
import numpy as np
import pytest

import minidl as md
from minidl import losses
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSumOfSquares,
    Huber,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from minidl.losses.cross_entropy import logits_behind
from tests.table import ROWS

LABELS = np.array([2, 0, 1, 2, 2])
ONEHOT = np.eye(3)[LABELS]
YES_NO = np.array([1.0, 0.0, 1.0, 1.0, 0.0])


def logits(shape=(5, 3), dtype=np.float64, scale=1.0):
    return md.Tensor((scale * np.random.default_rng(4).normal(size=shape)).astype(dtype), requires_grad=True)


def gradient_of(loss, z, targets, before=lambda z: z, **settings):
    (dz,) = md.gradients(loss(targets, before(z), **settings), [z])
    return dz


def plain_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def test_every_loss_has_a_row():
    assert not sorted({loss.__name__ for loss in losses.LOSSES.values()} - {row.op for row in ROWS})


# --- the documents' equations -------------------------------------------------------------------------------------


def test_mean_squared_error_of_the_documents_example():
    """D2.E1: the document prints the squares .25 .01 .81 .04 1.00 and 0.356; they are .25 .01 .01 .64 1.00."""
    y_true, y_pred = np.array([2.0, 3, 4, 5, 6]), np.array([2.5, 3.1, 3.9, 4.2, 5.0])
    np.testing.assert_allclose((y_true - y_pred) ** 2, [0.25, 0.01, 0.01, 0.64, 1.00])
    assert MeanSquaredError()(y_true, y_pred).item() == pytest.approx(0.382)


def test_cross_entropy_of_the_documents_example():
    """D2.E2: 1.0820 nats."""
    y_true, y_pred = np.array([[0.2, 0.3, 0.5]]), np.array([[0.1, 0.4, 0.5]])
    assert CategoricalCrossentropy()(y_true, y_pred).item() == pytest.approx(1.0820, abs=5e-5)
    assert CategoricalCrossentropy()(y_true, y_pred).item() == pytest.approx(-(y_true * np.log(y_pred)).sum())


def test_half_sum_of_squares_has_the_gradient_a_minus_y():
    """D4.E4, for each sample; the mean over the batch divides by N."""
    a, y = logits((4, 3)), np.ones((4, 3))
    assert HalfSumOfSquares()(y, a).item() == pytest.approx(0.5 * ((y - a.numpy()) ** 2).sum() / 4)
    np.testing.assert_allclose(gradient_of(HalfSumOfSquares(), a, y), (a.numpy() - y) / 4)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("loss, targets", [(CategoricalCrossentropy, ONEHOT), (SparseCategoricalCrossentropy, LABELS)])
def test_softmax_with_cross_entropy_has_the_gradient_a_minus_y(loss, targets, from_logits):
    """D0.E6: δ = a − y, divided by N for the mean over the batch."""
    z = logits()
    a = plain_softmax(z.numpy())
    dz = gradient_of(loss(from_logits), z, targets, (lambda z: z) if from_logits else md.softmax)
    np.testing.assert_allclose(dz, (a - ONEHOT) / 5)


def test_sigmoid_with_cross_entropy_has_the_gradient_a_minus_y():
    z = logits((5,))
    a = 1 / (1 + np.exp(-z.numpy()))
    np.testing.assert_allclose(gradient_of(BinaryCrossentropy(), z, YES_NO, md.sigmoid), (a - YES_NO) / 5)


@pytest.mark.parametrize("C", [2, 10])
def test_the_first_loss_of_an_even_guess_is_log_c(C):
    p = np.full((4, C), 1 / C)
    assert SparseCategoricalCrossentropy()([0, 1, 1, 0], p).item() == pytest.approx(np.log(C))


# --- the way through the logits -----------------------------------------------------------------------------------

ROUTES = [
    (BinaryCrossentropy, md.sigmoid, (np.arange(15) % 2.0).reshape(5, 3)),
    (CategoricalCrossentropy, md.softmax, ONEHOT),
    (SparseCategoricalCrossentropy, md.softmax, LABELS),
]
every_route = pytest.mark.parametrize("loss, activation, targets", ROUTES, ids=[loss.__name__ for loss, _, _ in ROUTES])
every_weight = pytest.mark.parametrize("weight", [None, np.array([1.0, 0.0, 2.0, 0.5, 1.0])], ids=["", "weights"])


@every_route
@every_weight
def test_all_ways_to_a_cross_entropy_agree(loss, activation, targets, weight):
    """From logits, from probabilities just made (exact), and from probabilities whose origin is hidden."""
    ways = [
        (loss(from_logits=True), lambda z: z),
        (loss(), activation),
        (loss(), lambda z: activation(z) * 1.0),  # now the last op is a product
    ]
    results = []
    for function, before in ways:
        z = logits()
        value = function(targets, before(z), weight)
        (dz,) = md.gradients(value, [z], create_graph=True)
        (d2z,) = md.gradients((dz * np.arange(15.0).reshape(5, 3)).sum(), [z])
        results.append((value.item(), dz.numpy(), d2z))
    for value, dz, d2z in results[1:]:
        assert value == pytest.approx(results[0][0], rel=1e-12)
        np.testing.assert_allclose(dz, results[0][1], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(d2z, results[0][2], rtol=1e-9, atol=1e-14)


@every_route
def test_only_the_last_axis_is_looked_behind(loss, activation, targets):
    """A softmax over another axis is not what the loss means: its probabilities are taken as they are."""
    if activation is md.sigmoid:
        assert logits_behind(md.sigmoid(logits()), md.softmax) is None
        return
    z = logits()
    assert logits_behind(md.softmax(z), md.softmax) is z
    assert logits_behind(md.softmax(z, axis=1), md.softmax) is z
    assert logits_behind(md.softmax(z, axis=0), md.softmax) is None
    p = md.softmax(z, axis=0)
    assert loss()(targets, p).item() == pytest.approx(loss()(targets, p.numpy()).item())


@every_route
def test_without_recording_the_probabilities_are_taken_as_they_are(loss, activation, targets):
    z = logits()
    recorded = loss()(targets, activation(z)).item()
    with md.no_grad():
        assert loss()(targets, activation(z)).item() == pytest.approx(recorded, rel=1e-12)


def test_edits_between_softmax_and_loss_are_not_overlooked():
    z = logits()
    p = md.softmax(z)
    value = SparseCategoricalCrossentropy()(LABELS, p).item()
    z.data *= 2  # p is still what it was
    later = SparseCategoricalCrossentropy()(LABELS, p)
    assert later.item() == pytest.approx(value, rel=1e-12)
    with pytest.raises(ValueError, match="edited in place"):
        later.backward()
    q = md.softmax(logits())
    q.data[...] = 1 / 3
    q.data = q.data
    assert SparseCategoricalCrossentropy()(LABELS, q).item() == pytest.approx(np.log(3))


# --- extremes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_give_exact_losses_without_a_warning(dtype):
    z = md.Tensor(np.array([[1e4, 0, -1e4], [-1e4, 0, 1e4]], dtype), requires_grad=True)
    loss = SparseCategoricalCrossentropy(from_logits=True)([0, 0], z)
    assert loss.item() == (0 + 2e4) / 2
    loss.backward()
    np.testing.assert_array_equal(z.grad, [[0, 0, 0], [-0.5, 0, 0.5]])
    z = md.Tensor(np.array([1e4, -1e4, 1e4, -1e4], dtype), requires_grad=True)
    loss = BinaryCrossentropy(from_logits=True)([1, 0, 0, 1], z)
    assert loss.item() == (0 + 0 + 1e4 + 1e4) / 4
    loss.backward()
    np.testing.assert_array_equal(z.grad, [0, 0, 0.25, -0.25])


def test_extreme_errors_do_not_overflow_huber():
    y = md.Tensor(np.array([1e30, -1e30], np.float32), requires_grad=True)
    loss = Huber()(np.zeros(2), y)
    loss.backward()
    assert loss.item() == pytest.approx(1e30, rel=1e-6)
    np.testing.assert_array_equal(y.grad, [0.5, -0.5])


def test_probabilities_of_0_and_1_are_kept_off_the_edge_as_in_keras():
    epsilon = 1e-7
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    expected = -np.log([1 - epsilon, 1 - epsilon, epsilon, epsilon]).mean()
    assert BinaryCrossentropy()(t, p).item() == pytest.approx(expected)
    p = np.array([[0.0, 1.0], [0.0, 1.0]])
    expected = -np.log([epsilon, 1 - epsilon]).mean()
    assert SparseCategoricalCrossentropy()([0, 1], p).item() == pytest.approx(expected)
    assert CategoricalCrossentropy()(np.eye(2), p).item() == pytest.approx(expected)


def test_outputs_that_do_not_sum_to_1_are_scaled_as_in_keras():
    p = np.array([[1.0, 2.0, 5.0]])
    assert SparseCategoricalCrossentropy()([2], p).item() == pytest.approx(-np.log(5 / 8))
    assert CategoricalCrossentropy()([[0, 0, 1]], p).item() == pytest.approx(-np.log(5 / 8))


# --- weights and dtypes -------------------------------------------------------------------------------------------

TARGETS = {"binary_crossentropy": ONEHOT, "sparse_categorical_crossentropy": LABELS}


def outputs(dtype):
    return md.Tensor(np.random.default_rng(8).uniform(0.05, 0.95, (5, 3)).astype(dtype), requires_grad=True)


every_loss = pytest.mark.parametrize("name", losses.LOSSES)


@every_loss
def test_a_weight_counts_a_sample_so_many_times(name):
    """Weights 1, 0, 2 of three samples: the second is left out, the third counts twice; divided by N = 3 (Keras)."""
    loss, y = losses.get(name), outputs(np.float64)
    t = TARGETS.get(name, ONEHOT)
    one, three = loss(t[:1], y[:1]).item(), loss(t[2:3], y[2:3]).item()
    assert loss(t[:3], y[:3], [1, 0, 2]).item() == pytest.approx((one + 2 * three) / 3)
    assert loss(t, y, np.ones(5)).item() == pytest.approx(loss(t, y).item())


@every_loss
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8, bool, list])
def test_the_outputs_dtype_is_kept_whatever_the_targets_are(name, kind):
    loss, y, t = losses.get(name), outputs(np.float32), TARGETS.get(name, ONEHOT)
    if kind is bool and t is LABELS:
        t = np.minimum(t, 1)
    targets = t.tolist() if kind is list else t.astype(kind)
    value = loss(targets, y, np.ones(5))
    value.backward()
    assert value.shape == ()
    assert value.dtype == y.grad.dtype == np.float32
    assert value.item() == pytest.approx(loss(t, outputs(np.float64)).item(), rel=1e-5)


def test_whole_numbers_as_outputs_are_taken_as_floats():
    assert MeanSquaredError()([0.5, 1.5], [0, 1]).item() == pytest.approx(0.25)


@pytest.mark.parametrize("loss", [BinaryCrossentropy(), MeanSquaredError()], ids=repr)
def test_n_labels_against_a_column_are_refused(loss):
    """(N, 1) against (N,) would be (N, N)."""
    p = np.array([[0.9], [0.2], [0.6]])
    with pytest.raises(ValueError, match=r"(?s)shape \(3, 1\), got \(3,\).*reshape\(-1, 1\)"):
        loss([1, 0, 0], p)


@pytest.mark.parametrize("loss", ["mse", "huber", "binary_crossentropy", "categorical_crossentropy"])
@pytest.mark.parametrize("targets", [np.full((3, 2), 1j), np.full((3, 2), "a"), np.full((3, 2), None)])
def test_targets_that_are_no_real_numbers_are_refused(loss, targets):
    with pytest.raises(TypeError, match="expected real numbers, got an array of"):
        losses.get(loss)(targets, np.full((3, 2), 0.5))


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "kl_divergence"])
def test_shares_below_0_are_refused(loss):
    with pytest.raises(ValueError, match=rf"{loss} expects targets of 0 and 1, or the classes' shares, got -1\.0\.\.2"):
        losses.get(loss)([[-1.0, 2.0]], [[0.5, 0.5]])


def test_targets_may_be_tensors_and_change_no_gradient():
    y = outputs(np.float32)
    t = md.Tensor(ONEHOT.astype(np.float32))
    assert MeanSquaredError()(t, y).item() == MeanSquaredError()(ONEHOT, y).item()


@every_loss
def test_targets_and_weights_on_the_cpu_follow_the_outputs(name):
    loss, t = losses.get(name), TARGETS.get(name, ONEHOT)
    expected = loss(t, outputs(np.float32), np.arange(5)).item()
    with fake_cupy.installed() as cupy:
        y = md.Tensor(cupy.asarray(outputs(np.float32).numpy()), requires_grad=True)
        value = loss(t, y, np.arange(5))
        value.backward()
        assert value.device == "cuda"
        assert value.item() == pytest.approx(expected, rel=1e-6)


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, kind",
    [
        ("mse", "MeanSquaredError"),
        ("mean_squared_error", "MeanSquaredError"),
        ("MSE", "MeanSquaredError"),
        ("mae", "MeanAbsoluteError"),
        ("mean_absolute_error", "MeanAbsoluteError"),
        ("half_sum_of_squares", "HalfSumOfSquares"),
        ("huber", "Huber"),
        ("binary_crossentropy", "BinaryCrossentropy"),
        ("categorical_crossentropy", "CategoricalCrossentropy"),
        ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
        ("kl_divergence", "KLDivergence"),
    ],
)
def test_by_name(name, kind):
    assert type(losses.get(name)).__name__ == kind


def test_objects_classes_and_functions_are_taken_as_they_are():
    loss = BinaryCrossentropy(from_logits=True)
    assert losses.get(loss) is loss
    assert repr(loss) == "BinaryCrossentropy(from_logits=True, label_smoothing=0.0)"
    assert isinstance(losses.get(Huber), Huber)

    def mine(y_true, y_pred):
        return ((y_true - y_pred) ** 2).mean()

    assert losses.get(mine) is mine


@pytest.mark.parametrize(
    "name, hint", [("crossentropy", ""), ("sparse_categorical_crossentrpy", "sparse_categorical_crossentropy"), (3, "")]
)
def test_unknown_names_are_refused_with_a_suggestion(name, hint):
    with pytest.raises(ValueError, match=f"is not known.*{hint}") as caught:
        losses.get(name)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_loss_of_ones_own():
    class Cubed(Loss):
        name = "cubed"

        def call(self, y_true, y_pred, weights):
            return losses.average(abs(y_pred - y_true) ** 3, weights)

    y = logits((4, 2))
    assert Cubed()(np.zeros((4, 2)), y).item() == pytest.approx((np.abs(y.numpy()) ** 3).mean())
    with pytest.raises(ValueError, match="cubed expects targets of the outputs' shape"):
        Cubed()(np.zeros(4), y)
    with pytest.raises(TypeError, match="Loss defines no call"):
        Loss()(np.zeros((4, 2)), y)


@pytest.mark.parametrize(
    ("loss", "targets", "outputs"),
    [
        (BinaryCrossentropy(), [[1.0]], [[-0.5]]),
        (BinaryCrossentropy(), [[1.0]], [[1.5]]),
        (losses.CategoricalCrossentropy(), [[1.0, 0.0]], [[-0.5, 2.0]]),
        (losses.SparseCategoricalCrossentropy(), [0], [[-0.5, 2.0]]),
        (losses.KLDivergence(), [[1.0, 0.0]], [[-0.5, 0.5]]),
        (losses.KLDivergence(), [[1.0, 0.0]], [[0.5, 2.0]]),
    ],
)
def test_logits_in_the_place_of_probabilities_are_told(loss, targets, outputs):
    with pytest.raises(ValueError, match=r"expects probabilities.*\n.*activation=.*from_logits=True"):
        loss(np.array(targets), md.Tensor(outputs, requires_grad=True))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("loss", [BinaryCrossentropy(), CategoricalCrossentropy(), losses.KLDivergence()])
def test_sure_probabilities_have_a_finite_loss_and_slope(loss, dtype):
    """In float16 1 − 1e-7 is 1, and 1 / 1e-7 infinite."""
    p = md.Tensor([[1.0, 0.0]], dtype=dtype, requires_grad=True)
    right, wrong = loss([[1, 0]], p), loss([[0, 1]], p)
    assert 0 <= right.item() < 1e-3 and 7 < wrong.item() < 17
    wrong.backward()
    assert np.isfinite(p.grad).all()
