"""Cells: one step of a recurrent layer, for loops that one writes out.

    h, states = cell(x_t, states)

with x_t (N, D), h (N, H) and states a list of arrays (N, H), of which the first is h. The equations themselves stand in
``ops/recurrent.py``, ``ops/lstm.py`` and ``ops/gru.py`` (``simple_rnn_step``, ``lstm_step``, ``gru_step``); the layers
of ``recurrent.py`` give the same numbers for all steps at once, in a fraction of the time.
"""

from collections.abc import Sequence
from typing import Any

from minidl import initializers, regularizers
from minidl.arrays import array_module
from minidl.autograd import Tensor
from minidl.layers.activations import get as get_activation
from minidl.layers.base import Layer
from minidl.ops.activations import sigmoid
from minidl.ops.conversion import identity
from minidl.ops.gru import gru_step, gru_step_reset_before
from minidl.ops.lstm import lstm_step
from minidl.ops.recurrent import simple_rnn_step
from minidl.ops.trigonometry import tanh
from minidl.settings import check_flag, check_whole


class Cell(Layer):
    """What the three cells share: their parameters and their states.

    Parameters
    ----------
    units : int
        H, the size of h.
    activation : str or callable
        Of the new content.
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer
        By name or object; Glorot-uniform, orthogonal and zeros.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : optional
        A penalty that ``fit`` adds to the loss: see ``minidl.regularizers``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    With K = H times the number of gates: ``kernel`` W (D, K), ``recurrent_kernel`` U (H, K), ``bias`` b (K,), the gates
    side by side in Keras' order. Steps and states of another dtype are converted to that of the kernel.

    Raises
    ------
    ValueError
        x is not (N, D) with the D the cell was built for, or the states are not as many, or not (N, H).
    """

    gates = 1
    n_states = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        self.units = check_whole(type(self).__name__, "units", units)
        self.activation = get_activation(activation)
        self.use_bias = check_flag(type(self).__name__, "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel = self.recurrent_kernel = self.bias = None

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape  # of x_t, or of x_t and states
        if len(shape) != 2:
            raise ValueError(f"{type(self).__name__} {self.name!r} expects one step (N, D), got shape {shape}.")
        H, K = self.units, self.units * self.gates
        self.kernel = self.add_weight((shape[1], K), self.kernel_initializer, regularizer=self.kernel_regularizer)
        self.recurrent_kernel = self.add_weight(
            (H, K), self.recurrent_initializer, regularizer=self.recurrent_regularizer
        )
        if self.use_bias:
            self.bias = self.add_weight(self.bias_shape, self.bias_initializer, regularizer=self.bias_regularizer)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        return (self.units * self.gates,)

    @property
    def is_standard(self) -> bool:
        """Whether the op that does all steps at once computes what this cell does."""
        return self.activation is tanh

    def call(
        self, x: Tensor, states: Sequence[Tensor] | None = None, *, seen: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """One step; with ``seen``, what the products with U get to see of h in place of all of it (dropout)."""
        D, who = self.kernel.shape[0], f"{type(self).__name__} {self.name!r}"
        if x.ndim != 2 or x.shape[1] != D:
            raise ValueError(f"{who} expects one step (N, D) of D = {D} features, got shape {x.shape}.")
        if states is None:
            states = self.get_initial_state(len(x))
        else:
            states = checked_states(who, "states ", states, self.n_states, (len(x), self.units), self.kernel.dtype)
        dropped = {} if seen is None else {"seen": seen}
        states = self.step(x.astype(self.kernel.dtype), *states, **dropped)
        return states[0], states

    def step(self, x: Tensor, *states: Tensor, seen: Tensor | None = None) -> list[Tensor]:
        """The new states."""
        raise TypeError(f"{type(self).__name__} defines no step(self, x, *states): write the cell's equation there.")

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """Zeros (N, H), one for each state."""
        W = self.kernel.data
        return [Tensor(array_module(W).zeros((batch_size, self.units), W.dtype)) for _ in range(self.n_states)]

    def describe(self) -> str:
        return f"{self.units}"


def checked_states(who: str, what: str, states: Any, n: int, shape: tuple[int, int], dtype: Any) -> list[Tensor]:
    """The states as a list of n Tensors, each (N, H) as ``shape`` says, in this dtype; None leaves them theirs."""
    states = states if isinstance(states, (list, tuple)) else [states]
    try:
        states = [s if isinstance(s, Tensor) else Tensor(s) for s in states]
    except (TypeError, ValueError) as error:
        raise type(error)(f"{who}: {error}") from None
    if len(states) != n or any(tuple(s.shape) != shape for s in states):
        names = ", ".join("hc"[:n])
        got = ", ".join(str(tuple(s.shape)) for s in states)
        raise ValueError(f"{who} expects {what}[{names}], each (N, H) = {shape}, got {got}.")
    return [s if dtype is None or s.dtype == dtype else s.astype(dtype) for s in states]


class SimpleRNNCell(Cell):
    """h_t = activation(x_t W + h_{t−1} U + b).

    >>> import minidl as md
    >>> cell = SimpleRNNCell(3)
    >>> h, states = cell(md.Tensor([[1.0, 2.0]]))
    >>> h, states = cell(md.Tensor([[3.0, 4.0]]), states)
    >>> h.shape
    (1, 3)
    """

    def step(self, x, h, seen=None):
        h = h if seen is None else seen
        return [simple_rnn_step(x, h, self.kernel, self.recurrent_kernel, self.bias, self.activation)]


class LSTMCell(Cell):
    """c_t = f ⊙ c_{t−1} + i ⊙ g and h_t = o ⊙ tanh c_t; gates in the order i f g o (Keras calls g c).

    Parameters
    ----------
    units, activation, **settings
        See ``Cell``.
    recurrent_activation : str or callable
        σ of the three gates.
    unit_forget_bias : bool
        Let the forget gates' biases start at 1, so that a new network remembers (Jozefowicz et al., ICML 2015).

    >>> import minidl as md
    >>> h, (h, c) = LSTMCell(3)(md.Tensor([[1.0, 2.0]]))
    >>> c.shape
    (1, 3)
    """

    gates = 4
    n_states = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        *,
        unit_forget_bias: bool = True,
        **settings: Any,
    ):
        super().__init__(units, activation, **settings)
        self.recurrent_activation = get_activation(recurrent_activation)
        self.unit_forget_bias = check_flag("LSTM", "unit_forget_bias", unit_forget_bias)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.use_bias and self.unit_forget_bias:
            self.bias.data[self.units : 2 * self.units] = 1

    @property
    def is_standard(self) -> bool:
        return self.activation is tanh and self.recurrent_activation is sigmoid

    def step(self, x, h, c, seen=None):
        h = h if seen is None else seen
        W, U, b = self.kernel, self.recurrent_kernel, self.bias
        f, gate = self.activation or identity, self.recurrent_activation or identity
        return list(lstm_step(x, h, c, W, U, b, f, gate))


class GRUCell(Cell):
    """h_t = z ⊙ h_{t−1} + (1 − z) ⊙ h̃; gates in the order z r h.

    Parameters
    ----------
    units, activation, **settings
        See ``Cell``.
    recurrent_activation : str or callable
        σ of the two gates.
    reset_after : bool
        Reset after the product with U, h̃ = tanh(x W + b₁ + r ⊙ (h U + b₂)): Keras' and cuDNN's way, with ``bias``
        (2, 3H). Otherwise before it, as in the paper, h̃ = tanh(x W + (r ⊙ h) U + b), with ``bias`` (3H,).

    >>> import minidl as md
    >>> h, states = GRUCell(3)(md.Tensor([[1.0, 2.0]]))
    >>> h.shape
    (1, 3)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        *,
        reset_after: bool = True,
        **settings: Any,
    ):
        super().__init__(units, activation, **settings)
        self.recurrent_activation = get_activation(recurrent_activation)
        self.reset_after = check_flag("GRU", "reset_after", reset_after)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def is_standard(self) -> bool:
        return self.activation is tanh and self.recurrent_activation is sigmoid and self.reset_after

    def step(self, x, h, seen=None):
        W, U, b = self.kernel, self.recurrent_kernel, self.bias
        step = gru_step if self.reset_after else gru_step_reset_before
        f, gate = self.activation or identity, self.recurrent_activation or identity
        return [step(x, h, W, U, b, f, gate, seen)]
