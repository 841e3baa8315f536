"""``keras.datasets``: ``mnist``. The other shipped sets are in ``minidl/data/sets.py``."""

from minidl.keras.datasets import mnist

__all__ = ["mnist"]
