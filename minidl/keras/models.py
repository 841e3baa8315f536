"""``keras.models``: what ``minidl/models.py`` defines."""

from minidl.layers import Input
from minidl.models import Model, Sequential

__all__ = ["Input", "Model", "Sequential"]
