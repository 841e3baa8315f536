"""``keras.preprocessing.image``: what ``minidl/data/images.py`` defines."""

from minidl import habits
from minidl.data.images import ImageDataGenerator

__all__ = ["ImageDataGenerator"]

__getattr__ = habits.absent_in(__name__)
