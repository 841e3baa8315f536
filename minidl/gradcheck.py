"""The judge of every derivative: ``check_grads`` compares it with finite differences, to second order.

A judge that is easily satisfied is worse than none. What this one insists on, and why:

* **float64**, whatever the inputs are. In float32 a difference has four digits at best, and wrong gradients hide
  behind them.
* **Random upstream.** L = ⟨g, f(x)⟩ with random g, not Σ f(x). A softmax or a normalised row has a constant
  sum: with g all ones its gradient is 0, and "zeros" or "y (g − 1)" would pass as 0 = 0.
* **Every entry of every input**, and of the parameters, one at a time.
* **A limit that follows from the error** of the differences (see ``minidl.differences``), entry by entry.
* **Second order**: L₂ = ⟨v, ∂L/∂x⟩ with random v is differentiated by x *and* by g. A rule that computes with numbers
  from outside the graph is right at first order and wrong here.

When a gradient is wrong, ``GradientError`` names the likely mistake (``minidl.diagnosis``).
"""

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, device_of, generator, move
from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.diagnosis import diagnose, is_right
from minidl.differences import Estimate, numerical_gradient, one_sided_slope, random_upstream
from minidl.errors import describe
from minidl.recording import no_grad
from minidl.settings import check_whole


class GradientError(AssertionError):
    """A gradient is not what finite differences say."""


@dataclass(frozen=True)
class GradientReport:
    """What ``check_grads`` found, when all was right."""

    order: int
    entries: int  # how many derivatives were compared
    error: float  # of the one that came nearest to its limit
    limit: float

    def __repr__(self) -> str:
        return (
            f"gradients right to order {self.order}: {self.entries} derivatives compared, "
            f"worst error {self.error:.1e} (limit {self.limit:.1e})"
        )


def check_grads(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 2,
    parameters: Sequence[Tensor] = (),
    sample: int | None = None,
    rng: np.random.Generator | int | None = 0,
) -> GradientReport:
    """Compare the gradients of f at ``inputs`` with finite differences.

    Parameters
    ----------
    f
        A function of Tensors that returns a Tensor, or a tuple of them. It must give the same value each time: a
        layer with dropout needs a fixed mask.
    *inputs
        Where to check. Floating arrays are copied to float64; integers and anything else are passed on as constants.
    order
        1 for gradients; 2 for the gradients' gradients too; and so on.
    parameters
        Tensors which f uses without getting them as arguments, for example ``layer.parameters()``. They hold float64
        copies during the check and the very arrays of before afterwards. Frozen ones count as constants.
    sample
        Check only so many entries of each array, drawn at random, and only to first order: for whole networks, where
        every entry would take hours. A mistake in a few entries can then go unseen.
    rng
        For the random upstream gradients and the sample. By default the same ones each time, so that a verdict can be
        repeated.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError
        A gradient is wrong; the message says which, and what the likely mistake is.
    ValueError
        Finite differences cannot judge here: f is not finite, not smooth, not repeatable or not in float64.

    Examples
    --------
    >>> import minidl as md
    >>> check_grads(lambda x, w: md.tanh(x * w), np.array([0.5, -1.0]), np.array(2.0))
    gradients right to order 2: 8 derivatives compared, worst error ... (limit ...)
    """
    order = check_whole("check_grads", "order", order) if sample is None else 1
    sample = None if sample is None else check_whole("check_grads", "sample", sample)
    rng, parameters = generator(rng), _list_of_tensors(parameters)
    with _in_float64(parameters):
        variables, names, call = _variables(f, inputs, parameters)
        numeric = _without_recording(call, variables)
        _check_repeatable(numeric)
        judged: list[tuple[np.ndarray, np.ndarray]] = []
        for level in range(1, order + 1):
            ys = [np.array(y) for y in numeric()]
            gs = [random_upstream(rng, *y.shape) for y in ys]
            entries = [_sample(x.shape, sample, rng) for x in variables]
            estimates = [numerical_gradient(numeric, x.data, gs, some) for x, some in zip(variables, entries)]
            upstream = [Tensor(move(g, device_of(variables[0].data)), requires_grad=True) for g in gs]
            got = _pull(call, len(variables), create_graph=False)(*variables, *upstream)
            got = [move(dx, "cpu") for dx in got]
            if sample is not None:
                got = [dx if some is None else dx[tuple(zip(*some))] for dx, some in zip(got, entries)]
            _judge(level, names, variables, got, estimates, numeric, ys, gs, entries)
            judged += [(np.abs(dx - e.value), e.limit) for dx, e in zip(got, estimates)]
            if level < order:  # next: the gradient itself, as a function of the inputs and of g
                once, again = (_pull(call, len(variables), create_graph=c) for c in (False, True))
                _check_same_gradient(names, got, again(*variables, *upstream))
                variables, names = variables + upstream, names + _name_upstream(level, len(gs))
                call, numeric = again, _calling(once, variables)
    return _report(order, judged)


