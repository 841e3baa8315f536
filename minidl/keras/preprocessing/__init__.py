"""``keras.preprocessing``: ``text``, ``sequence``."""

from minidl.keras.preprocessing import sequence, text

__all__ = ["text", "sequence"]
