import math

import numpy as np

from tests.exercises.answers import Answers


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_cell_forward(x, h_before, c_before, W, U, b):
    z_i, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
    c = sigmoid(z_f) * c_before + sigmoid(z_i) * np.tanh(z_a)
    return sigmoid(z_o) * np.tanh(c), c


def forward_with_loops(x, h_before, c_before, W, U, b):
    N, H = h_before.shape
    h, c = np.empty((N, H)), np.empty((N, H))
    for n in range(N):
        for j in range(H):
            z = [x[n] @ W[:, k * H + j] + h_before[n] @ U[:, k * H + j] + b[k * H + j] for k in range(4)]
            i, f, o = (1 / (1 + math.exp(-z[k])) for k in (0, 1, 3))
            c[n, j] = f * c_before[n, j] + i * math.tanh(z[2])
            h[n, j] = o * math.tanh(c[n, j])
    return h, c


def forward_with_einsum(x, h_before, c_before, W, U, b):
    H = h_before.shape[1]
    z = np.einsum("nd,dkh->knh", x, W.reshape(-1, 4, H)) + np.einsum("nj,jkh->knh", h_before, U.reshape(H, 4, H))
    i, f, a, o = z + b.reshape(4, 1, H)
    c = sigmoid(f) * c_before + sigmoid(i) * np.tanh(a)
    return sigmoid(o) * np.tanh(c), c


def forward_in_another_order(x, h_before, c_before, W, U, b):
    z_f, z_i, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
    c = sigmoid(z_f) * c_before + sigmoid(z_i) * np.tanh(z_a)
    return sigmoid(z_o) * np.tanh(c), c


def forward_of_torch(x, h_before, c_before, W, U, b):
    z_i, z_f, z_o, z_a = np.split(x @ W + h_before @ U + b, 4, axis=1)
    c = sigmoid(z_f) * c_before + sigmoid(z_i) * np.tanh(z_a)
    return sigmoid(z_o) * np.tanh(c), c


def forward_without_input_gate(x, h_before, c_before, W, U, b):
    _, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
    c = sigmoid(z_f) * c_before + np.tanh(z_a)
    return sigmoid(z_o) * np.tanh(c), c


def forward_with_every_fourth_column(x, h_before, c_before, W, U, b):
    order = np.arange(W.shape[1]).reshape(-1, 4).T.ravel()
    return lstm_cell_forward(x, h_before, c_before, W[:, order], U[:, order], b[order])


def forward_without_tanh(x, h_before, c_before, W, U, b):
    _, c = lstm_cell_forward(x, h_before, c_before, W, U, b)
    return sigmoid(np.split(x @ W + h_before @ U + b, 4, axis=1)[3]) * c, c


def lstm_cell_backward(dh, dc, x, h_before, c_before, W, U, b, keep_dc=1, keep_h=1, forget=True):
    z_i, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
    i, f, a, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_a), sigmoid(z_o)
    t = np.tanh(f * c_before + i * a)
    whole = keep_dc * dc + keep_h * dh * o * (1 - t * t)
    dz = np.concatenate(
        [whole * a * i * (1 - i), whole * c_before * f * (1 - f), whole * i * (1 - a * a), dh * t * o * (1 - o)], axis=1
    )
    return dz @ W.T, dz @ U.T, whole * f if forget else whole, x.T @ dz, h_before.T @ dz, dz.sum(axis=0)


def backward_with_loops(dh, dc, x, h_before, c_before, W, U, b):
    """One sample after the other; the gradients of the weights add up."""
    parts = [
        lstm_cell_backward(*(a[n : n + 1] for a in (dh, dc, x, h_before, c_before)), W, U, b) for n in range(len(x))
    ]
    rows = [np.concatenate([part[k] for part in parts]) for k in range(3)]
    return (*rows, *(sum(part[k] for part in parts) for k in range(3, 6)))


