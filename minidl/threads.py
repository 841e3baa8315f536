"""Threads: a batch cut into parts, and a core of the processor for each part.

BLAS, the library behind matrix products, uses all cores; the rest of NumPy uses one. But the samples of a batch know
nothing of each other, so that the batch x = (x₁, x₂) can be cut:

    y₁ = f(x₁)        |   y₂ = f(x₂)          forward, side by side
    L = loss(y₁, y₂)                          of the whole batch
    w̄₁ = ȳ₁ ∂y₁/∂w    |   w̄₂ = ȳ₂ ∂y₂/∂w      backward, side by side, where v̄ = ∂L/∂v; ȳ is ``g`` in the code
    w̄ = w̄₁ + w̄₂

This is data-parallel training (D3.E3, D.T8) inside one program. The weights w are shared, not copied, and the gradients
are those of the whole batch but for the order in which numbers are added. ``optimizer.step(threads)`` shares the update
as well, block by block of the weights. While NumPy computes it lets go of Python's lock, so that the threads really run
at the same time. It pays where arrays are large (convolutions, transformers), not where Python itself has most to do
(few units, or one step of time after the other).

Inside the ``with`` block BLAS has one thread: see ``minidl/blas.py``.

A softmax or sigmoid at the end is left to the whole batch, because a cross-entropy looks behind it for the logits.
"""

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from minidl import blas, debugging
from minidl.arrays import device_of, here, is_array
from minidl.autograd import Primitive, Tensor
from minidl.backward import plus, walk
from minidl.errors import describe
from minidl.losses.cross_entropy import logits_behind
from minidl.ops.activations import sigmoid
from minidl.ops.softmax import softmax
from minidl.recording import no_grad
from minidl.settings import check_whole


