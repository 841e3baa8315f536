"""``keras.datasets``: ``mnist``. The other shipped sets are in ``minidl/data/sets.py``."""

from minidl import habits
from minidl.keras.datasets import mnist

__all__ = ["mnist"]

__getattr__ = habits.absent_in(__name__)
