"""What a model is trained for: the losses and metrics that ``compile`` was told, and their figures over an epoch.

A model of one output has one ``Head``: a loss and metrics. A model of several outputs has several, and its loss is

    L = Σₖ λₖ Lₖ(yₖ, outputₖ)        λ: ``loss_weights``, 1 each by default

To both is added what the parameters' regularizers ask for (``Layer.penalty``).

The loss of an epoch is Σ_b N_b L_b / Σ_b N_b over its batches b, that of all samples at once.

Where the outputs have a mask m (N, T), the losses and metrics leave out the steps that do not count, as in Keras:

    L = (1/M) Σ m_nt wₙ ℓ_nt,   M = Σ m_nt         w: the samples' weights

(The loss of an epoch is still the batches' mean by samples, whatever their M. Metrics count steps.)
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import losses, metrics
from minidl.arrays import Array, array_module
from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.layers.naming import unique_name
from minidl.ops.cross_entropy import check_classes
from minidl.regularizers import penalty
from minidl.settings import check_number


class FunctionLoss(losses.Loss):
    """The loss that a function (y_true, y_pred) gives: one number, or one (or more) for each sample, then averaged.

    Where samples are weighted, or steps masked, one number would hide what each of them costs, and is refused.
    """

    def __init__(self, function: Any):
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def check(self, y_true: Array, y_pred: Tensor) -> Array:
        """The function knows what shapes it wants."""
        return y_true

    def call(self, y_true: Array, y_pred: Tensor, weights: Array | None) -> Tensor:
        loss = self.function(y_true, y_pred)
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"the loss {self.name} returned {type(loss).__name__}, expected a Tensor that depends on the outputs.\n"
                "Compute it with Tensor operators and md.ops, not from y_pred.numpy()."
            )
        if loss.size == 1 and weights is None:
            return loss
        if weights is not None and weights.ndim > 1 and loss.shape[: weights.ndim] != weights.shape:
            raise ValueError(
                f"the loss {self.name} returned shape {loss.shape}, but steps of the outputs {y_pred.shape} are masked."
                f"\nReturn a number for each step, {weights.shape}: those that do not count are left out then."
            )
        if loss.shape[:1] != y_pred.shape[:1]:
            raise ValueError(
                f"the loss {self.name} returned shape {loss.shape} for {len(y_pred)} samples.\n"
                "Return one number, or one for each sample where samples are weighted."
            )
        return losses.average(loss, weights)


class Head:
    """One output of the model: its loss, how much that counts, its metrics, and its figures so far."""

    def __init__(self, loss: Any, weight: float, metrics_: list):
        loss = losses.get(loss)
        if isinstance(loss, type):
            loss = loss()
        self.loss = loss if isinstance(loss, losses.Loss) else FunctionLoss(loss)
        self.weight = float(check_number("compile", "loss_weights", weight))
        from_logits = getattr(self.loss, "from_logits", False)
        self.metrics = [metrics.get(metric, from_logits=from_logits) for metric in metrics_]
        self.total = 0.0

    def targets(self, y: Any, output: Any) -> Any:
        """Labels (N,) of one sigmoid (N, 1) as a column, as in Keras' ``fit`` (D2.P3). The loss itself refuses them."""
        binary = isinstance(self.loss, losses.BinaryCrossentropy)
        return y[:, None] if binary and y.ndim == 1 and output.shape[1:] == (1,) else y

    def of(self, y: Any, output: Any, w: Array | None, mask: Array | None) -> Tensor:
        """Lₖ for one batch."""
        weights = w if mask is None else weights_of_steps(w, mask, output)
        return self.loss(self.targets(y, output), output, weights)

    def update(self, y: Any, output: Any, mask: Array | None) -> None:
        """Let the metrics see a batch; the steps that do not count weigh nothing."""
        weights = () if mask is None else (mask,)
        for metric in self.metrics:
            metric.update(y, output, *weights)


