"""``keras.preprocessing.sequence``: what ``minidl/data/text.py`` defines."""

from minidl.data.text import pad_sequences

__all__ = ["pad_sequences"]
