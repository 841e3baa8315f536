"""Networks that were drawn with ``Input`` and layers called on it: the order in which to compute them."""

from collections.abc import Sequence
from typing import Any

from minidl.layers.fusion import ConvolutionPooling, can_be_one
from minidl.layers.masks import call_with_mask
from minidl.layers.naming import name_layers, unique_name
from minidl.layers.symbolic import Symbol, fits


class Drawing:
    """The layers between inputs and outputs, each after those that it needs.

    Parameters
    ----------
    inputs, outputs : Symbol, or list of Symbols

    Attributes
    ----------
    layers : list of Layer
        Each once, however often it is called.
    calls : list of (Layer, Symbol)
        Every call in order, with the symbol of its result.

    Raises
    ------
    TypeError
        Something that is not a Symbol.
    ValueError
        An output depends on an input that was not named, or an input was named twice.
    """

    def __init__(self, inputs: Any, outputs: Any):
        self.inputs = _symbols("inputs", inputs)
        self.outputs = _symbols("outputs", outputs)  # a list of one is that one
        if len(set(self.inputs)) < len(self.inputs):
            raise ValueError("Model expects different inputs, got one Input(...) twice. Make an Input for each.")
        names: list[str] = []
        for symbol in self.inputs:
            names.append(unique_name(symbol.name, set(names)))
        self.input_names = names
        self.calls = [(symbol.layer, symbol) for symbol in self._in_order()]
        self.layers = list(dict.fromkeys(layer for layer, _ in self.calls))
        name_layers(self.layers)
        # Values stand in one list, symbols by their numbers in it: quicker than a dictionary at each step.
        self._number = {id(s): k for k, s in enumerate([*self.inputs, *(s for _, s in self.calls)])}
        self._constants: list[Any] = []
        self.results = [self._place(s) for s in self.outputs]
        self.steps = self._fused(
            [
                (layer, [self._place(i) for i in symbol.inputs], symbol.settings, self._place(symbol))
                for layer, symbol in self.calls
            ]
        )

    def _place(self, item: Any) -> Any:
        """Where in the list of values an input of a layer stands; places for a list of inputs."""
        if isinstance(item, list):
            return [self._place(s) for s in item]
        if isinstance(item, Symbol):
            return self._number[id(item)]
        self._constants.append(item)  # a Tensor or array that was given instead of a Symbol
        return len(self._number) + len(self._constants) - 1

    def _fused(self, steps: list[tuple]) -> list[tuple]:
        """The same steps; a layer and the one behind it become one where nothing else reads what the first gives."""
        read = list(self.results)
        for _, places, _, _ in steps:
            for place in places:
                read += place if isinstance(place, list) else [place]
        fused: list[tuple] = []
        for layer, places, settings, k in steps:
            if fused:
                before, its_places, its_settings, between = fused[-1]
                alone = places == [between] and read.count(between) == 1 and not settings and not its_settings
                if alone and can_be_one(before, layer):
                    fused[-1] = (ConvolutionPooling(before, layer), its_places, {}, k)
                    continue
            fused.append((layer, places, settings, k))
        return fused

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs."""
        names: list[str] = []
        for symbol in self.outputs:
            names.append(unique_name(symbol.layer.name if symbol.layer is not None else symbol.name, set(names)))
        return names

    def _in_order(self) -> list[Symbol]:
        """The symbols between inputs and outputs, each after those that it comes from (depth first, any depth)."""
        done = {id(s) for s in self.inputs}
        order: list[Symbol] = []
        pending = [(s, False) for s in reversed(self.outputs)]
        while pending:
            symbol, inputs_done = pending.pop()
            if id(symbol) in done:
                continue
            if symbol.layer is None:
                raise ValueError(
                    f"Model: an output depends on {symbol.name!r}, which is not among its inputs.\n"
                    "Add it: Model(inputs=[...], outputs=...)."
                )
            if inputs_done:
                done.add(id(symbol))
                order.append(symbol)
            else:
                pending.append((symbol, True))
                pending += [(s, False) for s in reversed(_flat(symbol.inputs))]
        return order

    def check(self, who: str, inputs: Sequence) -> None:
        """Raise where an input has not the shape that its ``Input`` was given: (N, ...) with any N."""
        for name, symbol, x in zip(self.input_names, self.inputs, inputs):
            if not fits(x.shape, symbol.shape):
                of = "inputs" if len(self.inputs) == 1 else f"its input {name!r}"
                got = (None, *x.shape[1:]) if len(x.shape) == len(symbol.shape) else tuple(x.shape)
                fix = "Reshape it, or draw the model with another Input(shape=...), None where a size may vary."
                if fits(x.shape, symbol.shape[1:]):
                    fix = "Is it one sample? Use x[None]."
                raise ValueError(f"{who!r} expects {of} of shape {symbol.shape}, got {got}.\n{fix}")

    def compute(self, inputs: Sequence, mask: Any = None) -> tuple[Any, Any]:
        """The outputs for these inputs, and their masks; ``mask`` is that of the input, or a list of them."""
        values: list[Any] = [None] * len(self._number) + self._constants
        masks: list[Any] = [None] * len(values)
        values[: len(inputs)] = inputs
        for k, m in enumerate(mask if isinstance(mask, list) else [mask]):
            masks[k] = m
        for layer, places, settings, k in self.steps:
            xs, own = [_pick(values, place) for place in places], [_pick(masks, place) for place in places]
            values[k], masks[k] = call_with_mask(layer, xs, own, **settings)
        return self._end(values), self._end(masks)

    def _end(self, values: list) -> Any:
        outputs = [values[k] for k in self.results]
        return outputs if len(outputs) > 1 else outputs[0]


def _pick(values: list, place: Any) -> Any:
    """What stands at a place, or a list of what stands at several."""
    return [values[k] for k in place] if isinstance(place, list) else values[place]


def _symbols(role: str, given: Any) -> list[Symbol]:
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    for item in items:
        if not isinstance(item, Symbol):
            raise TypeError(
                f"Model expects {role} as what Input(...) and layers called on it give, got {type(item).__name__}.\n"
                "For example: x = Input(shape=(4,)); y = Dense(1)(x); Model(inputs=x, outputs=y)."
            )
    return items


def _flat(inputs: tuple) -> list[Symbol]:
    return [s for item in inputs for s in (item if isinstance(item, list) else [item]) if isinstance(s, Symbol)]
