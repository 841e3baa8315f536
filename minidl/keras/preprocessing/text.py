"""``keras.preprocessing.text``: what ``minidl/data/text.py`` defines."""

from minidl.data.text import Tokenizer

__all__ = ["Tokenizer"]
