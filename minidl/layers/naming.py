"""Names of layers: those that Keras would give, all different."""

from collections.abc import Iterable, Iterator
from typing import Any


def snake_case(name: str) -> str:
    """Keras' automatic layer names: ``MaxPooling2D`` → ``max_pooling2d``.

    >>> snake_case("MaxPooling2D"), snake_case("LSTM"), snake_case("Dense")
    ('max_pooling2d', 'lstm', 'dense')
    """
    letters = []
    for i, c in enumerate(name):
        starts_word = c.isupper() and i and (name[i - 1].islower() or name[i + 1 : i + 2].islower())
        if starts_word:
            letters.append("_")
        letters.append(c.lower())
    return "".join(letters)


def unique_name(name: str, taken: set[str]) -> str:
    """``dense``, then ``dense_1``, ``dense_2``: the first that is not taken.

    >>> unique_name("dense", {"dense", "dense_1"})
    'dense_2'
    """
    if name not in taken:
        return name
    i = 1
    while f"{name}_{i}" in taken:
        i += 1
    return f"{name}_{i}"


def name_layers(layers: Iterable[Any]) -> None:
    """Make the names differ: dense, dense_1, dense_2. A layer that another model has named keeps its name."""
    taken = {layer.name for layer in layers if layer.named}
    for layer in layers:
        if not layer.named:
            layer.name, layer.named = unique_name(layer.name, taken), True
            taken.add(layer.name)


def names_inside(layers: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """(name, layer), each layer once: its own name, or with a number where one before it has that name already.

    (Two layers come with the same name where other models have named them.)
    """
    taken: set[str] = set()
    for layer in dict.fromkeys(layers):
        name = unique_name(layer.name, taken)
        taken.add(name)
        yield name, layer
