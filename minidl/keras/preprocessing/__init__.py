"""``keras.preprocessing``: ``text``, ``sequence``, ``image``."""

from minidl.keras.preprocessing import image, sequence, text

__all__ = ["text", "sequence", "image"]
