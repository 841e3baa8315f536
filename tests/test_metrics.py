"""Metrics (D.T3): equations against plain loops, batches against the whole, forms of targets, and mistakes."""

import fake_cupy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import metrics

rng = np.random.default_rng(0)
LABELS = rng.integers(0, 4, 50)
SCORES = rng.normal(size=(50, 4)).astype(np.float32)
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
BITS = rng.integers(0, 2, 50)
P = rng.random(50).astype(np.float32)
WEIGHTS = rng.random(50)


# --- equations ----------------------------------------------------------------------------------------------------


def share(hits, weights=None):
    weights = np.ones(len(hits)) if weights is None else weights
    return sum(w for hit, w in zip(hits, weights) if hit) / sum(weights)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_accuracy_in_every_form(weights):
    right = [int(np.argmax(s)) == t for s, t in zip(SCORES, LABELS)]
    expected = pytest.approx(share(right, weights), rel=1e-12)
    for targets in (LABELS, LABELS[:, None], LABELS.astype(np.float32), LABELS.tolist()):
        assert metrics.accuracy(targets, SCORES, sample_weight=weights) == expected
        assert metrics.sparse_categorical_accuracy(targets, SCORES, sample_weight=weights) == expected
    assert metrics.accuracy(ONE_HOT, md.Tensor(SCORES), sample_weight=weights) == expected
    assert metrics.categorical_accuracy(ONE_HOT, SCORES, sample_weight=weights) == expected
    assert metrics.accuracy(LABELS, SCORES.argmax(axis=1), sample_weight=weights) == expected


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_binary_accuracy_in_every_form(weights):
    expected = pytest.approx(share([(p > 0.5) == t for p, t in zip(P, BITS)], weights), rel=1e-12)
    for outputs in (P, P[:, None]):
        for targets in (BITS, BITS[:, None], BITS.astype(np.float32), BITS.astype(bool)):
            assert metrics.accuracy(targets, outputs, sample_weight=weights) == expected
            assert metrics.binary_accuracy(targets, outputs, sample_weight=weights) == expected


def test_threshold_and_logits():
    z = np.log(P / (1 - P))
    for threshold in (0.2, 0.5, 0.9):
        expected = share([(p > threshold) == t for p, t in zip(P, BITS)])
        assert metrics.accuracy(BITS, P, threshold) == expected
        assert metrics.accuracy(BITS, z, threshold, from_logits=True) == expected


def test_a_class_at_each_time_step():
    outputs, labels = SCORES.reshape(10, 5, 4), LABELS.reshape(10, 5)
    assert metrics.accuracy(labels, outputs) == metrics.accuracy(LABELS, SCORES)
    w = np.arange(10.0)
    expected = metrics.accuracy(LABELS, SCORES, sample_weight=np.repeat(w, 5))
    assert metrics.accuracy(labels, outputs, sample_weight=w) == pytest.approx(expected)
    assert metrics.accuracy(labels, outputs, sample_weight=np.repeat(w, 5).reshape(10, 5)) == pytest.approx(expected)
    assert metrics.confusion_matrix(labels, outputs).tolist() == metrics.confusion_matrix(LABELS, SCORES).tolist()


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_by_sorting(k):
    hits = [t in np.argsort(-s, kind="stable")[:k] for s, t in zip(SCORES, LABELS)]
    for targets in (LABELS, LABELS[:, None], ONE_HOT):
        assert metrics.top_k_accuracy(targets, SCORES, k) == share(hits)


def test_top_k_of_ties_and_nan():
    tied = np.zeros((3, 3), np.float32)
    assert metrics.top_k_accuracy([0, 1, 2], tied, k=2) == pytest.approx(2 / 3)  # not 1: a constant is no answer
    assert metrics.top_k_accuracy([0, 1, 2], tied, k=1) == metrics.accuracy([0, 1, 2], tied)
    assert metrics.top_k_accuracy([0], [[np.nan, 1.0, 0.0]], k=2) == 0.0


def counts(labels, predicted, c):
    pairs = list(zip(labels, predicted))
    return (
        sum(t == c and p == c for t, p in pairs),
        sum(t != c and p == c for t, p in pairs),
        sum(t == c and p != c for t, p in pairs),
    )


def ratio(a, b):
    return a / b if b else 0.0


