"""``keras.models``: what ``minidl/models.py`` defines."""

from minidl import habits
from minidl.layers import Input
from minidl.models import Model, Sequential

__all__ = ["Input", "Model", "Sequential"]

__getattr__ = habits.absent_in(__name__)