# --- what is checked ----------------------------------------------------------------------------------------------


def _variables(f: Callable, inputs: tuple, parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[str], Callable]:
    """The Tensors to differentiate by, their names, and f as a function of them alone that returns a list."""
    places, variables, names = [], [], []
    for place, (x, name) in enumerate(zip(inputs, _argument_names(f, len(inputs)))):
        array = x.data if isinstance(x, Tensor) else x
        array = as_array(array) if isinstance(array, (float, list)) else array
        if getattr(getattr(array, "dtype", None), "kind", "") == "f":
            places.append(place)
            names.append(name)
            variables.append(Tensor(_float64_copy(as_array(array)), requires_grad=True))
    for k, p in enumerate(parameters):
        if not p.requires_grad:
            continue
        variables.append(p)
        names.append(getattr(p, "name", None) or f"parameter {k + 1}")
    if not variables:
        raise ValueError("check_grads found nothing to differentiate by: give floating numbers, such as 3.0 for 3.")

    def call(*tensors: Tensor) -> list[Tensor]:
        args = list(inputs)
        for place, t in zip(places, tensors):
            args[place] = t
        y = f(*args)
        ys = list(y) if isinstance(y, (tuple, list)) and len(y) else [y]
        for y in ys:
            if not isinstance(y, Tensor):
                raise TypeError(
                    f"check_grads expects f to return a Tensor, got {type(y).__name__}: did it leave the graph?"
                )
        return ys

    return variables, names, call


