"""When to stop: no more progress, good enough, or gone wrong (D.T2)."""

import math
from typing import Any

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.monitor import Monitor
from minidl.settings import check_flag, check_number, check_whole


class EarlyStopping(Callback):
    """Stop when a figure has not become better for ``patience`` epochs.

    Parameters
    ----------
    monitor : str
        The key in the logs.
    min_delta : float
        What counts as better: by more than this.
    patience : int
        So many epochs in a row without progress end the training.
    verbose : int
        1 says so in a line.
    mode : {"auto", "min", "max"}
        Whether the figure should fall or rise; "auto" tells from its name.
    baseline : float, optional
        Progress that stays worse than this does not begin the count anew.
    restore_best_weights : bool
        At the end, however it came (also by Ctrl-C), go back to the weights of the best epoch.
    start_from_epoch : int
        Watch only from this epoch on.

    Notes
    -----
    Source: Prechelt 1998, "Early stopping - but when?"; D.T2.
    """

    remembers = ("wait", "best", "best_weights", "best_epoch", "stopped_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        self.watch = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.patience = check_whole("EarlyStopping", "patience", patience, lowest=0)
        self.baseline = check_number("EarlyStopping", "baseline", baseline, optional=True)
        self.start_from_epoch = check_whole("EarlyStopping", "start_from_epoch", start_from_epoch, lowest=0)
        self.verbose = verbose
        self.restore_best_weights = check_flag("EarlyStopping", "restore_best_weights", restore_best_weights)
        self.forget()

    def forget(self) -> None:
        """Nothing seen yet."""
        self.wait = self.best_epoch = self.stopped_epoch = 0
        self.best = self.watch.worst
        self.best_weights: dict[str, Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.watch.check_key(self.params.get("metrics"))
        self.forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.watch.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        better = self.watch.improved(value, self.best)
        if better:
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self.watch.improved(value, self.baseline):
                self.wait = 0
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.state_dict(), epoch
        if not better and self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            self.model.load_state_dict(self.best_weights)


class StopAtThreshold(Callback):
    """Stop after the epoch in which a figure reaches ``threshold`` (D.T2: "stop at a loss threshold").

    >>> stop = StopAtThreshold(0.05)                             # loss ≤ 0.05
    >>> stop = StopAtThreshold(0.97, monitor="val_accuracy")     # val_accuracy ≥ 0.97
    """

    def __init__(self, threshold: float, monitor: str = "loss", mode: str = "auto", verbose: int = 0):
        self.watch = Monitor("StopAtThreshold", monitor, mode)
        self.threshold = check_number("StopAtThreshold", "threshold", threshold)
        self.verbose = verbose

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.watch.check_key(self.params.get("metrics"))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.watch.value(logs)
        if value is not None and (value == self.threshold or self.watch.improved(value, self.threshold)):
            self.model.stop_training = True
            if self.verbose:
                print(f"Epoch {epoch + 1}: {self.watch.key} {value:.4g} reached {self.threshold:g}")


class TerminateOnNaN(Callback):
    """Stop after the batch in which the loss becomes NaN or infinite."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not math.isfinite(logs["loss"]):
            print(f"Batch {batch}: the loss is {logs['loss']}, training ends. Try a smaller learning rate.")
            self.model.stop_training = True
