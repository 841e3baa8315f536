"""``Sequential``."""

from minidl.layers.base import Layer, unique_name


class Sequential(Layer):
    """Layers one after another: y = fₙ(... f₂(f₁(x)))."""

    def __init__(self, layers=(), name=None):
        super().__init__(name)
        self.layers = []
        for layer in layers:
            self.add(layer)

    def add(self, layer):
        layer.name = unique_name(layer.name, {x.name for x in self.layers})
        self.layers.append(layer)
        if getattr(layer, "input_shape", None) is not None and not layer.built:
            layer.build((None, *layer.input_shape))
            layer.built = True

    def children(self):
        for layer in self.layers:
            yield layer.name, layer

    def call(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
