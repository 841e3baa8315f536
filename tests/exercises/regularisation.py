import numpy as np

from tests.exercises.answers import Answers


def normalised(x, epsilon):
    s = np.sqrt(x.var(axis=0) + epsilon)
    return (x - x.mean(axis=0)) / s, s


def batch_norm_backward(g, x, gamma, epsilon):
    x_hat, s = normalised(x, epsilon)
    d = g * gamma
    dx = (d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)) / s
    return dx, (g * x_hat).sum(axis=0), g.sum(axis=0)


def with_loops(g, x, gamma, epsilon):
    N, D = x.shape
    dx = np.zeros_like(x)
    x_hat, s = normalised(x, epsilon)
    for d in range(D):
        for n in range(N):
            for k in range(N):  # ∂y_k / ∂x_n
                slope = (float(k == n) - 1 / N - x_hat[k, d] * x_hat[n, d] / N) / s[d]
                dx[n, d] += g[k, d] * gamma[d] * slope
    return dx, sum(g[n] * x_hat[n] for n in range(N)), sum(g[n] for n in range(N))


def with_einsum(g, x, gamma, epsilon):
    x_hat, s = normalised(x, epsilon)
    jacobian = np.eye(len(x))[:, :, None] - 1 / len(x) - np.einsum("kd,nd->knd", x_hat, x_hat) / len(x)
    return (
        np.einsum("kd,d,knd,d->nd", g, gamma, jacobian, 1 / s),
        np.einsum("nd,nd->d", g, x_hat),
        np.einsum("nd->d", g),
    )


def wrong_dx(slip):
    def answer(g, x, gamma, epsilon):
        return slip(g, x, gamma, epsilon), *batch_norm_backward(g, x, gamma, epsilon)[1:]

    return answer


ANSWERS = [
    Answers(
        "batch_norm_backward",
        batch_norm_backward,
        [with_loops, with_einsum],
        [
            (wrong_dx(lambda g, x, gamma, epsilon: 0 * x), "dx: all zeros, but the right gradient reaches"),
            (wrong_dx(lambda g, x, gamma, epsilon: g * gamma / normalised(x, epsilon)[1]), "taken for constants"),
            (wrong_dx(lambda g, x, gamma, epsilon: -batch_norm_backward(g, x, gamma, epsilon)[0]), "wrong sign"),
            (lambda g, x, gamma, epsilon: (*batch_norm_backward(g, x, gamma, epsilon)[:2], g), "sum over axis 0"),
        ],
    ),
]
