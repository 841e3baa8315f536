"""What ``fit`` is given, as batches (x, y, w): from arrays and lists, from a DataLoader, or from a generator.

``x`` is what the model is called with: a Tensor, or a list of Tensors for a model of several inputs. ``y`` are the
targets, ``w`` the samples' weights (B,) or None. Floating inputs become the default dtype; integers stay integers,
because they may be indices.
"""

import math
import warnings
from collections.abc import Iterator
from itertools import chain, islice
from numbers import Integral
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array, default_dtype, move
from minidl.autograd import Tensor
from minidl.data import DataLoader
from minidl.errors import describe
from minidl.settings import check_number, check_whole

Batch = tuple[Any, Any, Array | None]
LONG = 10_000  # batches in an epoch, after which it is asked whether a generator has an end


def is_stream(x: Any) -> bool:
    """Whether ``x`` yields batches, rather than being the data itself."""
    if isinstance(x, (Tensor, list, tuple, dict, str)) or hasattr(x, "__array__") or hasattr(x, "dtype"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


# --- data that is all there -----------------------------------------------------------------------------------------


class Samples:
    """Inputs, targets and weights of N samples, read and checked before any work is done.

    Parameters
    ----------
    who : str
        "fit", "evaluate" ..., for error messages.
    x, y
        An array or anything array-like; a list or dictionary of them for models with several inputs or outputs. ``y``
        may be None.
    sample_weight : (N,), optional
    class_weight : dict {label: weight}, optional
        Multiplied into the weights of the samples with that label; labels not named count 1.
    input_names, output_names : list of str or None
        The model's inputs and outputs, or None for a model that takes whatever it is given.
    """

    def __init__(
        self,
        who: str,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict | None = None,
        input_names: list[str] | None = None,
        output_names: list[str] | None = None,
    ):
        self.who = who
        self.x, self.several_inputs = _read(who, "x", x, input_names)
        self.y, self.several_outputs = ([], False) if y is None else _read(who, "y", y, output_names)
        lengths = [len(a) for a in self.x]
        if 0 in lengths:
            raise ValueError(f"{who} expects at least one sample, got none.")
        if len(set(lengths)) > 1 or any(len(t) != lengths[0] for t in self.y):
            raise ValueError(
                f"{who} expects as many targets as inputs, got {lengths[0]} samples in x"
                + (f" and {len(self.y[0])} in y." if self.y and len(set(lengths)) == 1 else f" (lengths {lengths}).")
            )
        self.n = lengths[0]
        self.weights = weights_of(who, self.n, self.y, sample_weight, class_weight)

    def split(self, fraction: float) -> tuple["Samples", "Samples"]:
        """The first and the last samples; the last ``fraction`` of them, as Keras takes them for validation."""
        check_number(self.who, "validation_split", fraction, "(0, 1)")
        first = math.floor(self.n * (1 - fraction))
        if first in (0, self.n):
            raise ValueError(f"{self.who}: validation_split={fraction} of {self.n} samples leaves one part empty.")
        return self._part(slice(0, first)), self._part(slice(first, None))

    def _part(self, rows: slice) -> "Samples":
        part = object.__new__(Samples)
        part.__dict__.update(self.__dict__)
        part.x, part.y = [a[rows] for a in self.x], [a[rows] for a in self.y]
        part.weights = None if self.weights is None else self.weights[rows]
        part.n = len(part.x[0])
        return part

    def check_finite(self) -> None:
        """Raise where inputs, targets or weights hold NaN or infinity: one step on them makes all weights NaN."""
        weights = [] if self.weights is None else [self.weights]
        for name, arrays in (("x", self.x), ("y", self.y), ("sample_weight", weights)):
            for a in arrays:
                _check_finite(self.who, name, a)

    def batches(self, batch_size: int | None, shuffle: bool, device: str, steps: int | None = None) -> "Batches":
        """Mini-batches of them, for a model on ``device``."""
        weights = [] if self.weights is None else [self.weights]
        loader = DataLoader(
            *self.x,
            *self.y,
            *weights,
            batch_size=32 if batch_size is None else batch_size,  # None is Keras' way to leave it open
            shuffle=shuffle,
            device=None if device == "cpu" else device,
        )
        return Batches(self.who, loader, self._arrange, steps)

    def whole(self, device: str) -> Batch:
        """All of them as one batch."""
        weights = [] if self.weights is None else [self.weights]
        return self._arrange(tuple(move(a, device) for a in (*self.x, *self.y, *weights)))

    def _arrange(self, batch: Any) -> Batch:
        """The loader's arrays in their roles."""
        parts = batch if isinstance(batch, tuple) else (batch,)
        i, o = len(self.x), len(self.x) + len(self.y)
        x = [Tensor(a) for a in parts[:i]] if self.several_inputs else Tensor(parts[0])
        y = None if i == o else list(parts[i:o]) if self.several_outputs else parts[i]
        return x, y, parts[o] if len(parts) > o else None


def _read(who: str, role: str, data: Any, names: list[str] | None) -> tuple[list[Array], bool]:
    """The arrays of x or y, and whether they are several."""
    if isinstance(data, dict):
        names = names or list(data)
        if set(data) != set(names):
            raise ValueError(f"{who}: {role} has the names {sorted(data)}, the model expects {sorted(names)}.")
        items = [data[name] for name in names]
        several = len(names) > 1
    elif names is not None and len(names) > 1:
        if not isinstance(data, (list, tuple)) or len(data) != len(names):
            got = f"{len(data)} items" if isinstance(data, (list, tuple)) else describe(data)
            raise ValueError(f"{who} expects {role} as a list of {len(names)} arrays ({', '.join(names)}), got {got}.")
        items, several = list(data), True
    elif (
        names is None and isinstance(data, (list, tuple)) and data and all(hasattr(a, "dtype") and a.ndim for a in data)
    ):
        items, several = list(data), True  # arrays, not rows of numbers: several inputs
    else:
        items, several = [data], False
    return [_numbers(who, role, item) for item in items], several


def _numbers(who: str, role: str, data: Any) -> Array:
    """An array of numbers with a row for each sample; floating numbers in the default dtype."""
    try:
        a = data._data if isinstance(data, Tensor) else as_array(data)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{who}: {role}: {error}") from None
    if a.dtype.kind not in "fiub":
        raise TypeError(
            f"{who} expects {role} as numbers, got {describe(a)}. Turn text and objects into numbers first."
        )
    if a.ndim == 0:
        raise TypeError(f"{who} expects {role} with one row for each sample, got the single number {a.item()}.")
    return a.astype(default_dtype(), copy=False) if a.dtype.kind == "f" else a


def weights_of(who: str, n: int, targets: list, sample_weight: Any, class_weight: dict | None) -> Array | None:
    """w (N,): the samples' own weights, times those of their classes; None when all are 1."""
    w = None
    if sample_weight is not None:
        w = _numbers(who, "sample_weight", sample_weight)
        if w.shape != (n,):
            raise ValueError(f"{who} expects sample_weight of shape ({n},), one for each sample, got {w.shape}.")
        w = w.astype(default_dtype(), copy=False)
    if class_weight is None:
        return w
    if not isinstance(class_weight, dict) or len(targets) != 1:
        raise TypeError(
            f"{who} expects class_weight as {{label: weight}}, for a model of one output, got {class_weight!r}."
        )
    labels = _class_of_each(who, targets[0])  # (N,)
    of_class = array_module(labels).ones(n, default_dtype())
    for label, weight in class_weight.items():
        if not isinstance(label, (Integral, np.bool_)):
            raise TypeError(f"{who} expects the labels of class_weight as whole numbers, as in y, got {label!r}.")
        check_number(who, f"class_weight[{label!r}]", weight, "[0, inf)")
        of_class[labels == label] = weight
    return of_class if w is None else w * of_class


def _class_of_each(who: str, y: Array) -> Array:
    """The labels (N,) of targets (N,), (N, 1) or one-hot (N, C)."""
    if y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
        return y.reshape(-1)  # (N, 1) → (N,)
    if y.ndim > 2 or (abs(y.sum(axis=1) - 1) > 1e-3).any():
        raise ValueError(
            f"{who} expects one class a sample where there is class_weight: labels (N,) or (N, 1), or one-hot (N, C),\n"
            f"got targets of shape {y.shape}. Give sample_weight instead."
        )
    return y.argmax(axis=1)  # (N, C) → (N,)


def _check_finite(who: str, name: str, a: Array) -> None:
    if a.dtype.kind != "f":
        return
    # The sum is finite unless a number is not (or the sum overflows): one quick pass settles nearly every case.
    with np.errstate(invalid="ignore", over="ignore"):  # ∞ − ∞
        if math.isfinite(float(a.sum(dtype=np.float64))):
            return
    wrong = ~array_module(a).isfinite(a)
    if wrong.any():
        first = tuple(int(i[0]) for i in wrong.nonzero())
        raise ValueError(
            f"{who}: {name} holds {int(wrong.sum())} NaN or infinite numbers, the first at {name}{list(first)}.\n"
            "Training on them makes every weight NaN. Remove or replace them (check_finite=False lets them pass)."
        )


# --- batches --------------------------------------------------------------------------------------------------------


class Batches:
    """An epoch after an epoch of batches (x, y, w).

    Parameters
    ----------
    who : str
        For error messages.
    source
        A DataLoader, anything that can be iterated over again, or a generator, which goes on from epoch to epoch.
    arrange : function
        Makes (x, y, w) of what the source yields.
    steps : int, optional
        Batches in an epoch; otherwise as many as there are.
    """

    def __init__(self, who: str, source: Any, arrange: Any, steps: int | None = None):
        if steps is not None:
            check_whole(who, "steps", steps)
        self.who, self.arrange = who, arrange
        self.loader = source if isinstance(source, DataLoader) else None
        self.source = source
        self.steps = steps if steps is not None else len(source) if hasattr(source, "__len__") else None
        self.goes_on = hasattr(source, "__next__")  # a generator: the next epoch begins where this one ends

    def epoch(self, first: int = 0) -> Iterator[Batch]:
        """One epoch; after ``loader.load_state_dict`` its rest, from batch ``first`` on."""
        k = first
        if self.steps is None or first < self.steps:
            for batch in islice(self._iterator(), None if self.steps is None else self.steps - first):
                k += 1
                if k == LONG and self.steps is None:
                    warnings.warn(self._endless(), stacklevel=2)
                yield self.arrange(batch)
        if self.loader is not None:  # the epoch ends here, also where ``steps`` cut it short
            self.loader.load_state_dict({**self.loader.state_dict(), "position": 0, "seed": None})
        if k == 0:
            raise ValueError(
                f"{self.who} got no batch: is the generator used up?\n"
                "Give a DataLoader, or steps_per_epoch and a generator that does not end."
            )

    def look(self) -> Iterator[Batch]:
        """One epoch, to look at: a loader that is within an epoch of training stays where it is."""
        if self.loader is None:
            return self.epoch()
        return Batches(self.who, self.loader.apart(), self.arrange, self.steps).epoch()

    def _endless(self) -> str:
        return (
            f"{self.who}: {LONG} batches, and the generator has not ended. If it never does, this goes on for ever.\n"
            "Say how many batches are wanted: steps_per_epoch for fit, steps for evaluate and predict."
        )

    def check_epochs(self, setting: str, epochs: int) -> None:
        """Raise where a generator is asked for several epochs, but not told how long they are."""
        if self.goes_on and self.steps is None and epochs > 1:
            raise ValueError(
                f"{self.who} of {epochs} epochs needs {setting}: where a generator's epoch ends cannot be seen.\n"
                "Or give a DataLoader, or anything else that can be iterated over again."
            )

    def _iterator(self) -> Iterator:
        if hasattr(self.source, "__iter__"):
            return iter(self.source)
        return (self.source[k] for k in range(len(self.source)))  # Keras' Sequence

    def first(self) -> Any:
        """An input for the model, without using up a batch."""
        if self.loader is not None:
            return self.arrange(self.loader.example())[0]
        iterator = self._iterator()
        for batch in iterator:
            if self.goes_on:
                self.source = chain([batch], iterator)  # put back what a generator gave
            return self.arrange(batch)[0]
        raise ValueError(f"{self.who} got no batch from {describe(self.source)}.")


def from_stream(
    who: str,
    source: Any,
    steps: int | None,
    device: str,
    class_weight: dict | None = None,
    input_names: list[str] | None = None,
    output_names: list[str] | None = None,
    with_targets: bool = True,
) -> Batches:
    """Batches as they come from a DataLoader or generator: ``(x, y)`` or ``(x, y, w)``; without targets ``x`` too."""

    def arrange(batch: Any) -> Batch:
        parts = batch if isinstance(batch, tuple) or (with_targets and isinstance(batch, list)) else (batch,)
        if with_targets and not 2 <= len(parts) <= 3:
            raise ValueError(f"{who} expects batches (x, y) or (x, y, sample_weight), got {describe(batch)}.")
        x, several = _read(who, "x", parts[0], input_names)
        x = [Tensor(move(a, device)) for a in x]
        y = w = None
        if with_targets:
            targets, several_targets = _read(who, "y", parts[1], output_names)
            y = targets if several_targets else targets[0]
            w = weights_of(who, len(targets[0]), targets, parts[2] if len(parts) == 3 else None, class_weight)
        return (x if several else x[0]), y, w

    return Batches(who, source, arrange, steps)
