"""A network as ONNX sees it: nodes with an operator each, and weights by name. The package ``onnx`` is not needed here.

ONNX is a format for networks that have been trained: any runtime that knows it, on a phone or in a browser, computes
the network without the library that trained it. Its images lie channels first (N, C, H, W), ours channels last
(N, H, W, C). A ``Value`` says how it lies, and is turned where a row of the table asks for the other way; what was
turned once is not turned back, but taken from before. Convolutions and poolings in a row so cost one turn in front of
them and one behind.

Source: the ONNX specification, "Open Neural Network Exchange intermediate representation" (onnx.ai/onnx/repo-docs/IR).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minidl.arrays import Array
from minidl.layers.naming import unique_name


@dataclass(frozen=True)
class Value:
    """An array that flows through the network.

    Attributes
    ----------
    name : str
    shape : tuple
        As minidl has it, with the batch, channels last; None for a size that may vary.
    dtype : numpy.dtype
    first : bool
        Whether it lies channels first.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype
    first: bool = False


@dataclass(frozen=True)
class Node:
    """One operator: ``output = op(*inputs, **attributes)``, inputs and output by name."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Graph:
    """Nodes in the order of computing, and weights.

    Parameters
    ----------
    names : dict {id of a parameter: its name}
        What weights made of it are called in the file.

    Examples
    --------
    >>> graph = Graph({})
    >>> image = Value("x", (None, 8, 8, 3), np.dtype("float32"))
    >>> graph.last(graph.first(image)) == image, graph.nodes
    (True, [Node(op='Transpose', inputs=('x',), output='Transpose_0', attributes={'perm': (0, 3, 1, 2)})])
    """

    def __init__(self, names: dict[int, str]):
        self.names = names
        self.nodes: list[Node] = []
        self.weights: dict[str, Array] = {}
        self._turned: dict[str, str] = {}  # {value: the same value, lying the other way}

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A new node; the name of its output."""
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(Node(op, inputs, output, attributes))
        return output

    def weight(self, array: Any, of: Any = None) -> str:
        """The name of an array that is part of the file: that of the parameter it was made of, if there is one.

        Whole numbers become int64, all others float32: many runtimes have no other convolutions.
        """
        array = np.asarray(array)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = self.names.get(id(of), f"constant_{len(self.weights)}")
        known = self.weights.get(name)
        if known is not None and not np.array_equal(known, array):  # one parameter, its axes in two orders
            name = unique_name(name, set(self.weights))
        self.weights[name] = np.array(array, order="C")  # a layer that is called again brings the same array
        return name

    def output(self, x: Value, name: str) -> Value:
        """The value under this name, channels last: an output of the network."""
        x = self.last(x)
        self.nodes.append(Node("Identity", (x.name,), name, {}))
        return replace(x, name=name)

    def numbers(self, *numbers: int) -> str:
        """Whole numbers that an operator takes as an input: axes, for instance."""
        return self.weight(numbers)

    def first(self, x: Value) -> Value:
        """The same value channels first; features (N, D) lie one way only."""
        if x.first or len(x.shape) < 3:
            return x
        n = len(x.shape)
        return self._turn(x, (0, n - 1, *range(1, n - 1)))  # (N, H, W, C) → (N, C, H, W)

    def last(self, x: Value) -> Value:
        """The same value channels last."""
        return self._turn(x, (0, *range(2, len(x.shape)), 1)) if x.first else x  # (N, C, H, W) → (N, H, W, C)

    def _turn(self, x: Value, perm: tuple[int, ...]) -> Value:
        if x.name not in self._turned:
            turned = self.add("Transpose", x.name, perm=perm)
            self._turned |= {x.name: turned, turned: x.name}
        return replace(x, name=self._turned[x.name], first=not x.first)

    def cast(self, x: Value, dtype: Any) -> Value:
        """The same value in another dtype."""
        dtype = np.dtype(dtype)
        return x if x.dtype == dtype else replace(x, name=self.add("Cast", x.name, to=dtype), dtype=dtype)


def refuse(layer: Any, what: str, fix: str) -> ValueError:
    """The error for a setting of a layer that has no row."""
    return ValueError(f"export_onnx has no row for {type(layer).__name__} {layer.name!r} with {what}.\n{fix}")
