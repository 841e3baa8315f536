"""``keras.regularizers``: what ``minidl/regularizers.py`` defines, under both of Keras' spellings."""

from minidl.regularizers import L1, L1L2, L2, get

l1, l2, l1_l2 = L1, L2, L1L2

__all__ = ["L1", "L2", "L1L2", "l1", "l2", "l1_l2", "get"]
