"""Pruning: the weights next to 0 become 0, and stay 0 while the others learn to do without them (D.T9).

    m_i = 0 for the k = round(s n) smallest |w_i| of n, otherwise 1        mask; s: the sparsity
    w ← m w                                                                now, and after every step of training

A trained network loses little by it where s is not too large, and next to nothing when it is trained on with the mask.
Slowly rising sparsity (``schedule.py``) lets it lose more weights than all at once.

Source: Han, Pool, Tran & Dally 2015, "Learning both weights and connections for efficient neural networks", section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, is_array, move
from minidl.callbacks import Callback
from minidl.compression.kernels import kernels_of
from minidl.errors import describe, unknown_name
from minidl.settings import check_number

SCOPES = ("global", "layer")


def prune(
    model: Any, sparsity: float, scope: str = "global", names: str | Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Set the smallest kernel weights to 0, once; training on would change them again: for that see ``Pruning``.

    Parameters
    ----------
    model : Layer
        Any model or layer that is built.
    sparsity : float
        s, the share that becomes 0, from 0 to 1 (without 1).
    scope : {"global", "layer"}
        The smallest of all kernels together, so that a layer of small weights loses most; or s of each kernel.
    names : str or list of str, optional
        Patterns: prune these parameters only. By default all kernels, but no biases and normalisations.

    Returns
    -------
    dict {name: array of truth values}
        The masks, of the kernels' shapes: False where a weight is pruned.

    Raises
    ------
    ValueError, TypeError
        A wrong setting, a model without kernels, or NaN among the weights. Nothing has been changed then.

    Notes
    -----
    Of weights of the same size the first in order become 0. Frozen kernels are pruned too.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> model = md.Sequential([md.layers.Dense(2, input_shape=(3,))])
    >>> model.set_weights([np.array([[3.0, -1.0], [0.5, 2.0], [-4.0, 0.1]]), np.zeros(2)])
    >>> masks = prune(model, 0.5)
    >>> model.get_weights()[0]
    array([[ 3.,  0.],
           [ 0.,  2.],
           [-4.,  0.]], dtype=float32)
    """
    pruning = Pruning(check_number("prune", "sparsity", sparsity, "[0, 1)"), scope, names)
    pruning.begin(model)
    return pruning.masks


