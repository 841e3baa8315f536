"""Update rules: SGD (with momentum, Nesterov), RMSprop, Adagrad, Adam, AdamW (D.T4).

Each class is the paper's lines and, below them, the same letters: ``w`` the weights, ``g`` their gradient, ``t``
scratch memory, the rest the state that the rule remembers. All edit whole blocks of numbers in place, because an
optimizer does little arithmetic on many numbers: its time is the time to read and write memory.

For the same reason the parameters of a model are kept side by side in one flat array (``Shelf``), each parameter a view
of its part. Small parameters are updated together, as if they were one.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minidl import edits
from minidl.arrays import Array, array_module, constant, device_of, move
from minidl.autograd import Tensor
from minidl.errors import describe, unknown_name
from minidl.layers.base import Parameter

BLOCK = 65536  # numbers updated at a time: weights, gradient, state and scratch stay in the processor's cache


class Optimizer:
    """What all update rules share: the parameters, their state, clipping and the count of steps.

    Parameters
    ----------
    parameters
        The Parameters to train; may be left out when the optimizer is given to ``compile``.
    learning_rate : float or schedule
        α. A schedule is a function of the number of steps taken so far.
    clipnorm, clipvalue, global_clipnorm : float, optional
        Scale each parameter's gradient to at most this norm; cut each entry to ±clipvalue; scale all gradients together
        to at most this norm.
    weight_decay : float, optional
        λ of decoupled weight decay: w ← w − α λ w before each update (Loshchilov & Hutter 2019). Not an L2 penalty.
    """

    state_names: tuple[str, ...] = ()  # the arrays that the rule remembers, as long as the weights

    def __init__(
        self,
        parameters: Iterable[Parameter] | None = None,
        learning_rate: float | Callable[[int], float] = 0.001,
        *,
        weight_decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
    ):
        if not callable(learning_rate) and not learning_rate >= 0:
            raise ValueError(f"{type(self).__name__} expects learning_rate >= 0, got {learning_rate!r}.")
        for name, limit in (("clipnorm", clipnorm), ("clipvalue", clipvalue), ("global_clipnorm", global_clipnorm)):
            if limit is not None and not limit > 0:
                raise ValueError(f"{type(self).__name__} expects {name} > 0, or None, got {limit!r}.")
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay or 0.0
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.iterations = 0
        self.parameters: list[Parameter] = []
        self._shelves: list[Shelf] = []
        if parameters is not None:
            self.bind(parameters)

    # --- the rule -----------------------------------------------------------------------------------------------

    def update(self, w: Array, g: Array, t: Array, rate: float, **state: Array) -> None:
        """Change a block of weights ``w`` in place; ``t`` is scratch of the same size."""
        raise TypeError(f"{type(self).__name__} defines no update(self, w, g, t, rate): write the rule there.")

    # --- using it -----------------------------------------------------------------------------------------------

    def bind(self, parameters: Iterable[Parameter]) -> None:
        """Take charge of those of these parameters that are trainable. What was remembered of others is dropped."""
        rule = type(self).__name__
        if isinstance(parameters, (int, float)) or not hasattr(parameters, "__iter__"):
            fix = "Pass model.parameters()." if hasattr(parameters, "parameters") else "Write learning_rate=...?"
            raise TypeError(f"{rule} expects Parameters first, got {describe(parameters)}. {fix}")
        parameters = list({id(p): p for p in parameters}.values())  # each once, even where two models share it
        for p in parameters:
            if not isinstance(p, Parameter):
                raise TypeError(f"{rule} expects Parameters, got {type(p).__name__}. Pass model.parameters().")
        self.parameters = [p for p in parameters if p.requires_grad]
        self._shelves = []

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for p in self.parameters:
            p.grad = None

    @property
    def current_learning_rate(self) -> float:
        """α of the next step, whether it is a number or follows a schedule."""
        rate = self.learning_rate
        return float(rate(self.iterations) if callable(rate) else rate)

    def step(self) -> None:
        """Update every parameter that has a gradient, once."""
        if not self._shelves or not all(shelf.is_current() for shelf in self._shelves):
            self._make_shelves()
        rate = self.current_learning_rate
        self.iterations += 1
        if self.clipnorm or self.clipvalue or self.global_clipnorm:
            self._clip()
        for shelf in self._shelves:
            for run in shelf.runs_with_gradients():
                g = run.gradient()
                for block, w, t, state in run.blocks:
                    if self.weight_decay:
                        w *= 1.0 - rate * self.weight_decay
                    self.update(w, g[block], t, rate, **state)
            edits.mark_edited(shelf.flat)

    # --- inside -------------------------------------------------------------------------------------------------

    def _make_shelves(self) -> None:
        """Lay the parameters side by side, one shelf for each dtype and device, keeping what is remembered of them."""
        if not self.parameters:
            raise ValueError(
                f"{type(self).__name__} has no parameters to update.\n"
                f"Make it with {type(self).__name__}(model.parameters()), after the model is built."
            )
        remembered = self._state_by_parameter()
        kinds: dict[tuple, list[Parameter]] = {}
        for p in self.parameters:
            kinds.setdefault((p.dtype, device_of(p._data)), []).append(p)
        self._shelves = [Shelf(members, self.state_names) for members in kinds.values()]
        self._restore_state(remembered)

    def _state_by_parameter(self) -> dict[int, dict[str, Array]]:
        found = {}
        for shelf in self._shelves:
            for p, part in zip(shelf.parameters, shelf.parts, strict=True):
                found[id(p)] = {name: array[part] for name, array in shelf.state.items()}
        return found

    def _restore_state(self, remembered: dict[int, dict[str, Array]]) -> None:
        for shelf in self._shelves:
            for p, part in zip(shelf.parameters, shelf.parts, strict=True):
                for name, values in remembered.get(id(p), {}).items():
                    shelf.state[name][part] = move(values, device_of(shelf.flat))

    def _clip(self) -> None:
        """Clip by value, then by each parameter's norm, then by the norm of all together."""
        with_grad = [p for p in self.parameters if p.grad is not None]
        for p in with_grad:
            if self.clipvalue:
                p.grad = plain(p.grad).clip(-self.clipvalue, self.clipvalue)
            if self.clipnorm:
                p.grad = plain(p.grad) * min(1.0, self.clipnorm / (norm([plain(p.grad)]) + 1e-12))
        if self.global_clipnorm:
            scale = min(1.0, self.global_clipnorm / (norm([plain(p.grad) for p in with_grad]) + 1e-12))
            for p in with_grad:
                p.grad = plain(p.grad) * scale

    # --- saving and resuming ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on as if never stopped: the count of steps and what the rule remembers."""
        state: dict[str, Any] = {"iterations": self.iterations}
        remembered = self._state_by_parameter()
        for i, p in enumerate(self.parameters):
            for name, values in remembered.get(id(p), {}).items():
                values = values.reshape(p.shape)
                state[f"{i}.{name}"] = np.array(values if isinstance(values, np.ndarray) else values.get())
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a ``state_dict`` of the same rule over parameters of the same shapes.

        Raises
        ------
        ValueError
            Names are missing or unexpected, or shapes differ; then nothing is changed.
        """
        shapes = {f"{i}.{name}": p.shape for i, p in enumerate(self.parameters) for name in self.state_names}
        if "iterations" not in state:
            raise ValueError(f"{type(self).__name__} expects a state with 'iterations', got {sorted(state)}.")
        if set(state) == {"iterations"}:  # saved before the first step
            shapes = {}
        faults = [f"missing: {name}" for name in shapes if name not in state]
        faults += [f"unexpected: {name}" for name in state if name not in shapes and name != "iterations"]
        for name, shape in shapes.items():
            if name in state and np.shape(state[name]) != shape:
                faults.append(f"{name} has shape {np.shape(state[name])}, expected {shape}")
        if faults:
            shown = "; ".join(faults[:6]) + (f"; and {len(faults) - 6} more" if len(faults) > 6 else "")
            raise ValueError(f"the state does not fit {type(self).__name__} and its parameters:\n{shown}.")
        self._shelves = []
        self._make_shelves()
        self.iterations = int(state["iterations"])
        if shapes:
            values = {
                i: {n: np.ravel(state[f"{i}.{n}"]) for n in self.state_names} for i in range(len(self.parameters))
            }
            self._restore_state({id(p): values[i] for i, p in enumerate(self.parameters)})

    def __getstate__(self) -> dict[str, Any]:
        """For copying and pickling: not the shelves, whose views would come apart, but what they remember."""
        return {**vars(self), "_shelves": [], "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        remembered = vars(self).pop("state")
        if self.parameters:
            self.load_state_dict(remembered)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(learning_rate={self.learning_rate!r})"


class Shelf:
    """Parameters of one dtype and device, side by side in one flat array, with the rule's state beside them.

    Each parameter's data becomes a view of its part. Whoever gives a parameter other data (``p.data = a``, moving it to
    another device, a second optimizer) breaks the tie; ``is_current`` notices, and the optimizer lays a new shelf.
    """

    def __init__(self, parameters: list[Parameter], state_names: tuple[str, ...]):
        xp = array_module(parameters[0]._data)
        self.parameters = parameters
        self.parts: list[slice] = []
        stop = 0
        for p in parameters:
            self.parts.append(slice(stop, stop + p.size))
            stop += p.size
        self.flat = xp.empty(stop, parameters[0].dtype)
        self.views = []
        for p, part in zip(parameters, self.parts, strict=True):
            view = self.flat[part].reshape(p.shape)
            view[...] = p._data
            p._data = view
            self.views.append(view)
        self.state = {name: xp.zeros_like(self.flat) for name in state_names}
        self.scratch = xp.empty(min(stop, BLOCK), self.flat.dtype)
        self.runs = self._plan()
        self.single = [Run(self, [p], part) for p, part in zip(parameters, self.parts, strict=True)]

    def _plan(self) -> "list[Run]":
        """Small neighbours in one run, each large parameter in a run of its own, whose gradient need not be copied."""
        runs = []
        small: list[tuple[Parameter, slice]] = []
        for p, part in zip([*self.parameters, None], [*self.parts, None], strict=True):
            if p is not None and p.size < BLOCK:
                small.append((p, part))
                continue
            if small:
                whole = slice(small[0][1].start, small[-1][1].stop)
                runs.append(Run(self, [q for q, _ in small], whole))
                small = []
            if p is not None:
                runs.append(Run(self, [p], part))
        return runs

    def is_current(self) -> bool:
        """True while every parameter's data is still its view of the shelf."""
        for p, view in zip(self.parameters, self.views):
            if p._data is not view:
                return False
        return True

    def runs_with_gradients(self) -> "list[Run]":
        """The runs to update; parameter by parameter where some have no gradient."""
        for p in self.parameters:
            if p.grad is None:
                return [run for run in self.single if run.parameters[0].grad is not None]
        return self.runs


