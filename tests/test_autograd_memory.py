"""Graphs die by reference count alone, and training leaves nothing behind."""

import gc
import tracemalloc
import weakref

import numpy as np

import minidl as md
from minidl.autograd import Primitive, Tensor


def leaf(*shape):
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


def step(w, x):
    loss = md.mean(md.square(md.tanh(x @ w) - 1.0))
    loss.backward()
    with md.no_grad():
        w -= 0.1 * w.grad
    w.zero_grad()


def test_1000_training_steps_leave_nothing_behind():
    w, x = leaf(20, 10), np.ones((30, 20))
    gc.collect()
    gc.disable()  # what reference counts do not free, stays and is found
    tracemalloc.start()
    try:
        for _ in range(50):
            step(w, x)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step(w, x)
        grown = tracemalloc.get_traced_memory()[0] - before
        tensors = sum(type(o) is Tensor for o in gc.get_objects())
        assert gc.collect() == 0
        assert sum(type(o) is Tensor for o in gc.get_objects()) == tensors
    finally:
        tracemalloc.stop()
        gc.enable()
    assert grown < 10_000  # bytes; one array left in each step would be 1.6 million


def test_memory_is_freed_as_backward_walks():
    """An op at the bottom of a chain counts, when its rule is called, who of the chain is still there."""
    chain, counts = [], []
    bottom = Primitive(lambda x, /: x * 1.0, False, False)
    bottom.rule(lambda g, y, x: counts.append(sum(link() is not None for link in chain)) or g)
    y = bottom(leaf(10))
    for _ in range(20):
        y = y * 2.0
        chain.append(weakref.ref(y))
    y = y.sum()
    y.backward()
    assert counts[0] <= 1


def test_the_result_keeps_its_graph_alive_and_nothing_else_does():
    x = leaf(3)
    h = x * 2.0
    inner = weakref.ref(h)
    y = h.sum()
    del h
    assert inner() is not None
    del y
    assert inner() is None