def test_precision_recall_and_f1_of_each_class_and_their_averages():
    predicted = SCORES.argmax(axis=1)
    by_class = [counts(LABELS, predicted, c) for c in range(4)]
    for function, figure in [
        (metrics.precision, lambda TP, FP, FN: ratio(TP, TP + FP)),
        (metrics.recall, lambda TP, FP, FN: ratio(TP, TP + FN)),
        (metrics.f1_score, lambda TP, FP, FN: ratio(2 * TP, 2 * TP + FP + FN)),
    ]:
        each = [figure(*c) for c in by_class]
        np.testing.assert_allclose(function(LABELS, SCORES, average=None), each, rtol=1e-12)
        assert function(ONE_HOT, SCORES, average="macro") == pytest.approx(sum(each) / 4)
        assert function(LABELS, SCORES, average="micro") == pytest.approx(figure(*map(sum, zip(*by_class))))
        assert function(LABELS, SCORES, average="micro") == pytest.approx(metrics.accuracy(LABELS, SCORES))
        binary = figure(*counts(BITS, P > 0.5, 1))
        assert function(BITS, P) == function(BITS[:, None], P[:, None]) == pytest.approx(binary)


def test_f1_is_the_harmonic_mean():
    p, r = metrics.precision(BITS, P), metrics.recall(BITS, P)
    assert metrics.f1_score(BITS, P) == pytest.approx(2 / (1 / p + 1 / r))


def test_nothing_divided_by_nothing_is_zero():
    assert metrics.precision([1, 1], [0.1, 0.2]) == 0.0  # class 1 never predicted
    assert metrics.recall([0, 0], [0.9, 0.2]) == 0.0  # class 1 does not occur
    assert metrics.f1_score([0, 0], [0.1, 0.2]) == 0.0
    assert metrics.f1_score([0, 0], [0, 0]) == 0.0  # as labels, where class 1 is not even heard of
    np.testing.assert_array_equal(metrics.precision([0, 1], [0, 1], None, num_classes=3), [1, 1, 0])


def test_confusion_matrix_counts_pairs():
    predicted = SCORES.argmax(axis=1)
    expected = [[sum((LABELS == i) & (predicted == j)) for j in range(4)] for i in range(4)]
    M = metrics.confusion_matrix(LABELS, SCORES)
    assert M.tolist() == expected and M.dtype == np.int64
    weighted = [[WEIGHTS[(LABELS == i) & (predicted == j)].sum() for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(metrics.confusion_matrix(LABELS, SCORES, sample_weight=WEIGHTS), weighted)
    assert metrics.confusion_matrix([0, 1], [0, 0], num_classes=3).shape == (3, 3)


def test_distances():
    t, y = rng.normal(size=(2, 20, 3))
    e = [float(a - b) for a, b in zip(t.ravel(), y.ravel())]
    assert metrics.mean_absolute_error(t, y) == pytest.approx(sum(map(abs, e)) / 60)
    assert metrics.mean_squared_error(t, y) == pytest.approx(sum(x * x for x in e) / 60)
    assert metrics.root_mean_squared_error(t, y) == pytest.approx((sum(x * x for x in e) / 60) ** 0.5)
    w = np.array([1.0] * 10 + [0.0] * 10)
    assert metrics.mean_squared_error(t, y, sample_weight=w) == pytest.approx(
        metrics.mean_squared_error(t[:10], y[:10])
    )


def test_distances_of_images_in_bytes():
    """1 − 2 of uint8 is 255."""
    t, y = np.array([1, 250], np.uint8), np.array([2, 0], np.uint8)
    assert metrics.mean_absolute_error(t, y) == 125.5
    assert metrics.mean_squared_error(t, y) == (1 + 250**2) / 2
    logits = np.array([[1, 3, 200]], np.uint8)
    assert metrics.perplexity([2], logits, from_logits=True) == pytest.approx(1)


def test_perplexity_from_probabilities_and_from_logits():
    expected = np.exp(-np.mean([np.log(p[t]) for p, t in zip(PROBABILITIES, LABELS)]))
    assert metrics.perplexity(LABELS, PROBABILITIES) == pytest.approx(expected, rel=1e-5)
    assert metrics.perplexity(LABELS, SCORES, from_logits=True) == pytest.approx(expected, rel=1e-5)
    assert metrics.perplexity(LABELS, SCORES + np.float32(500), from_logits=True) == pytest.approx(expected, rel=1e-3)
    assert np.isfinite(metrics.perplexity([0], [[0.0, 1.0]]))
    assert metrics.perplexity([0], [[-800.0, 0.0]], from_logits=True) == np.inf  # exp(800)
    bits = metrics.BitsPerSymbol(from_logits=True).of(LABELS, SCORES)
    assert bits == pytest.approx(np.log2(expected), rel=1e-5)


def test_perplexity_of_logits_that_are_taken_for_probabilities():
    for outputs in ([[3.0, -1.0]], [[3.0, 1.0]]):  # cut off at 1 the first would look right and sure
        with pytest.raises(ValueError, match=r"perplexity expects probabilities.*\n.*from_logits=True"):
            metrics.perplexity([0], outputs)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "uint64", "float32", "bool"])