class Objective:
    """Losses and metrics of all outputs.

    Parameters
    ----------
    loss
        A name, Loss or function; a list or dictionary {output: loss} for several outputs.
    metrics
        A list of names, Metrics or functions; for several outputs a list of such lists, or a dictionary of them.
    loss_weights
        λ, a list or dictionary; for several outputs.
    """

    def __init__(self, loss: Any, metrics: Any = None, loss_weights: Any = None):
        self.loss_names = self.names = list(loss) if isinstance(loss, dict) else None
        chosen = list(loss.values() if isinstance(loss, dict) else as_list(loss))
        if not chosen:
            raise ValueError(f"compile expects a loss, or one for each output, got {loss!r}.")
        self.several = len(chosen) > 1  # a list of one is that one
        if self.several:
            weights = self._per_output("loss_weights", loss_weights, [1.0] * len(chosen))
            lists = [as_list(m) for m in self._per_output("metrics", metrics, [[] for _ in chosen])]
        else:
            if loss_weights is not None:
                raise ValueError("compile takes loss_weights only for several outputs, with a list of losses.")
            if isinstance(metrics, dict) or (as_list(metrics) and isinstance(as_list(metrics)[0], (list, tuple))):
                [metrics] = self._per_output("metrics", metrics, [[]])
            weights, lists = [1.0], [as_list(metrics)]
        self.heads = [Head(*of_one) for of_one in zip(chosen, weights, lists)]
        self.total, self.samples = 0.0, 0
        self.parts: list[float] = []  # Lₖ of the latest batch, where there are several
        self.masks: list[Any] = []  # those of its outputs
        self.matched = False  # with the model's outputs
        self.regularized: list = []  # the model's parameters with a regularizer

    def _per_output(self, what: str, given: Any, default: list) -> list:
        """One item for each output, from None, a list or a dictionary."""
        if given is None:
            return default
        if isinstance(given, dict):
            if self.names is None or not set(given) <= set(self.names):
                raise ValueError(
                    f"compile: {what} has the names {sorted(given)}, expected those of the losses: {self.names}.\n"
                    "Give loss as a dictionary with the same names."
                )
            return [given.get(name, usual) for name, usual in zip(self.names, default)]
        if not isinstance(given, (list, tuple)) or len(given) != len(default):
            got = len(given) if isinstance(given, (list, tuple)) else describe(given)
            raise ValueError(f"compile expects {what} for each of {len(default)} outputs, got {got}.")
        return list(given)

    # --- the loss -------------------------------------------------------------------------------------------------

    def match(self, output_names: list[str] | None, outputs: Any, parameters: Sequence[Any] = ()) -> None:
        """Check that there is a loss for each output, put them in the outputs' order, and see what is regularized."""
        n = len(outputs) if isinstance(outputs, (list, tuple)) else 1
        if n != len(self.heads):
            raise ValueError(f"the model has {n} output{'s' * (n > 1)}, but compile got losses for {len(self.heads)}.")
        if self.several != isinstance(outputs, (list, tuple)):
            raise ValueError("the model gives a list of one output.\nReturn the output itself: return y, not [y].")
        names = output_names or self.names or [f"output_{k + 1}" for k in range(n)]
        if self.names is not None and self.names != names:
            if set(self.names) != set(names):
                raise ValueError(
                    f"compile got losses for {sorted(self.names)}, the model's outputs are {sorted(names)}."
                )
            self.heads = [self.heads[self.names.index(name)] for name in names]
        self.names = names
        self.matched = True
        self.regularized = [p for p in parameters if p.regularizer is not None]

    def check_targets(self, y: Any, outputs: Any, n: int) -> None:
        """Let each loss look at all targets now, not in the middle of training. ``outputs`` are of one sample."""
        for head, t, output in zip(self.heads, y if self.several else [y], outputs if self.several else [outputs]):
            xp = array_module(t)
            all_outputs = xp.broadcast_to(xp.zeros((), output.dtype), (n, *output.shape[1:]))  # takes no memory
            t = head.loss.check(head.targets(t, output), Tensor(all_outputs))
            if isinstance(head.loss, losses.SparseCategoricalCrossentropy):
                check_classes(head.loss.name, all_outputs, t)

    def __call__(self, y: Any, outputs: Any, w: Array | None = None, mask: Any = None) -> Tensor:
        """L for one batch. ``mask`` is that of the outputs, or a list, as ``call_with_mask`` gives it."""
        self.masks = list(mask) if isinstance(mask, (list, tuple)) else [mask] * len(self.heads)
        loss = self._of_outputs(y, outputs, w)
        return loss + penalty(self.regularized) if self.regularized else loss

    def _of_outputs(self, y: Any, outputs: Any, w: Array | None) -> Tensor:
        """L without the penalty."""
        if not self.several:
            return self.heads[0].of(y, outputs, w, self.masks[0])
        losses_ = [head.of(t, output, w, m) for head, t, output, m in zip(self.heads, y, outputs, self.masks)]
        self.parts = [part.item() for part in losses_]
        terms = [part if head.weight == 1.0 else head.weight * part for head, part in zip(self.heads, losses_)]
        return sum(terms[1:], start=terms[0])

    # --- figures --------------------------------------------------------------------------------------------------

    def record(self, loss: Tensor, y: Any, outputs: Any, latest: "Objective") -> None:
        """Add a batch to the figures; ``latest`` has just computed its loss: this objective, or one like it."""
        parts, masks = latest.parts, latest.masks or [None] * len(self.heads)
        latest.parts, latest.masks = [], []  # the next batch's train_step, where it is the user's, may compute none
        n = len(outputs[0]) if self.several else len(outputs)
        self.total += loss.item() * n
        self.samples += n
        if not self.several:
            self.heads[0].update(y, outputs, masks[0])
            return
        for head, t, output, part, mask in zip(self.heads, y, outputs, parts, masks):
            head.total += part * n
            head.update(t, output, mask)

    def results(self) -> dict[str, Any]:
        """{"loss": ..., metrics ...}, in Keras' order; with several outputs "name_loss" and "name_metric" too."""
        samples = max(self.samples, 1)
        values = [self.total / samples]
        if self.several:
            values += [head.total / samples for head in self.heads]
        values += [metric.result() for head in self.heads for metric in head.metrics]
        return dict(zip(self.keys(), values))

    def keys(self) -> list[str]:
        """The keys of ``results``."""
        keys = ["loss"]
        if self.several:
            keys += [f"{name}_loss" for name in self.names]
        for k, head in enumerate(self.heads):
            prefix = f"{self.names[k]}_" if self.several else ""
            for metric in head.metrics:
                keys.append(unique_name(prefix + metric.name, set(keys)))
        return keys

    def reset(self) -> None:
        """Forget all figures."""
        self.total, self.samples = 0.0, 0
        for head in self.heads:
            head.total = 0.0
            for metric in head.metrics:
                metric.reset()

    def fresh(self) -> "Objective":
        """The same losses, with figures and metrics of its own: an evaluation during training disturbs nothing."""
        other = copy.copy(self)
        other.heads = [copy.copy(head) for head in self.heads]
        for head in other.heads:
            head.metrics = copy.deepcopy(head.metrics)
        other.reset()
        return other

    def state_dict(self) -> dict[str, Any]:
        """The figures so far, for a checkpoint in the middle of an epoch."""
        heads = {
            str(k): {"total": head.total, "metrics": {str(i): _sums(metric) for i, metric in enumerate(head.metrics)}}
            for k, head in enumerate(self.heads)
        }
        return {"total": self.total, "samples": self.samples, "heads": heads}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such figures."""
        self.total, self.samples = state["total"], state["samples"]
        for k, head in enumerate(self.heads):
            saved = state["heads"][str(k)]
            head.total = saved["total"]
            for i, metric in enumerate(head.metrics):
                vars(metric).update(saved["metrics"][str(i)])


def weights_of_steps(w: Array | None, mask: Array, output: Tensor) -> Array:
    """m_nt wₙ N T / M, (N, T), for a loss that divides by N T. Where no step counts L is 0."""
    if mask.shape != output.shape[: mask.ndim]:
        raise ValueError(
            f"the mask of the outputs has shape {mask.shape}, which does not fit outputs of shape {output.shape}.\n"
            "The last layer's compute_mask says it: expected is (N, T) for outputs (N, T, ...), or None."
        )
    m = mask * (mask.size / max(int(mask.sum()), 1))
    return m if w is None else m * w.reshape(-1, *(1,) * (mask.ndim - 1))  # (N, T) * (N, 1)


def as_list(metrics_: Any) -> list:
    """Metrics of one output as a list: None is none, and one may stand alone."""
    if metrics_ is None:
        return []
    return list(metrics_) if isinstance(metrics_, (list, tuple)) else [metrics_]


def _sums(metric: Any) -> dict[str, Any]:
    """What a metric has collected: its attributes that are numbers or arrays."""
    kinds = (bool, int, float, np.ndarray, np.number)
    return {name: value for name, value in vars(metric).items() if isinstance(value, kinds)}
