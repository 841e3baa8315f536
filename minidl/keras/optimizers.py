"""``keras.optimizers``: what ``minidl/optimizers/`` and ``minidl/schedules.py`` define."""

from minidl import schedules  # noqa: F401 - keras.optimizers.schedules
from minidl.optimizers import *  # noqa: F403 - the names are listed there
from minidl.optimizers import __all__  # noqa: F401