def test_labels_of_any_dtype_are_counted_alike(dtype):
    """25 · 26 of uint8 is 138: the pairs of the confusion matrix must not be counted in the labels' dtype."""
    C = 2 if dtype == "bool" else 26
    labels, scores = np.arange(100) % C, np.random.default_rng(0).random((100, C))
    expected = metrics.confusion_matrix(labels, scores)
    np.testing.assert_array_equal(metrics.confusion_matrix(labels.astype(dtype), scores), expected)
    if dtype != "float32":
        predicted = scores.argmax(axis=1).astype(dtype)
        np.testing.assert_array_equal(metrics.confusion_matrix(labels.astype(dtype), predicted), expected)


# --- batches ------------------------------------------------------------------------------------------------------

COLLECTED = [
    (metrics.Accuracy(), LABELS, SCORES),
    (metrics.BinaryAccuracy(), BITS, P),
    (metrics.CategoricalAccuracy(), ONE_HOT, SCORES),
    (metrics.SparseCategoricalAccuracy(), LABELS, SCORES),
    (metrics.TopKAccuracy(2), LABELS, SCORES),
    (metrics.ConfusionMatrix(), LABELS, SCORES),
    (metrics.ConfusionMatrix(name="of labels"), np.sort(LABELS), np.sort(LABELS)[::-1].copy()),
    (metrics.Precision("macro"), LABELS, SCORES),
    (metrics.Recall("macro"), LABELS, SCORES),
    (metrics.F1Score(None), LABELS, SCORES),
    (metrics.MeanAbsoluteError(), P, P[::-1].copy()),
    (metrics.MeanSquaredError(), P, P[::-1].copy()),
    (metrics.RootMeanSquaredError(), P, P[::-1].copy()),
    (metrics.Perplexity(), LABELS, PROBABILITIES),
    (metrics.BitsPerSymbol(from_logits=True), LABELS, SCORES),
    (metrics.get(lambda t, y: (t - y) ** 2), P, P[::-1].copy()),
]
NAMES = [f"{type(m).__name__}-{m.name}" for m, _, _ in COLLECTED]


@pytest.mark.parametrize(("metric", "targets", "outputs"), COLLECTED, ids=NAMES)
@given(st.lists(st.integers(1, 49), max_size=5), st.booleans())
def test_any_batches_give_the_figure_of_the_whole(metric, targets, outputs, cuts, weighted):
    w = WEIGHTS if weighted else None
    whole = metric.of(targets, outputs, w)
    metric.reset()
    edges = [0, *sorted(set(cuts)), 50]
    for a, b in zip(edges[:-1], edges[1:]):
        metric.update(targets[a:b], outputs[a:b], None if w is None else w[a:b])
    np.testing.assert_allclose(metric.result(), whole, rtol=1e-6)


def test_the_epochs_f1_is_not_the_mean_of_the_batches():
    metric = metrics.F1Score()
    batches = [([1, 1], [0.9, 0.9]), ([0, 1], [0.9, 0.1])]
    means = np.mean([metric.of(*batch) for batch in batches])
    metric.reset()
    for batch in batches:
        metric.update(*batch)
    assert metric.result() == pytest.approx(2 / 3) and means == 0.5


@pytest.mark.parametrize(("metric", "targets", "outputs"), COLLECTED, ids=NAMES)
def test_reset_forgets_and_no_samples_give_nan(metric, targets, outputs):
    metric.update(targets, outputs)
    metric.reset()
    assert np.isnan(metric.result()) if not isinstance(metric.result(), np.ndarray) else metric.result().size == 0
    with pytest.raises(ValueError, match="empty batch"):
        metric.update(targets[:0], outputs[:0])


def test_results_are_copies_and_inputs_stay_as_they_were():
    metric = metrics.ConfusionMatrix()
    for a in (LABELS, SCORES):
        a.flags.writeable = False
    metric.update(LABELS, SCORES)
    metric.result()[0, 0] = -1
    assert (metric.result() >= 0).all()
    for a in (LABELS, SCORES):
        a.flags.writeable = True


def test_weights_of_zero_leave_nothing_to_average():
    assert np.isnan(metrics.accuracy(BITS, P, sample_weight=np.zeros(50)))


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", metrics.BY_NAME)
def test_metrics_by_name_are_new_each_time_and_keep_the_name(name):
    a, b = metrics.get(name), metrics.get(name)
    assert a is not b and a.name == name


