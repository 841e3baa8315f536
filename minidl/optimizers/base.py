"""What all update rules share: parameters, clipping, decay, the count of steps, and going on after an interruption."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minidl import edits
from minidl.arrays import Array, array_module, device_of, move
from minidl.errors import describe, first_few
from minidl.habits import OptimizerHabits, settings_of, unknown_setting
from minidl.layers.base import Parameter
from minidl.optimizers.shelf import Shelf, blocks, plain
from minidl.settings import check_number
from minidl.threads import Threads

WORTH_SHARING = 2**18  # numbers: fewer are updated sooner than another thread wakes up


class Optimizer(OptimizerHabits):
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
        **rest: Any,
    ):
        who = type(self).__name__
        if rest:
            raise unknown_setting(who, next(iter(rest)), settings_of(type(self)))
        self.learning_rate = learning_rate
        self.weight_decay = check_number(who, "weight_decay", weight_decay, "[0, inf)", optional=True) or 0.0
        self.clipnorm = check_number(who, "clipnorm", clipnorm, "(0, inf)", optional=True)
        self.clipvalue = check_number(who, "clipvalue", clipvalue, "(0, inf)", optional=True)
        self.global_clipnorm = check_number(who, "global_clipnorm", global_clipnorm, "(0, inf)", optional=True)
        self.iterations = 0
        self.parameters: list[Parameter] = []
        self.joined: list[int] = []  # how many steps had been taken when each of them came
        self.age = 0  # of the weights in hand: the steps since they came, this one included
        self._shelves: list[Shelf] = []
        if parameters is not None:
            self.bind(parameters)

    # --- the rule -----------------------------------------------------------------------------------------------

    def update(self, w: Array, g: Array, t: Array, rate: float, **state: Array) -> None:
        """Change a block of weights ``w`` in place; ``t`` is scratch of the same size.

        Threads may work on several blocks at once, in any order: what is remembered belongs in the state, not in
        ``self``.
        """
        raise TypeError(f"{type(self).__name__} defines no update(self, w, g, t, rate): write the rule there.")

    def decay(self, w: Array, rate: float) -> None:
        """w ← w − α λ w, before ``update``."""
        w *= 1.0 - rate * self.weight_decay

    def takes_whole(self, p: Parameter) -> bool:
        """Whether ``update`` gets this parameter by itself, in its own shape; others are flat, and cut or joined."""
        return False

    def initial_state(self, name: str) -> float:
        """What the array of this name is filled with at first."""
        return 0.0

    # --- using it -----------------------------------------------------------------------------------------------

    def bind(self, parameters: Iterable[Parameter]) -> None:
        """Take charge of those of these parameters that are trainable, or were in its charge before they were frozen.

        What is remembered of those goes on; what was remembered of others is dropped. A parameter that comes later than
        the others, because it was thawed, starts as at a first step: see ``age``.
        """
        rule = type(self).__name__
        if isinstance(parameters, (int, float)) or not hasattr(parameters, "__iter__"):
            fix = "Pass model.parameters()." if hasattr(parameters, "parameters") else "Write learning_rate=...?"
            raise TypeError(f"{rule} expects Parameters first, got {describe(parameters)}. {fix}")
        parameters = list({id(p): p for p in parameters}.values())  # each once, even where two models share it
        for p in parameters:
            if not isinstance(p, Parameter):
                raise TypeError(f"{rule} expects Parameters, got {type(p).__name__}. Pass model.parameters().")
        before = {id(p): n for p, n in zip(self.parameters, self.joined, strict=True)}
        self.parameters = [p for p in parameters if p.requires_grad or id(p) in before]
        self.joined = [before.get(id(p), self.iterations) for p in self.parameters]
        if self._shelves and self.parameters:
            self._make_shelves()
        else:
            self._shelves = []

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for p in self.parameters:
            p.grad = None

    @property
    def learning_rate(self) -> float | Callable[[int], float]:
        """α, or the schedule that it follows; may be set anew between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float | Callable[[int], float]) -> None:
        who = type(self).__name__
        if isinstance(rate, type):
            raise TypeError(
                f"{who} expects a schedule ready made, got the class {rate.__name__}. Write {rate.__name__}(...)?"
            )
        self._learning_rate = rate if callable(rate) else check_number(who, "learning_rate", rate, "[0, inf)")

    @property
    def current_learning_rate(self) -> float:
        """α of the next step, whether it is a number or follows a schedule."""
        rate = self._learning_rate
        if callable(rate):
            rate = check_number(type(self).__name__, "the rate of its schedule", rate(self.iterations), "[0, inf)")
        return float(rate)

    def step(self, threads: Threads | None = None) -> None:
        """Update every parameter that has a gradient, once.

        Parameters
        ----------
        threads : Threads, optional
            Inside its ``with`` block: these share the work, where there is enough of it. ``fit(threads=...)`` does so.
            The numbers are the same.

        Raises
        ------
        ValueError, TypeError
            Before any work: there are no parameters; a gradient has not its parameter's shape; the ``with`` block has
            ended; threads are no ``Threads``.
        """
        if threads is not None:
            if not isinstance(threads, Threads):
                raise TypeError(
                    f"{type(self).__name__}.step expects threads as a Threads, got {describe(threads)}.\n"
                    "Write: with md.Threads(2) as threads: ... optimizer.step(threads)"
                )
            threads.check_open()
        if not self._shelves or not all(map(Shelf.is_current, self._shelves)):
            self._make_shelves()
        work = [(shelf, shelf.runs_with_gradients()) for shelf in self._shelves]  # refuses gradients of another shape
        rate = self.current_learning_rate
        self.iterations += 1
        if self.clipnorm or self.clipvalue or self.global_clipnorm:
            self._clip()
        for shelf, runs in work:
            edits.mark_edited(shelf.flat)  # before the first edit: the step may be stopped half way
            self.age = self.iterations - shelf.joined
            if threads is None or threads.n == 1 or shelf.flat.size < WORTH_SHARING:
                for block in blocks(runs):
                    self._change(*block, rate)
            else:
                threads.each(lambda block: self._change(*block, rate, own_scratch=True), blocks(runs))

    def _change(
        self, g: Array, w: Array, t: Array, state: dict[str, Array], rate: float, own_scratch: bool = False
    ) -> None:
        """Decay and update one block of weights."""
        if own_scratch:
            t = array_module(w).empty_like(w)  # the shelf's is for one at a time
        if self.weight_decay:
            self.decay(w, rate)
        self.update(w, g, t, rate, **state)

    # --- inside -------------------------------------------------------------------------------------------------

    def _make_shelves(self) -> None:
        """Lay the parameters side by side, one shelf for each dtype, device and age; keep what is remembered."""
        if not self.parameters:
            raise ValueError(
                f"{type(self).__name__} has no parameters to update.\n"
                f"Make it with {type(self).__name__}(model.parameters()), after the model is built."
            )
        remembered = self._state_by_parameter()
        kinds: dict[tuple, list[Parameter]] = {}
        for p, joined in zip(self.parameters, self.joined, strict=True):
            kinds.setdefault((p.dtype, device_of(p._data), joined), []).append(p)
        first = {name: self.initial_state(name) for name in self.state_names}
        whole = {id(p) for p in self.parameters if self.takes_whole(p)}
        self._shelves = [Shelf(members, first, joined, whole) for (_, _, joined), members in kinds.items()]
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
        if any(self.joined):
            state["joined"] = np.array(self.joined)
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
        counts = {"iterations", "joined"}
        if set(state) <= counts:  # saved before the first step
            shapes = {}
        joined = np.zeros(len(self.parameters), int) if "joined" not in state else np.asarray(state["joined"])
        faults = [f"missing: {name}" for name in shapes if name not in state]
        faults += [f"unexpected: {name}" for name in state if name not in shapes and name not in counts]
        for name, shape in {**shapes, "joined": (len(self.parameters),)}.items():
            if name in state and np.shape(state[name]) != shape:
                faults.append(f"{name} has shape {np.shape(state[name])}, expected {shape}")
            elif name in state and np.asarray(state[name]).dtype.kind not in "fiu":
                faults.append(f"{name} holds no numbers")
        steps = np.asarray(state["iterations"])
        if steps.shape or steps.dtype.kind not in "iu" or steps < 0:
            faults.append(f"iterations is a count of steps, got {state['iterations']!r:.60}")
        elif not faults and joined.size and not 0 <= joined.min() <= joined.max() <= steps:
            faults.append(f"joined counts steps from 0 to {steps}, got {joined.min()} to {joined.max()}")
        if faults:
            raise ValueError(f"the state does not fit {type(self).__name__} and its parameters:\n{first_few(faults)}.")
        self._shelves = []
        self.joined = joined.tolist()
        self._make_shelves()
        self.iterations = int(steps)
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


def norm(arrays: list[Array]) -> float:
    """√Σ a², over all numbers of all the arrays."""
    with np.errstate(over="ignore"):
        squares = sum(float((a * a).sum()) for a in arrays)
    if squares == math.inf:  # float32 ends at a = 1.8e19, float64 at 1.3e154: divide by the largest first
        largest = max(float(abs(a).max()) for a in arrays if a.size)
        return largest * norm([a / largest for a in arrays]) if largest < math.inf else math.inf
    return math.sqrt(squares)
