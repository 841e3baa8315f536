"""``keras.optimizers``: what ``minidl/optimizers/`` defines."""

from minidl.optimizers import *  # noqa: F403 - the names are listed there
from minidl.optimizers import __all__  # noqa: F401
