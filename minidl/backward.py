"""The walk: from a loss back to the leaves, one rule after the other.

Reverse mode (Griewank & Walther, *Evaluating Derivatives*, 2008, ch. 3): with v̄ = ∂L/∂v, every op y = f(x₁, x₂, ...)
adds ȳ ∂y/∂xᵢ to x̄ᵢ. In the code ȳ is ``g`` and its share for x is ``dx``. Over a network of layers this is what D0.E7
and D0.E8 write out for three of them. It is the only module that computes along a graph. Of Tensors it knows the
records (``minidl.autograd``), of ops the rules.
"""

from collections.abc import Sequence
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any

import numpy as np

from minidl import debugging, edits
from minidl.arrays import Array, array_module, as_array, check_same_device, constant, is_array
from minidl.dispatch import OPS
from minidl.errors import describe
from minidl.operators import Operators

FREED = (0, None, (), (), (), {}, None, None)  # the record of a Tensor whose graph a backward pass has used up


def gradients(
    y: Any,
    inputs: Sequence[Any],
    gradient: Any = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> list[Any]:
    """∂y/∂x for each Tensor x of ``inputs``, which may be anywhere in the graph. ``.grad`` is left alone.

    Returns
    -------
    list
        Arrays (Tensors with ``create_graph=True``); None where y does not depend on x.

    >>> import minidl as md
    >>> x = md.Tensor(3.0, requires_grad=True)
    >>> (dx,) = gradients(x * x, [x], create_graph=True)
    >>> gradients(dx, [x])
    [array(2., dtype=float32)]
    """
    if isinstance(inputs, Operators) or not all(isinstance(x, Operators) for x in inputs):
        raise TypeError(
            "gradients expects inputs as a list of Tensors. Write gradients(y, [x]), with the x that y used."
        )
    g = upstream("gradients", y, gradient)
    retain = create_graph if retain_graph is None else retain_graph
    found = walk(y, g, set(inputs), retain, create_graph)
    return [found.get(x) for x in inputs]


def upstream(who: str, y: Any, gradient: Any) -> Any:
    """The gradient to start from, checked: ones for a single number, else what the caller gives."""
    if not isinstance(y, Operators):
        raise TypeError(f"{who} expects a Tensor to start from, got {describe(y)}. Did it leave the graph?")
    data = y._data
    if not y.requires_grad:
        raise ValueError(
            f"{who}: this Tensor does not depend on anything with requires_grad=True.\n"
            "Was it computed inside no_grad(), or from constants or detached Tensors?"
        )
    if data.dtype.kind != "f":
        raise TypeError(f"{who} starts from real floating numbers, got {data.dtype}: it has no derivative.")
    if gradient is None:
        if data.size != 1:
            raise ValueError(
                f"{who} starts from one number, the loss, got shape {data.shape}.\n"
                "Use loss.mean() or loss.sum() first, or pass gradient= of that shape."
            )
        return constant(1, data) if data.ndim == 0 else array_module(data).ones(data.shape, data.dtype)
    g = gradient._data if isinstance(gradient, Operators) else as_array(gradient)
    if g.shape != data.shape:
        raise ValueError(f"{who}: gradient must have the Tensor's shape {data.shape}, got {g.shape}.")
    check_same_device(who, g, data)
    if g.dtype != data.dtype:
        return gradient.astype(data.dtype) if isinstance(gradient, Operators) else g.astype(data.dtype)
    return gradient if isinstance(gradient, Operators) else g


def walk(y: Any, g: Any, wanted: set, retain_graph: bool, create_graph: bool, stop: bool = False) -> dict:
    """Go from y to the leaves, youngest op first, and sum up each Tensor's gradient.

    An op is older than everything computed from it, so when it is taken from the heap its gradient is complete: every
    op is visited once. Where some Tensors are ``wanted`` the walk keeps to the paths that lead to them; with ``stop``
    it goes no further than these.

    Returns {Tensor: gradient} for the leaves that were met and the wanted Tensors.
    """
    if create_graph:
        g = g if isinstance(g, Operators) else constant_like(y, g)
    elif isinstance(g, Operators):
        g = g._data
    if y._record is None or (stop and y in wanted):
        return {y: g if create_graph else g.copy()}
    paths = paths_to(wanted, y) if wanted and not stop else None
    grads = {y: g}
    heap = [(-y._record[0], y)]  # no two records have one time, so Tensors themselves are never compared
    while heap:
        y = heappop(heap)[1]
        g = grads[y] if wanted and y in wanted else grads.pop(y)
        record = y._record
        time, op, inputs, values, tracked, settings, _, note = record
        if edits.latest > time or record is FREED:
            check_usable(y)
        if note is not None:
            debugging.before_backward(op, note)
        if create_graph:
            output, arguments = y, [as_tensor(y, x, v) for x, v in zip(inputs, values)]
        else:
            output, arguments = y._data, values
        if paths is not None:
            tracked = [i for i in tracked if inputs[i] in paths]
        if op.joint is not None:
            dxs = joint_gradients(op, g, output, arguments, tracked, record)
        for i in tracked:  # nothing is computed for the other inputs
            x = inputs[i]
            if op.joint is not None:
                dx = dxs[i]
            elif settings:
                dx = op.rules[i](g, output, *arguments, **settings)
            else:
                dx = op.rules[i](g, output, *arguments)
            data = x._data
            if dx.shape != data.shape:
                dx = restore_shape(op, dx, data.shape)
            if dx.dtype is not data.dtype:
                dx = restore_dtype(op, dx, data.dtype)
            if note is not None:
                debugging.after_backward(op, dx, g, values, note)
            if x in grads:
                grads[x] = plus(grads[x], dx)
                continue
            if x._record is not None and not (stop and x in wanted):
                if x._record is FREED:
                    check_usable(x)
                heappush(heap, (-x._record[0], x))
            elif not create_graph:
                dx = own(dx, g)
            grads[x] = dx
        if not retain_graph:
            y._record = FREED
    return grads


def paths_to(wanted: set, y: Any) -> set:
    """The Tensors behind y, and y, from which a wanted one can be reached."""
    behind = {y}
    pending = [y]
    while pending:
        _, _, inputs, _, tracked, *_ = pending.pop()._record
        for i in tracked:
            x = inputs[i]
            if x not in behind:
                behind.add(x)
                if x._record is not None:
                    pending.append(x)
    paths = wanted & behind
    for t in sorted((t for t in behind if t._record is not None), key=lambda t: t._record[0]):  # inputs before outputs
        _, _, inputs, _, tracked, *_ = t._record
        # A used-up record may have led to a wanted Tensor: keep it, and the walk will say so.
        if t._record is FREED or any(inputs[i] in paths for i in tracked):
            paths.add(t)
    return paths


def joint_gradients(op: Any, g: Any, y: Any, arguments: Any, tracked: list, record: tuple) -> Any:
    """What a joint rule returns: a gradient for each input that is asked for, None for the others."""
    _, _, inputs, _, _, settings, saved, _ = record
    needs = [False] * len(inputs)
    for i in tracked:
        needs[i] = True
    if isinstance(g, Operators) and op.composition is not None:
        return through_composition(op, g, inputs, needs, settings)
    if op.saves:
        return op.joint(g, y, *arguments, needs=needs, saved=saved, **settings)
    return op.joint(g, y, *arguments, needs=needs, **settings)


def through_composition(op: Any, g: Any, inputs: tuple, needs: list, settings: dict) -> list:
    """The gradients of a fused op as Tensors: those of the composition that specifies it.

    Each input is renamed, so that one given twice keeps its two partial derivatives apart.
    """
    renamed = [OPS["identity"](x) if need else x for x, need in zip(inputs, needs, strict=True)]
    y = op.composition(*renamed, **settings)
    found = walk(y, g, {x for x, need in zip(renamed, needs, strict=True) if need}, True, True, stop=True)
    return [found.get(x) if need else None for x, need in zip(renamed, needs, strict=True)]


def restore_shape(op: Any, dx: Any, shape: tuple) -> Any:
    """Undo broadcasting, the one place that does: sum over the axes that were stretched or added.

    y = x broadcast to more places; each copy of x_i gets its own share of g, and ∂L/∂x_i is their sum.
    """
    if not op.broadcasts:
        raise ValueError(
            f"the rule of {op.__name__} returned a gradient of shape {dx.shape} for an input of shape {shape}.\n"
            "A rule must return the gradient in its input's shape."
        )
    dx = dx.sum(axis=stretched_axes(shape, dx.shape), keepdims=True)
    return dx if dx.ndim == len(shape) else dx.reshape(shape)


@lru_cache(maxsize=256)
def stretched_axes(shape: tuple, broadcast: tuple) -> tuple[int, ...]:
    """The axes that broadcasting from one shape to the other has added or stretched.

    >>> stretched_axes((3, 1), (2, 3, 4))
    (0, 2)
    """
    added = len(broadcast) - len(shape)
    return (*range(added), *(i for i, n in enumerate(shape, start=added) if n == 1 and broadcast[i] != 1))


def restore_dtype(op: Any, dx: Any, dtype: np.dtype) -> Any:
    """The gradient in its input's floating type; never cut down to whole numbers or to the real part."""
    if dtype.kind != "f" or dx.dtype.kind == "c":
        raise TypeError(
            f"backward: only real floating numbers have gradients, {op.__name__} got {dx.dtype} for {dtype}.\n"
            "Use t.astype('float32') before the op, and no complex constants."
        )
    return dx.astype(dtype)


def constant_like(y: Any, array: Array) -> Any:
    """A Tensor around an array, on no graph. (``Tensor`` itself stands to the right of this module.)"""
    t = y.detach()
    t._data = array
    return t


def as_tensor(y: Any, x: Any, value: Any) -> Any:
    """What a rule sees of an input when its work is recorded: a Tensor; masks, indices and Python numbers as they are.

    Floating arrays become constants: ``array.dot(t)`` is NumPy's method, and would not know what to do with a Tensor.
    """
    if isinstance(x, Operators):
        return x
    return constant_like(y, value) if is_array(value) and value.dtype.kind == "f" else value


def plus(a: Any, b: Any) -> Any:
    """a + b: two shares of one gradient. NumPy makes numbers of arrays with no axes, here they stay arrays."""
    total = a + b
    return np.asarray(total) if isinstance(total, np.generic) else total


def own(dx: Array, g: Array) -> Array:
    """A gradient that shares its memory with nothing else, fit to be handed to the user as ``.grad``."""
    if not is_array(dx):
        return np.asarray(dx)  # a NumPy scalar
    return dx.copy() if dx is g or dx.base is not None else dx


def check_usable(y: Any) -> None:
    """Raise when y's record was used up, or when an array that its rules may read was overwritten since."""
    time, op, _, values, *_ = y._record
    if y._record is FREED:
        raise ValueError(
            "backward: this graph was used up by an earlier backward pass.\n"
            "Compute the loss again, or call the first one with backward(retain_graph=True)."
        )
    for role, array in [("output", y._data), *((f"input {i + 1}", v) for i, v in enumerate(values))]:
        if is_array(array) and edits.edited_since(array, time):
            raise ValueError(
                f"backward: {role} of {op.__name__}, {describe(array)}, was edited in place after it was used.\n"
                "Call backward() before the edit (before optimizer.step()), or use a new array: t = t + v."
            )