class Threads:
    """Some threads that share each batch. They live as long as a ``with`` block.

    Parameters
    ----------
    n : int
        How many, this one included; best as many as the processor has cores.

    Raises
    ------
    ValueError
        n is not a positive whole number, or the package ``threadpoolctl``, which tells BLAS, is missing.

    Notes
    -----
    Random numbers, such as dropout masks: each part of a batch has a stream of its own, which follows from the state of
    the generator and the part's number. So a run can be repeated, with the same number of threads.

    Examples
    --------
    >>> import minidl as md
    >>> model = md.layers.Dense(1, input_shape=(2,))
    >>> x = np.ones((6, 2), np.float32)
    >>> with Threads(2) as threads:
    ...     loss, y = threads.backward(model, x, lambda y: (y * y).mean())
    >>> y.shape, model.kernel.grad.shape
    ((6, 1), (2, 1))
    """

    def __init__(self, n: int):
        self.n = check_whole("Threads", "n", n)
        self._blas = blas.controller(f"Threads({n})") if n > 1 else None
        self._others: ThreadPoolExecutor | None = None  # inside the block

    def __enter__(self) -> "Threads":
        if self._others is not None:
            raise ValueError(f"these Threads({self.n}) are inside a block already.\nMake others: md.Threads({self.n}).")
        if self.n > 1:
            blas.leave_one_thread(self._blas)
            self._others = ThreadPoolExecutor(self.n - 1, "minidl")
        return self

    def __exit__(self, *error: Any) -> None:
        if self._others is not None:
            self._others.shutdown()
            self._others = None
            blas.give_back()

    def __reduce__(self) -> tuple:
        return Threads, (1,)  # a copy of a model in the middle of ``fit`` goes on alone: threads are not copied

    def backward(self, f: Callable, x: Any, loss: Callable) -> tuple[Tensor, Any]:
        """``y = f(x); L = loss(y); L.backward()``, where f is computed in parts.

        Parameters
        ----------
        f : Layer or function
            Of x, sample by sample. Tensors that it uses must be leaves, such as parameters. ``BatchNormalization``
            looks at the whole batch and is refused, as is f where it gives not one row for each sample.
        x : array, Tensor or list of them
            (N, ...) each; Tensors that require a gradient are leaves too.
        loss : function
            Of what f gives, for all N samples, to one number.

        Returns
        -------
        L, y
            The loss, and what f gave. ``.grad`` of the parameters is filled, as by ``Tensor.backward``.

        Raises
        ------
        ValueError, TypeError
            x cannot be cut; f looks at more than one sample; the ``with`` block has ended.
        """
        parts = self._parts(f, x)
        if len(parts) < 2:
            y = f(x)
            L = loss(y)
            L.backward()
            return L, y
        self._side_by_side(lambda part: part.forward(f), parts)
        ends = [End(pieces) for pieces in zip(*(part.y for part in parts), strict=True)]
        y = [end.y for end in ends] if parts[0].several else ends[0].y
        L = loss(y)
        L.backward()
        for part in parts:
            part.y = [end.pieces[part.number] for end in ends]
            part.g = [None if end.z.grad is None else end.z.grad[part.rows] for end in ends]
        self._side_by_side(Part.backward, parts)
        for w, g in _added([part.gradients for part in parts]).items():
            w.grad = g if w.grad is None else plus(w.grad, g)
        return L, y

    def forward(self, f: Callable, x: Any) -> Any:
        """``y = f(x)`` with nothing recorded, where f is computed in parts: for evaluation. See ``backward``.

        >>> import minidl as md
        >>> with Threads(2) as threads:
        ...     threads.forward(lambda x: x * x, md.Tensor([1.0, 2.0, 3.0]))
        Tensor([1., 4., 9.])
        """
        parts = self._parts(f, x)
        if len(parts) < 2:
            with no_grad():
                return f(x)

        def unrecorded(part: Part) -> None:
            with no_grad():  # each thread records or not by itself
                part.forward(f)

        self._side_by_side(unrecorded, parts)
        y = [Tensor(np.concatenate([t.data for t in pieces])) for pieces in zip(*(part.y for part in parts))]
        return y if parts[0].several else y[0]

    def each(self, work: Callable, items: Iterable) -> None:
        """``work(item)`` for each item, where none needs what another gives: a thread that is free takes the next."""
        left = deque(items)
        if self.n == 1:
            for item in left:
                work(item)
            return

        def take(_: int) -> None:
            while left:
                try:
                    item = left.popleft()
                except IndexError:  # another thread was quicker
                    return
                work(item)

        self._side_by_side(take, list(range(self.n)))

    def check_open(self) -> None:
        """Refuse to work outside the ``with`` block; one thread, which is this one, works anywhere."""
        if self.n > 1 and self._others is None:
            raise ValueError(
                f"Threads({self.n}) work only inside their block: with md.Threads({self.n}) as threads: ..."
            )

    def _parts(self, f: Callable, x: Any) -> "list[Part]":
        """The batch in parts; none where one thread shall do all of it."""
        if here.part is not None:
            raise ValueError("Threads were called by a function whose batch is shared already. Call them outside.")
        if self.n == 1 or not getattr(f, "built", True):  # this first call builds it
            return []
        parts = _cut(x, self.n)
        return [] if debugging.active else parts  # debug mode looks for the user's line on this thread's stack

    def _side_by_side(self, work: Callable, parts: list) -> None:
        """Work on all parts, the first in this thread and each other in one of its own, and wait for all."""
        self.check_open()
        # Each in a copy of this thread's context, so that np.errstate(...) and layer.in_mode(...) hold there too.
        others = [self._others.submit(contextvars.copy_context().run, work, part) for part in parts[1:]]
        try:
            work(parts[0])
        finally:
            errors = [other.exception() for other in others]
        for error in errors:
            if error is not None:
                raise error


class Part:
    """Some rows of a batch, on their way through one thread."""

    def __init__(self, number: int, rows: slice, x: Any, seeds: "Seeds"):
        self.number, self.rows, self.x, self.seeds = number, rows, x, seeds
        self.streams: dict[int, np.random.Generator] = {}
        self.several = False  # whether f gave a list of outputs
        self.y: list[Tensor] = []  # the outputs; on the way back without the activation at their end: see End
        self.g: list[Any] = []  # ∂L/∂y
        self.gradients: dict[Tensor, Any] = {}  # ∂L/∂w of each leaf w, this part's share

    def forward(self, f: Callable) -> None:
        """y = f(x), recorded."""
        try:
            here.part = self
            y = f(self.x)
        finally:
            here.part = None
        self.several = isinstance(y, (list, tuple))
        self.y = list(y) if self.several else [y]
        n = self.rows.stop - self.rows.start
        for t in self.y:
            if not isinstance(t, Tensor) or t.shape[:1] != (n,):
                raise ValueError(
                    f"Threads expect of f a Tensor with a row for each of {n} samples, got {describe(t)}.\n"
                    "Leave sums and means over the samples to the loss."
                )

    def backward(self) -> None:
        """From g = ∂L/∂y to the leaves."""
        pairs = [(y, g) for y, g in zip(self.y, self.g, strict=True) if y.requires_grad and g is not None]
        if pairs:
            y, g = zip(*pairs)
            start = meet(*y, gradients=g)
            self.gradients = walk(start, np.ones((), start.dtype), set(), False, False)

    def stream(self, rng: np.random.Generator) -> np.random.Generator:
        """The generator from which this part draws in place of rng: see ``minidl.arrays.generator``."""
        if id(rng) not in self.streams:
            self.streams[id(rng)] = np.random.default_rng([self.seeds.of(rng), self.number])
        return self.streams[id(rng)]


