"""``keras.metrics``: what ``minidl/metrics/`` defines."""

from minidl.metrics import *  # noqa: F403 - the names are listed there
from minidl.metrics import __all__  # noqa: F401
