"""Rows for pooling."""

from itertools import product

import numpy as np

import minidl as md
from tests.table.convolution import plain_places
from tests.table.row import Kink, Refusal, Row


def plain_pool(x, sizes, strides, padding, reduce):
    """Every output from the list of the numbers in its window; x is (N, ..., C)."""
    axes = [plain_places(n, k, s, padding, 1) for n, k, s in zip(x.shape[1:-1], sizes, strides)]
    y = np.zeros((x.shape[0], *(outputs for outputs, _ in axes), x.shape[-1]))
    for o in np.ndindex(y.shape[1:-1]):
        seen = [[p for u, _, p in found if u == o[k]] for k, (_, found) in enumerate(axes)]
        y[:, *o] = reduce(np.stack([x[:, *p] for p in product(*seen)]), axis=0)
    return y


def along(x, size, stride, padding, reduce):
    """The same along the axis 1 of x (A, T, B)."""
    return plain_pool(x, (size,), (stride,), padding, reduce)


X = (2, 5, 4, 1)  # N, H, W, C
ROWS = [
    Row("max_pool", lambda x: md.max_pool(x), [X], lambda x: plain_pool(x, (2, 2), (2, 2), "valid", np.max)),
    Row("max_pool", lambda x: md.max_pool(x, (3, 2), (2, 1), "same"), [X],
        lambda x: plain_pool(x, (3, 2), (2, 1), "same", np.max), "strides, same"),
    Row("max_pool_along", lambda x: md.max_pool_along(x, 1, 3, 1), [(2, 5, 3)],
        lambda x: along(x, 3, 1, "valid", np.max)),
    Row("max_pool_along", lambda x: md.max_pool_along(x, 1, 1, 2, "same"), [(2, 5, 3)],
        lambda x: along(x, 1, 2, "same", np.max), "size=1"),
    Row("average_pool", lambda x: md.average_pool(x), [X], lambda x: plain_pool(x, (2, 2), (2, 2), "valid", np.mean)),
    Row("average_pool", lambda x: md.average_pool(x, (3, 2), (2, 1), "same"), [X],
        lambda x: plain_pool(x, (3, 2), (2, 1), "same", np.mean), "strides, same"),
    Row("average_pool_along", lambda x: md.average_pool_along(x, -2, 3, 2, "same"), [(2, 6, 5)],
        lambda x: along(x, 3, 2, "same", np.mean)),
]  # fmt: skip


def beside(x, before, behind):
    """The largest of three numbers in a row, x in the middle."""
    x = md.Tensor(x) if not isinstance(x, md.Tensor) else x
    return md.max_pool_along(md.stack([md.Tensor(before), x, md.Tensor(behind)]), 0, 3, 1)


KINKS = [
    Kink("max_pool_along", lambda x: beside(x, 1.0, 2.0), 2.0, 0.0, 1.0, 1.0),  # before its equal
    Kink("max_pool_along", lambda x: beside(x, 2.0, 1.0), 2.0, 0.0, 1.0, 0.0),  # behind it
    Kink("max_pool", lambda x: md.max_pool(x.reshape(1, 1, 1) + np.zeros((1, 2, 1))), 2.0, 1.0, 1.0, 1.0),
]

IMAGES = md.Tensor(np.ones((2, 5, 4, 3), np.float32))

REFUSALS = [
    Refusal("max_pool", lambda: md.max_pool(IMAGES, 5), ValueError, "^max_pool: a window of 5 x 5 .* image of 5 x 4"),
    Refusal("max_pool", lambda: md.max_pool(IMAGES, (2, 2, 2)), ValueError, r"^max_pool expects pool_size of .*2, 2\)"),
    Refusal("max_pool", lambda: md.max_pool(IMAGES, 0), ValueError, "^max_pool expects pool_size of .*got 0"),
    Refusal("max_pool", lambda: md.max_pool(IMAGES, 2, -1), ValueError, "^max_pool expects strides of .*got -1"),
    Refusal("max_pool", lambda: md.max_pool(IMAGES, padding="sme"), ValueError, "^max_pool: padding 'sme'.*'same'"),
    Refusal(
        "max_pool", lambda: md.max_pool(IMAGES[0, 0]), ValueError, r"\(N, T, C\) or \(N, H, W, C\), got .*\(4, 3\)"
    ),
    Refusal(
        "max_pool", lambda: md.max_pool(np.ones((1, 4, 1), int)), TypeError, r"floating numbers, got int.*'float32'"
    ),
    Refusal("max_pool_along", lambda: md.max_pool_along(IMAGES, 1, 6, 1), ValueError, "window of 6 .* image of 5"),
    Refusal("max_pool_along", lambda: md.max_pool_along(IMAGES, 4, 2, 1), ValueError, "axis 4 is out of bounds"),
    Refusal("average_pool", lambda: md.average_pool(IMAGES, 5), ValueError, "^average_pool: a window of 5 x 5"),
    Refusal("average_pool", lambda: md.average_pool(np.ones((1, 4, 1), int)), TypeError, "floating numbers, got int"),
    Refusal("average_pool_along", lambda: md.average_pool_along(IMAGES, 1, 2, 0), ValueError, "strides of .* 0"),
]
