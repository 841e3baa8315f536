"""Rows for convolution and max pooling as one op."""

import numpy as np

import minidl as md
from tests.table.convolution import IMAGES, KERNEL, ones, plain_conv2d
from tests.table.pooling import plain_pool
from tests.table.row import Kink, Refusal, Row


def plain(x, W, b, sizes, **settings):
    """One after the other."""
    return plain_pool(plain_conv2d(x, W, b, **settings), sizes, sizes, "valid", np.max)


ROWS = [
    Row("conv2d_max_pool", lambda x, W, b: md.conv2d_max_pool(x, W, b), [(2, 4, 5, 2), (3, 2, 2, 3), (3,)],
        lambda x, W, b: plain(x, W, b, (2, 2))),
    Row("conv2d_max_pool", lambda x, W, b: md.conv2d_max_pool(x, W, b, (2, 1), "same", 1, (1, 3)),
        [(1, 5, 4, 2), (2, 3, 2, 1), (1,)],
        lambda x, W, b: plain(x, W, b, (1, 3), strides=(2, 1), padding="same"), "strides, same, pools of one row"),
    Row("conv2d_max_pool", lambda x, W: md.conv2d_max_pool(x, W, None, dilation=(1, 2), pool_size=(3, 1)),
        [(2, 4, 5, 1), (2, 3, 1, 3)], lambda x, W: plain(x, W, None, (3, 1), dilation=(1, 2)),
        "dilation, no bias, one channel"),
    Row("conv2d_max_pool", lambda x, W: md.conv2d_max_pool(x, W, None, pool_size=2), [(1, 3, 5, 2), (1, 1, 2, 3)],
        lambda x, W: plain(x, W, None, (2, 2)), "pointwise"),
]  # fmt: skip


def beside(x, before, behind):
    """The largest of three pixels in a row, x in the middle."""
    x = md.Tensor(x) if not isinstance(x, md.Tensor) else x
    image = md.stack([md.Tensor(before), x, md.Tensor(behind)]).reshape(1, 1, 3, 1)
    return md.conv2d_max_pool(image, np.ones((1, 1, 1, 1)), None, pool_size=(1, 3)).sum()


KINKS = [
    Kink("conv2d_max_pool", lambda x: beside(x, 1.0, 2.0), 2.0, 0.0, 1.0, 1.0),  # before its equal
    Kink("conv2d_max_pool", lambda x: beside(x, 2.0, 1.0), 2.0, 0.0, 1.0, 0.0),  # behind it
]

REFUSALS = [
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(ones(2, 3, 5, 4), KERNEL, None), ValueError,
            r"^conv2d_max_pool expects 3 channels .*\n.*x\.transpose\(0, 2, 3, 1\)"),
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(IMAGES, ones(3, 3, 2), None), ValueError,
            r"W \(kh, kw, C, F"),
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(IMAGES, KERNEL, ones(1)), ValueError,
            r"bias of shape \(2,\)"),
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(IMAGES, KERNEL, None, pool_size=3), ValueError,
            "^conv2d_max_pool: a window of 3 x 3 is larger than the image of 3 x 2"),
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(IMAGES, KERNEL, None, pool_size=0), ValueError,
            "^conv2d_max_pool expects pool_size of .*got 0"),
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(IMAGES, KERNEL, None, 1, "sane"), ValueError, "mean 'same'"),
    Refusal("conv2d_max_pool", lambda: md.conv2d_max_pool(np.ones((1, 4, 4, 1), int), np.ones((2, 2, 1, 1), int), None),
            TypeError, r"floating numbers, got int.*'float32'"),
]  # fmt: skip
