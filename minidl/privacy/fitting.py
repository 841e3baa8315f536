"""What ``fit_privately`` and ``fit_federated`` ask before they train, and the figures of held-out data."""

from typing import Any

from minidl.errors import describe
from minidl.privacy.per_sample import Data
from minidl.settings import check_number
from minidl.training.trainable import Trainable


def check_compiled(who: str, model: Any) -> None:
    """Raise unless the model has an optimizer and a loss."""
    if not isinstance(model, Trainable):
        raise TypeError(f"{who} expects a Model or Sequential first, got {describe(model)}.")
    if model.optimizer is None or model.objective is None:
        raise ValueError(f"{who} expects a compiled model.\nCall model.compile(optimizer='sgd', loss='...') first.")


def check_delta(who: str, delta: float, n: int, what: str) -> None:
    """Raise unless δ is below 1/n: to show everybody all of one sample, chosen by lot, is (0, 1/n)-private."""
    if check_number(who, "delta", delta, "(0, 1)") * n >= 1:
        raise ValueError(
            f"{who} expects delta below 1/{n}, got {delta:g}: who shows a {what} at random does no worse.\n"
            f"Take less than {0.1 / n:.0e}."
        )


def check_validation(who: str, model: Trainable, validation_data: Any) -> None:
    """Raise where these are no (x, y) for this model, before any training."""
    if validation_data is None:
        return
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        raise TypeError(f"{who} expects validation_data as (x, y), got {describe(validation_data)}.")
    Data(f"{who} (validation_data)", model, model.objective, *validation_data)


def validate(model: Trainable, validation_data: Any) -> dict[str, Any]:
    """Loss and metrics on the held-out data, as val_loss and so on."""
    if validation_data is None:
        return {}
    logs = model.evaluate(*validation_data, verbose=0, return_dict=True)
    return {f"val_{key}": value for key, value in logs.items()}
