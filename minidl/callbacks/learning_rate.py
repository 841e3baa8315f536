"""The learning rate, epoch by epoch. (Schedules, in ``schedules.py``, set it step by step.)"""

import inspect
from collections.abc import Callable
from typing import Any

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.monitor import Monitor
from minidl.settings import check_number, check_whole


class LearningRateScheduler(Callback):
    """α ← schedule(epoch, α) at the beginning of each epoch, counted from 0.

    Parameters
    ----------
    schedule : function (epoch, learning_rate) -> float
        A function of the epoch alone is taken too.
    verbose : int
        1 prints the rate.

    Examples
    --------
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch and epoch % 10 == 0 else rate)
    """

    adds = ("learning_rate",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler expects a function (epoch, learning_rate), got {schedule!r}.")
        self.schedule, self.verbose = schedule, verbose
        self.takes_rate = accepts_two_arguments(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = optimizer_with_a_number("LearningRateScheduler", self.model)
        rate = self.schedule(epoch, optimizer.learning_rate) if self.takes_rate else self.schedule(epoch)
        rate = rate.item() if getattr(rate, "ndim", None) == 0 else rate  # NumPy's numbers
        optimizer.learning_rate = float(check_number("LearningRateScheduler", "its function's rate", rate, "[0, inf)"))
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {optimizer.learning_rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs["learning_rate"] = self.model.optimizer.learning_rate


class ReduceLROnPlateau(Callback):
    """α ← max(factor · α, min_lr) when a figure has not become better for ``patience`` epochs.

    Parameters
    ----------
    monitor : str
        The key in the logs.
    factor : float
        Below 1.
    patience : int
        So many epochs in a row without progress lower the rate.
    verbose : int
        1 says so in a line.
    mode : {"auto", "min", "max"}
        Whether the figure should fall or rise; "auto" tells from its name.
    min_delta : float
        What counts as better: by more than this.
    cooldown : int
        So many epochs after lowering it nothing is counted.
    min_lr : float
        The rate never goes below.
    """

    adds = ("learning_rate",)
    remembers = ("wait", "best", "cooling")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        who = "ReduceLROnPlateau"
        self.watch = Monitor(who, monitor, mode, min_delta)
        self.factor = check_number(who, "factor", factor, "[0, 1)")
        self.patience = check_whole(who, "patience", patience, lowest=0)
        self.cooldown = check_whole(who, "cooldown", cooldown, lowest=0)
        self.min_lr = check_number(who, "min_lr", min_lr, "[0, inf)")
        self.verbose = verbose
        self.wait, self.cooling, self.best = 0, 0, self.watch.worst

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.watch.check_key(self.params.get("metrics"))
        optimizer_with_a_number("ReduceLROnPlateau", self.model)
        self.wait, self.cooling, self.best = 0, 0, self.watch.worst

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        logs["learning_rate"] = optimizer.learning_rate
        value = self.watch.value(logs)
        if value is None:
            return
        if self.cooling:
            self.cooling -= 1
            self.wait = 0
        if self.watch.improved(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooling:
            self.wait += 1
            if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                self.cooling, self.wait = self.cooldown, 0
                if self.verbose:
                    print(f"Epoch {epoch + 1}: learning rate lowered to {optimizer.learning_rate:g}")


def optimizer_with_a_number(who: str, model: Any) -> Any:
    """The model's optimizer, unless a schedule already sets its learning rate."""
    if callable(model.optimizer.learning_rate):
        raise ValueError(
            f"{who} cannot set the learning rate: the optimizer follows {model.optimizer.learning_rate!r}.\n"
            "Give the optimizer a number, or leave this callback out."
        )
    return model.optimizer


def accepts_two_arguments(function: Callable) -> bool:
    """Whether ``function(epoch, rate)`` can be called, rather than ``function(epoch)`` only."""
    try:
        inspect.signature(function).bind(0, 0.1)
    except TypeError:
        return False
    return True
