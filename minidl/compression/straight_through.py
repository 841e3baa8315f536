"""Training for the grid: the network computes with quantised weights, and learns as if it did not (D.T9).

Rounding is flat between its steps: its derivative is 0, and nothing would be learnt. The straight-through estimator
takes it for 1:

    x̂ = x + detach(quantised x − x)       ∂x̂/∂x = 1

The weights that are trained stay real numbers; many small steps together move one of them to its next place on the
grid. Afterwards ``quantize_weights`` puts them there for good.

Sources: Bengio, Léonard & Courville 2013, "Estimating or propagating gradients through stochastic neurons for
conditional computation", section 4; Jacob et al. 2018, section 3, "Training with simulated quantization".
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from minidl.arrays import here
from minidl.autograd import Tensor
from minidl.compression.around import Around
from minidl.compression.kernels import kernels_of
from minidl.compression.quantization import channel_axis, code_range, dequantize, quantize
from minidl.layers.base import Layer


def fake_quantize(x: Any, bits: int = 8, *, symmetric: bool = True, axis: int | None = None) -> Tensor:
    """x̂ = x + detach(quantised x − x): the numbers of ``dequantize(quantize(x))``, with the derivative 1.

    Parameters, errors
        As in ``quantize``.

    Notes
    -----
    The sum is exact: x̂ = 0, or x lies between x̂ / 2 and 2 x̂, where a difference has no rounding error (Sterbenz 1974,
    *Floating-point computation*, theorem 4.3.1).

    Examples
    --------
    >>> import minidl as md
    >>> x = md.Tensor([0.3, -1.0, 0.9], requires_grad=True)
    >>> y = fake_quantize(x, bits=2)
    >>> y.numpy().round(3)
    array([ 0., -1.,  1.], dtype=float32)
    >>> (y * y).sum().backward(); x.grad.round(3)                     # 2 x̂ · 1
    array([ 0., -2.,  2.], dtype=float32)
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    on_grid = dequantize(quantize(x, bits, symmetric=symmetric, axis=axis))
    return x + Tensor(on_grid - x.data)  # a Tensor made of an array is a constant: detached


class QuantizationAware(Around):
    """A model around another that computes with its kernels quantised, and trains them straight through the rounding.

    Parameters
    ----------
    model : Layer
        Built; best trained already.
    bits, symmetric, per_channel, names
        As in ``quantize_weights``.

    Raises
    ------
    ValueError, TypeError
        A wrong setting; a model without kernels, or with one inside a list, where it cannot be replaced; one that is
        QuantizationAware already.

    Notes
    -----
    ``fit``, ``evaluate`` and ``predict`` of this model are those of the quantised one. The kernels of ``model`` stay
    real numbers until ``quantize_weights(model, bits)`` with the same settings.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> from minidl.compression import quantize_weights
    >>> x, y = np.random.default_rng(0).normal(size=(64, 5)), np.arange(64) % 2
    >>> model = md.Sequential([md.layers.Dense(8, "relu", input_shape=(5,)), md.layers.Dense(2, "softmax")])
    >>> aware = QuantizationAware(model, bits=4)
    >>> aware.compile("adam", "sparse_categorical_crossentropy")
    >>> history = aware.fit(x, y, epochs=2, verbose=0)
    >>> p = aware.predict(x, verbose=0)
    >>> quantized = quantize_weights(model, bits=4)
    >>> np.array_equal(model.predict(x, verbose=0), p)
    True
    """

    def __init__(
        self,
        model: Any,
        bits: int = 8,
        *,
        symmetric: bool = True,
        per_channel: bool = True,
        names: str | Sequence[str] | None = None,
    ):
        super().__init__(model)
        if any(isinstance(layer, QuantizationAware) for _, layer in self.inside.named_layers()):
            raise ValueError(
                "QuantizationAware expects a model of real kernels, got one that is QuantizationAware already."
            )
        code_range(bits, symmetric)  # refuses what is no setting
        self.bits, self.symmetric, self.axis = bits, symmetric, channel_axis("QuantizationAware", per_channel)
        self.kernel_names = list(kernels_of("QuantizationAware", model, names))
        self._places()  # refuses kernels in lists

    def call(self, x: Any, mask: Any = None, *, return_mask: bool = False) -> Any:
        if here.part is not None:  # the threads would meet each other's kernels
            raise ValueError("QuantizationAware computes in one thread, got a batch that threads share.")
        with replaced(self._places(), self._quantised):
            return super().call(x, mask, return_mask=return_mask)

    def _quantised(self, kernel: Tensor) -> Tensor:
        return fake_quantize(kernel, self.bits, symmetric=self.symmetric, axis=self.axis)

    def _places(self) -> list[tuple[Layer, str, Tensor]]:
        """(layer, attribute, kernel) wherever a layer has one of the kernels."""
        named = dict(self.inside.named_parameters())
        kernels = {id(named[name]): name for name in self.kernel_names}
        places = []
        for _, layer in self.inside.named_layers():
            places += [(layer, attribute, p) for attribute, p in vars(layer).items() if id(p) in kernels]
        hidden = set(kernels) - {id(p) for _, _, p in places}
        if hidden:
            raise ValueError(
                f"QuantizationAware cannot replace {kernels[hidden.pop()]!r}, which is inside a list or dictionary.\n"
                "Make it an attribute of its layer: self.kernel = self.add_weight(...)."
            )
        return places


@contextmanager
def replaced(places: list[tuple[Layer, str, Tensor]], by: Any) -> Iterator[None]:
    """Within the block each of these attributes is ``by(what it was)``: the same Tensor wherever it was the same."""
    made: Mapping[int, Tensor] = {id(p): by(p) for _, _, p in places}
    try:
        for layer, attribute, p in places:
            setattr(layer, attribute, made[id(p)])
        yield
    finally:
        for layer, attribute, p in places:
            setattr(layer, attribute, p)