def backward_with_einsum(dh, dc, x, h_before, c_before, W, U, b):
    H = h_before.shape[1]
    z = (x @ W + h_before @ U + b).reshape(-1, 4, H)
    i, f, o = (sigmoid(z[:, k]) for k in (0, 1, 3))
    a = np.tanh(z[:, 2])
    t = np.tanh(f * c_before + i * a)
    whole = dc + dh * o * (1 - t**2)
    dz = np.stack(
        [whole * a * i * (1 - i), whole * c_before * f * (1 - f), whole * i * (1 - a**2), dh * t * o * (1 - o)]
    )
    W4, U4 = W.reshape(-1, 4, H), U.reshape(H, 4, H)
    return (
        np.einsum("knh,dkh->nd", dz, W4),
        np.einsum("knh,jkh->nj", dz, U4),
        whole * f,
        np.einsum("nd,knh->dkh", x, dz).reshape(W.shape),
        np.einsum("nj,knh->jkh", h_before, dz).reshape(U.shape),
        np.einsum("knh->kh", dz).ravel(),
    )


def backward_without_slopes(dh, dc, x, h_before, c_before, W, U, b):
    z_i, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
    i, f, a, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_a), sigmoid(z_o)
    t = np.tanh(f * c_before + i * a)
    whole = dc + dh * o * (1 - t * t)
    dz = np.concatenate([whole * a, whole * c_before, whole * i, dh * t], axis=1)
    return dz @ W.T, dz @ U.T, whole * f, x.T @ dz, h_before.T @ dz, dz.sum(axis=0)


def backward_mistaking(what):
    def answer(dh, dc, x, h_before, c_before, W, U, b):
        z_i, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
        i, f, a, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_a), sigmoid(z_o)
        c = f * c_before + i * a
        t = {"slope at the old c": np.tanh(c_before), "no tanh": c}.get(what, np.tanh(c))
        whole = dc + dh * o * (1 - t * t)
        gated = c if what == "new c" else c_before
        dz = [whole * a * i * (1 - i), whole * gated * f * (1 - f), whole * i * (1 - a * a)]
        dz = np.concatenate([*dz, dh * np.tanh(c) * o * (1 - o)], axis=1)
        return dz @ W.T, dz @ U.T, whole * f, x.T @ dz, h_before.T @ dz, dz.sum(axis=0)

    return answer


ANSWERS = [
    Answers(
        "memory_left",
        lambda f, steps: f**steps,
        [lambda f, steps: np.prod(np.full(steps, f)), lambda f, steps: math.exp(steps * math.log(f))],
        [
            (lambda f, steps: f * steps, "shares multiply, they do not add"),
            (lambda f, steps: (1 - f) ** steps, "1 − f is what is forgotten"),
            (lambda f, steps: f ** (steps - 1), "one step too few"),
        ],
    ),
    Answers(
        "lstm_cell_forward",
        lstm_cell_forward,
        [forward_with_loops, forward_with_einsum],
        [
            (forward_in_another_order, "the input and the forget gate are swapped"),
            (forward_of_torch, "the candidate a comes before the output gate"),
            (forward_without_tanh, "tanh of c is missing"),
            (forward_without_input_gate, "the input gate is missing"),
            (lambda x, h, *rest: lstm_cell_forward(x, 0 * h, *rest), "h_before U is missing"),
            (forward_with_every_fourth_column, "z is cut column by column"),
            (lambda *inputs: lstm_cell_forward(*inputs)[::-1], "h: that is the right c. Are two results swapped?"),
            (lambda *inputs: lstm_cell_forward(*inputs)[0], "2 values are wanted: `return h, c`"),
        ],
    ),
    Answers(
        "lstm_cell_backward",
        lstm_cell_backward,
        [backward_with_loops, backward_with_einsum],
        [
            (lambda *inputs: lstm_cell_backward(*inputs, keep_dc=0), "dc from outside is forgotten"),
            (lambda *inputs: lstm_cell_backward(*inputs, keep_h=0), "the path from h through tanh c is forgotten"),
            (lambda *inputs: lstm_cell_backward(*inputs, forget=False), "dc_before lacks the factor f"),
            (backward_without_slopes, "the slopes of the gates are missing"),
            (backward_mistaking("slope at the old c"), "the slope of tanh is taken at the old c"),
            (backward_mistaking("no tanh"), "1 − c² in place of 1 − tanh² c"),
            (backward_mistaking("new c"), "multiplied by c_before, not by the new c"),
        ],
    ),
]
