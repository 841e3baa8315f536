"""Callbacks that write files: weights, and a table of the logs."""

import csv
import os
from pathlib import Path
from typing import Any

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.monitor import Monitor
from minidl.errors import describe
from minidl.saving import check_path
from minidl.settings import check_number


class ModelCheckpoint(Callback):
    """Save the weights after each epoch, or after the best ones.

    Parameters
    ----------
    filepath : path
        Ends in ``.npz`` or ``.safetensors``. ``{epoch}`` (from 1) and the keys of the logs are filled in:
        ``"weights-{epoch:02d}-{val_loss:.2f}.npz"``.
    monitor : str
        The key in the logs by which ``save_best_only`` judges.
    verbose : int
        1 names each file written.
    save_best_only : bool
        Write only when the monitored figure has become better.
    save_weights_only : bool
        True. To go on with training later use ``fit(resume=path)``, which keeps all that is needed for that.
    mode : {"auto", "min", "max"}
        Whether the figure should fall or rise; "auto" tells from its name.
    save_freq : "epoch" or int
        A number saves after every so many steps instead, where logs hold no validation.
    initial_value_threshold : float, optional
        With ``save_best_only``: the figure to beat at first.
    """

    remembers = ("best", "steps", "epoch")

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = True,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        if not save_weights_only:
            raise ValueError(
                "ModelCheckpoint saves weights only.\nTo stop and go on with training use fit(..., resume='run.npz')."
            )
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(f"ModelCheckpoint expects save_freq 'epoch' or a number of steps, got {save_freq!r}.")
        self.filepath, self.verbose, self.save_freq = check_name("ModelCheckpoint", filepath), verbose, save_freq
        self.watch = Monitor("ModelCheckpoint", monitor, mode) if save_best_only else None
        if save_best_only and save_freq != "epoch" and monitor.startswith("val_"):
            raise ValueError(
                f"ModelCheckpoint with save_freq={save_freq} never sees {monitor!r}: it is known at an epoch's end.\n"
                "Monitor 'loss' or a metric, or leave save_freq='epoch'."
            )
        self.best = check_number("ModelCheckpoint", "initial_value_threshold", initial_value_threshold, optional=True)
        if save_best_only and self.best is None:
            self.best = self.watch.worst
        self.epoch = self.steps = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        keys = self.params.get("metrics")
        if self.watch is not None:
            self.watch.check_key(keys)
        if keys is None:  # a loop of one's own
            return
        if self.save_freq != "epoch":
            keys = [key for key in keys if not key.startswith("val_")]
        check_path(self.file_name(dict.fromkeys(keys, 0.0)))  # what is wrong is told before training

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.steps += 1
        if self.save_freq != "epoch" and self.steps % self.save_freq == 0:
            self.save(logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self.save(logs)

    def save(self, logs: Logs) -> None:
        """Save now, if these logs call for it."""
        if self.watch is not None:
            value = self.watch.value(logs)
            if value is None or not self.watch.improved(value, self.best):
                return
            self.best = value
        path = self.file_name(logs)
        self.model.save_weights(path)
        if self.verbose:
            print(f"Epoch {self.epoch + 1}: saved {path}")

    def file_name(self, logs: Logs) -> str:
        """``filepath`` with epoch and figures filled in."""
        try:
            return self.filepath.format(epoch=self.epoch + 1, **logs)
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"ModelCheckpoint cannot fill in {self.filepath!r}: {error}.") from None
        except (KeyError, IndexError) as error:
            known = ", ".join(["epoch", *logs])
            raise ValueError(
                f"ModelCheckpoint: {self.filepath!r} asks for {error}, which is not among {known}."
            ) from None


class CSVLogger(Callback):
    """A row for each epoch in a CSV file: the epoch, counted from 0, and the logs.

    Parameters
    ----------
    filename : path
    separator : str
    append : bool
        Go on in a file that exists (also after ``fit(resume=...)``) instead of writing it afresh.
    """

    def __init__(self, filename: str | os.PathLike, separator: str = ",", append: bool = False):
        self.path, self.append = Path(check_name("CSVLogger", filename)), append
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger expects separator as one letter such as ',', got {separator!r}.")
        self.separator = separator

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.begun = self.append and self.path.exists() and self.path.stat().st_size > 0
        self.keys: list[str] | None = None
        if self.begun:
            with open(self.path, newline="", encoding="utf-8") as file:
                self.keys = next(csv.reader(file, delimiter=self.separator))
            if "epoch" not in self.keys:
                raise ValueError(
                    f"CSVLogger cannot go on in {str(self.path)!r}: its first line names no column 'epoch'."
                )
        else:
            self.path.write_text("")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        row: dict[str, Any] = {"epoch": epoch, **logs}
        if self.keys is None:
            # Epochs without validation (validation_freq) leave those columns empty.
            self.keys = ["epoch", *dict.fromkeys([*self.params.get("metrics", ()), *logs])]
        whole = self.path.stat().st_size if self.path.exists() else 0
        try:
            # Closed after each row: the file is complete at any time.
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self.keys, restval="", extrasaction="ignore", delimiter=self.separator)
                if not self.begun:
                    writer.writeheader()
                    self.begun = True
                writer.writerow(row)
        except OSError as error:  # a full disk takes half a row, and its error names no file
            os.truncate(self.path, whole)
            raise OSError(error.errno, error.strerror, str(self.path)) from None


def check_name(who: str, path: Any) -> str:
    """A path as text."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{who} expects the path of a file, got {describe(path)}.")
    return os.fspath(path)
