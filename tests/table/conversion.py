"""Rows for minidl/ops/conversion.py."""

import numpy as np

import minidl as md
from tests.table.row import Kink, Refusal, Row

X = (2, 3)


def same(x):
    """The reference: these ops change no number."""
    return np.array(x.tolist()).reshape(x.shape)


ROWS = [
    Row("identity", md.identity, [X], same),
    Row("identity", md.identity, [()], same, "0-d"),
    Row("copy", md.copy, [X], same),
    Row("copy", md.copy, [()], same, "0-d"),
    Row("copy", lambda x: x.copy(), [X], same, "method"),
    Row("astype", lambda x: md.astype(x, x.dtype), [X], same),
    Row("astype", lambda x: x.astype(x.dtype), [X], same, "method"),
    Row("to_device", lambda x: md.to_device(x, md.Tensor(x).device), [X], same),
]

KINKS: list[Kink] = []

A = md.Tensor(np.zeros((2, 3)))

REFUSALS = [
    Refusal("astype", lambda: md.astype(A, "int64"), TypeError, r"^astype: .*int64.*numpy\(\)"),
    Refusal("astype", lambda: A.astype(bool), TypeError, r"^astype: .*bool"),
    Refusal("to_device", lambda: md.to_device(A, "gpu"), ValueError, 'device must be "cpu" or "cuda"'),
    Refusal("to_device", lambda: A.to("tpu"), ValueError, 'device must be "cpu" or "cuda"'),
]
