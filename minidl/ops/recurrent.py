"""Recurrent layers over all of time: what they share, and the simple RNN.

| op | h_t | ∂L/∂z_t |
|---|---|---|
| simple_rnn | tanh z_t, z_t = x_t W + h_{t−1} U + b | (1 − h_t²) ∂L/∂h_t |
| lstm, gru | in ``lstm.py``, ``gru.py`` | |

with ∂L/∂h_t = g_t + ∂L/∂z_{t+1} Uᵀ: what comes from above, and what comes back through time. Then
∂L/∂W = Σ_t x_tᵀ ∂L/∂z_t, ∂L/∂U = Σ_t h_{t−1}ᵀ ∂L/∂z_t, ∂L/∂b = Σ_t ∂L/∂z_t, ∂L/∂x_t = ∂L/∂z_t Wᵀ.

Each op has a *step*, said plainly with other ops, which ``unroll`` repeats: that is its specification, and how it is
differentiated twice. The op itself does the same work in large pieces:

- all x_t W are one product before the loop, and ∂L/∂W, ∂L/∂U, ∂L/∂x are one product each after it;
- inside, samples are *columns*, as in the papers (z = Wᵀ x + Uᵀ h + b): an array (D, T, N) is at once a matrix
  (D, T·N) for these products, and where a step has several gates its rows z[0:H], z[H:2H], ... are blocks of memory.

A mask (N, T) says which steps count. In a step that does not, h stays what it was: h_t = h_{t−1}.
"""

from collections.abc import Callable
from typing import Any

from minidl.arrays import Array, array_module, filled
from minidl.autograd import Tensor, primitive
from minidl.operators import unwrap
from minidl.ops.joining import stack
from minidl.ops.linear import linear
from minidl.ops.selection import where
from minidl.ops.trigonometry import tanh

# --- said plainly: one step after the other -----------------------------------------------------------------------

Step = Callable[[Any, list], tuple[Any, list]]  # (x_t, states) → (h_t, new states)


def unroll(step: Step, x: Any, states: list, mask: Array | None = None) -> tuple[Any, list]:
    """h_t, states = step(x_t, states) for t = 0 .. T−1.

    Shapes: x (N, T, D), states (N, H) each, mask (N, T) → (h (N, T, H), the last states).
    """
    hs = []
    for t in range(x.shape[1]):
        h, new = step(x[:, t], states)  # (N, D) → (N, H)
        if mask is not None:
            counts = mask[:, t, None]  # (N, 1)
            h = where(counts, h, states[0])
            new = [where(counts, s_new, s) for s_new, s in zip(new, states)]
        states = new
        hs.append(h)
    return stack(hs, axis=1), states  # (N, T, H)


def simple_rnn_step(x, h, W, U, b, activation=tanh):
    """h_t = activation(x_t W + h_{t−1} U + b): (N, D), (N, H) → (N, H). Source: Elman, Cognitive Science 14, 1990."""
    z = linear(x, W, b) + linear(h, U, None)  # (N, H)
    return z if activation is None else activation(z)


# --- all of time at once ------------------------------------------------------------------------------------------


@primitive(saves=True)
def simple_rnn(x, W, U, b, h0, /, mask=None):
    """h_t = tanh(x_t W + h_{t−1} U + b) for every t.

    Shapes: x (N, T, D), W (D, H), U (H, H), b (H,) or None, h0 (N, H) or None for zeros, mask (N, T) → (N, T, H).

    >>> import minidl as md, numpy as np
    >>> md.ops.simple_rnn(np.ones((1, 3, 1)), np.ones((1, 1)), np.ones((1, 1)), None, None).round(3)
    array([[[0.762],
            [0.943],
            [0.96 ]]])
    """
    check_recurrent("simple_rnn", 1, x, W, U, b, h0, mask=mask)
    xp, x, W, U, b, h0 = alike(x, W, U, b, h0)
    N, T, _ = x.shape
    H = len(U)
    X = columns(x)  # (D, T·N)
    hs = xp.empty((H, T + 1, N), x.dtype)  # hs[:, t] is the h before step t: h_{t−1} of the equations
    hs[:, 0] = 0 if h0 is None else h0.T
    z = projection(X, W, b, T)  # (T, H, N)
    for t in range(T):
        h = z[t]
        h += U.T.dot(hs[:, t])
        xp.tanh(h, out=h)
        hs[:, t + 1] = h if mask is None else xp.where(mask[:, t], h, hs[:, t])
    return hs[:, 1:].transpose(2, 1, 0), (X, hs, z)  # (H, T, N) → (N, T, H)


