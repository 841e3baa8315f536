"""``keras.layers``: what ``minidl/layers/`` defines."""

from minidl.layers import *  # noqa: F403 - the names are listed there
from minidl.layers import __all__  # noqa: F401
