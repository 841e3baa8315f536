"""Rows for minidl/ops/shape.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

X = (2, 3, 5)

ROWS = [
    Row("reshape", lambda x: md.reshape(x, (5, 6)), [X], lambda x: x.ravel().reshape(5, 6), "another shape"),
    Row("reshape", lambda x: md.reshape(x, (3, -1)), [X], lambda x: x.ravel().reshape(3, 10), "-1"),
    Row("reshape", lambda x: md.reshape(x, -1), [X], lambda x: x.ravel(), "int"),
    Row("reshape", lambda x: md.reshape(x, [3, 4]), [(4, 3)], lambda x: x.ravel().reshape(3, 4), "list"),
    Row("reshape", lambda x: md.reshape(x, (1, 1)), [()], lambda x: np.array([[x]]), "0-d"),
    Row("reshape", lambda x: md.reshape(x, ()), [(1, 1)], lambda x: x[0, 0], "to 0-d"),
    Row("reshape", lambda x: md.reshape(x, (3, 0)), [(0, 5)], lambda x: np.zeros((3, 0)), "size 0"),
    Row("ravel", md.ravel, [X], lambda x: np.array(x.tolist()).flatten()),
    Row("ravel", md.ravel, [()], lambda x: np.array([x]), "0-d"),
    Row("transpose", md.transpose, [(2, 3)], lambda x: np.array([list(row) for row in zip(*x)])),
    Row("transpose", lambda x: md.transpose(x, (1, 2, 0)), [X], lambda x: np.einsum("ijk->jki", x), "cycle"),
    Row("transpose", lambda x: md.transpose(x, (-1, 0, -2)), [X], lambda x: np.einsum("ijk->kij", x), "negative axes"),
    Row("transpose", lambda x: md.transpose(x, (0, 2, 1)), [(2, 0, 3)], lambda x: np.zeros((2, 3, 0)), "size 0"),
    Row("transpose", md.transpose, [()], lambda x: x, "0-d"),
    Row("swapaxes", lambda x: md.swapaxes(x, 0, 2), [X], lambda x: np.einsum("ijk->kji", x)),
    Row("swapaxes", lambda x: md.swapaxes(x, -1, -2), [X], lambda x: np.einsum("ijk->ikj", x), "negative axes"),
    Row("swapaxes", lambda x: md.swapaxes(x, 1, 1), [X], lambda x: x, "an axis with itself"),
    Row("moveaxis", lambda x: md.moveaxis(x, 0, -1), [X], lambda x: np.einsum("ijk->jki", x)),
    Row("moveaxis", lambda x: md.moveaxis(x, (2, 0), (0, 1)), [X], lambda x: np.einsum("ijk->kij", x), "tuples"),
    Row("expand_dims", lambda x: md.expand_dims(x, 1), [(2, 3)], lambda x: x[:, None, :]),
    Row("expand_dims", lambda x: md.expand_dims(x, -1), [(2, 3)], lambda x: x[:, :, None], "last"),
    Row("expand_dims", lambda x: md.expand_dims(x, (0, -1)), [(2, 3)], lambda x: x[None, :, :, None], "tuple"),
    Row("expand_dims", lambda x: md.expand_dims(x, 0), [()], lambda x: np.array([x]), "0-d"),
    Row("squeeze", md.squeeze, [(1, 3, 1)], lambda x: x[0, :, 0]),
    Row("squeeze", lambda x: md.squeeze(x, 0), [(1, 3, 1)], lambda x: x[0], "axis=0"),
    Row("squeeze", lambda x: md.squeeze(x, (0, -1)), [(1, 3, 1)], lambda x: x[0, :, 0], "tuple"),
    Row("squeeze", md.squeeze, [(2, 3)], lambda x: x, "nothing to drop"),
    Row("broadcast_to", lambda x: md.broadcast_to(x, (2, 3)), [(3,)], lambda x: np.array([x, x]), "new axis"),
    Row(
        "broadcast_to", lambda x: md.broadcast_to(x, (2, 3)), [(2, 1)], lambda x: x * np.ones((1, 3)), "stretched axis"
    ),
    Row("broadcast_to", lambda x: md.broadcast_to(x, (4, 2, 3)), [(2, 1)], lambda x: x * np.ones((4, 1, 3)), "both"),
    Row("broadcast_to", lambda x: md.broadcast_to(x, (2, 3)), [()], lambda x: np.full((2, 3), x), "0-d"),
    Row("broadcast_to", lambda x: md.broadcast_to(x, (2, 3)), [(2, 3)], lambda x: x, "same shape"),
    Row("broadcast_to", lambda x: md.broadcast_to(x, (0, 3)), [(1, 3)], lambda x: np.zeros((0, 3)), "size 0"),
    Row("broadcast_to", lambda x: md.broadcast_to(x, 4), [(1,)], lambda x: np.full(4, x[0]), "int"),
    Row("flip", md.flip, [(2, 3)], lambda x: x[::-1, ::-1]),
    Row("flip", lambda x: md.flip(x, 1), [X], lambda x: x[:, ::-1], "axis=1"),
    Row("flip", lambda x: md.flip(x, (0, -1)), [X], lambda x: x[::-1, :, ::-1], "tuple"),
    Row("roll", lambda x: md.roll(x, 2), [(2, 3)], lambda x: np.r_[x.flat[-2:], x.flat[:-2]].reshape(2, 3)),
    Row("roll", lambda x: md.roll(x, -1, 1), [(2, 3)], lambda x: x[:, [1, 2, 0]], "axis=1"),
    Row("roll", lambda x: md.roll(x, (1, 2), (0, 1)), [(2, 5)], lambda x: x[[1, 0]][:, [3, 4, 0, 1, 2]], "tuples"),
    Row("roll", lambda x: md.roll(x, 7, 0), [(3, 2)], lambda x: x[[2, 0, 1]], "more than once round"),
]

KINKS: list[Kink] = []

A = md.Tensor(np.zeros((32, 28, 28)))

REFUSALS = [
    Refusal("reshape", lambda: md.reshape(A, (32, 783)), ValueError, r"^reshape expects .*\n.*\(32, 784\)"),
    Refusal("reshape", lambda: md.reshape(A, (60000, 784)), ValueError, r"Did you mean \(32, 784\)"),
    Refusal("reshape", lambda: md.reshape(A, (5, -1)), ValueError, "25088 is not a multiple of 5"),
    Refusal("reshape", lambda: md.reshape(A, (-1, -1)), ValueError, "Only one axis can be -1"),
    Refusal("reshape", lambda: A.reshape(100), ValueError, r"got \(100,\)"),
    Refusal("reshape", lambda: md.reshape(md.Tensor(np.zeros((0, 3))), (0, -1)), ValueError, "can be anything"),
    Refusal("transpose", lambda: md.transpose(A, (0, 1)), ValueError, r"^transpose expects each of the 3 axes"),
    Refusal("transpose", lambda: md.transpose(A, (0, 1, 1)), ValueError, "once, got"),
    Refusal("swapaxes", lambda: md.swapaxes(A, 0, 3), ValueError, "axis 3 is out of bounds"),
    Refusal("moveaxis", lambda: md.moveaxis(A, 3, 0), ValueError, "moveaxis: source.*axis 3"),
    Refusal("moveaxis", lambda: md.moveaxis(A, (0, 1), 2), ValueError, "as many sources as destinations"),
    Refusal("expand_dims", lambda: md.expand_dims(A, 4), ValueError, "axes from -4 to 3, got axis=4"),
    Refusal("expand_dims", lambda: md.expand_dims(A, (0, 0)), ValueError, "different axes"),
    Refusal("squeeze", lambda: md.squeeze(A, 1), ValueError, r"size 1 on axis 1, got shape \(32, 28, 28\)"),
    Refusal("squeeze", lambda: md.squeeze(A, 5), ValueError, "squeeze: axis.*axis 5"),
    Refusal("broadcast_to", lambda: md.broadcast_to(A, (28, 29)), ValueError, "cannot stretch"),
    Refusal("flip", lambda: md.flip(A, 3), ValueError, "axis 3 is out of bounds"),
    Refusal("roll", lambda: md.roll(A, 1, 3), ValueError, "axis 3 is out of bounds"),
]
