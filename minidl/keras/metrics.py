"""``keras.metrics``: what ``minidl/metrics/`` defines."""

from minidl import habits
from minidl.metrics import *  # noqa: F403 - the names are listed there
from minidl.metrics import __all__  # noqa: F401

__getattr__ = habits.absent_in(__name__)