class Run:
    """A stretch of a shelf that is updated together: its parameters, and views of everything in blocks."""

    def __init__(self, shelf: Shelf, parameters: list[Parameter], part: slice):
        self.parameters = parameters
        size = part.stop - part.start
        self.staged = array_module(shelf.flat).empty(size, shelf.flat.dtype) if len(parameters) > 1 else None
        self.blocks = []  # (where in the gradient, weights, scratch, state)
        for start in range(0, size, BLOCK):
            block = slice(start, min(start + BLOCK, size))
            here = slice(part.start + block.start, part.start + block.stop)
            state = {name: array[here] for name, array in shelf.state.items()}
            self.blocks.append((block, shelf.flat[here], shelf.scratch[: block.stop - block.start], state))

    def gradient(self) -> Array:
        """The gradients of the run's parameters as one flat array."""
        if self.staged is None:
            return plain(self.parameters[0].grad).reshape(-1)
        grads = [plain(p.grad) for p in self.parameters]
        return array_module(self.staged).concatenate(grads, axis=None, out=self.staged)


def plain(g: Any) -> Array:
    """A gradient as an array: ``backward(create_graph=True)`` leaves Tensors."""
    return g._data if isinstance(g, Tensor) else g


def norm(arrays: list[Array]) -> float:
    """√Σ a², over all numbers of all the arrays."""
    return math.sqrt(sum(float((a * a).sum()) for a in arrays))


