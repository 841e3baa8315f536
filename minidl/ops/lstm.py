"""Long short-term memory over all of time, as one op.

| op | y | ∂L/∂z |
|---|---|---|
| lstm | h_t = o ⊙ tanh c_t, c_t = f ⊙ c_{t−1} + i ⊙ g | of each gate: below |

The gates are i, f, o = σ(z_i), σ(z_f), σ(z_o) and g = tanh z_g, with z = x_t W + h_{t−1} U + b (N, 4H) in Keras' order
i f g o. Along c nothing is multiplied but f: where f is near 1, ∂c_t/∂c_{t−1} = f lets a gradient pass many steps.

``recurrent.py`` tells how the op is laid out.
"""

import numpy as np

from minidl.arrays import array_module, constant
from minidl.autograd import primitive
from minidl.ops.activations import sigmoid
from minidl.ops.joining import concatenate, split
from minidl.ops.linear import linear
from minidl.ops.recurrent import alike, check_recurrent, columns, products, projection, unroll, zero_state
from minidl.ops.trigonometry import tanh


def lstm_step(x, h, c, W, U, b, activation=tanh, gate=sigmoid):
    """One step, said plainly: (N, D), (N, H), (N, H) → h_t (N, H), c_t (N, H).

    Source: Hochreiter & Schmidhuber, Neural Computation 9, 1997; the forget gate: Gers et al., 2000.
    """
    i, f, g, o = split(linear(x, W, b) + linear(h, U, None), 4, axis=-1)  # (N, 4H) → four of (N, H)
    c = gate(f) * c + gate(i) * activation(g)
    return gate(o) * activation(c), c


@primitive(saves=True)
def lstm(x, W, U, b, h0, c0, /, mask=None, final_cell=False):
    """All h_t of an LSTM; with ``final_cell`` c_T is appended to them as one step more.

    Shapes: x (N, T, D), W (D, 4H), U (H, 4H), b (4H,) or None, h0 and c0 (N, H) or None for zeros, mask (N, T)
    → (N, T, H), or (N, T + 1, H).

    Raises
    ------
    ValueError
        The shapes do not fit together.
    TypeError
        The mask does not hold truth values.

    >>> import minidl as md, numpy as np
    >>> md.ops.lstm(np.ones((1, 3, 1)), np.ones((1, 4)), np.ones((1, 4)), None, None, None).round(3)
    array([[[0.37 ],
            [0.651],
            [0.789]]])
    """
    check_recurrent("lstm", 4, x, W, U, b, h0, c0, mask=mask)
    xp, x, W, U, b, h0, c0 = alike(x, W, U, b, h0, c0)
    N, T, _ = x.shape
    H = len(U)
    X = columns(x)  # (D, T·N)
    UT = xp.ascontiguousarray(U.T)
    hs = xp.empty((H, T + 1 + final_cell, N), x.dtype)  # hs[:, t] is the h before step t: h_{t−1} of the equations
    cs = xp.empty((T + 1, H, N), x.dtype)
    tanh_c = xp.empty((T, H, N), x.dtype)
    hs[:, 0] = 0 if h0 is None else h0.T
    cs[0] = 0 if c0 is None else c0.T
    gates = projection(X, W, b, T).reshape(T, 4, H, N)  # first z, then i, f, g, o
    h = xp.ascontiguousarray(hs[:, 0])
    with np.errstate(over="ignore"):  # e^−z may become infinite: then σ(z) = 1 / (1 + ∞) = 0, which is right
        for t in range(T):
            z = gates[t]
            z += UT.dot(h).reshape(4, H, N)
            i, f, g, o = z
            sigmoid_in_place(xp, z[:2])
            xp.tanh(g, out=g)
            sigmoid_in_place(xp, o)
            c = xp.multiply(f, cs[t], out=cs[t + 1])
            c += i * g
            h_new = o * xp.tanh(c, out=tanh_c[t])
            if mask is not None:
                cs[t + 1] = xp.where(mask[:, t], c, cs[t])
                h_new = xp.where(mask[:, t], h_new, h)
            hs[:, t + 1] = h = h_new
    if final_cell:
        hs[:, T + 1] = cs[T]
    return hs[:, 1:].transpose(2, 1, 0), (X, hs, cs, tanh_c, gates)  # (H, T, N) → (N, T, H)


