"""A small deep-learning library to read, in NumPy and CuPy."""

from minidl import data, initializers, layers, losses, ops, optimizers  # noqa: F401
from minidl.arrays import array_module, default_dtype, seed, set_default_dtype  # noqa: F401
from minidl.autograd import Tensor, gradients, primitive  # noqa: F401
from minidl.debugging import debug  # noqa: F401
from minidl.dispatch import OPS
from minidl.layers import Input, Layer, Parameter  # noqa: F401
from minidl.models import Sequential  # noqa: F401
from minidl.recording import is_recording, no_grad  # noqa: F401

__version__ = "0.1.0"

globals().update(OPS)
