"""What a layer is called with: Tensors and arrays, or lists of them for layers that merge."""

from collections.abc import Iterator
from typing import Any

from minidl.arrays import is_array
from minidl.autograd import Tensor


def flat(inputs: Any) -> Iterator[Any]:
    """The inputs, and those inside a list of inputs."""
    for x in inputs:
        yield from x if isinstance(x, (list, tuple)) else (x,)


def as_tensors(x: Any) -> Any:
    """One input as a Tensor; a list that holds Tensors or arrays is a list of inputs, and stays one."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (list, tuple)) and any(is_array(item) or isinstance(item, Tensor) for item in x):
        return [as_tensors(item) for item in x]
    return Tensor(x)


def shapes_of(x: Any) -> Any:
    """An input's shape; of a list of inputs, the list of their shapes."""
    return [shapes_of(item) for item in x] if isinstance(x, list) else tuple(x.shape)