@simple_rnn.joint_rule
def simple_rnn_gradients(g, y, x, W, U, b, h0, needs, saved, mask):
    """∂L/∂z_t = (1 − h_t²) ∂L/∂h_t, from the last step back to the first."""
    X, hs, a = saved  # a_t = tanh z_t, which is h_t where the step counts
    G = g.transpose(2, 1, 0)  # (H, T, N)
    dz = array_module(g).empty(G.shape, G.dtype)
    back = 0  # ∂L/∂h_t from the steps after t
    for t in reversed(range(len(a))):
        dh = back + G[:, t]
        dz[:, t] = (1 - a[t] * a[t]) * (dh if mask is None else dh * mask[:, t])
        back = U.dot(dz[:, t])  # (H, H) (H, N)
        if mask is not None:
            back += dh * ~mask[:, t]  # goes by a step that does not count
    dx, dW, dU, db = products(needs, X, hs[:, :-1], W, dz, dz)
    return dx, dW, dU, db, back.T if needs[4] else None


@simple_rnn.specified_by
def simple_rnn_composition(x, W, U, b, h0, mask=None):
    """The step, T times."""

    def step(x, states):
        h = simple_rnn_step(x, states[0], W, U, b)
        return h, [h]

    return unroll(step, x, [zero_state(x, U) if h0 is None else h0], mask)[0]


# --- what the fused ops share -------------------------------------------------------------------------------------


def alike(*arrays: Array | None) -> tuple:
    """The array module, then the arrays in one dtype, so that products can be written into prepared memory."""
    given = [a for a in arrays if a is not None]
    xp = array_module(*given)
    dtype = xp.result_type(*given)
    return xp, *[None if a is None else a.astype(dtype, copy=False) for a in arrays]


def columns(x: Array) -> Array:
    """All steps of all samples as columns of one matrix: (N, T, D) → (D, T·N).

    What another recurrent op gives lies in memory like this already. Of anything else whole rows are copied, and the
    matrix of rows is read as its transpose.
    """
    N, T, D = x.shape
    if x.strides[0] == x.itemsize:
        return x.transpose(2, 1, 0).reshape(D, T * N)
    return x.swapaxes(0, 1).reshape(T * N, D).T


def projection(X: Array, W: Array, b: Array | None, steps: int) -> Array:
    """Wᵀ x_t + b for every t: (D, T·N) → (T, K, N), each step in a piece of memory of its own."""
    D, TN = X.shape
    X = X.reshape(D, steps, TN // steps).swapaxes(0, 1)  # (T, D, N)
    z = array_module(X).matmul(W.T, X)  # (K, D) (T, D, N) → (T, K, N)
    if b is not None:
        z += b[:, None]
    return z


def products(needs: list, X: Array, h: Array, W: Array, dz: Array, du: Array) -> tuple:
    """∂L/∂x, ∂L/∂W, ∂L/∂U, ∂L/∂b from all ∂L/∂z_t at once.

    X (D, T·N), h_{t−1} (H, T, N), dz (K, T, N); du is ∂L/∂(Uᵀ h_{t−1}): the same array as dz, but in the GRU.
    """
    _, T, N = dz.shape
    h, dz, du = (a.reshape(len(a), T * N) for a in (h, dz, du))  # all steps of all samples side by side
    dx = W.dot(dz).reshape(len(W), T, N).transpose(2, 1, 0) if needs[0] else None  # (D, K) (K, TN) → (N, T, D)
    dW = dz.dot(X.T).T if needs[1] else None  # (K, TN) (TN, D) → (D, K)
    dU = du.dot(h.T).T if needs[2] else None  # (K, TN) (TN, H) → (H, K)
    db = dz.dot(filled(T * N, 1, dz)) if needs[3] else None  # (K,): the sum over all steps, quicker than dz.sum(axis=1)
    return dx, dW, dU, db


def zero_state(x: Any, U: Any) -> Tensor:
    """h = 0 (N, H), the state before the first step unless one is given."""
    data = unwrap(x)
    return Tensor(array_module(data).zeros((len(data), U.shape[0]), data.dtype))


def check_recurrent(who: str, gates: int, x: Array, W: Array, U: Array, b: Any, *states: Any, mask: Any = None) -> None:
    """Refuse shapes that do not fit together."""
    if x.ndim != 3 or W.ndim != 2 or U.ndim != 2:
        raise ValueError(
            f"{who} expects x (N, T, D), W (D, {gates}H) and U (H, {gates}H), got {x.shape}, {W.shape} and {U.shape}."
        )
    N, T, D = x.shape
    if T == 0:
        raise ValueError(f"{who} expects at least one step, got x of shape {x.shape}.")
    H = len(U)
    K = gates * H
    bias = (2, K) if who == "gru" else (K,)
    expected = {"W": (W, (D, K)), "U": (U, (H, K)), "b": (b, bias), "mask": (mask, (N, T))}
    expected |= {f"state {k + 1}": (s, (N, H)) for k, s in enumerate(states)}
    for name, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise ValueError(
                f"{who} expects {name} of shape {shape} for x of shape {x.shape} and U of shape {U.shape}, "
                f"got {array.shape}."
            )
    if mask is not None and mask.dtype.kind != "b":
        raise TypeError(f"{who} expects a mask of truth values, got {mask.dtype}. Use mask.astype(bool)?")
