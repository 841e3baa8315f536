"""Rows for minidl/ops/indexing.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

X = (3, 4, 5)
MASK = np.array([True, False, True])
REPEATED = np.array([2, 0, 2, -1])  # -1 is 2 again
LABELS = md.Tensor(np.array([1, 0, 3]))


def scattered(shape: tuple, positions: list, values: np.ndarray) -> np.ndarray:
    """Zeros, with one value after the other added at its position."""
    y = np.zeros(shape)
    for position, value in zip(positions, values, strict=True):
        y[position] += value
    return y


def getitem(label: str, index: object, shape: tuple = X, reference: object = None) -> Row:
    """A row whose reference is NumPy's own indexing."""
    return Row("getitem", lambda x: md.getitem(x, index), [shape], reference or (lambda x: x[index]), label)


ROWS = [
    getitem("int", 1),
    getitem("negative int", -1),
    getitem("ints", (1, -2, 3)),
    getitem("NumPy int", np.int64(2)),
    getitem("slice", np.s_[1:]),
    getitem("slices", np.s_[::2, ::-1, 1:4]),
    getitem("empty slice", np.s_[2:1]),
    getitem("None", np.s_[:, None, 1]),
    getitem("Ellipsis", np.s_[..., 2]),
    getitem("everything", ...),
    getitem("0-d", (), ()),
    getitem("0-d with new axis", None, ()),
    getitem("size 0", np.s_[:, 1], (0, 3)),
    getitem("list", [2, 0]),
    getitem("empty list", []),
    getitem("repeated", REPEATED),
    getitem("uint8", np.array([1, 1, 2], np.uint8), (3, 200)),
    getitem("two axes of positions", np.array([[0, 1], [2, 2], [1, 0]])),
    getitem("0-d array", np.array(1)),
    getitem("of a vector", REPEATED, (3,)),
    getitem("picked elements", (np.array([0, 2, 0]), np.array([1, 3, 1]))),
    getitem("picked and broadcast", (np.array([[0], [2]]), np.array([1, 1, 3]))),
    getitem("int and array", (1, REPEATED)),
    getitem("array after slice", np.s_[:, REPEATED]),
    getitem("arrays apart", (REPEATED, slice(None), np.array([0, 1, 0, 1]))),
    getitem("arrays with None", (None, REPEATED, ..., np.array([4, 4, 0, 1]))),
    getitem("mask of an axis", MASK),
    getitem("mask list", [True, False, True]),
    getitem("mask of all", np.arange(60).reshape(X) % 7 < 3),
    getitem("mask after slice", np.s_[1:, :, [True, False, True, True, False]]),
    getitem("mask with array", (MASK, np.array([1, 1]))),
    getitem("mask of nothing", np.zeros(3, bool)),
    getitem("nested tuple", ((1, 0, 1), 2)),
    getitem("True", True),
    getitem("True of a small axis", True, (1, 2)),
    getitem("Tensor", LABELS, (4, 2), lambda x: x[[1, 0, 3]]),
    getitem("Tensor in a tuple", (np.arange(3), LABELS), (3, 4), lambda x: np.array([x[0, 1], x[1, 0], x[2, 3]])),
    getitem("Tensors in a list", [LABELS[0], LABELS[2]], (4, 2), lambda x: x[[1, 3]]),
    Row("put_at", lambda x: md.put_at(x, 1, (2, 3)), [(3,)], lambda x: np.array([[0, 0, 0], x]), "int"),
    Row("put_at", lambda x: md.put_at(x, np.s_[1:3], 4), [(2,)], lambda x: np.array([0, *x, 0]), "slice"),
    Row("put_at", lambda x: md.put_at(x, [2, 0, 2], 4), [(3,)], lambda x: scattered((4,), [2, 0, 2], x), "repeated"),
    Row(
        "put_at", lambda x: md.put_at(x, [2, 0, 2], (3, 5)), [(3, 5)], lambda x: scattered((3, 5), [2, 0, 2], x), "rows"
    ),
    Row(
        "put_at",
        lambda x: md.put_at(x, (slice(None), np.array([1, 1])), (3, 4)),
        [(3, 2)],
        lambda x: scattered((4, 3), [1, 1], x.T).T,
        "columns",
    ),
    Row(
        "put_at",
        lambda x: md.put_at(x, [[0, 1], [0, 2]], (3, 2)),
        [(2,)],
        lambda x: scattered((3, 2), [0, 1, 0, 2], [x] * 4),
        "broadcast",
    ),
    Row("put_at", lambda x: md.put_at(x, MASK, (3, 2)), [(2, 2)], lambda x: scattered((3, 2), [0, 2], x), "mask"),
    Row("put_at", lambda x: md.put_at(x, [], (3, 2)), [(0, 2)], lambda x: np.zeros((3, 2)), "nothing"),
    Row("take", lambda x: md.take(x, REPEATED), [(2, 3)], lambda x: x.flat[[2, 0, 2, 5]]),
    Row(
        "take",
        lambda x: md.take(x, REPEATED, axis=1),
        [X],
        lambda x: np.stack([x[:, k] for k in REPEATED], 1),
        "axis=1",
    ),
    Row("take", lambda x: md.take(x, 2, axis=-1), [X], lambda x: x[..., 2], "one"),
    Row("take", lambda x: md.take(x, [], axis=1), [(2, 3)], lambda x: x[:, :0], "none"),
    Row(
        "take",
        lambda x: md.take(x, [[0, 2], [2, 2], [1, 0]], axis=0),
        [(3, 5)],
        lambda x: np.array([[x[0], x[2]], [x[2], x[2]], [x[1], x[0]]]),
        "embedding",
    ),
    Row(
        "take_along_axis",
        lambda x: md.take_along_axis(x, np.array([[1], [0], [1]]), axis=1),
        [(3, 2)],
        lambda x: np.array([[x[0, 1]], [x[1, 0]], [x[2, 1]]]),
        "axis=1",
    ),
    Row(
        "take_along_axis",
        lambda x: md.take_along_axis(x, np.array([[2, 2, 0, 1]]), axis=0),
        [(3, 4)],
        lambda x: np.array([[x[2, 0], x[2, 1], x[0, 2], x[1, 3]]]),
        "axis=0",
    ),
    Row(
        "take_along_axis", lambda x: md.take_along_axis(x, REPEATED, None), [(2, 3)], lambda x: x.flat[REPEATED], "None"
    ),
    Row("sort", md.sort, [(3, 4)], lambda x: np.array([sorted(row) for row in x])),
    Row("sort", lambda x: md.sort(x, axis=0), [(3, 4)], lambda x: np.array([sorted(c) for c in x.T]).T, "axis=0"),
    Row("sort", lambda x: md.sort(x, axis=None), [(3, 4)], lambda x: np.array(sorted(x.flat)), "axis=None"),
    Row("sort", md.sort, [(2, 0)], lambda x: x, "size 0"),
]

