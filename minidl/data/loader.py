"""Mini-batches: which rows, in which order, and how to go on after an interruption."""

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np

from minidl.arrays import Array, as_array, device_module, generator, is_array, move
from minidl.data.rows import count_rows, take_rows
from minidl.errors import describe
from minidl.settings import check_flag, check_whole


class DataLoader:
    """Batches of rows of one or several arrays, in a new random order in each epoch.

    With N samples and batch size B, batch k holds the samples

        order[k B], ..., order[min((k + 1) B, N) − 1]        for k = 0 ... ⌈N / B⌉ − 1

    and ``order`` is a random permutation of 0 ... N − 1. It is drawn from a generator of its own, seeded with one
    integer that ``rng`` gives at the start of each epoch. So the place in an epoch is two integers (that seed and k),
    and a loader can be saved in the middle of an epoch and continued in another process with the very same batches.

    Parameters
    ----------
    *arrays : array (N, ...)
        Inputs, labels, sample weights ...: as many as wanted, all of length N.
    batch_size : int
        B. The last batch of an epoch is smaller when B does not divide N.
    shuffle : bool
        False keeps the given order (and draws nothing from ``rng``).
    drop_last : bool
        Leave out the last batch when it is smaller.
    rng : Generator or int, optional
        The one random generator by default (``minidl.seed``).
    device : {"cpu", "cuda"}, optional
        Where batches are moved to; by default they stay where the arrays are.
    augment : function (x, rng) -> x or (x, y), optional
        Changes the first array of every batch, for example ``random_shift``. Its generator follows from the epoch's
        seed and the batch's number, so that an interrupted epoch goes on with the same changes.

    Yields
    ------
    array, or tuple of arrays, (B, ...)
        Bare when the loader was given a single array. Always copies: editing a batch leaves the data as it was.

    Raises
    ------
    ValueError
        No samples, different lengths, a batch size below 1, or ``drop_last`` with fewer than B samples.
    TypeError
        Something that is not an array of numbers.

    Examples
    --------
    >>> x, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> for x_batch, y_batch in DataLoader(x, y, batch_size=2, shuffle=False):
    ...     print(x_batch.shape, y_batch)
    (2, 2) [0 1]
    (2, 2) [2 3]
    (1, 2) [4]
    >>> len(DataLoader(x, y, batch_size=2, drop_last=True))
    2
    """

    def __init__(
        self,
        *arrays: Array,
        batch_size: int = 32,
        shuffle: bool = True,
        drop_last: bool = False,
        rng: np.random.Generator | int | None = None,
        device: str | None = None,
        augment: Callable[..., Array] | None = None,
    ):
        check_whole("DataLoader", "batch_size", batch_size)
        check_flag("DataLoader", "shuffle", shuffle)
        check_flag("DataLoader", "drop_last", drop_last)
        if augment is not None and not callable(augment):
            raise TypeError(f"DataLoader expects augment as a function (x, rng) -> x, got {describe(augment)}.")
        if device is not None:
            device_module(device)  # raises for a device that is unknown or absent
        self.samples = count_rows("DataLoader", arrays)
        if drop_last and self.samples < batch_size:
            raise ValueError(
                f"DataLoader with drop_last=True has no batch: {self.samples} samples, batch_size {batch_size}.\n"
                "Lower batch_size or keep the last batch."
            )
        self.arrays = tuple(as_array(a) for a in arrays)
        self.batch_size, self.shuffle, self.drop_last, self.device = int(batch_size), shuffle, drop_last, device
        self.augment = augment
        self._rng = generator(rng)
        self._seed: int | None = None  # of this epoch's order and augmentation
        self._position = 0  # batches of this epoch handed out so far; 0 between epochs
        self._resuming = False

    def __len__(self) -> int:
        """The number of batches in an epoch: ⌈N / B⌉, or ⌊N / B⌋ with ``drop_last``."""
        whole, rest = divmod(self.samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Array | tuple[Array, ...]]:
        """One epoch; the rest of the interrupted one directly after ``load_state_dict``."""
        if self._resuming:
            seed, first = self._seed, self._position
            self._resuming = False
        else:
            seed, first = int(self._rng.integers(2**63)) if self.shuffle or self.augment else None, 0

        order = np.arange(self.samples)  # (N,)
        if self.shuffle:
            order = np.random.default_rng(seed).permutation(order)  # (N,)
        for k in range(first, len(self)):
            batch = self._batch(order[k * self.batch_size : (k + 1) * self.batch_size], seed, k)
            self._seed, self._position = seed, k + 1  # before the step on this batch, so a later save is behind it
            yield batch
        self._seed, self._position = None, 0

    def _batch(self, rows: np.ndarray, seed: int | None, k: int) -> Array | tuple[Array, ...]:
        batch = [take_rows(a, rows) for a in self.arrays]  # (N, ...) → (B, ...)
        if self.augment is not None:
            batch[:1] = self._augmented(batch[0], np.random.default_rng([seed, k]))
        if self.device is not None:
            batch = [move(b, self.device) for b in batch]
        return batch[0] if len(batch) == 1 else tuple(batch)

    def _augmented(self, x: Array, rng: np.random.Generator) -> list[Array]:
        """What ``augment`` makes of x (B, ...): one array or several, with as many samples, for labels go with them."""
        changed = self.augment(x, rng=rng)
        changed = list(changed) if isinstance(changed, tuple) else [changed]
        for a in changed:
            if not is_array(a) or a.shape[:1] != x.shape[:1]:
                raise ValueError(
                    f"DataLoader expects augment to give an array of {len(x)} samples, as many as it got, "
                    f"got {describe(a)}."
                )
        return changed

    def example(self) -> Array | tuple[Array, ...]:
        """The first sample as a batch of one, such as a model needs that is yet to be built. Changes nothing here."""
        return self._batch(np.arange(1), seed=0, k=0)

    def apart(self) -> "DataLoader":
        """The same batches, from the same generator, with a place of its own: this loader may be within an epoch."""
        twin = copy(self)
        twin._seed, twin._position, twin._resuming = None, 0, False
        return twin

    # --- interrupting and going on ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch and the generator's state: a few integers, whatever the size of the data.

        Inside the loop it counts the batch in hand as done, so save after that batch's optimizer step. After a
        ``break`` it still tells the place that was reached.
        """
        return {
            "plan": self._plan(),
            "seed": self._seed,
            "position": self._position,
            "generator": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved place: the next loop over this loader yields the rest of that epoch.

        The generator is set back as well. Where that is the one random generator, everything that draws from it
        (dropout, for instance) goes on from the same moment too.

        Raises
        ------
        ValueError
            The state was saved by a loader that cuts other batches (number of samples, batch size, ``shuffle``,
            ``drop_last``), with another kind of generator, or is no loader's state.

        Examples
        --------
        >>> loader = DataLoader(np.arange(6), batch_size=2, rng=0)
        >>> batches = iter(loader)
        >>> first, state = next(batches), loader.state_dict()
        >>> again = DataLoader(np.arange(6), batch_size=2, rng=1)
        >>> again.load_state_dict(state)
        >>> [b.tolist() for b in again] == [b.tolist() for b in batches]
        True
        """
        if not isinstance(state, dict):
            raise TypeError(f"DataLoader.load_state_dict expects a dictionary of state_dict(), got {describe(state)}.")
        missing = {"plan", "seed", "position", "generator"} - set(state)
        if missing:
            raise ValueError(f"DataLoader.load_state_dict: the state lacks {', '.join(sorted(missing))}.")
        if state["plan"] != self._plan():
            raise ValueError(
                "DataLoader.load_state_dict: the state is of a loader that cuts other batches.\n"
                f"saved: {state['plan']}\nhere:  {self._plan()}"
            )
        lacks_seed = (self.shuffle or self.augment) and state["position"] and state["seed"] is None
        if not 0 <= state["position"] <= len(self) or lacks_seed:
            raise ValueError(f"DataLoader.load_state_dict: no such place: batch {state['position']} of {len(self)}.")
        kind = self._rng.bit_generator.state["bit_generator"]
        if state["generator"]["bit_generator"] != kind:
            raise ValueError(f"DataLoader.load_state_dict: saved with another kind of generator than {kind}.")
        self._rng.bit_generator.state = state["generator"]
        self._seed, self._position = state["seed"], state["position"]
        self._resuming = self._position > 0

    def _plan(self) -> dict[str, Any]:
        """What decides how an order is cut into batches."""
        return {
            "samples": self.samples,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }
