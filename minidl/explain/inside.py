"""What a layer inside a model gives, and the model from there on: A = layer(...), f = rest(A).

Words have no derivative, their vectors have; Grad-CAM asks for the derivative by feature maps. Both need the model as a
function of what stands in its middle. For this the layer's ``call`` is replaced for a moment: first by one that also
keeps its result, then by one that gives whatever A it is told.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minidl.autograd import Tensor
from minidl.explain.answer import Answer
from minidl.layers.base import Layer


@contextmanager
def computing(layer: Layer, call: Callable) -> Iterator[None]:
    """Within the block the layer computes ``call``."""
    before = vars(layer).get("call")
    vars(layer)["call"] = call
    try:
        yield
    finally:
        del vars(layer)["call"]
        if before is not None:
            vars(layer)["call"] = before


def calls_of(answer: Answer, layer: Layer) -> list[tuple[Tensor, Tensor]]:
    """(input, output) of each time that the layer is called while the model computes f(x)."""
    seen = []
    original = layer.call

    def call(*inputs: Any, **settings: Any) -> Any:
        y = original(*inputs, **settings)
        seen.append((inputs[0], y))
        return y

    with computing(layer, call):
        answer.numbers(answer.x)
    return seen


def rest_of(answer: Answer, layer: Layer) -> Callable[[Tensor], Tensor]:
    """The model's scores as a function of what the layer gives; all else, masks for instance, follows from x."""

    def rest(A: Tensor) -> Tensor:
        with computing(layer, lambda *inputs, **settings: A):
            return answer.scores(Tensor(answer.x))

    return rest
