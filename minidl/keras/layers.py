"""``keras.layers``: what ``minidl/layers/`` defines."""

from minidl import habits
from minidl.layers import *  # noqa: F403 - the names are listed there
from minidl.layers import __all__  # noqa: F401

__getattr__ = habits.absent_in(__name__)