class Seeds:
    """One number from each generator, for all parts of a batch: whichever asks first draws it."""

    def __init__(self) -> None:
        self._drawn: dict[int, tuple[np.random.Generator, int]] = {}
        self._lock = threading.Lock()

    def of(self, rng: np.random.Generator) -> int:
        """The number drawn from rng."""
        with self._lock:
            if id(rng) not in self._drawn:
                self._drawn[id(rng)] = (rng, int(rng.integers(2**63)))  # rng is held, so that its id stays its own
            return self._drawn[id(rng)][1]


class End:
    """One output of f for all samples: y = a(z), where a is a softmax or sigmoid that ended f, or nothing.

    z is a leaf. Its ``pieces`` are what the parts computed, z₁, z₂, ...
    """

    def __init__(self, pieces: tuple[Tensor, ...]):
        self.pieces = pieces
        activation = None
        for a in (softmax, sigmoid):
            logits = [logits_behind(y, a) for y in pieces]
            if all(z is not None for z in logits):
                self.pieces, activation = tuple(logits), a
        whole = np.concatenate([z.data for z in self.pieces])  # (N, ...)
        self.z = Tensor(whole, requires_grad=any(z.requires_grad for z in self.pieces))
        self.y = self.z if activation is None else activation(self.z)


def _meet(*y: Any, gradients: tuple) -> Any:
    """A number S with ∂S/∂yₖ = gₖ: where one walk can start that leads back through several outputs."""
    return np.zeros((), y[0].dtype)


meet = Primitive(_meet, broadcasts=False, saves=False)
meet.joint_rule(lambda _, S, *y, needs, gradients: gradients)


def _added(shares: list[dict[Tensor, Any]]) -> dict[Tensor, Any]:
    """The sum of all parts' shares for each leaf, in the arrays of the first that has one: they are nobody else's."""
    total: dict[Tensor, Any] = {}
    for share in shares:
        for w, g in share.items():
            if w in total:
                total[w] += g
            else:
                total[w] = g
    return total


def _cut(x: Any, n: int) -> list[Part]:
    """A batch in n parts of nearly equal size; in fewer, where there are fewer samples."""
    arrays = x if isinstance(x, (list, tuple)) else [x]
    for a in arrays:
        _check_can_be_cut(a)
    if len({len(a) for a in arrays}) != 1:
        raise ValueError(f"Threads expect inputs of one length, got {[len(a) for a in arrays]} samples.")
    N = len(arrays[0])
    n = max(1, min(n, N))
    ends = [N * k // n for k in range(n + 1)]
    parts, seeds = [], Seeds()
    for k, (start, end) in enumerate(zip(ends, ends[1:])):
        rows = slice(start, end)
        parts.append(Part(k, rows, [a[rows] for a in arrays] if arrays is x else x[rows], seeds))
    return parts


def _check_can_be_cut(a: Any) -> None:
    """Raise unless this is an array or Tensor of samples, in main memory and outside any graph."""
    if not (isinstance(a, Tensor) or is_array(a)) or a.ndim == 0:
        raise TypeError(f"Threads expect x as arrays or Tensors (N, ...), got {describe(a)}.")
    if device_of(a.data if isinstance(a, Tensor) else a) != "cpu":
        raise ValueError("Threads share a batch on the processor, this one is on a GPU.\nTrain there without threads.")
    if isinstance(a, Tensor) and not a.is_leaf:
        raise ValueError(
            f"Threads expect x outside any graph, got what {a.op.__name__} made.\n"
            "Compute it inside f, or if it needs no gradient use x.detach()."
        )
