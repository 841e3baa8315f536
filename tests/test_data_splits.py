"""Splits into training, validation and test (D.T2): nothing lost, nothing twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl.arrays
from minidl.data import KFold, train_test_split


@given(
    n=st.integers(3, 60),
    data=st.data(),
    shuffle=st.booleans(),
    seed=st.integers(0, 5),
)
def test_each_row_is_in_exactly_one_part(n, data, shuffle, seed):
    test = data.draw(st.integers(1, n - 2))
    validation = data.draw(st.integers(1, n - test - 1))
    parts = train_test_split(np.arange(n), test_size=test, validation_size=validation, shuffle=shuffle, rng=seed)
    assert [len(p) for p in parts] == [n - test - validation, validation, test]
    together = np.concatenate(parts)
    np.testing.assert_array_equal(np.sort(together), np.arange(n))
    if not shuffle:
        np.testing.assert_array_equal(together, np.arange(n))


def test_arrays_and_lists_stay_together_and_keep_their_kind():
    x, texts = np.arange(40, dtype=np.float32).reshape(20, 2), [str(i) for i in range(20)]
    x_train, x_test, texts_train, texts_test = train_test_split(x, texts, rng=0)
    assert len(x_train) == 15 and x_test.shape == (5, 2) and x_test.dtype == np.float32
    assert isinstance(texts_train, list) and [int(t) for t in texts_test] == (x_test[:, 0] / 2).astype(int).tolist()
    x_test[:] = 0
    assert x.any(axis=1).all()  # a copy was edited


def test_sizes_as_fractions():
    parts = train_test_split(np.arange(10), test_size=0.2, validation_size=0.1, rng=0)
    assert [len(p) for p in parts] == [7, 1, 2]
    assert [len(p) for p in train_test_split(np.arange(10))] == [8, 2]  # 2.5 rows are rounded to the even number


@given(labels=st.lists(st.integers(0, 3), min_size=10, max_size=80), seed=st.integers(0, 5))
def test_stratified_parts_hold_each_class_in_proportion(labels, seed):
    labels = np.array(labels)
    n = len(labels)
    parts = train_test_split(labels, np.arange(n), test_size=0.3, validation_size=0.2, stratify=labels, rng=seed)
    by_class, rows = parts[:3], parts[3:]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(n))
    assert [len(p) for p in by_class] == [n - round(0.3 * n) - round(0.2 * n), round(0.2 * n), round(0.3 * n)]
    for c in range(4):
        for part in by_class:
            assert abs((part == c).sum() - (labels == c).sum() * len(part) / n) < 2


def test_stratified_rows_are_random_and_mixed():
    labels = np.repeat([0, 1], 50)
    first, second = (train_test_split(np.arange(100), stratify=labels, rng=seed) for seed in (0, 1))
    assert first[0].tolist() != second[0].tolist() and set(first[1]) != set(second[1])
    assert 0 < labels[first[0][:20]].sum() < 20  # the classes do not stand in blocks


def test_seeded():
    a, b = (train_test_split(np.arange(30), rng=4)[1].tolist() for _ in range(2))
    assert a == b
    minidl.arrays.seed(1)
    c = train_test_split(np.arange(30))[1].tolist()
    minidl.arrays.seed(1)
    assert train_test_split(np.arange(30))[1].tolist() == c


@pytest.mark.parametrize(
    "settings, kind, message",
    [
        ({"test_size": 0.0}, ValueError, "a fraction between 0 and 1 for test_size, got 0.0"),
        ({"test_size": 1.0}, ValueError, "a fraction between 0 and 1"),
        ({"test_size": 0.01}, ValueError, "a fraction that makes 1 to 9 rows for test_size, got 0.01 of 10 rows"),
        ({"test_size": float("nan")}, ValueError, "a fraction"),
        ({"test_size": 10}, ValueError, "from 1 to 9 rows for test_size, got 10"),
        ({"test_size": -1}, ValueError, "from 1 to 9 rows"),
        ({"test_size": "half"}, TypeError, "a number for test_size"),
        ({"test_size": True}, TypeError, "a number for test_size"),
        ({"validation_size": 0}, ValueError, "from 1 to 9 rows for validation_size"),
        ({"test_size": 0.5, "validation_size": 0.5}, ValueError, "leaves no row for training"),
        ({"shuffle": "no"}, TypeError, "shuffle as True or False, got str 'no'"),
        ({"stratify": np.zeros(9, int)}, ValueError, r"labels of shape \(10,\), got shape \(9,\)"),
        ({"stratify": np.zeros(10, int), "shuffle": False}, ValueError, "stratify mixes the rows"),
    ],
)
def test_mistakes_in_a_split_are_named(settings, kind, message):
    with pytest.raises(kind, match=message):
        train_test_split(np.arange(10), **settings)


def test_split_checks_its_arrays():
    with pytest.raises(ValueError, match=r"lengths \[3, 2\]"):
        train_test_split(np.zeros(3), [1, 2])
    with pytest.raises(ValueError, match="got none"):
        train_test_split(np.zeros(0))
    with pytest.raises(TypeError, match="at least one array"):
        train_test_split()


# --- cross-validation ---------------------------------------------------------------------------------------------


@given(n=st.integers(2, 50), data=st.data(), shuffle=st.booleans(), stratified=st.booleans())
def test_each_row_is_tested_once(n, data, shuffle, stratified):
    n_splits = data.draw(st.integers(2, n))
    labels = np.arange(n) % 3 if shuffle and stratified else None
    pairs = list(KFold(n_splits, shuffle=shuffle, rng=0).split(np.zeros((n, 2)), stratify=labels))
    assert len(pairs) == n_splits
    for train, test in pairs:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
    tests = [test for _, test in pairs]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(n))
    assert max(map(len, tests)) - min(map(len, tests)) <= 1
    if labels is not None:
        counts = np.array([np.bincount(labels[test], minlength=3) for test in tests])  # (K, 3)
        assert (np.ptp(counts, axis=0) <= 1).all()


def test_folds_are_seeded_and_redrawn_on_each_split():
    def folds(k):
        return [test.tolist() for _, test in k.split(np.zeros(20))]

    one, two = KFold(4, rng=0), KFold(4, rng=0)
    first = folds(one)
    assert first == folds(two) and first != folds(one)


@pytest.mark.parametrize(
    "n_splits, kind, message",
    [(1, ValueError, "at least 2, got 1"), (2.5, TypeError, "integer"), (True, TypeError, "integer")],
)
def test_wrong_numbers_of_folds(n_splits, kind, message):
    with pytest.raises(kind, match=message):
        KFold(n_splits)


def test_mistakes_in_cross_validation_are_named():
    with pytest.raises(TypeError, match="shuffle as True or False, got str 'no'"):
        KFold(2, shuffle="no")
    with pytest.raises(ValueError, match="cannot make 5 folds of 4 rows"):
        list(KFold(5).split(np.zeros(4)))
    with pytest.raises(ValueError, match="stratify mixes the rows"):
        list(KFold(2, shuffle=False).split(np.zeros(4), stratify=np.zeros(4, int)))
    with pytest.raises(ValueError, match="labels of shape"):
        list(KFold(2).split(np.zeros(4), stratify=np.zeros((4, 1), int)))
