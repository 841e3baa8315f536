"""Parting data: for training, for choosing (validation) and for the final judgement (test).

Whatever is measured on rows that were also used for training, or for choosing between models, is too good to be true.
Source: D.T2 (train, validation and test split, cross-validation).
"""

from collections.abc import Iterator, Sequence
from numbers import Integral, Real

import numpy as np

from minidl.arrays import Array, as_array, generator, move
from minidl.data.rows import count_rows, take_rows
from minidl.settings import check_flag


def train_test_split(
    *arrays: Array | Sequence,
    test_size: float | int = 0.25,
    validation_size: float | int | None = None,
    shuffle: bool = True,
    stratify: Array | Sequence | None = None,
    rng: np.random.Generator | int | None = None,
) -> list:
    """Part arrays of equal length in two, or in three with ``validation_size``.

    Parameters
    ----------
    *arrays : array or list, N rows each
    test_size, validation_size : float or int
        A fraction of N in (0, 1), rounded to the nearest whole number of rows, or the number of rows itself.
    shuffle : bool
        False keeps the order and takes the last rows for the test, those before them for validation (right for series).
    stratify : array (N,), optional
        Labels. Each part then has each class in the proportion it has in the whole, to within two rows.
    rng : Generator or int, optional
        The one random generator by default (``minidl.seed``).

    Returns
    -------
    list
        ``a_train, a_test, b_train, b_test, ...`` or ``a_train, a_validation, a_test, b_train, ...``: copies, lists for
        lists.

    Raises
    ------
    ValueError
        Different lengths, a size out of range, a part without rows, or ``stratify`` without shuffling.

    Examples
    --------
    >>> x, y = np.arange(12).reshape(6, 2), np.array([0, 0, 0, 1, 1, 1])
    >>> x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=2, stratify=y, rng=0)
    >>> x_train.shape, x_test.shape, sorted(y_test.tolist())
    ((4, 2), (2, 2), [0, 1])
    """
    n = count_rows("train_test_split", arrays)
    test = _row_count("test_size", test_size, n)
    validation = 0 if validation_size is None else _row_count("validation_size", validation_size, n)
    if test + validation >= n:
        raise ValueError(
            f"train_test_split leaves no row for training: {test} test and {validation} validation rows of {n}.\n"
            "Make test_size or validation_size smaller."
        )
    rng = generator(rng)
    check_flag("train_test_split", "shuffle", shuffle)
    rows = rng.permutation(n) if shuffle else np.arange(n)  # (N,)
    if stratify is not None:
        if not shuffle:
            raise ValueError("train_test_split with stratify mixes the rows.\nLeave out shuffle=False or stratify.")
        rows = _class_by_class(rows, stratify, "train_test_split")  # (N,)

    spread = stratify is not None
    rows, test_rows = _take_out(rows, test, spread)
    train_rows, validation_rows = _take_out(rows, validation, spread)
    parts = [train_rows, test_rows] if validation_size is None else [train_rows, validation_rows, test_rows]
    if spread:
        parts = [rng.permutation(part) for part in parts]  # so far they stand class by class
    return [take_rows(a, part) for a in arrays for part in parts]


class KFold:
    """K-fold cross-validation: each row is in the test part of exactly one of K splits.

    Parameters
    ----------
    n_splits : int
        K, at least 2.
    shuffle : bool
        False makes the folds of neighbouring rows.
    rng : Generator or int, optional
        The one random generator by default (``minidl.seed``).

    Raises
    ------
    ValueError, TypeError
        ``n_splits`` is below 2 or not an integer.

    Examples
    --------
    >>> x = np.array([10, 20, 30, 40, 50])
    >>> for train, test in KFold(n_splits=2, shuffle=False).split(x):
    ...     print(x[train], x[test])
    [40 50] [10 20 30]
    [10 20 30] [40 50]
    """

    def __init__(self, n_splits: int = 5, shuffle: bool = True, rng: np.random.Generator | int | None = None):
        if isinstance(n_splits, bool) or not isinstance(n_splits, Integral):
            raise TypeError(f"KFold expects an integer n_splits, got {n_splits!r}.")
        if n_splits < 2:
            raise ValueError(f"KFold expects n_splits of at least 2, got {n_splits}.")
        check_flag("KFold", "shuffle", shuffle)
        self.n_splits, self.shuffle, self._rng = int(n_splits), shuffle, generator(rng)

    def split(
        self, x: Array | Sequence, stratify: Array | Sequence | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield K pairs of row numbers ``(train, test)``, each in rising order.

        The sizes of the folds differ by at most one; with ``stratify`` (labels (N,)) so do the numbers of rows of any
        class in them.

        Raises
        ------
        ValueError
            There are fewer rows than folds, ``stratify`` has another length or ``shuffle`` is False.
        """
        n = count_rows("KFold", [x])
        if n < self.n_splits:
            raise ValueError(f"KFold cannot make {self.n_splits} folds of {n} rows.\nLower n_splits.")
        if stratify is not None and not self.shuffle:
            raise ValueError("KFold with stratify mixes the rows.\nLeave out shuffle=False or stratify.")
        rows = self._rng.permutation(n) if self.shuffle else np.arange(n)  # (N,)
        if stratify is None:
            folds = np.array_split(rows, self.n_splits)
        else:
            rows = _class_by_class(rows, stratify, "KFold")
            folds = [rows[k :: self.n_splits] for k in range(self.n_splits)]  # dealt out like cards
        for k in range(self.n_splits):
            yield np.sort(np.concatenate(folds[:k] + folds[k + 1 :])), np.sort(folds[k])


def _row_count(name: str, size: float | int, n: int) -> int:
    """A size given as a fraction or as a number of rows, in rows."""
    if isinstance(size, bool) or not isinstance(size, Real):
        raise TypeError(f"train_test_split expects a number for {name}, got {size!r}.")
    if isinstance(size, Integral):
        rows, allowed = int(size), f"from 1 to {n - 1} rows"
    else:
        inside = 0 < size < 1
        rows = round(float(size) * n) if inside else 0
        allowed = f"a fraction that makes 1 to {n - 1} rows" if inside else "a fraction between 0 and 1"
    if not 0 < rows < n:
        raise ValueError(f"train_test_split expects {allowed} for {name}, got {size!r} of {n} rows.")
    return rows


def _class_by_class(rows: np.ndarray, labels: Array | Sequence, who: str) -> np.ndarray:
    """The same rows sorted by their labels; within a class they keep their (random) order."""
    labels = move(as_array(labels), "cpu")
    if labels.shape != rows.shape:
        raise ValueError(f"{who} expects stratify to be labels of shape {rows.shape}, got shape {labels.shape}.")
    return rows[np.argsort(labels[rows], kind="stable")]


def _take_out(rows: np.ndarray, m: int, spread: bool) -> tuple[np.ndarray, np.ndarray]:
    """Part rows (n,) in those that stay (n − m,) and m others: the last ones, or ones spread evenly over all.

    Row i is taken where ⌊(i + 1) m / n⌋ exceeds ⌊i m / n⌋, which happens m times. So of L neighbours (a class, when
    rows stand class by class) L m / n are taken, give or take less than one.
    """
    i, n = np.arange(len(rows)), len(rows)
    taken = (i + 1) * m // n > i * m // n if spread else i >= n - m
    return rows[~taken], rows[taken]