def sigmoid_in_place(xp, z):
    """σ(z) = 1 / (1 + e^−z), written over z."""
    xp.negative(z, out=z)
    xp.exp(z, out=z)
    one = constant(1, z)
    z += one
    xp.divide(one, z, out=z)


@lstm.joint_rule
def lstm_gradients(g, y, x, W, U, b, h0, c0, needs, saved, mask, final_cell):
    """From the last step back to the first, with dh = ∂L/∂h_t and dc = ∂L/∂c_t of all that comes after.

    dc += dh o (1 − tanh² c_t), since h_t = o tanh c_t; then, with σ' = σ (1 − σ) and tanh' = 1 − tanh²,

        ∂L/∂z_i = dc g i (1 − i)                  ∂L/∂z_f = dc c_{t−1} f (1 − f)
        ∂L/∂z_g = dc i (1 − g²)                   ∂L/∂z_o = dh tanh c_t o (1 − o)

    and on to the step before: dc ← dc f, dh ← ∂L/∂z_t Uᵀ.
    """
    X, hs, cs, tanh_c, gates = saved
    xp = array_module(g)
    T, _, H, N = gates.shape
    G = g.transpose(2, 1, 0)  # (H, T, N), or T + 1 steps with the final cell
    dh = xp.zeros((H, N), g.dtype)
    dc = G[:, T].copy() if final_cell else xp.zeros((H, N), g.dtype)
    dz = xp.empty((4 * H, T, N), g.dtype)
    step = xp.empty((4, H, N), g.dtype)  # ∂L/∂z_t in one piece of memory
    di, df, dg, do = step
    one = constant(1, g)
    for t in reversed(range(T)):
        i, f, gate, o = gates[t]  # gate: the g of the equations, a name that the upstream gradient has here
        dh += G[:, t]
        if mask is not None:
            dh_past, dc_past = dh * ~mask[:, t], dc * ~mask[:, t]  # goes by a step that does not count
            dh, dc = dh * mask[:, t], dc * mask[:, t]
        xp.multiply(gates[t], gates[t], out=step)
        xp.subtract(gates[t, :2], step[:2], out=step[:2])  # i − i², f − f²
        xp.subtract(one, dg, out=dg)  # 1 − g²
        xp.subtract(o, do, out=do)  # o − o²
        do *= tanh_c[t]
        do *= dh
        dh *= o
        dc += dh
        dh *= tanh_c[t]
        dh *= tanh_c[t]
        dc -= dh  # dc + dh o (1 − tanh² c_t)
        di *= gate
        df *= cs[t]
        dg *= i
        step[:3] *= dc
        dz[:, t] = step.reshape(4 * H, N)
        dc *= f
        dh = U.dot(step.reshape(4 * H, N))  # (H, 4H) (4H, N)
        if mask is not None:
            dh += dh_past
            dc += dc_past
    dx, dW, dU, db = products(needs, X, hs[:, :T], W, dz, dz)
    return dx, dW, dU, db, dh.T if needs[4] else None, dc.T if needs[5] else None


@lstm.specified_by
def lstm_composition(x, W, U, b, h0, c0, mask=None, final_cell=False):
    """The step, T times."""

    def step(x, states):
        h, c = lstm_step(x, *states, W, U, b)
        return h, [h, c]

    zero = zero_state(x, U)
    y, (_, c) = unroll(step, x, [zero if h0 is None else h0, zero if c0 is None else c0], mask)
    return concatenate([y, c[:, None]], axis=1) if final_cell else y