# --- the rules ----------------------------------------------------------------------------------------------------


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

        w ← w − α g                                        without momentum (D0.E5, D2.E4, D4.E6)
        v ← μ v − α g;  w ← w + v                          momentum μ (Polyak 1964)
        v ← μ v − α g;  w ← w + μ v − α g                  nesterov=True (Nesterov 1983, in the form of Sutskever 2013)

    Examples
    --------
    With α = 0.1 and gradient 0.5 the step is 0.05 (D2.E4):

    >>> w = Parameter([1.0]); w.grad = np.array([0.5], np.float32)
    >>> SGD([w], learning_rate=0.1).step(); w
    Parameter([0.95])
    """

    state_names = ("v",)

    def __init__(self, parameters=None, learning_rate=0.01, momentum: float = 0.0, nesterov: bool = False, **settings):
        super().__init__(parameters, learning_rate, **settings)
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD expects momentum in [0, 1), got {momentum!r}.")
        self.momentum = momentum
        self.nesterov = nesterov
        if not momentum:
            self.state_names = ()

    def update(self, w, g, t, rate, v=None):
        xp = array_module(w)
        xp.multiply(g, rate, out=t)  # α g
        if v is None:
            w -= t
            return
        v *= self.momentum
        v -= t
        if self.nesterov:
            w -= t
            xp.multiply(v, self.momentum, out=t)
            w += t
        else:
            w += v


class RMSprop(Optimizer):
    """Divide the gradient by a running mean of its size.

        v ← ρ v + (1 − ρ) g²
        w ← w − α g / √(v + ε)

    Source: Tieleman & Hinton, lecture 6.5, 2012; D2.E6. ε inside the root, as in Keras.
    """

    state_names = ("v",)

    def __init__(self, parameters=None, learning_rate=0.001, rho: float = 0.9, epsilon: float = 1e-7, **settings):
        super().__init__(parameters, learning_rate, **settings)
        self.rho = rho
        self.epsilon = epsilon

    def update(self, w, g, t, rate, v):
        xp = array_module(w)
        xp.multiply(g, g, out=t)
        t *= 1.0 - self.rho
        v *= self.rho
        v += t
        xp.add(v, self.epsilon, out=t)
        xp.sqrt(t, out=t)
        xp.divide(g, t, out=t)
        t *= rate
        w -= t


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares so far.

        v ← v + g²,  v₀ = 0.1
        w ← w − α g / √(v + ε)

    Source: Duchi, Hazan & Singer, JMLR 12, 2011. Starting value and ε as in Keras.
    """

    state_names = ("v",)

    def __init__(
        self,
        parameters=None,
        learning_rate=0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **settings,
    ):
        super().__init__(parameters, learning_rate, **settings)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def _make_shelves(self) -> None:
        first = not self._shelves
        super()._make_shelves()
        if first:
            for shelf in self._shelves:
                shelf.state["v"] += self.initial_accumulator_value

    def update(self, w, g, t, rate, v):
        xp = array_module(w)
        xp.multiply(g, g, out=t)
        v += t
        xp.add(v, self.epsilon, out=t)
        xp.sqrt(t, out=t)
        xp.divide(g, t, out=t)
        t *= rate
        w -= t