def _argument_names(f: Callable, n: int) -> list[str]:
    """x, W, b as f's author calls them, else x1, x2 ..."""
    try:
        arguments = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # a built-in function
        arguments = ()
    named = [p.name for p in arguments if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return named[:n] if len(named) >= n else ["x"] if n == 1 else [f"x{k + 1}" for k in range(n)]


def _name_upstream(level: int, n: int) -> list[str]:
    letter = "g" if level == 1 else f"g{level}"
    return [letter] if n == 1 else [f"{letter} of output {k + 1}" for k in range(n)]


def _list_of_tensors(parameters: Any) -> list[Tensor]:
    """What is given as parameters, gone through once: a generator would be used up, and nothing of it checked."""
    tensors = [parameters] if isinstance(parameters, Tensor) or not np.iterable(parameters) else list(parameters)
    for p in tensors:
        if not isinstance(p, Tensor):
            raise TypeError(f"check_grads expects parameters as a list of Tensors, got {describe(p)} among them.")
    return tensors


def _float64_copy(x: Array) -> Array:
    return x.astype(np.float64, copy=True, order="C")


@contextmanager
def _in_float64(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Lend each parameter a float64 copy, and give it back its own array, untouched."""
    own = [p.data for p in parameters]
    try:
        for p in parameters:
            p._data = _float64_copy(p.data)  # not `p.data = ...`, which keeps the dtype and counts as an edit
        yield
    finally:
        for p, array in zip(parameters, own):
            p._data = array


def _sample(shape: tuple, size: int | None, rng: np.random.Generator) -> list[tuple] | None:
    """The indices to check: None for all."""
    n = math.prod(shape)
    if size is None or n <= size:
        return None
    return [tuple(map(int, np.unravel_index(k, shape))) for k in rng.choice(n, size, replace=False)]


# --- two ways to its derivative -----------------------------------------------------------------------------------


def _without_recording(call: Callable, variables: list[Tensor]) -> Callable[[], list[Array]]:
    """f's numbers, from what the variables hold at the moment."""

    def numbers() -> list[Array]:
        with no_grad():
            return [y.data for y in call(*variables)]

    return numbers


def _calling(function: Callable, variables: list[Tensor]) -> Callable[[], list[Array]]:
    return lambda: function(*variables)


def _pull(call: Callable, n: int, create_graph: bool) -> Callable[..., list]:
    """(x₁ ... xₙ, g₁ ...) → ∂Σ⟨g_k, y_k⟩/∂x_i, by the engine."""

    def pulled(*tensors: Tensor) -> list:
        xs, gs = tensors[:n], tensors[n:]
        totals: list[Any] = [None] * n
        for y, g in zip(call(*xs), gs):
            if not y.requires_grad:
                continue  # constant
            dxs = gradients(y, xs, g, create_graph=create_graph, retain_graph=True)
            totals = [t if dx is None else dx if t is None else t + dx for t, dx in zip(totals, dxs)]
        zeros = [array_module(x.data).zeros(x.shape) for x in xs]
        return [t if t is not None else Tensor(z) if create_graph else z for t, z in zip(totals, zeros)]

    return pulled


# --- the verdict --------------------------------------------------------------------------------------------------


def _check_repeatable(numeric: Callable[[], list[Array]]) -> None:
    """Raise unless f gives finite float64 numbers, and the same ones twice."""
    for first, second in zip(numeric(), numeric()):
        if first.dtype != np.float64:
            raise ValueError(
                f"check_grads needs f to compute in float64, but it returned {first.dtype} for float64 inputs.\n"
                "Is there an astype, or a float32 parameter that should be in parameters=...?"
            )
        if not bool(np.isfinite(move(first, "cpu")).all()):
            raise ValueError("check_grads: f is not finite here, so it has no derivative.\nChoose other inputs.")
        if not bool((first == second).all()):
            raise ValueError(
                "check_grads: f gave two different values for the same inputs, so differences mean nothing.\n"
                "Fix what is random in it: a mask, a generator with a seed inside f."
            )


def _judge(
    level: int,
    names: list[str],
    variables: list[Tensor],
    got: list[np.ndarray],
    estimates: list[Estimate],
    numeric: Callable,
    ys: list[np.ndarray],
    gs: list[np.ndarray],
    entries: list[list[tuple] | None],
) -> None:
    """Raise for the first gradient that is wrong."""
    values = [move(x.data, "cpu") for x in variables]
    for k, (name, dx, estimate) in enumerate(zip(names, got, estimates)):
        if is_right(dx, estimate.value, estimate.limit) and estimate.trusted.all():
            continue
        if np.isfinite(dx).all():
            _check_smooth(name, variables[k].data, dx, estimate, numeric, gs, entries[k])
        single = len(ys) == 1
        words = diagnose(
            f"d{name}",
            dx,
            estimate.value,
            inputs=dict(zip(names, values)),
            gradients={f"d{n}": e.value for j, (n, e) in enumerate(zip(names, estimates)) if j != k},
            y=ys[0] if single else None,
            g=gs[0] if single else None,
        )
        off = np.abs(dx - estimate.value) / np.maximum(estimate.limit, np.finfo(float).tiny)
        worst = tuple(int(i) for i in np.unravel_index(int(np.nan_to_num(off, nan=np.inf).argmax()), off.shape))
        at = worst if entries[k] is None else entries[k][worst[0]]
        numbers = f"At {list(at)}: got {dx[worst]:.8g}, finite differences give {estimate.value[worst]:.8g}"
        raise GradientError(f"{_spell_order(level)}{words}\n{numbers} ± {estimate.limit[worst]:.1e}.")


def _check_smooth(
    name: str, x: Array, dx: np.ndarray, estimate: Estimate, numeric: Callable, gs: list[np.ndarray], some: list | None
) -> None:
    """Raise ``ValueError`` when it is not the gradient that is wrong, but the point where it was checked."""
    places = list(np.ndindex(x.shape)) if some is None else some
    trusted = dict(zip(places, estimate.trusted.ravel()))
    right = dict(zip(places, (np.abs(dx - estimate.value) <= estimate.limit).ravel()))
    for i in places:
        if trusted[i] and right[i]:
            continue
        slopes, limits = zip(*(one_sided_slope(numeric, x, i, side, gs) for side in (-1, 1)))
        gap = 10 * sum(limits) + 1e-4 * abs(slopes[0])
        if np.isfinite(slopes).all() and abs(slopes[1] - slopes[0]) > gap:
            raise ValueError(
                f"check_grads: {name}{list(i)} = {float(x[i]):.6g} sits on a kink: slope {slopes[0]:.6g} to the left, "
                f"{slopes[1]:.6g} to the right.\nMove it, or use minidl.kinks.check_kink."
            )
    if not all(trusted.values()):
        i = next(i for i in places if not trusted[i])
        raise ValueError(
            f"check_grads: finite differences by {name}{list(i)} = {float(x[i]):.6g} do not settle.\n"
            "Is there a kink or a jump, or is f very steep or not finite near it?"
        )


def _check_same_gradient(names: list[str], once: list[np.ndarray], again: list[Tensor]) -> None:
    """Raise when ``create_graph=True`` gives other numbers: an op's composition is not the same function."""
    for name, dx, recorded in zip(names, once, again):
        dx2 = move(recorded.data, "cpu")
        scale = np.abs(dx).max(initial=0) + 1.0
        if not is_right(dx2, dx, 1e-9 * scale):
            words = diagnose(f"d{name}", dx2, dx)
            raise GradientError(f"with create_graph=True the gradient is another one than without.\n{words}")


def _spell_order(level: int) -> str:
    return {1: "", 2: "second order (the gradient's own gradient): "}.get(level, f"order {level}: ")


def _report(order: int, judged: list[tuple[np.ndarray, np.ndarray]]) -> GradientReport:
    errors = np.concatenate([error.ravel() for error, _ in judged])
    limits = np.concatenate([limit.ravel() for _, limit in judged])
    if not errors.size:
        return GradientReport(order, 0, 0.0, 0.0)
    worst = int((errors / np.maximum(limits, np.finfo(float).tiny)).argmax())
    return GradientReport(order, errors.size, float(errors[worst]), float(limits[worst]))
