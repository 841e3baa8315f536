"""``keras.callbacks``: what ``minidl/callbacks/`` defines."""

from minidl import habits
from minidl.callbacks import *  # noqa: F403 - the names are listed there
from minidl.callbacks import __all__  # noqa: F401

__getattr__ = habits.absent_in(__name__)