class Adam(Optimizer):
    """Momentum, divided by a running size of the gradient, both corrected for starting at zero.

        m ← β₁ m + (1 − β₁) g            m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²           v̂ = v / (1 − β₂ᵗ)
        w ← w − α m̂ / (√v̂ + ε)

    Source: Kingma & Ba 2015, algorithm 1; D2.E5 in its right form. It is computed in ten passes over memory instead of
    thirteen: ``m`` and ``v`` are kept without their factors (1 − β₁) and (1 − β₂), which join the corrections in

        s = √((1 − β₂ᵗ) / (1 − β₂)),   a = α s (1 − β₁) / (1 − β₁ᵗ),   w ← w − a m / (√v + s ε)

    Examples
    --------
    D2.E5's example (m = 0.3, v = 0.4, α = ε = 0.001, no correction: t → ∞) is a step of 4.7359e-4:

    >>> print(f"{0.001 * 0.3 / (math.sqrt(0.4) + 0.001):.4e}")
    4.7359e-04
    """

    state_names = ("m", "v")

    def __init__(
        self,
        parameters=None,
        learning_rate=0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **settings,
    ):
        super().__init__(parameters, learning_rate, **settings)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__} expects {name} in [0, 1), got {beta!r}.")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def update(self, w, g, t, rate, m, v):
        xp = array_module(w)
        n = self.iterations  # t of the paper, from 1
        s = math.sqrt((1.0 - self.beta_2**n) / (1.0 - self.beta_2))
        a = rate * s * (1.0 - self.beta_1) / (1.0 - self.beta_1**n)
        m *= constant(self.beta_1, m)
        m += g  # m ← β₁ m + g
        xp.multiply(g, g, out=t)
        v *= constant(self.beta_2, v)
        v += t  # v ← β₂ v + g²
        xp.sqrt(v, out=t)
        t += xp.asarray(s * self.epsilon, t.dtype)
        xp.divide(m, t, out=t)
        t *= xp.asarray(a, t.dtype)
        w -= t  # w ← w − a m / (√v + s ε)


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w − α λ w, then Adam's step (Loshchilov & Hutter 2019)."""

    def __init__(self, parameters=None, learning_rate=0.001, weight_decay: float = 0.004, **settings):
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **settings)


OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSprop, "adagrad": Adagrad, "adam": Adam, "adamw": AdamW}


def get(optimizer: Any) -> Optimizer:
    """An optimizer by Keras' name or class, with its default settings; an object is taken as it is.

    >>> get("adam")
    Adam(learning_rate=0.001)
    """
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str) or optimizer.lower() not in OPTIMIZERS:
        raise unknown_name("optimizer", optimizer, OPTIMIZERS)
    return OPTIMIZERS[optimizer.lower()]()
