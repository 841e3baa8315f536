"""Rules: the tree finds what is there, by the best of all questions, and says how far its rules go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as md
from minidl import explain
from minidl import layers as L
from minidl.explain.tree import best_question

RNG = np.random.default_rng(0)
X = RNG.random((300, 3))


def box(x):
    """1 inside a box: two questions on one column, one on another."""
    return (x[:, 0] > 0.25) & (x[:, 0] <= 0.75) & (x[:, 2] <= 0.5)


def as_function(inside):
    return lambda x: inside(x.numpy()) * 2.0 - 1


def test_a_box_becomes_one_rule_with_both_limits_of_a_column():
    rules = explain.extract_rules(as_function(box), X, min_samples=1, feature_names=["a", "b", "c"])
    assert rules.fidelity == 1 and sum(rule.coverage for rule in rules.rules) == pytest.approx(1)
    (inside,) = [rule for rule in rules.rules if rule.label == 1]
    assert set(inside.limits) == {0, 2}
    np.testing.assert_allclose(inside.limits[0], (0.25, 0.75), atol=0.02)
    assert inside.limits[2][0] == -np.inf and inside.limits[2][1] == pytest.approx(0.5, abs=0.02)
    assert inside.coverage == box(X).mean()
    new = RNG.random((1000, 3))
    assert rules.agreement(as_function(box), new) == np.mean(rules.predict(new) == box(new)) > 0.95
    text = str(rules)
    assert "< a <= 0.7" in text and " and c <= 0.5" in text and "then class 1" in text and "a > 0.7" in text
    assert text == repr(rules)


def test_each_sample_has_exactly_one_rule():
    rules = explain.extract_rules(lambda x: md.sin(7 * x), X, max_depth=6, min_samples=2)
    everywhere = np.concatenate([X, RNG.normal(size=(200, 3)) * 100])
    assert (sum(rule.applies(everywhere) for rule in rules.rules) == 1).all()
    for rule in rules.rules:
        here = rule.applies(X)
        said = np.sin(7 * X[here]).argmax(axis=1)
        assert here.mean() == pytest.approx(rule.coverage) and here.sum() >= 2
        assert rule.fidelity == pytest.approx(np.mean(said == rule.label))
        assert rule.label == np.bincount(said).argmax()
    assert rules.fidelity == pytest.approx(rules.agreement(lambda x: md.sin(7 * x), X))
    assert [r.coverage for r in rules.rules] == sorted((r.coverage for r in rules.rules), reverse=True)


def test_exclusive_or_needs_a_first_question_that_helps_nothing():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]] * 3)
    rules = explain.extract_rules(as_function(lambda x: x[:, 0] != x[:, 1]), x, max_depth=2)
    assert rules.fidelity == 0.5 and len(rules.rules) == 1  # five samples for a rule are too many here
    rules = explain.extract_rules(as_function(lambda x: x[:, 0] != x[:, 1]), x, max_depth=2, min_samples=1)
    assert rules.fidelity == 1 and len(rules.rules) == 4
    assert rules.rules[0].limits in ({0: (a, b), 1: (c, d)} for a, b in LIMITS for c, d in LIMITS)


LIMITS = [(-np.inf, 0.5), (0.5, np.inf)]


def impurity(labels):
    return len(labels) - sum(np.sum(labels == c) ** 2 for c in set(labels)) / len(labels) if len(labels) else 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=2, max_size=12))
def test_the_question_is_the_best_of_all(rows):
    x, labels = np.array(rows, float)[:, :2], np.array(rows)[:, 2]
    found = best_question(x, np.eye(3)[labels], smallest=2)
    sides = {}
    for j in range(2):
        for a, b in zip(np.unique(x[:, j]), np.unique(x[:, j])[1:]):
            left = x[:, j] <= a
            if min(left.sum(), (~left).sum()) >= 2:
                sides[j, (a + b) / 2] = impurity(labels[left]) + impurity(labels[~left])
    if len(set(labels)) == 1 or not sides:
        assert found is None
    else:
        assert sides[found] == pytest.approx(min(sides.values()))


def test_a_threshold_parts_even_neighbours():
    """Halfway between two neighbours no number lies; the half is rounded to one of them, here to each once."""
    a = np.float64(1.0)
    b = np.nextafter(a, 2)
    c = np.nextafter(b, 2)
    for low, high in ((a, b), (b, c)):
        x = np.array([[low], [high]])
        assert best_question(x, np.eye(2), smallest=1) == (0, low)
        rules = explain.extract_rules(lambda x, low=low: x.numpy() > low, x, min_samples=1)
        assert rules.fidelity == 1
        np.testing.assert_array_equal(rules.predict(x), [0, 1])
        assert (sum(rule.applies(x) for rule in rules.rules) == 1).all()


def test_parts_that_say_the_same_are_one_rule():
    rules = explain.extract_rules(lambda x: x * 0 + np.array([0.0, 1, 0]), X, max_depth=3)
    assert str(rules) == "always class 1  | 100.0 % of samples, fidelity 100.0 %"
    mostly = as_function(lambda x: (np.arange(len(x)) % 10) > 0)  # noise: whatever is asked, 1 is likelier
    assert len(explain.extract_rules(mostly, X, max_depth=2, min_samples=60).rules) == 1
    assert len(explain.extract_rules(mostly, X, max_depth=0).rules) == 1


def test_of_a_trained_network():
    """Its answers, not the truth, are what is retold: labels are noisy, the network says something smooth."""
    md.seed(1)
    y = ((X[:, 0] > 0.5) ^ (RNG.random(300) < 0.1)).astype(np.float32)[:, None]
    model = md.Sequential([L.Dense(8, activation="tanh", input_shape=(3,)), L.Dropout(0.3), L.Dense(1, "sigmoid")])
    model.compile(md.optimizers.Adam(learning_rate=0.02), "binary_crossentropy")
    model.fit(X, y, epochs=15, verbose=0)
    model.train()
    rules = explain.extract_rules(model, X, feature_names=["x", "y", "z"], class_names=["low", "high"])
    assert rules.agreement(model, X) == pytest.approx(rules.fidelity)
    said = model.predict(X)[:, 0] > 0.5
    assert rules.fidelity == pytest.approx(np.mean(rules.predict(X) == said)) and rules.fidelity > 0.9
    assert "then high" in str(rules) and "then low" in str(rules) and model.training


@pytest.mark.parametrize(
    ("x", "settings", "error", "words"),
    [
        (np.ones((2, 3, 3)), {}, ValueError, r"expects a table \(N, D\), got shape \(2, 3, 3\)"),
        (np.ones(3), {}, ValueError, r"expects a table \(N, D\), got shape \(3,\)"),
        (np.ones((0, 3)), {}, ValueError, "x of at least one sample"),
        (np.array([[1.0, np.nan, 0]]), {}, ValueError, "finite numbers, got NaN"),
        (X, {"max_depth": -1}, ValueError, "max_depth as a whole number from 0 on"),
        (X, {"min_samples": 0}, ValueError, "min_samples as a positive integer"),
        (X, {"feature_names": "abc"}, ValueError, "feature_names as a list of 3 strings, got 'abc'"),
        (X, {"feature_names": 3}, ValueError, "feature_names as a list of 3 strings, got 3"),
        (X, {"feature_names": ["a", "b"]}, ValueError, "feature_names as a list of 3 strings"),
        (X, {"class_names": ["a", 1, "c"]}, ValueError, "class_names as a list of 3 strings"),
    ],
)
def test_what_is_refused(x, settings, error, words):
    with pytest.raises(error, match=f"extract_rules expects .*{words}|extract_rules .*{words}"):
        explain.extract_rules(lambda x: x, x, **settings)


def test_rules_refuse_what_they_were_not_made_for():
    rules = explain.extract_rules(lambda x: x, X)
    with pytest.raises(ValueError, match=r"Rules expects a table \(N, 3\), got shape \(2, 2\)"):
        rules.predict(np.ones((2, 2)))
    with pytest.raises(ValueError, match="finite numbers, got NaN"):
        rules.predict([[np.nan, 1.0, 2.0]])


def test_rules_that_always_agree_agree_always_and_not_more_often():
    """Shares of 1/6 and the like add up to 1 but for rounding."""
    for N in range(5, 25):
        x = np.arange(float(N))[:, None]
        rules = explain.extract_rules(lambda x: np.where(x.numpy()[:, 0] % 3, 1.0, -1.0), x, max_depth=N, min_samples=1)
        assert rules.fidelity == 1
