"""The gated recurrent unit over all of time, as one op.

| op | y | ∂L/∂z |
|---|---|---|
| gru | h_t = z ⊙ h_{t−1} + (1 − z) ⊙ h̃ | of each gate: below |

Keras' order is z r h: the update gate z, the reset gate r, and the candidate h̃. The candidate is reset *after* the
product with U, so that all of h_{t−1} U is one product:

    p = x_t W + b₁,  q = h_{t−1} U + b₂  (N, 3H)
    z = σ(p_z + q_z)      r = σ(p_r + q_r)      h̃ = tanh(p_h + r ⊙ q_h)

``recurrent.py`` tells how the op is laid out.
"""

import numpy as np

from minidl.arrays import array_module
from minidl.autograd import primitive
from minidl.ops.activations import sigmoid
from minidl.ops.joining import split
from minidl.ops.linear import linear
from minidl.ops.lstm import sigmoid_in_place
from minidl.ops.recurrent import alike, check_recurrent, columns, products, projection, unroll, zero_state
from minidl.ops.trigonometry import tanh


def gru_step(x, h, W, U, b, activation=tanh, gate=sigmoid, seen=None):
    """One step, said plainly: (N, D), (N, H) → h_t (N, H); b is (2, 3H) or None.

    ``seen`` is what the products with U get to see of h: all of it, unless some is dropped.
    Source: Cho et al., EMNLP 2014; the reset after the product: NVIDIA's cuDNN, and Keras' default.
    """
    b1, b2 = (None, None) if b is None else (b[0], b[1])
    p_z, p_r, p_h = split(linear(x, W, b1), 3, axis=-1)  # (N, 3H) → three of (N, H)
    q_z, q_r, q_h = split(linear(h if seen is None else seen, U, b2), 3, axis=-1)
    z = gate(p_z + q_z)
    candidate = activation(p_h + gate(p_r + q_r) * q_h)
    return z * h + (1 - z) * candidate


def gru_step_reset_before(x, h, W, U, b, activation=tanh, gate=sigmoid, seen=None):
    """As in the paper: h̃ = activation(p_h + (r ⊙ h_{t−1}) U_h), the reset *before* the product; b is (3H,)."""
    H = h.shape[-1]
    seen = h if seen is None else seen
    p_z, p_r, p_h = split(linear(x, W, b), 3, axis=-1)  # (N, 3H) → three of (N, H)
    q_z, q_r = split(linear(seen, U[:, : 2 * H], None), 2, axis=-1)
    z = gate(p_z + q_z)
    candidate = activation(p_h + linear(gate(p_r + q_r) * seen, U[:, 2 * H :], None))
    return z * h + (1 - z) * candidate


@primitive(saves=True)
def gru(x, W, U, b, h0, /, mask=None):
    """All h_t of a GRU.

    Shapes: x (N, T, D), W (D, 3H), U (H, 3H), b (2, 3H) or None, h0 (N, H) or None for zeros, mask (N, T) → (N, T, H).

    Raises
    ------
    ValueError
        The shapes do not fit together.
    TypeError
        The mask does not hold truth values.

    >>> import minidl as md, numpy as np
    >>> md.ops.gru(np.ones((1, 3, 1)), np.ones((1, 3)), np.ones((1, 3)), None, None).round(3)
    array([[[0.205],
            [0.347],
            [0.452]]])
    """
    check_recurrent("gru", 3, x, W, U, b, h0, mask=mask)
    xp, x, W, U, b, h0 = alike(x, W, U, b, h0)
    N, T, _ = x.shape
    H = len(U)
    X = columns(x)  # (D, T·N)
    UT = xp.ascontiguousarray(U.T)
    hs = xp.empty((H, T + 1, N), x.dtype)  # hs[:, t] is the h before step t: h_{t−1} of the equations
    hs[:, 0] = 0 if h0 is None else h0.T
    gates = projection(X, W, None if b is None else b[0], T)  # (T, 3H, N): first p, then z, r, h̃
    q_h = xp.empty((T, H, N), x.dtype)
    h = xp.ascontiguousarray(hs[:, 0])
    with np.errstate(over="ignore"):  # as in lstm
        for t in range(T):
            q = UT.dot(h)  # (3H, N)
            if b is not None:
                q += b[1][:, None]
            q_h[t] = q[2 * H :]
            p = gates[t]
            p[: 2 * H] += q[: 2 * H]
            sigmoid_in_place(xp, p[: 2 * H])
            z, r, candidate = p.reshape(3, H, N)
            candidate += r * q_h[t]
            xp.tanh(candidate, out=candidate)
            h_new = h - candidate
            h_new *= z
            h_new += candidate  # z h_{t−1} + (1 − z) h̃
            if mask is not None:
                h_new = xp.where(mask[:, t], h_new, h)
            hs[:, t + 1] = h = h_new
    return hs[:, 1:].transpose(2, 1, 0), (X, hs, gates, q_h)  # (H, T, N) → (N, T, H)


@gru.joint_rule
def gru_gradients(g, y, x, W, U, b, h0, needs, saved, mask):
    """From the last step back to the first, with dh = ∂L/∂h_t of all that comes after; σ' = σ (1 − σ).

        ∂L/∂p_h = dh (1 − z) (1 − h̃²)            ∂L/∂q_h = ∂L/∂p_h r
        ∂L/∂p_z = dh (h_{t−1} − h̃) z (1 − z)      ∂L/∂p_r = ∂L/∂p_h q_h r (1 − r)

    and q_z, q_r as p_z, p_r. On to the step before: dh ← dh z + ∂L/∂q Uᵀ.
    """
    X, hs, gates, q_h = saved
    xp = array_module(g)
    T, K, N = gates.shape
    H = K // 3
    G = g.transpose(2, 1, 0)  # (H, T, N)
    dp, dq = xp.empty((K, T, N), G.dtype), xp.empty((K, T, N), G.dtype)
    step = xp.empty((K, N), G.dtype)  # ∂L/∂p_t, then ∂L/∂q_t, in one piece of memory
    dh = xp.zeros((H, N), G.dtype)
    for t in reversed(range(T)):
        z, r, candidate = gates[t].reshape(3, H, N)
        dp_z, dp_r, dp_h = step.reshape(3, H, N)
        dh += G[:, t]
        if mask is not None:
            dh_past = dh * ~mask[:, t]  # goes by a step that does not count
            dh = dh * mask[:, t]
        dp_h[...] = (1 - candidate * candidate) * (dh - dh * z)
        dp_z[...] = (z - z * z) * (hs[:, t] - candidate) * dh
        dp_r[...] = (r - r * r) * q_h[t] * dp_h
        dp[:, t] = step
        dp_h *= r
        dq[:, t] = step
        dh *= z
        dh += U.dot(step)  # (H, 3H) (3H, N)
        if mask is not None:
            dh += dh_past
    dx, dW, dU, db = products(needs, X, hs[:, :T], W, dp, dq)
    if needs[3]:
        db = xp.stack([db, dq.sum(axis=(1, 2))])  # (2, 3H)
    return dx, dW, dU, db, dh.T if needs[4] else None


@gru.specified_by
def gru_composition(x, W, U, b, h0, mask=None):
    """The step, T times."""

    def step(x, states):
        h = gru_step(x, states[0], W, U, b)
        return h, [h]

    return unroll(step, x, [zero_state(x, U) if h0 is None else h0], mask)[0]
