"""Functions to functions: ``grad`` makes of f its gradient, as one writes ∇f.

| transform | gives | for |
|---|---|---|
| ``grad(f)(x)`` | ∇f(x) | a scalar f |
| ``value_and_grad(f)(x)`` | f(x), ∇f(x) | a scalar f |
| ``vjp(f, x)`` | f(x) and the map g → gᵀ J | any f; one backward pass for each g |
| ``jvp(f, x, v)`` | f(x), J v | any f |
| ``jacobian(f)(x)`` | J, of shape ``f(x).shape + x.shape`` | any f; one backward pass for each entry of f(x) |
| ``hessian(f)(x)`` | H, of shape ``x.shape + x.shape`` | a scalar f |
| ``hvp(f, x, v)`` | H v, without building H | a scalar f |

with J = ∂f/∂x and H = ∂²f/∂x². One rule holds for all of them:

* f takes a Tensor for each argument that is differentiated by (arrays and numbers are made Tensors), the others just as
  they are given, and returns a Tensor. It is free to use parameters from outside; nobody's ``.grad`` is touched.
* Results are Tensors. Where f(x) depends on something *outside* that requires a gradient (x itself, or a parameter that
  f uses), the result depends on it too and can be differentiated again: this is what makes ``grad(grad(f))`` work, to
  any order. Otherwise, and inside ``with no_grad():``, it is a constant.

Source: Griewank & Walther, *Evaluating Derivatives* (2008), ch. 3; the J v of two reverse passes is due to J. Townsend
(2017): u → uᵀ J is linear, so its own reverse pass is v → J v.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl.arrays import array_module, as_array
from minidl.autograd import Tensor
from minidl.backward import gradients
from minidl.errors import describe
from minidl.ops.conversion import identity
from minidl.ops.joining import stack
from minidl.ops.shape import reshape
from minidl.recording import is_recording, recording

Function = Callable[..., Any]


# --- gradients of a scalar ----------------------------------------------------------------------------------------


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """∇f, a function of the same arguments as f.

    Parameters
    ----------
    f
        A function of Tensors whose result is one number.
    argnums
        Which positional argument to differentiate by; a tuple gives a tuple of gradients.

    Raises
    ------
    ValueError
        f(x) is not one number, or ``argnums`` names an argument that was not given.
    TypeError
        f does not return a Tensor, or is to be differentiated by integers.

    Examples
    --------
    >>> import minidl as md
    >>> cube = lambda x: x * x * x
    >>> md.grad(cube)(2.0), md.grad(md.grad(cube))(2.0)
    (Tensor(12.), Tensor(12.))
    """
    with_value = value_and_grad(f, argnums)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return with_value(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """f and ∇f, at the cost of one forward and one backward pass. Arguments and errors as for ``grad``.

    >>> import minidl as md
    >>> md.value_and_grad(lambda w, x: (w * x).sum(), argnums=(0, 1))(np.ones(2), np.array([3.0, 4.0]))
    (Tensor(7., dtype=float64), (Tensor([3., 4.], dtype=float64), Tensor([1., 1.], dtype=float64)))
    """

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple:
        y, pullback = _pull("grad", f, args, kwargs, argnums)
        if y.size != 1:
            raise ValueError(
                f"grad expects f to return one number, got shape {y.shape}.\n"
                "Sum or average it, or use jacobian(f), or vjp(f, x) with a gradient of that shape."
            )
        dxs = pullback(array_module(y.data).ones(y.shape, y.dtype))
        return y, _as_asked(argnums, dxs)

    return value_and_gradient


# --- products with the Jacobian -----------------------------------------------------------------------------------


def vjp(f: Function, *inputs: Any) -> tuple[Tensor, Function]:
    """f(x) and its pullback g → gᵀ J, the vector-Jacobian product, which may be called any number of times.

    Returns
    -------
    y : Tensor
        f(x).
    pullback : function
        Takes g of y's shape to a tuple with ∂⟨g, y⟩/∂x for each of ``inputs``.

    >>> import minidl as md
    >>> y, pullback = md.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (Tensor([ 2., 40.], dtype=float64),)
    """
    return _pull("vjp", f, inputs, {}, tuple(range(len(inputs))))


def jvp(f: Function, inputs: Any, tangents: Any) -> tuple[Tensor, Tensor]:
    """f(x) and J v, the derivative of f at x along v: how f(x + t v) begins to change at t = 0.

    Parameters
    ----------
    inputs, tangents
        x and v, of equal shape; tuples of them where f has several arguments.

    >>> import minidl as md
    >>> md.jvp(lambda x: x * x, np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    (Tensor([1., 4.], dtype=float64), Tensor([ 2., 40.], dtype=float64))
    """
    inputs, tangents = _pairs("jvp", inputs, tangents)
    y, pullback = _pull("jvp", f, inputs, {}, tuple(range(len(inputs))))

    def along(u: Tensor) -> Tensor:  # ⟨uᵀ J, v⟩, linear in u: its gradient is J v for every u
        return _inner(pullback(u), tangents)

    Jv = grad(along)(array_module(y.data).zeros(y.shape, y.dtype))
    lasting = y.requires_grad or any(isinstance(v, Tensor) and v.requires_grad for v in tangents)
    return y, Jv if lasting else Jv.detach()


def jacobian(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """J[i, j] = ∂f(x)[i] / ∂x[j], of shape ``f(x).shape + x.shape``; row by row, a backward pass each.

    >>> import minidl as md
    >>> md.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]], dtype=float64)
    """

    def full(*args: Any, **kwargs: Any) -> Any:
        y, pullback = _pull("jacobian", f, args, kwargs, argnums)
        xp = array_module(y.data)
        units = xp.eye(y.size, dtype=y.dtype).reshape((y.size, *y.shape))
        if y.size == 0:  # no rows to stack, but J has a shape
            empty = [xp.zeros(y.shape + dx.shape, dx.dtype) for dx in pullback(xp.zeros(y.shape, y.dtype))]
            return _as_asked(argnums, [Tensor(J) for J in empty])
        rows = zip(*(pullback(unit) for unit in units))  # for each argument, y.size gradients of its shape
        return _as_asked(argnums, [reshape(stack(dxs), y.shape + dxs[0].shape) for dxs in rows])

    return full


# --- second derivatives -------------------------------------------------------------------------------------------


def hessian(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """H[i, j] = ∂²f / ∂x[i] ∂x[j] of a scalar f, of shape ``x.shape + x.shape``.

    A tuple of ``argnums`` gives a tuple of tuples: ``hessian(f, (0, 1))(w, b)[0][1]`` is ∂²f / ∂w ∂b.

    >>> import minidl as md
    >>> md.hessian(lambda x: x[0] * x[0] * x[1])(np.array([3.0, 5.0]))
    Tensor([[10.,  6.],
            [ 6.,  0.]], dtype=float64)
    """
    if isinstance(argnums, tuple):
        rows = [jacobian(grad(f, i), argnums) for i in argnums]
        return lambda *args, **kwargs: tuple(row(*args, **kwargs) for row in rows)
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, inputs: Any, vectors: Any) -> Any:
    """H v, the Hessian of a scalar f times a vector, for the price of two gradients: H v = ∇⟨∇f(x), v⟩.

    Source: B. Pearlmutter, *Fast Exact Multiplication by the Hessian*, Neural Computation 6 (1994).

    Parameters
    ----------
    inputs, vectors
        x and v, of equal shape; tuples of them where f has several arguments (the result is then a tuple).

    >>> import minidl as md
    >>> md.hvp(lambda x: x[0] * x[0] * x[1], np.array([3.0, 5.0]), np.array([1.0, 0.0]))
    Tensor([10.,  6.], dtype=float64)
    """
    several = isinstance(inputs, tuple)
    inputs, vectors = _pairs("hvp", inputs, vectors)
    every = tuple(range(len(inputs)))
    products = grad(lambda *x: _inner(grad(f, every)(*x), vectors), every)(*inputs)
    return products if several else products[0]


# --- how ----------------------------------------------------------------------------------------------------------


def _pull(who: str, f: Function, args: tuple, kwargs: dict, argnums: Any) -> tuple[Tensor, Function]:
    """f(args) and its pullback to the arguments of ``argnums``: all that the transforms need of the engine."""
    positions = _positions(who, argnums, len(args))
    recording_outside = is_recording()
    with recording(True):  # the graph of f is needed also inside ``no_grad()``, whatever becomes of its result
        args = list(args)
        for i in set(positions):
            args[i] = _variable(who, args[i], i, recording_outside)
        own = [args[i] for i in positions]
        y = f(*args, **kwargs)
    if not isinstance(y, Tensor):
        raise TypeError(
            f"{who} expects f to return a Tensor, got {describe(y)}.\n"
            "Did f leave the graph with .numpy(), .item() or a comparison?"
        )
    if y.dtype.kind != "f":
        raise TypeError(f"{who} expects f to return floating numbers, got {y.dtype}: it has no derivative.")
    again = recording_outside and _depends_on_others(y, own)

    def pullback(g: Any) -> tuple:
        if np.shape(g) != y.shape:
            raise ValueError(f"{who}: the gradient must have the shape of f(x), {y.shape}, got {np.shape(g)}.")
        create_graph = again or (is_recording() and isinstance(g, Tensor) and g.requires_grad)
        if y.requires_grad:
            with recording(True):
                dxs = gradients(y, own, g, create_graph=create_graph, retain_graph=True)
        else:
            dxs = [None] * len(own)  # f is constant
        return tuple(_as_tensor(dx, x) for dx, x in zip(dxs, own))

    return (y if again else y.detach()), pullback


def _variable(who: str, x: Any, position: int, recording: bool) -> Tensor:
    """A new Tensor for x, so that f's use of this argument is told apart from every other use of x."""
    if recording and isinstance(x, Tensor) and x.requires_grad:
        return identity(x)  # with its history: the result can be differentiated by what x came from
    array = x.data if isinstance(x, Tensor) else as_array(x)
    if array.dtype.kind != "f":
        raise TypeError(
            f"{who} cannot differentiate by argument {position} of f: it holds {array.dtype}, not floating numbers.\n"
            "Write 3.0 for 3, or choose another argument with argnums."
        )
    return Tensor(array, requires_grad=True)


