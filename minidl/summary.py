"""A model as a table: its layers, the shapes of their outputs, and how many parameters they have."""

from typing import Any

from minidl.layers.base import Layer


def summary_lines(model: Any) -> list[str]:
    """The lines that ``model.summary()`` prints.

    Parameters
    ----------
    model
        With ``calls()``: (layer, symbol of its output or None), in the order of computing; and ``direct_layers()``.

    Notes
    -----
    A layer that is called again shares its parameters, which are counted once. Shapes that are not known yet are shown
    as "?".
    """
    rows = [("layer", "output shape", "parameters")]
    seen: set[int] = set()
    called = {layer for layer, _ in model.calls()}
    besides = [(layer, None) for layer in model.direct_layers() if layer not in called]  # a derived class has them
    calls = [*model.calls(), *besides]
    for layer, symbol in calls:
        count = "shared" if id(layer) in seen else f"{layer.count_params():,}" if is_built(layer) else "?"
        seen.add(id(layer))
        rows.append((f"{layer.name} ({type(layer).__name__})", "?" if symbol is None else str(symbol.shape), count))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [f"{type(model).__name__} {model.name!r}"]
    for name, shape, count in rows:
        lines.append(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}")
    if not all(is_built(layer) for layer, _ in calls):
        return [*lines, "Not built yet: give Input(shape=...) or input_shape, or call it once on some data."]
    return [*lines, totals(model)]


def totals(model: Layer) -> str:
    """How many parameters, how large, and how many are trained."""
    parameters = model.parameters()
    count = sum(p.size for p in parameters)
    trained = sum(p.size for p in parameters if p.requires_grad)
    size = human_size(sum(p.data.nbytes for p in parameters))
    return f"{count:,} parameters ({size}), " + ("all trainable" if trained == count else f"{trained:,} trainable")


def is_built(layer: Layer) -> bool:
    """Whether the layer and all inside it have their parameters; dropout and others that have none wait for none."""
    return all(inner.built or type(inner).build is Layer.build for _, inner in layer.named_layers())


def human_size(size: int) -> str:
    """Bytes as people read them.

    >>> human_size(268), human_size(203_560), human_size(12_000_000)
    ('268 bytes', '203.6 kB', '12.0 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
