"""Rows for minidl/ops/joining.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row


def filled(shape: tuple, value: float, inner: tuple, x: np.ndarray) -> np.ndarray:
    """An array of one value, with x put inside."""
    y = np.full(shape, value, np.float64)
    y[inner] = x
    return y


ROWS = [
    Row("concatenate", lambda a, b: md.concatenate([a, b]), [(2, 3), (4, 3)], lambda a, b: np.array([*a, *b])),
    Row(
        "concatenate",
        lambda a, b, c: md.concatenate([a, b, c], axis=-1),
        [(2, 3), (2, 1), (2, 4)],
        lambda a, b, c: np.array([[*p, *q, *r] for p, q, r in zip(a, b, c)]),
        "axis=-1",
    ),
    Row("concatenate", lambda a: md.concatenate([a, a], axis=1), [(2, 3)], lambda a: a[:, [0, 1, 2, 0, 1, 2]], "twice"),
    Row("concatenate", lambda a: md.concatenate([a]), [(2, 3)], lambda a: a, "one array"),
    Row(
        "concatenate",
        lambda a, b: md.concatenate([a, b], axis=None),
        [(2, 3), ()],
        lambda a, b: np.array([*a.flat, b]),
        "axis=None",
    ),
    Row("concatenate", lambda a, b: md.concatenate([a, b]), [(0, 3), (2, 3)], lambda a, b: b, "size 0"),
    Row(
        "concatenate_arrays",
        lambda a, b: md.concatenate_arrays(a, b, axis=0),
        [(2, 3), (4, 3)],
        lambda a, b: np.array([*a, *b]),
    ),
    Row("stack", lambda a, b: md.stack([a, b]), [(2, 3), (2, 3)], lambda a, b: np.array([a, b])),
    Row(
        "stack",
        lambda a, b: md.stack([a, b], axis=-1),
        [(2, 3), (2, 3)],
        lambda a, b: np.array([[[p, q] for p, q in zip(r, s)] for r, s in zip(a, b)]),
        "axis=-1",
    ),
    Row("stack", lambda a, b: md.stack([a, b]), [(), ()], lambda a, b: np.array([a, b]), "0-d"),
    Row("vstack", lambda a, b: md.vstack([a, b]), [(3,), (2, 3)], lambda a, b: np.array([a, *b])),
    Row(
        "hstack",
        lambda a, b: md.hstack([a, b]),
        [(2, 1), (2, 3)],
        lambda a, b: np.array([[*p, *q] for p, q in zip(a, b)]),
    ),
    Row("hstack", lambda a, b: md.hstack([a, b]), [(2,), ()], lambda a, b: np.array([*a, b]), "vectors"),
    Row("split", lambda x: md.split(x, 3)[1], [(6, 2)], lambda x: x[[2, 3]], "sections"),
    Row("split", lambda x: md.split(x, [1, 3], axis=1)[2], [(2, 5)], lambda x: x[:, [3, 4]], "positions"),
    Row(
        "split",
        lambda x: (lambda a, b: a * b)(*md.split(x, 2, axis=-1)),
        [(3, 4)],
        lambda x: x[:, [0, 1]] * x[:, [2, 3]],
        "a gate",
    ),
    Row("array_split", lambda x: md.array_split(x, 3)[0], [(5, 2)], lambda x: x[[0, 1]], "the longer first"),
    Row("array_split", lambda x: md.array_split(x, 3)[2], [(5, 2)], lambda x: x[[4]], "the shorter last"),
    Row("array_split", lambda x: md.array_split(x, 3)[2], [(2, 3)], lambda x: np.zeros((0, 3)), "nothing left"),
    Row("pad", lambda x: md.pad(x, 1), [(2, 3)], lambda x: filled((4, 5), 0, np.s_[1:3, 1:4], x), "int"),
    Row("pad", lambda x: md.pad(x, (1, 2)), [(2, 3)], lambda x: filled((5, 6), 0, np.s_[1:3, 1:4], x), "pair"),
    Row(
        "pad",
        lambda x: md.pad(x, ((0, 1), (2, 0)), constant_values=-1.5),
        [(2, 3)],
        lambda x: filled((3, 5), -1.5, np.s_[:2, 2:], x),
        "pairs and value",
    ),
    Row("pad", lambda x: md.pad(x, 0), [(2, 3)], lambda x: x, "nothing"),
    Row("pad", lambda x: md.pad(x, ((1, 0), (0, 0))), [(0, 3)], lambda x: np.zeros((1, 3)), "size 0"),
    Row("repeat", lambda x: md.repeat(x, 2), [(2, 3)], lambda x: np.array([v for v in x.flat for _ in range(2)])),
    Row("repeat", lambda x: md.repeat(x, 3, axis=1), [(2, 3)], lambda x: x[:, [0, 0, 0, 1, 1, 1, 2, 2, 2]], "axis=1"),
    Row("repeat", lambda x: md.repeat(x, [2, 0, 1], -1), [(2, 3)], lambda x: x[:, [0, 0, 2]], "counts"),
    Row("repeat", lambda x: md.repeat(x, 0, axis=0), [(2, 3)], lambda x: np.zeros((0, 3)), "none"),
    Row("tile", lambda x: md.tile(x, np.int64(2)), [(2, 3)], lambda x: np.array([[*r, *r] for r in x]), "int"),
    Row("tile", lambda x: md.tile(x, (2, 1, 3)), [(2, 3)], lambda x: np.array([[[*r, *r, *r] for r in x]] * 2), "more"),
    Row("tile", lambda x: md.tile(x, (2,)), [(3, 1, 2)], lambda x: x[..., [0, 1, 0, 1]], "fewer"),
    Row("tile", lambda x: md.tile(x, 2), [()], lambda x: np.array([x, x]), "0-d"),
]

KINKS: list[Kink] = []

A = md.Tensor(np.zeros((2, 3)))
B = md.Tensor(np.zeros((4, 3)))

REFUSALS = [
    Refusal("concatenate", lambda: md.concatenate([]), ValueError, "at least one array"),
    Refusal("concatenate", lambda: md.concatenate(A, B), TypeError, r"in one list: concatenate\(\[a, b\]\)"),
    Refusal(
        "concatenate",
        lambda: md.concatenate([A, B], axis=1),
        ValueError,
        r"^concatenate .* axis 1, got \(2, 3\), \(4, 3\)",
    ),
    Refusal("concatenate_arrays", lambda: md.concatenate_arrays(A, B, axis=2), ValueError, "axis 2 is out of bounds"),
    Refusal("stack", lambda: md.stack([A, B]), ValueError, r"one shape, got \(2, 3\) and \(4, 3\)"),
    Refusal("concatenate", lambda: md.concatenate([A, A[0]]), ValueError, r"got \(2, 3\), \(3,\)"),
    Refusal("concatenate", lambda: md.concatenate([A, A], axis=2), ValueError, "^concatenate: axis 2 is out of bounds"),
    Refusal("vstack", lambda: md.vstack([]), ValueError, "vstack expects at least one"),
    Refusal("hstack", lambda: md.hstack([A, B]), ValueError, "^hstack expects arrays of one shape, but for axis 1"),
    Refusal("split", lambda: md.split(A, 2, axis=1), ValueError, "array_split makes"),
    Refusal("split", lambda: md.split(A, 2, axis=2), ValueError, "split: axis 2 is out of bounds"),
    Refusal("array_split", lambda: md.array_split(A, 0), ValueError, "at least one section"),
    Refusal("pad", lambda: md.pad(A, 1, mode="reflect"), ValueError, "'constant', got 'reflect'"),
    Refusal("pad", lambda: md.pad(A, -1), ValueError, "at least 0"),
    Refusal("pad", lambda: md.pad(A, ((1, 1),) * 3), ValueError, "each of 2 axes"),
    Refusal("pad", lambda: md.pad(A, 1, constant_values=(1, 2)), ValueError, "one number"),
    Refusal("repeat", lambda: md.repeat(A, [1, 2], axis=1), ValueError, "3 counts for axis 1"),
    Refusal("repeat", lambda: md.repeat(A, -1), ValueError, "at least 0, got -1"),
    Refusal("repeat", lambda: md.repeat(A, 2, axis=2), ValueError, "repeat: axis 2 is out of bounds"),
    Refusal("array_split", lambda: md.array_split(A, [0.5]), TypeError, "as an integer"),
    Refusal("tile", lambda: md.tile(A, -1), ValueError, "tile expects"),
    Refusal("tile", lambda: md.tile(A, 1.5), TypeError, "as an integer"),
]
