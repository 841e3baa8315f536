"""A model around another: it gives what that gives, masks too, and its parameters are that one's."""

from typing import Any

from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.layers.masks import call_with_mask
from minidl.models import Model


class Around(Model):
    """Computes what the model inside computes; classes derived from it say what else is done on the way.

    Parameters
    ----------
    inside : Layer
        Afterwards it is used without what is around it: the parameters are its own.
    """

    def __init__(self, inside: Any):
        if not isinstance(inside, Layer):
            raise TypeError(f"{type(self).__name__} expects a model or layer, got {describe(inside)}.")
        super().__init__()
        self.inside = inside
        self.input_names = getattr(inside, "input_names", None)
        self.output_names = getattr(inside, "output_names", None)

    def describe(self) -> str:
        return repr(self.inside)

    def call(self, x: Any, mask: Any = None, *, return_mask: bool = False) -> Any:
        y, mask = call_with_mask(self.inside, (x,), (mask,))
        return (y, mask) if return_mask else y
