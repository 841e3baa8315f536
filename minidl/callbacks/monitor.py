"""Watching one figure of the logs: which way is better, and by how much it must be."""

import math
from numbers import Real
from typing import Any

from minidl.errors import describe
from minidl.settings import check_number

FALLS = ("loss", "error", "perplexity", "bits", "mse", "mae", "rmse", "learning_rate")
RISES = ("acc", "precision", "recall", "f1", "auc", "top_k")


class Monitor:
    """One key of the logs.

    Parameters
    ----------
    who : str
        The callback that watches, for error messages.
    key : str
        "loss", "val_loss", "val_accuracy", ...
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" tells from the last word of the key that it knows.
    min_delta : float
        A change of at most this much is none.

    Examples
    --------
    >>> watch = Monitor("EarlyStopping", "val_accuracy", "auto", min_delta=0.01)
    >>> Monitor("EarlyStopping", "val_acceleration_loss").rises
    False
    >>> watch.improved(0.905, 0.90), watch.improved(0.92, 0.90), watch.improved(0.0, watch.worst)
    (False, True, True)
    """

    def __init__(self, who: str, key: str, mode: str = "auto", min_delta: float = 0.0):
        if not isinstance(key, str):
            raise TypeError(f"{who} expects monitor as a key of the logs such as 'val_loss', got {describe(key)}.")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{who} expects mode 'auto', 'min' or 'max', got {mode!r}.")
        self.who, self.key, self.min_delta = who, key, abs(check_number(who, "min_delta", min_delta))
        rises, falls = (max(key.rfind(word) for word in words) for words in (RISES, FALLS))
        self.rises = mode == "max" or (mode == "auto" and rises > falls)
        self.known = mode != "auto" or max(rises, falls) >= 0
        self.worst = -math.inf if self.rises else math.inf

    def check_key(self, keys: list[str] | None) -> None:
        """Raise, before training, when the logs will not have this key, or what is better is not known.

        In a loop of one's own nobody knows before which keys there will be: None.
        """
        if keys is not None and self.key not in keys:
            hint = "\nGive fit validation_data or validation_split." if self.key.startswith("val_") else ""
            raise ValueError(f"{self.who} monitors {self.key!r}, which is not among {', '.join(keys)}.{hint}")
        if not self.known:
            raise ValueError(
                f"{self.who} cannot tell whether {self.key!r} should fall or rise.\nAdd mode='min' or mode='max'."
            )

    def value(self, logs: dict[str, Any]) -> float | None:
        """The figure of this epoch; None in an epoch without validation."""
        value = logs.get(self.key)
        if value is not None and not isinstance(value, Real) and getattr(value, "ndim", None) != 0:
            raise TypeError(f"{self.who} monitors {self.key!r}, which is no number, but {describe(value)}.")
        return value

    def improved(self, value: float, best: float) -> bool:
        """Whether ``value`` is better than ``best`` by more than ``min_delta``. NaN never is."""
        return value - self.min_delta > best if self.rises else value + self.min_delta < best
