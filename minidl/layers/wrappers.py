"""Layers around a layer: ``Bidirectional`` reads from both ends, ``TimeDistributed`` treats each step alike."""

import copy
from typing import Any

from minidl.arrays import Array, as_array
from minidl.autograd import Tensor
from minidl.errors import unknown_name
from minidl.layers.base import Layer
from minidl.layers.masks import call_with_mask
from minidl.layers.recurrent import RNN
from minidl.layers.symbolic import Symbol
from minidl.ops.joining import concatenate

MERGES = {
    "concat": lambda a, b: concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


class Bidirectional(Layer):
    """y_t = [→h_t, ←h_t]: one layer reads from the first step, another from the last. Schuster & Paliwal, 1997.

    Parameters
    ----------
    layer : RNN
        Reads forwards; not called yet. A copy of it, with weights of its own, reads backwards.
    merge_mode : {"concat", "sum", "mul", "ave", None}
        How the two outputs become one; None gives the list of both.
    backward_layer : RNN, optional
        In place of the copy; it must have ``go_backwards=True``.
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes with "concat": x (N, T, D) → (N, 2H), the last output of each; with ``return_sequences`` (N, T, 2H), both in
    the order of time. With ``return_state`` the forward states follow, then the backward ones, the order in which
    ``initial_state`` takes them too.

    >>> import minidl as md, numpy as np
    >>> Bidirectional(md.layers.LSTM(3, return_sequences=True))(np.zeros((5, 4, 2))).shape
    (5, 4, 6)
    """

    def __init__(self, layer: RNN, merge_mode: str | None = "concat", backward_layer: RNN | None = None, **common: Any):
        super().__init__(**common)
        if not isinstance(layer, RNN):
            raise TypeError(f"Bidirectional expects a recurrent layer such as LSTM(64), got {layer!r}.")
        if merge_mode is not None and merge_mode not in MERGES:
            raise unknown_name("merge_mode", merge_mode, MERGES)
        if layer.go_backwards:
            raise ValueError(f"Bidirectional expects a layer that reads forwards, got {layer!r}.")
        if backward_layer is None:
            if layer.built:
                raise ValueError(f"Bidirectional expects a layer that was not called yet, got {layer.name!r}.")
            generator = layer.dropout.rng
            backward_layer = copy.deepcopy(layer, {id(generator): generator})  # one generator for both
            backward_layer.go_backwards = True
        if not backward_layer.go_backwards:
            raise ValueError("Bidirectional expects backward_layer with go_backwards=True, unlike the forward one.")
        for name in ("return_sequences", "return_state"):
            if getattr(backward_layer, name) != getattr(layer, name):
                raise ValueError(
                    f"Bidirectional expects two layers of the same {name}, got {layer!r} and {backward_layer!r}."
                )
        self.merge_mode = merge_mode
        self.forward_layer, self.backward_layer = layer, backward_layer

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.forward_layer.build_for(Symbol(shape))
        self.backward_layer.build_for(Symbol(shape))

    def call(self, x: Tensor, initial_state: Any = None, mask: Any = None) -> Any:
        n = self.forward_layer.cell.n_states
        if initial_state is not None and len(initial_state) != 2 * n:
            raise ValueError(
                f"Bidirectional {self.name!r} expects an initial_state of {2 * n}, {n} forwards and {n} backwards, "
                f"got {len(initial_state)}."
            )
        first, second = (None, None) if initial_state is None else (initial_state[:n], initial_state[n:])
        a = self.forward_layer(x, initial_state=first, mask=mask)
        b = self.backward_layer(x, initial_state=second, mask=mask)
        a, *a_states = a if isinstance(a, list) else [a]
        b, *b_states = b if isinstance(b, list) else [b]
        if self.forward_layer.return_sequences:
            b = b[:, ::-1]  # (N, T, H), back in the order of time
        merged = [a, b] if self.merge_mode is None else [MERGES[self.merge_mode](a, b)]
        outputs = [*merged, *a_states, *b_states]
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return mask if self.forward_layer.return_sequences else None

    def describe(self) -> str:
        return repr(self.forward_layer)


class TimeDistributed(Layer):
    """y_t = layer(x_t) for each step t, with the same weights.

    Parameters
    ----------
    layer : Layer
        Of one step's samples (N, ...).
    **common
        ``name``, ``input_shape``, ``trainable``: see ``Layer``.

    Notes
    -----
    Shapes: x (N, T, ...) → y (N, T, ...). All steps go through the layer as one batch of N·T samples. (Dense does so by
    itself; convolutions of each frame of a film need it.) A mask (N, T, S) of steps inside the steps, such as the words
    of sentences, goes to the layer; a mask (N, T) only on to the next one.

    >>> import minidl as md, numpy as np
    >>> TimeDistributed(md.layers.Flatten())(np.zeros((5, 4, 3, 2))).shape
    (5, 4, 6)
    """

    def __init__(self, layer: Layer, **common: Any):
        super().__init__(**common)
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed expects a layer, got {layer!r}.")
        self.layer = layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.check_rank(input_shape)
        self.layer.build_for(Symbol((None, *input_shape[2:])))

    def call(self, x: Tensor, mask: Any = None, *, return_mask: bool = False) -> Any:
        self.check_rank(x.shape)
        N, T = x.shape[:2]
        mask = None if mask is None else as_array(mask.data if isinstance(mask, Tensor) else mask)
        y, of_samples = call_with_mask(self.layer, (together(x),), (inside(mask),))  # (N T, ...)
        if not isinstance(y, Tensor):
            raise TypeError(
                f"TimeDistributed {self.name!r} expects a layer with one output, got a {type(y).__name__} "
                f"from {self.layer!r}."
            )
        y = y.reshape(N, T, *y.shape[1:])
        return (y, of_steps(mask, of_samples, N, T)) if return_mask else y

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return of_steps(mask, self.layer.compute_mask(together(x), inside(mask)), *x.shape[:2])

    def check_rank(self, shape: tuple) -> None:
        """Raise unless there are steps."""
        if len(shape) < 3:
            raise ValueError(
                f"TimeDistributed {self.name!r} expects steps of samples (N, T, ...), got shape {shape}.\n"
                f"Use {type(self.layer).__name__} by itself, or x[..., None] for one feature a step."
            )

    def describe(self) -> str:
        return repr(self.layer)


def together(x: Any) -> Any:
    """The steps of all samples as one batch: (N, T, ...) → (N T, ...)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def inside(mask: Array | None) -> Array | None:
    """What a mask says of the insides of the steps, (N, T, S) → (N T, S); a mask (N, T) says nothing of them."""
    return None if mask is None or mask.ndim < 3 else together(mask)


def of_steps(mask: Array | None, of_samples: Array | None, N: int, T: int) -> Array | None:
    """That of the steps (N, T), or of what the layer leaves inside them: a step with nothing inside is padding."""
    if mask is not None and mask.ndim == 2:
        return mask
    if of_samples is None:
        return None if mask is None else mask.any(axis=tuple(range(2, mask.ndim)))  # (N, T)
    return of_samples.reshape(N, T, *of_samples.shape[1:])
