"""``keras.models``: what ``minidl/models.py`` defines."""

from minidl import habits
from minidl.layers import Input
from minidl.models import Model, Sequential

__all__ = ["Input", "Model", "Sequential"]


def __getattr__(name: str) -> None:
    """``load_model`` and others are not here: what to write instead."""
    raise habits.absent(__name__, name)
