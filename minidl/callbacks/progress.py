"""How training is going: one plain line for each epoch, and a live bar while it lasts, on a terminal only."""

import sys
import time
from numbers import Real
from typing import Any

from tqdm import tqdm

from minidl.callbacks.base import Callback, Logs


class Progress(Callback):
    """Prints ``Epoch 3/10  12.3s - loss: 0.1234 - accuracy: 0.9700 - val_loss: 0.1500`` when an epoch has ended.

    Parameters
    ----------
    bar : bool
        Show a bar on stderr during the epoch, where that is a terminal.
    """

    def __init__(self, bar: bool = True):
        self.bar: tqdm | None = None
        self.started = time.perf_counter()
        if bar and on_terminal():
            self.on_train_batch_end = self.advance  # only now are logs collected after each batch

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.started = time.perf_counter()
        self.bar = live_bar(f"Epoch {epoch + 1}/{self.params['epochs']}", self.params["steps"])

    def advance(self, batch: int, logs: Logs | None = None) -> None:
        """One batch further."""
        if self.bar is not None:
            self.bar.set_postfix_str(figures(logs), refresh=False)
            self.bar.update()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.on_train_end()
        seconds = time.perf_counter() - self.started
        print(f"Epoch {epoch + 1}/{self.params['epochs']}  {seconds:.1f}s - {figures(logs)}", flush=True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def live_bar(title: str, steps: int | None, shown: bool = True) -> tqdm:
    """A bar that appears when the work takes longer than half a second, and goes away when it is done."""
    return tqdm(desc=title, total=steps, leave=False, delay=0.5, disable=not (shown and on_terminal()))


def on_terminal() -> bool:
    """Whether somebody may be watching. A program without a console has no stderr at all: it is None."""
    return sys.stderr is not None and sys.stderr.isatty()


def figures(logs: Logs) -> str:
    """``loss: 0.1234 - accuracy: 0.9700``. What is no number, such as a confusion matrix or text, is left out.

    >>> figures({"loss": 0.12345, "accuracy": 0.97, "learning_rate": 1e-4})
    'loss: 0.1235 - accuracy: 0.9700 - learning_rate: 1.0000e-04'
    """
    numbers = {
        key: value for key, value in logs.items() if isinstance(value, Real) or getattr(value, "ndim", None) == 0
    }
    shown = {key: float(value) for key, value in numbers.items()}
    return " - ".join(f"{k}: {v:.4f}" if v == 0 or abs(v) > 1e-3 else f"{k}: {v:.4e}" for k, v in shown.items())


def verbosity(verbose: Any) -> int:
    """0, 1 or 2; "auto" is 1."""
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose expects 'auto', 0, 1 or 2, got {verbose!r}.")
    return 1 if verbose == "auto" else int(verbose)
