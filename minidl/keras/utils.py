"""``keras.utils``: ``to_categorical`` and ``pad_sequences`` of ``minidl/data/``, the seed of ``minidl/arrays.py``."""

from minidl import habits
from minidl.arrays import seed as set_random_seed
from minidl.data import pad_sequences, to_categorical

__all__ = ["to_categorical", "pad_sequences", "set_random_seed"]

__getattr__ = habits.absent_in(__name__)
