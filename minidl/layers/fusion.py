"""Neighbours that models compute as one: a ``Conv2D`` and the ``MaxPooling2D`` behind it.

relu never falls, so that the largest of relu's values is relu of the largest:

    max_pool(relu(conv2d(x))) = relu(max_pool(conv2d(x)))

On the right relu has less to do, a quarter behind windows of 2 x 2, and what stands inside it is one op,
``conv2d_max_pool``, that does not keep the large image between the two layers. Of finite numbers values and gradients
are the same but for rounding.
"""

from collections.abc import Sequence

from minidl import debugging
from minidl.autograd import Tensor
from minidl.layers.base import Layer
from minidl.layers.convolution import Conv2D
from minidl.layers.pooling import MaxPooling2D
from minidl.ops.activations import relu
from minidl.ops.convolution_pooling import conv2d_max_pool

STEPS = {"call", "prepare", "convolve", "op"}  # what the two layers do when they are called


class ConvolutionPooling(Layer):
    """A ``Conv2D`` and the ``MaxPooling2D`` behind it, which stay the model's layers and keep their parameters."""

    built = True  # nothing of its own to build

    def __init__(self, convolution: Conv2D, pooling: MaxPooling2D):
        super().__init__(name=pooling.name)
        self.convolution, self.pooling = convolution, pooling

    def call(self, x: Tensor) -> Tensor:
        conv, pool = self.convolution, self.pooling
        if not (conv.built and can_be_one(conv, pool)):  # their settings can be changed at any time
            return pool(conv(x))
        if debugging.active:  # a NaN is to be found in the layer that made it
            return pool(conv(x))
        try:
            z = conv2d_max_pool(
                conv.prepare(x), conv.kernel, conv.bias, conv.strides, conv.padding, conv.dilation_rate, pool.pool_size
            )  # (N, OH, OW, F)
        except (ValueError, TypeError):
            return pool(conv(x))  # which says whose mistake it is
        return z if conv.activation is None else conv.activation(z)


def can_be_one(first: Layer, second: Layer) -> bool:
    """Whether two layers, one behind the other, may be computed by ``ConvolutionPooling``."""
    return (
        type(first) is Conv2D
        and type(second) is MaxPooling2D
        and first.groups == 1
        and first.activation in (None, relu)
        and second.strides == second.pool_size
        and second.padding == "valid"
        and not STEPS & (vars(first).keys() | vars(second).keys())  # put there by somebody who looks inside, say
    )


def fuse(row: Sequence[Layer]) -> list[Layer]:
    """Layers one behind the other, with those that can be computed as one made one."""
    steps: list[Layer] = []
    for layer in row:
        if steps and can_be_one(steps[-1], layer):
            steps[-1] = ConvolutionPooling(steps[-1], layer)
        else:
            steps.append(layer)
    return steps
