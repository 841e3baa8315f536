"""``keras.preprocessing.image``: what ``minidl/data/images.py`` defines."""

from minidl.data.images import ImageDataGenerator

__all__ = ["ImageDataGenerator"]
