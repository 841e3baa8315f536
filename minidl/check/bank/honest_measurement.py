"""Lesson 7: honest measurement."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from minidl.callbacks.stopping import EarlyStopping
from minidl.check.behaviour import BehaviourExercise
from minidl.check.exercise import Exercise


@dataclass(frozen=True)
class Curve:
    """val_loss by epoch, and the patience to watch it with."""

    losses: tuple[float, ...]
    patience: int

    def __str__(self) -> str:
        return f"val_loss {', '.join(f'{loss:g}' for loss in self.losses)}, with patience {self.patience}"


class EpochsAsWeights(SimpleNamespace):
    """A model whose weights are the number of the epoch."""

    def state_dict(self):
        return {"epoch": np.array(self.epoch)}

    def load_state_dict(self, state):
        self.epoch = int(state["epoch"])

    def get_weights(self):
        return [np.array(self.epoch)]

    def set_weights(self, weights):
        self.epoch = int(weights[0])


def follow(callback_class, curve):
    """Train along a curve, as ``fit`` would."""
    callback = callback_class(patience=curve.patience, restore_best_weights=True)
    model = EpochsAsWeights(epoch=0, stop_training=False)
    callback.set_model(model)
    callback.set_params({"metrics": ["loss", "val_loss"], "epochs": len(curve.losses), "steps": 1, "verbose": 0})
    callback.on_train_begin({})
    for epoch, loss in enumerate(curve.losses):
        model.epoch = epoch + 1
        callback.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "val_loss": loss})  # in training it only falls
        if model.stop_training:
            break
    last = model.epoch
    callback.on_train_end({})
    return {"the last epoch is": last, "the weights at the end are those of epoch": model.epoch}


def six_curves(rng, s):
    """Shapes that differ in what they ask of a callback; their numbers differ from run to run."""
    start, fall = round(float(rng.uniform(1, 3)), 2), round(float(rng.uniform(0.05, 0.15)), 2)

    def falling(n, start=start):
        return [round(start - fall * k, 2) for k in range(n)]

    low = falling(6)[-1]
    return {
        "a curve that falls to the end": Curve(tuple(falling(8)), 2),
        "a curve that turns round once": Curve((*falling(6), *(round(low + fall * k, 2) for k in range(1, 9))), s.D),
        "a plateau (equal is not better)": Curve((*falling(6), *[low] * 12), s.N),
        "progress after a pause (the count begins anew)": Curve(
            (*falling(3), start, start, *falling(3, start - 3 * fall), *[start] * 8), 3
        ),
        "a saw (better than the epoch before, but not than the best)": Curve(
            (*falling(3), *[start, round(start - fall, 2)] * 6), s.D
        ),
        "the first epoch is the best": Curve((low, *[start] * 10), 1),
    }


early_stopping = BehaviourExercise(
    name="EarlyStopping",
    task="Stop when val_loss has not fallen below its best for `patience` epochs, and go back to the best weights.",
    arguments=("patience", "restore_best_weights"),
    library=EarlyStopping,
    base="md.callbacks.Callback",
    situations=six_curves,
    run=follow,
)

EXERCISES: tuple[Exercise, ...] = (early_stopping,)