def _depends_on_others(y: Tensor, own: list[Tensor]) -> bool:
    """Does y depend on a Tensor with ``requires_grad`` from outside: a parameter, or the history of an argument?"""
    seen = {x for x in own if x.is_leaf}
    waiting = [y] if y.requires_grad and y not in seen else []
    while waiting:
        t = waiting.pop()
        if t.is_leaf:
            return True
        found = {x for x in t.inputs if isinstance(x, Tensor) and x.requires_grad} - seen
        seen |= found
        waiting.extend(found)
    return False


def _as_tensor(dx: Any, x: Tensor) -> Tensor:
    """The gradient by x as a Tensor; zero where y does not depend on x."""
    if dx is None:
        return Tensor(array_module(x.data).zeros(x.shape, x.dtype))
    return dx if isinstance(dx, Tensor) else Tensor(dx)


def _inner(a: tuple, b: tuple) -> Tensor:
    """⟨a, b⟩, summed over all entries of all arrays."""
    total = 0.0
    for x, v in zip(a, b):
        total = total + (x * v).sum()
    return total


def _as_asked(argnums: int | tuple[int, ...], results: Sequence) -> Any:
    """A tuple for a tuple, one for one."""
    return tuple(results) if isinstance(argnums, tuple) else results[0]


def _positions(who: str, argnums: int | tuple[int, ...], n: int) -> tuple[int, ...]:
    """``argnums`` as a tuple of positions, checked against the number of arguments that f was given."""
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    if not positions:
        raise ValueError(f"{who} expects at least one argument of f to differentiate by, got none.")
    for i in positions:
        if isinstance(i, bool) or not isinstance(i, int):
            raise TypeError(f"{who}: argnums must be an int or a tuple of them, got {argnums!r}.")
        if not -n <= i < n:
            raise ValueError(
                f"{who}: argnums={argnums} asks for argument {i}, but f was given {n} positional "
                f"{'argument' if n == 1 else 'arguments'}.\nArguments given by keyword cannot be differentiated by."
            )
    return tuple(i % n for i in positions)


def _pairs(who: str, inputs: Any, vectors: Any) -> tuple[tuple, tuple]:
    """Both as tuples, each vector an array of its input's shape; Python floats take its dtype."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    vectors = vectors if isinstance(vectors, tuple) else (vectors,)
    shapes = [np.shape(x) for x in inputs], [np.shape(v) for v in vectors]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{who} expects a vector of each input's shape: inputs {shapes[0]}, vectors {shapes[1]}.")
    return inputs, tuple(
        v if isinstance(v, Tensor) else as_array(v, getattr(x, "dtype", None)) for x, v in zip(inputs, vectors)
    )
