"""Looking at a model without changing it: its figures on data, and its outputs, both in ``eval`` mode."""

from typing import Any

import numpy as np

from minidl.callbacks.progress import live_bar
from minidl.layers.base import Layer
from minidl.recording import no_grad
from minidl.training.batches import Batches
from minidl.training.interruption import Interrupt
from minidl.training.masked import outputs_and_mask
from minidl.training.objective import Objective
from minidl.training.trial import check_outputs


def evaluate_batches(
    model: Layer, batches: Batches, objective: Objective, bar: bool = False, interrupt: Interrupt | None = None
) -> dict[str, Any]:
    """Loss and metrics over one epoch of batches."""
    objective.reset()
    with model.in_mode(False), no_grad(), live_bar("Evaluation", batches.steps, bar) as progress:
        for x, y, w in batches.look():
            outputs, mask = outputs_and_mask(model, x)
            objective.record(objective(y, outputs, w, mask), y, outputs, objective)
            progress.update()
            if interrupt is not None:
                interrupt.raise_if_requested()
    return objective.results()


def predict_batches(model: Layer, batches: Batches, bar: bool = False) -> Any:
    """The outputs for one epoch of batches, one after another: an array (N, ...), or a list for several outputs."""
    parts = []
    with model.in_mode(False), no_grad(), live_bar("Prediction", batches.steps, bar) as progress:
        for x, _, _ in batches.look():
            outputs = check_outputs(model, outputs_for(model, x))
            several = isinstance(outputs, (list, tuple))
            parts.append([y.numpy() for y in outputs] if several else [outputs.numpy()])
            progress.update()
    joined = [np.concatenate(arrays) for arrays in zip(*parts)]  # (B, ...) each -> (N, ...)
    return joined if several else joined[0]


def outputs_for(model: Layer, x: Any) -> Any:
    """The outputs for a batch, which the threads of the ``fit`` in hand share, if there are any."""
    return model(x) if model.threads is None else model.threads.forward(model, x)


def as_keras(logs: dict[str, Any], return_dict: bool) -> Any:
    """Figures as Keras returns them: [loss, metric, ...], or the loss alone, or a dictionary."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
