"""What those who take any model ask of it: that it has weights, and that it computes each sample by itself."""

from typing import Any

from minidl.errors import describe
from minidl.layers.base import Layer
from minidl.layers.normalization import BatchNormalization


def check_weights(who: str, model: Any) -> None:
    """Raise unless this is a model or layer that has its weights.

    >>> check_weights("prune", [])
    Traceback (most recent call last):
    TypeError: prune expects a model or layer, got list [].
    """
    if not isinstance(model, Layer):
        raise TypeError(f"{who} expects a model or layer, got {describe(model)}.")
    if not model.built and not model.parameters():
        raise ValueError(f"{who}: {model.name!r} has no weights yet. Give it an input_shape, or call it once.")


def check_separable(who: str, model: Layer) -> None:
    """Raise where a sample's output depends on the others of its batch.

    A ``BatchNormalization`` that is trained takes means over the batch, and remembers them; a frozen one does neither.
    """
    for path, layer in model.named_layers():
        if isinstance(layer, BatchNormalization) and layer.trainable:
            raise ValueError(
                f"{who}: BatchNormalization {path[:-1]!r} looks at the whole batch, and remembers it.\n"
                "Use GroupNormalization or LayerNormalization, or freeze it: layer.trainable = False."
            )