def test_get_takes_objects_classes_and_functions():
    own = metrics.Precision("macro")
    assert metrics.get(own) is own
    assert metrics.get(metrics.Recall).name == "recall"
    assert metrics.get(metrics.mean_squared_error).name == "mean_squared_error"
    of_batch = metrics.get(lambda t, y: float(np.mean((t - y) ** 2)))
    of_batch.update(P[:30], P[20:])
    of_batch.update(P[:10], P[40:])  # one number a batch, weighted by the batch's size
    assert of_batch.result() == pytest.approx(np.mean(np.r_[P[:30] - P[20:], P[:10] - P[40:]] ** 2), rel=1e-5)
    with pytest.raises(ValueError, match=r"metric 'acuracy' is not known. Did you mean 'accuracy'\?"):
        metrics.get("acuracy")
    with pytest.raises(TypeError, match="must be a name"):
        metrics.get(3)


def test_the_loss_tells_whether_outputs_are_logits():
    z = np.array([0.2, -0.2], np.float32)  # p = 0.55 and 0.45
    assert metrics.get("accuracy", from_logits=True).of([1, 0], z) == 1.0
    assert metrics.get("accuracy").of([1, 0], z) == 0.5
    assert metrics.get("mse", from_logits=True).of([0.0], [2.0]) == 4.0


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.accuracy([0, 4], SCORES[:2]), "labels from 0 to 3, got 4"),
        (lambda: metrics.accuracy([0, -1], SCORES[:2]), "labels from 0 to 3, got -1"),
        (lambda: metrics.accuracy([0, -1], [0, 1]), "labels from 0 on, got -1"),
        (lambda: metrics.accuracy([0, 7], P[:2]), "must be 0 or 1,\ngot values from 0 to 7"),
        (lambda: metrics.accuracy(LABELS[:9], SCORES), r"labels of shape \(50,\) .* got \(9,\)"),
        (lambda: metrics.accuracy(ONE_HOT[:, :3], SCORES), r"outputs' shape \(50, 4\), got shape \(50, 3\)"),
        (lambda: metrics.accuracy([[1, 1, 0], [0, 0, 1]], np.ones((2, 3))), "sums from 1 to 2.\n.*binary_accuracy"),
        (lambda: metrics.sparse_categorical_accuracy(BITS, P), r"outputs \(N, C\)"),
        (lambda: metrics.mean_squared_error(P[:, None], P), r"\(50,\), got shape \(50, 1\).\nThey would broadcast"),
        (lambda: metrics.mean_absolute_error(P, P[:, None]), "would broadcast"),
        (lambda: metrics.top_k_accuracy(LABELS, SCORES, 5), "k=5 expects at least 5 classes"),
        (lambda: metrics.top_k_accuracy(LABELS, SCORES, 0), "k as a positive integer"),
        (lambda: metrics.precision(LABELS, SCORES), "expects two classes, got 4.\nChoose average='macro'"),
        (lambda: metrics.recall(LABELS, SCORES, average="marco"), "Did you mean 'macro'"),
        (lambda: metrics.confusion_matrix([0, 1], [0, 5], num_classes=3), "labels from 0 to 2, got 5"),
        (lambda: metrics.accuracy(BITS, P, sample_weight=WEIGHTS[:, None]), r"sample_weight of shape \(50,\)"),
        (lambda: metrics.accuracy([], np.zeros((0, 3))), "empty batch"),
        (lambda: metrics.accuracy(BITS, P, threshold=1, from_logits=True), r"threshold in \(0, 1\), got 1"),
        (lambda: metrics.Precision(threshold=0.0, from_logits=True), r"threshold in \(0, 1\), got 0.0"),
        (lambda: metrics.confusion_matrix([0, 1], [0, 1], num_classes=2.5), "num_classes as a positive integer"),
        (lambda: metrics.Precision().update(LABELS, SCORES), "expects two classes, got 4"),  # not after an epoch
    ],
)
def test_wrong_values_are_refused_in_three_lines(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert str(caught.value).count("\n") <= 2


def test_labels_with_fractions_are_refused():
    with pytest.raises(TypeError, match=r"integer labels, got float64 array .* with fractions"):
        metrics.accuracy(np.array([0.5, 1.0]), SCORES[:2])


# --- on a GPU -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "targets", "outputs"), COLLECTED, ids=NAMES)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_arrays_on_a_gpu_give_the_same_figures(metric, targets, outputs, weights):
    expected = metric.of(targets, outputs, weights)
    with fake_cupy.installed() as cupy:
        w = None if weights is None else cupy.asarray(weights)
        found = metric.of(cupy.asarray(targets), cupy.asarray(outputs), w)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_allclose(metric.of(targets, md.Tensor(cupy.asarray(outputs)), w), expected, rtol=1e-6)