KINKS: list[Kink] = []

A = md.Tensor(np.zeros((3, 4)))

REFUSALS = [
    Refusal("getitem", lambda: A[3], IndexError, r"^getitem expects indices from -3 to 2 on axis 0 .*got 3"),
    Refusal("getitem", lambda: A[1, -5], IndexError, "on axis 1 .*got -5"),
    Refusal("getitem", lambda: A[[0, 7, 3]], IndexError, "got 7"),
    Refusal("getitem", lambda: A[[0, 4, -9]], IndexError, "got -9"),
    Refusal("getitem", lambda: A[..., [4]], IndexError, "-4 to 3 on axis 1"),
    Refusal("getitem", lambda: A[None, :, np.array([0, 4])], IndexError, "-4 to 3 on axis 1"),
    Refusal("getitem", lambda: md.Tensor(np.zeros((0, 2)))[0], IndexError, "expects no index on axis 0"),
    Refusal("getitem", lambda: A[0, 0, 0], IndexError, "too many indices"),
    Refusal("getitem", lambda: A[np.array([True, False])], IndexError, "boolean index did not match"),
    Refusal("getitem", lambda: A[md.Tensor([1.0, 2.0])], TypeError, r"float32.\nConvert .*astype\('int64'\)"),
    Refusal("getitem", lambda: A[1.0], TypeError, "integers or truth values as indices, got float64"),
    Refusal("getitem", lambda: A["a"], TypeError, "integers or truth values"),
    Refusal("put_at", lambda: md.put_at(A, [0, 1, 5], (4, 4)), IndexError, "^put_at expects .* on axis 0 .*got 5"),
    Refusal("put_at", lambda: md.put_at(A, [0, 1], (4, 4)), ValueError, "put_at cannot take"),
    Refusal("take", lambda: md.take(A, [4], axis=1), IndexError, "axis 1 .*got 4"),
    Refusal("take", lambda: md.take(A, [0], axis=2), ValueError, "take: axis 2 is out of bounds"),
    Refusal("take", lambda: md.take(A, [True, False], axis=1), TypeError, r"expects integers, .*\nx\[mask\]"),
    Refusal("take", lambda: md.take(A, True), TypeError, "expects integers, got truth values"),
    Refusal("take_along_axis", lambda: md.take_along_axis(A, np.array([0, 1, 2]), 1), ValueError, "with 2 axes"),
    Refusal("take_along_axis", lambda: md.take_along_axis(A[0], MASK[0], 0), TypeError, "got truth values"),
    Refusal("sort", lambda: md.sort(A, axis=2), ValueError, "axis 2 is out of bounds"),
]
