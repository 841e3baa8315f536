import numpy as np

import minidl as md
from tests.exercises.answers import Answers


class EarlyStopping(md.callbacks.Callback):
    def __init__(self, patience, restore_best_weights):
        self.patience, self.restore_best_weights = patience, restore_best_weights
        self.best, self.wait, self.weights = float("inf"), 0, None

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.best:
            self.best, self.wait, self.weights = logs["val_loss"], 0, self.model.get_weights()
        else:
            self.wait += 1
            self.model.stop_training = self.wait >= self.patience

    def on_train_end(self, logs=None):
        if self.restore_best_weights:
            self.model.set_weights(self.weights)


class WithAList(md.callbacks.Callback):
    """Every loss in a list, the best epoch by argmin."""

    def __init__(self, patience, restore_best_weights):
        self.patience = patience
        self.losses, self.states = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["val_loss"])
        self.states.append(self.model.state_dict())
        if len(self.losses) - 1 - np.argmin(self.losses) >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.model.load_state_dict(self.states[int(np.argmin(self.losses))])


class CountsAllBadEpochs(EarlyStopping):
    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.best:
            self.best, self.weights = logs["val_loss"], self.model.get_weights()
        else:
            self.wait += 1
            self.model.stop_training = self.wait >= self.patience


class EqualIsBetter(EarlyStopping):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {"val_loss": logs["val_loss"] - 1e-9 * epoch})


class ComparesWithTheEpochBefore(EarlyStopping):
    def on_epoch_end(self, epoch, logs=None):
        better = logs["val_loss"] < self.best
        self.best = logs["val_loss"]
        if better:
            self.wait, self.weights = 0, self.model.get_weights()
        else:
            self.wait += 1
            self.model.stop_training = self.wait >= self.patience


class KeepsTheLastWeights(EarlyStopping):
    def on_train_end(self, logs=None):
        pass


class OneEpochLate(EarlyStopping):
    def __init__(self, patience, restore_best_weights):
        super().__init__(patience + 1, restore_best_weights)


class WatchesTheTrainingLoss(EarlyStopping):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {"val_loss": logs["loss"]})


class MisspellsTheLoss(EarlyStopping):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {"val_loss": logs["val_los"]})


ANSWERS = [
    Answers(
        "EarlyStopping",
        EarlyStopping,
        [WithAList, md.callbacks.EarlyStopping],
        [
            (CountsAllBadEpochs, "On progress after a pause (the count begins anew): the last epoch is"),
            (EqualIsBetter, "On a plateau (equal is not better): the last epoch is"),
            (ComparesWithTheEpochBefore, "On a saw (better than the epoch before, but not than the best)"),
            (
                KeepsTheLastWeights,
                "On a curve that turns round once: the weights at the end are those of epoch 9, expected",
            ),
            (OneEpochLate, "On a curve that turns round once: the last epoch is 10, expected 9"),
            (WatchesTheTrainingLoss, "On a curve that turns round once: the last epoch is 14, expected 9"),
            (MisspellsTheLoss, "KeyError: 'val_los'"),
        ],
    ),
]
