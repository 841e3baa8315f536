"""``Sequential``."""

from minidl.layers.base import Layer, unique_name
from minidl.layers.symbolic import Symbol


class Sequential(Layer):
    """Layers one after another: y = fₙ(... f₂(f₁(x)))."""

    def __init__(self, layers=(), name=None):
        super().__init__(name)
        self.layers = []
        self.output = None
        for layer in layers:
            self.add(layer)

    def add(self, layer):
        layer.name = unique_name(layer.name, {x.name for x in self.layers})
        self.layers.append(layer)
        if getattr(layer, "input_shape", None) is not None:
            self.output = Symbol((None, *layer.input_shape))
        if self.output is not None:
            self.output = layer(self.output)  # builds the layer

    def children(self):
        for layer in self.layers:
            yield layer.name, layer

    def call(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
