"""Recurrent layers: they read a sequence step by step and remember.

Sequences are (N, T, D): batch, time, features. What differs from cell to cell, the equation, stands in ``cells.py``
(one step) and in ``ops/recurrent.py``, ``ops/lstm.py``, ``ops/gru.py`` (all steps at once).
"""

from typing import Any

import numpy as np

from minidl.arrays import Array, as_array
from minidl.autograd import Tensor
from minidl.habits import settings_of, unknown_setting
from minidl.layers.base import Layer
from minidl.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell, checked_states
from minidl.layers.dropout import Dropout
from minidl.layers.symbolic import Symbol
from minidl.ops.gru import gru
from minidl.ops.lstm import lstm
from minidl.ops.recurrent import simple_rnn, unroll
from minidl.settings import check_flag


class RNN(Layer):
    """h_t, states = cell(x_t, states) for t = 0 .. T−1, with any cell.

    Parameters
    ----------
    cell : Cell
        One of ``cells.py``, or a layer of your own with ``units``, ``n_states`` and ``get_initial_state(batch_size)``.
    return_sequences : bool
        Give all h_t (N, T, H), not only the last (N, H): what another recurrent layer needs.
    return_state : bool
        Give ``[y, h]`` (LSTM: ``[y, h, c]``) with the states after the last step, (N, H) each.
    go_backwards : bool
        Read the last step first; the outputs are in the order in which they were made.
    dropout : float
        The share of the input's features that is dropped in training, the same ones in all steps of a sample
        (Gal & Ghahramani, NeurIPS 2016).
    recurrent_dropout : float
        The share of h_{t−1} that is hidden from the products with U in training, the same in all steps. The steps are
        then made one by one, which is slower. (A cell of your own is called with what is left of h as ``seen``.)
    rng : Generator or int, optional
        For dropout; by default the one random generator (``minidl.seed``).
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Called as ``layer(x, initial_state=states, mask=mask)``. A mask (N, T) of truth values says which steps count: in
    the others the states, and so h_t, stay what they were. ``Embedding(mask_zero=True)`` makes one, and ``Sequential``
    and ``Model`` hand it on. Inputs and states of another dtype are converted to that of the kernel.

    Raises
    ------
    ValueError
        x is not (N, T, D) with the D the layer was built for, or a state or mask does not fit x.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> RNN(md.layers.SimpleRNNCell(3, activation="relu"), return_sequences=True)(np.zeros((5, 4, 2))).shape
    (5, 4, 3)
    """

    def __init__(
        self,
        cell: Cell,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        rng: np.random.Generator | int | None = None,
        **common: Any,
    ):
        super().__init__(**common)
        who = type(self).__name__
        if not isinstance(cell, Layer) or isinstance(cell, RNN):
            raise TypeError(f"{who} expects a cell such as LSTMCell(64), got {cell!r}. Put several RNNs in a row?")
        lacking = [name for name in ("units", "n_states", "get_initial_state") if not hasattr(cell, name)]
        if lacking:
            raise TypeError(f"{who} expects a cell such as LSTMCell(64); {cell!r} has no {' and no '.join(lacking)}.")
        self.cell = cell
        self.return_sequences = check_flag(who, "return_sequences", return_sequences)
        self.return_state = check_flag(who, "return_state", return_state)
        self.go_backwards = check_flag(who, "go_backwards", go_backwards)
        self.dropout = Dropout(dropout, (None, 1, None), rng)
        self.recurrent_dropout = Dropout(recurrent_dropout, rng=self.dropout.rng)

    @property
    def units(self) -> int:
        return self.cell.units

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape  # of x, or of x and initial states
        self.check_rank(shape)
        if not shape[2]:
            raise ValueError(f"{self.who} must know the number of features, got shape {shape}.")
        self.cell.build_for(Symbol((None, shape[2])))

    def call(self, x: Tensor, initial_state: Any = None, mask: Any = None) -> Any:
        x = self.checked_input(x)
        mask = None if mask is None else self.checked_mask(mask, x)
        states = None if initial_state is None else self.checked_states(initial_state, len(x))
        x = self.dropout(x)
        if self.go_backwards:
            x = x[:, ::-1]
            mask = None if mask is None else mask[:, ::-1]
        h, states = self.all_steps(x, states, mask)
        y = h if self.return_sequences else h[:, -1]  # (N, T, H) or (N, H)
        return [y, *states] if self.return_state else y

    def all_steps(self, x: Tensor, states: list | None, mask: Array | None) -> tuple[Tensor, list]:
        """h (N, T, H) and the last states; subclasses have an op that does it at once."""
        zeros = self.cell.get_initial_state(len(x))
        states = zeros if states is None else states
        if not self.drops_states:
            return unroll(self.cell, x, states, mask)
        m = self.recurrent_dropout.mask(zeros[0])  # (N, H)
        return unroll(lambda x_t, states: self.cell(x_t, states, seen=states[0] * m), x, states, mask)

    @property
    def drops_states(self) -> bool:
        """Whether some of h is dropped between the steps."""
        return self.training and self.recurrent_dropout.rate > 0

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        if mask is None or not self.return_sequences:
            return None
        return mask[:, ::-1] if self.go_backwards else mask

    # --- what is refused ------------------------------------------------------------------------------------------

    @property
    def who(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    def check_rank(self, shape: tuple) -> None:
        """Raise unless x is a batch of sequences."""
        if len(shape) == 3:
            return
        fix = "Use x[..., None] for one feature a step, x[None] for one sample."
        if len(shape) == 2:
            fix = (
                "Indices of words need an Embedding before it, a recurrent layer before it return_sequences=True,\n"
                "and plain numbers a feature axis: x[..., None]."
            )
        if len(shape) > 3:
            fix = "TimeDistributed(Flatten()) before it makes one row of features of each step."
        raise ValueError(f"{self.who} expects sequences (N, T, D): batch, time, features, got shape {shape}.\n{fix}")

    def checked_input(self, x: Tensor) -> Tensor:
        """x in the kernel's dtype."""
        self.check_rank(x.shape)
        W = getattr(self.cell, "kernel", None)  # a cell of the user's own may have none
        if W is not None and x.shape[2] != W.shape[0]:
            raise ValueError(f"{self.who} expects {W.shape[0]} features on the last axis, got shape {x.shape}.")
        if not x.shape[1]:
            raise ValueError(f"{self.who} expects at least one step, got shape {x.shape}.")
        return x if W is None or x.dtype is W.dtype else x.astype(W.dtype)

    def checked_states(self, states: Any, N: int) -> list[Tensor]:
        """The initial states as a list, in the kernel's dtype."""
        W = getattr(self.cell, "kernel", None)
        dtype = None if W is None else W.dtype
        return checked_states(self.who, "initial_state=", states, self.cell.n_states, (N, self.units), dtype)

    def checked_mask(self, mask: Any, x: Tensor) -> Array:
        """The mask as an array of truth values (N, T)."""
        mask = as_array(mask.data if isinstance(mask, Tensor) else mask)
        if mask.shape != x.shape[:2]:
            raise ValueError(f"{self.who} expects a mask (N, T) = {x.shape[:2]}, one for each step, got {mask.shape}.")
        if mask.dtype.kind not in "biu":
            raise TypeError(f"{self.who} expects a mask of truth values, got {mask.dtype}. Use mask.astype(bool)?")
        return mask.astype(bool, copy=False)

    def describe(self) -> str:
        on = [name for name in ("return_sequences", "return_state", "go_backwards") if getattr(self, name)]
        return ", ".join([f"{self.units}", *(f"{name}=True" for name in on)])


class SimpleRNN(RNN):
    """h_t = tanh(x_t W + h_{t−1} U + b).

    Parameters
    ----------
    units, activation
        H, and what stands in place of tanh.
    **settings
        Those of ``RNN``, and of its cell, ``SimpleRNNCell`` (initializers, regularizers, ``use_bias``).

    Notes
    -----
    Shapes: x (N, T, D) → (N, H), or (N, T, H) with ``return_sequences``. The parameters are those of ``layer.cell``.
    With an activation other than tanh the steps are made one by one, which is slower.

    >>> import minidl as md, numpy as np
    >>> SimpleRNN(3)(np.zeros((5, 4, 2))).shape
    (5, 3)
    """

    def __init__(self, units: int, activation: Any = "tanh", **settings: Any):
        cell, settings = separate("SimpleRNN", SimpleRNNCell, settings)
        super().__init__(SimpleRNNCell(units, activation, **cell), **settings)

    def all_steps(self, x, states, mask):
        cell = self.cell
        if not cell.is_standard or self.drops_states:
            return super().all_steps(x, states, mask)
        (h0,) = states or (None,)
        h = simple_rnn(x, cell.kernel, cell.recurrent_kernel, cell.bias, h0, mask=mask)
        return h, [h[:, -1]] if self.return_state else []


class LSTM(RNN):
    """c_t = f ⊙ c_{t−1} + i ⊙ g, h_t = o ⊙ tanh c_t: the equations of ``ops/lstm.py`` (D1.P2, D2.P2, D2.P3, D3.P1).

    Parameters
    ----------
    units, activation, recurrent_activation
        H; tanh and σ.
    **settings
        Those of ``RNN``, and of its cell, ``LSTMCell`` (initializers, regularizers, ``use_bias``,
        ``unit_forget_bias``).

    Notes
    -----
    Shapes: x (N, T, D) → (N, H), or (N, T, H) with ``return_sequences``. The parameters are those of ``layer.cell``:
    ``kernel`` (D, 4H), ``recurrent_kernel`` (H, 4H), ``bias`` (4H,), in the order i f g o. With other activations the
    steps are made one by one, which is slower.

    >>> import minidl as md, numpy as np
    >>> y, h, c = LSTM(3, return_sequences=True, return_state=True)(np.zeros((5, 4, 2)))
    >>> y.shape, h.shape, c.shape
    ((5, 4, 3), (5, 3), (5, 3))
    """

    def __init__(self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", **settings: Any):
        cell, settings = separate("LSTM", LSTMCell, settings)
        super().__init__(LSTMCell(units, activation, recurrent_activation, **cell), **settings)

    def all_steps(self, x, states, mask):
        cell = self.cell
        if not cell.is_standard or self.drops_states:
            return super().all_steps(x, states, mask)
        h0, c0 = states or (None, None)
        W, U, b = cell.kernel, cell.recurrent_kernel, cell.bias
        if not self.return_state:
            return lstm(x, W, U, b, h0, c0, mask=mask), []
        y = lstm(x, W, U, b, h0, c0, mask=mask, final_cell=True)  # (N, T + 1, H): all h_t, then c_T
        return y[:, :-1], [y[:, -2], y[:, -1]]


class GRU(RNN):
    """h_t = z ⊙ h_{t−1} + (1 − z) ⊙ h̃: the equations of ``ops/gru.py``.

    Parameters
    ----------
    units, activation, recurrent_activation
        H; tanh and σ.
    **settings
        Those of ``RNN``, and of its cell, ``GRUCell`` (initializers, regularizers, ``use_bias``, ``reset_after``).

    Notes
    -----
    Shapes: x (N, T, D) → (N, H), or (N, T, H) with ``return_sequences``. The parameters are those of ``layer.cell``:
    ``kernel`` (D, 3H), ``recurrent_kernel`` (H, 3H), ``bias`` (2, 3H), in the order z r h. With other activations or
    ``reset_after=False`` the steps are made one by one, which is slower.

    >>> import minidl as md, numpy as np
    >>> GRU(3)(np.zeros((5, 4, 2))).shape
    (5, 3)
    """

    def __init__(self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", **settings: Any):
        cell, settings = separate("GRU", GRUCell, settings)
        super().__init__(GRUCell(units, activation, recurrent_activation, **cell), **settings)

    def all_steps(self, x, states, mask):
        cell = self.cell
        if not cell.is_standard or self.drops_states:
            return super().all_steps(x, states, mask)
        (h0,) = states or (None,)
        h = gru(x, cell.kernel, cell.recurrent_kernel, cell.bias, h0, mask=mask)
        return h, [h[:, -1]] if self.return_state else []


OF_LAYERS = (
    "return_sequences", "return_state", "go_backwards", "dropout", "recurrent_dropout", "rng",
    "name", "input_shape", "trainable",
)  # fmt: skip


def separate(who: str, cell: type[Cell], settings: dict[str, Any]) -> tuple[dict, dict]:
    """Settings of the cell, and those of the layer."""
    known = {*settings_of(cell), *OF_LAYERS}
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise unknown_setting(who, unknown[0], known)
    of_cell = {name: value for name, value in settings.items() if name not in OF_LAYERS}
    return of_cell, {name: value for name, value in settings.items() if name in OF_LAYERS}