class Pruning(Callback):
    """Prune, and keep what is pruned at 0 through training: a callback for ``fit``, two calls in a loop of one's own.

    Parameters
    ----------
    sparsity : float or function (step) -> float
        s; or s after so many steps, such as ``GradualSparsity``. What is pruned stays so, also where it falls again.
    scope, names
        As in ``prune``.

    Attributes
    ----------
    masks : dict {name: array of truth values}
        False where a weight is pruned. A copy; assigning masks puts them in force at the next step.
    steps : int
        Steps of training since ``begin``.

    Notes
    -----
    ``fit`` calls ``begin`` first and ``step`` after each step of the optimizer, whose momentum or decay may have moved
    a pruned weight. An epoch's logs get the sparsity reached. ``fit(resume=...)`` keeps masks and steps; in a loop of
    one's own they go into the checkpoint's notes: ``save_checkpoint(..., masks=pruning.masks, steps=pruning.steps)``.
    ``EarlyStopping(restore_best_weights=True)`` may bring back an earlier epoch, and with it weights pruned since.
    Gradients of pruned weights still count where an optimizer clips by the norm of all.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> x, y = np.random.default_rng(0).normal(size=(64, 5)), np.arange(64) % 2
    >>> model = md.Sequential([md.layers.Dense(8, "relu", input_shape=(5,)), md.layers.Dense(2, "softmax")])
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> model.fit(x, y, verbose=0, callbacks=[Pruning(0.75)]).history["sparsity"]
    [0.75]

    In a loop of one's own:

    >>> pruning = Pruning(0.75)
    >>> pruning.begin(model)
    >>> for _ in range(3):
    ...     loss = model.train_on_batch(x, y)  # or zero_grad, backward and optimizer.step()
    ...     pruning.step()
    >>> sparsity(model)["all"]
    0.75
    """

    adds = ("sparsity",)
    remembers = ("masks", "steps")

    def __init__(
        self,
        sparsity: float | Callable[[int], float],
        scope: str = "global",
        names: str | Sequence[str] | None = None,
    ):
        if not callable(sparsity):
            check_number("Pruning", "sparsity", sparsity, "[0, 1)")
        if scope not in SCOPES:
            raise unknown_name("Pruning's scope", scope, SCOPES)
        self.sparsity, self.scope, self.names = sparsity, scope, names
        self.steps = 0
        self._kernels: dict[str, Any] = {}
        self._masks: dict[str, Array] = {}  # where the kernels are

    def begin(self, model: Any) -> None:
        """Take charge of this model's kernels, and prune them as far as the sparsity of step 0 asks."""
        kernels = kernels_of("Pruning", model, self.names)
        everything = {name: np.ones(p.shape, bool) for name, p in kernels.items()}
        masks = self._smaller_masks(kernels, everything, 0)  # refuses NaN, before anything is changed
        self._kernels = kernels
        self.masks, self.steps = masks, 0
        self._apply()

    def step(self) -> None:
        """The optimizer has taken a step: prune on where the schedule asks for it, and set all that is pruned to 0."""
        if not self._kernels:
            raise ValueError("Pruning.step: nothing to prune yet. Call pruning.begin(model) first.")
        self.steps += 1
        if callable(self.sparsity) and self._to_prune(self._wanted(self.steps)) > self._pruned():
            self.masks = self._smaller_masks(self._kernels, self.masks, self.steps)
        self._apply()

    @property
    def masks(self) -> dict[str, np.ndarray]:
        return {name: np.array(move(m, "cpu")) for name, m in self._masks.items()}

    @masks.setter
    def masks(self, masks: Mapping[str, Array]) -> None:
        if not isinstance(masks, Mapping):
            raise TypeError(f"Pruning expects masks as a dict {{name: array of truth values}}, got {describe(masks)}.")
        if set(masks) != set(self._kernels):
            raise ValueError(f"Pruning expects masks of {sorted(self._kernels)}, got {sorted(masks)}.")
        for name, p in self._kernels.items():
            m = masks[name]
            if not is_array(m) or m.shape != p.shape or m.dtype != bool:
                raise ValueError(f"Pruning expects the mask of {name!r} as truth values of shape {p.shape}.")
        self._masks = {name: move(masks[name], p.device) for name, p in self._kernels.items()}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _wanted(self, step: int) -> float:
        if not callable(self.sparsity):
            return self.sparsity
        return check_number("Pruning", "the sparsity of its schedule", self.sparsity(step), "[0, 1)")

    def _to_prune(self, s: float) -> int:
        """k for this sparsity, of all kernels together."""
        sizes = [p.size for p in self._kernels.values()]
        return sum(round(s * n) for n in (sizes if self.scope == "layer" else [sum(sizes)]))

    def _pruned(self) -> int:
        return sum(m.size - int(array_module(m).count_nonzero(m)) for m in self._masks.values())

    def _smaller_masks(self, kernels: dict[str, Any], masks: dict[str, np.ndarray], step: int) -> dict[str, np.ndarray]:
        """The masks for the sparsity of this step, which keep nothing that ``masks`` do not keep."""
        s = self._wanted(step)
        weights = {name: p.numpy() for name, p in kernels.items()}
        if self.scope == "global":
            return smallest_pruned(weights, masks, s)
        each = [smallest_pruned({name: weights[name]}, {name: masks[name]}, s) for name in weights]
        return {name: m for one in each for name, m in one.items()}

    def _apply(self) -> None:
        """w ← m w, in place."""
        for name, p in self._kernels.items():
            array_module(p.data).copyto(p.data, 0, where=~self._masks[name])
            p.data = p.data  # an edit that backward must know of

    # --- for fit ------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.begin(self.model)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.step()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs["sparsity"] = self._pruned() / sum(m.size for m in self._masks.values())


def smallest_pruned(
    weights: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], s: float
) -> dict[str, np.ndarray]:
    """Masks that are False for the round(s n) smallest |w| of these n weights together, and wherever ``masks`` are.

    >>> smallest_pruned({"w": np.array([2.0, -1.0, 1.0, 0.5])}, {"w": np.ones(4, bool)}, 0.5)["w"]
    array([ True, False,  True, False])
    """
    sizes = []
    for name, w in weights.items():
        if np.isnan(w).any():
            raise ValueError(f"Pruning: {name!r} holds NaN, so which of its weights are the smallest is not known.")
        sizes.append(np.where(masks[name], abs(w), -1.0).ravel())  # below all others: what is pruned stays pruned
    sizes = np.concatenate(sizes)  # (n,)
    k, kept = round(s * sizes.size), sizes >= 0
    if k:
        largest = np.partition(sizes, k - 1)[k - 1]  # of the k smallest; quicker than sorting
        smaller, equal = sizes < largest, np.flatnonzero(sizes == largest)
        kept[smaller] = False
        kept[equal[: k - np.count_nonzero(smaller)]] = False  # of equal ones the first
    ends = np.cumsum([w.size for w in weights.values()])
    parts = np.split(kept, ends[:-1])
    return {name: part.reshape(w.shape) for (name, w), part in zip(weights.items(), parts, strict=True)}


def sparsity(model: Any, names: str | Sequence[str] | None = None) -> dict[str, float]:
    """The share of zeros in each kernel of a model, and, last, in all of them together.

    >>> import minidl as md
    >>> sparsity(md.Sequential([md.layers.Dense(2, input_shape=(3,), kernel_initializer="zeros"), md.layers.Dense(3)]))
    {'dense.kernel': 1.0, 'dense_1.kernel': 0.0, 'all': 0.5}
    """
    kernels = kernels_of("sparsity", model, names)
    zeros = {name: int((p.data == 0).sum()) for name, p in kernels.items()}
    shares = {name: zeros[name] / p.size for name, p in kernels.items()}
    return {**shares, "all": sum(zeros.values()) / sum(p.size for p in kernels.values())}
