"""A small deep-learning library to read, in NumPy and CuPy."""

__version__ = "0.1.0"
