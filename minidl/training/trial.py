"""One sample first: before training a model is tried on one sample, which builds it and finds what is wrong.

What a layer has to say of the shape of this sample is said of the user's data.
"""

from typing import Any

from minidl.autograd import Tensor
from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.recording import no_grad
from minidl.training.batches import Samples


def try_one(model: Layer, example: Any, samples: Samples | Any) -> Any:
    """The outputs for ``example``: one of the samples; or a batch of the user's own, where ``samples`` are none."""
    tried = example if isinstance(example, list) else [example]
    check_axes(model, tried)
    try:
        with model.in_mode(False), no_grad():
            return check_outputs(model, model(example))
    except (ValueError, TypeError) as error:
        if not isinstance(samples, Samples):
            raise
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(_of_the_data(str(error), model, tried, samples)) from error.__cause__


def check_outputs(model: Layer, outputs: Any) -> Any:
    """The outputs, refused where they are neither a Tensor nor a list of Tensors: a dictionary, an array."""
    for y in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        if not isinstance(y, Tensor):
            raise TypeError(f"{model.name!r} gives {describe(y)}, expected a Tensor or a list of Tensors.")
    return outputs


def check_axes(model: Layer, arrays: list) -> None:
    """Refuse inputs (N, ...) that lack an axis, where the model knows their shapes."""
    for x, shape in zip(arrays, model.input_shapes()):
        if x.ndim < len(shape):
            fix = " Use x.reshape(-1, 1)?" if x.ndim == 1 else ""
            if x.shape == shape[1:]:
                fix = " Is it one sample? Use x[None]."
            elif x.ndim > 1 and (*x.shape[1:], 1) == shape[1:]:
                fix = " Use x[..., None]?"
            raise ValueError(f"{model.name!r} expects inputs of shape {shape}, got {(None, *x.shape[1:])}.{fix}")


def _of_the_data(message: str, model: Layer, tried: list, samples: Samples) -> str:
    """The message with the shapes of all samples in place of those of one, and what the model was built for."""
    for one, x in zip(tried, samples.x):
        message = message.replace(str(one.shape), str(x.shape))
    built_for = [shape for shape, x in zip(model.input_shapes(), samples.x) if shape[1:] != x.shape[1:]]
    if built_for and str(built_for[0]) not in message:
        message += f"\nThe model was built for inputs of shape {built_for[0]}: reshape x, or change its input_shape."
    return message
