"""Where an optimizer keeps its numbers: the parameters of a model side by side in one flat array.

An optimizer does a little arithmetic on many numbers: the calls should be few, and what one of them touches still be
near when the next one wants it. So on a shelf the small parameters stand first and are updated together, as if they
were one, the large ones in blocks that fit the processor's cache. Only what a rule wants whole, such as a matrix, is
neither joined nor cut.
"""

from collections.abc import Collection, Iterator
from typing import Any

from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.layers.base import Parameter
from minidl.ops.windows import batches

BLOCK = 262144  # numbers updated at a time, at most: weights, gradient, state and scratch stay in the processor's cache
SMALL = 65536  # below so many, a parameter's gradient is copied beside the other small ones': one update for all


class Shelf:
    """Parameters of one dtype, device and age, side by side in one flat array, with the rule's state beside them.

    Each parameter's data becomes a view of its part. Whoever gives a parameter other data (``p.data = a``, moving it to
    another device, a second optimizer) breaks the tie; ``is_current`` notices, and the optimizer lays a new shelf.
    """

    def __init__(
        self,
        parameters: list[Parameter],
        initial_state: dict[str, float],
        joined: int = 0,
        whole: Collection[int] = (),
    ):
        xp = array_module(parameters[0]._data)
        self.whole = whole  # the ids of those that the rule gets each by itself, in its own shape
        self.parameters = sorted(parameters, key=self._stands_alone)  # first the small ones, which are updated as one
        self.joined = joined  # the steps that the optimizer had taken before these came
        self.parts: list[slice] = []
        stop = 0
        for p in self.parameters:
            self.parts.append(slice(stop, stop + p.size))
            stop += p.size
        self.flat = xp.empty(stop, parameters[0].dtype)
        self.views = []
        for p, part in zip(self.parameters, self.parts, strict=True):
            view = self.flat[part].reshape(p.shape)
            view[...] = p._data
            p._data = view
            self.views.append(view)
        self.state = {name: xp.full_like(self.flat, value) for name, value in initial_state.items()}
        largest = max((p.size for p in parameters if id(p) in whole), default=0)
        self.scratch = xp.empty(max(largest, min(stop, BLOCK)), self.flat.dtype)
        self.single = [Run(self, [p], part) for p, part in zip(self.parameters, self.parts, strict=True)]
        self.runs = self._plan()

    def _stands_alone(self, p: Parameter) -> bool:
        """Whether a parameter is large, or taken whole: then its gradient is not copied beside others."""
        return p.size >= SMALL or id(p) in self.whole

    def _plan(self) -> "list[Run]":
        """One run for all small parameters together, and one for each of the others."""
        small = [p for p in self.parameters if not self._stands_alone(p)]
        runs = [Run(self, small, slice(0, self.parts[len(small) - 1].stop))] if small else []
        return runs + self.single[len(small) :]

    def is_current(self) -> bool:
        """True while every parameter's data is still its view of the shelf."""
        for p, view in zip(self.parameters, self.views):
            if p._data is not view:
                return False
        return True

    def runs_with_gradients(self) -> "list[Run]":
        """The runs to update; parameter by parameter where some have no gradient.

        Raises
        ------
        ValueError
            Somebody has put something else in ``p.grad``: in its place it might be broadcast in silence.
        """
        complete = True
        for p, view in zip(self.parameters, self.views):
            if p.grad is None:
                complete = False
            elif getattr(p.grad, "shape", None) != view.shape:
                raise ValueError(f"step expects a gradient of its parameter's shape {p.shape}, got {describe(p.grad)}.")
        return self.runs if complete else [run for run in self.single if run.parameters[0].grad is not None]


class Run:
    """A stretch of a shelf that is updated together: its parameters, and views of everything in blocks."""

    def __init__(self, shelf: Shelf, parameters: list[Parameter], part: slice):
        self.parameters = parameters
        size = part.stop - part.start
        whole = len(parameters) == 1 and id(parameters[0]) in shelf.whole
        self.shape = parameters[0].shape if whole else (size,)
        self.staged = array_module(shelf.flat).empty(size, shelf.flat.dtype) if len(parameters) > 1 else None
        self.places = []  # in ``staged``, of each parameter's gradient
        stop = 0
        for p in parameters if self.staged is not None else ():
            self.places.append(self.staged[stop : stop + p.size].reshape(p.shape))
            stop += p.size
        self.blocks = []  # (where in the gradient, weights, scratch, state)
        for block in [slice(0, size)] if whole else batches(size, 1, BLOCK):
            start, stop, _ = block.indices(size)
            here, shape = slice(part.start + start, part.start + stop), self.shape if whole else (stop - start,)
            state = {name: array[here].reshape(shape) for name, array in shelf.state.items()}
            w, t = shelf.flat[here].reshape(shape), shelf.scratch[: stop - start].reshape(shape)
            self.blocks.append((... if whole else block, w, t, state))

    def gradient(self) -> Array:
        """The gradients of the run's parameters as one flat array, or one gradient as it is."""
        if self.staged is None:
            return plain(self.parameters[0].grad).reshape(self.shape)
        for p, place in zip(self.parameters, self.places):
            place[...] = plain(p.grad)
        return self.staged


def blocks(runs: list[Run]) -> Iterator[tuple[Array, Array, Array, dict[str, Array]]]:
    """(gradient, weights, scratch, state) of each block to update."""
    for run in runs:
        g = run.gradient()
        for block, w, t, state in run.blocks:
            yield g[block], w, t, state


def plain(g: Any) -> Array:
    """A gradient as an array: ``backward(create_graph=True)`` leaves Tensors."""
    return g._data if isinstance(g, Tensor) else g
