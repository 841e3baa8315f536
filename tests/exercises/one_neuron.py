import numpy as np

import minidl as md
from tests.exercises.answers import Answers


def first_loss(y):
    return -np.mean(np.log(np.full(len(y), 0.5)))


def first_loss_term_by_term(y):
    p, total = 0.5, 0.0
    for label in y:
        total -= np.log(p) if label == 1 else np.log(1 - p)
    return total / len(y)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def bce_backward(x, w, b, y):
    error = sigmoid(x @ w + b) - y
    return x.T @ error / len(y), error.mean()


def bce_with_loops(x, w, b, y):
    dw, db = np.zeros(len(w)), 0.0
    for row, label in zip(x, y):
        p = 1 / (1 + np.exp(-(sum(row[j] * w[j] for j in range(len(w))) + b)))
        for j in range(len(w)):
            dw[j] += (p - label) * row[j] / len(y)
        db += (p - label) / len(y)
    return dw, db


def bce_with_einsum(x, w, b, y):
    p = sigmoid(np.einsum("nd,d->n", x, w) + b)
    return np.einsum("n,nd->d", p - y, x) / y.size, np.einsum("n->", p - y) / y.size


def bce_without_cancelling(x, w, b, y):
    """Every factor of the chain written out."""
    p = sigmoid(x @ w + b)
    dp = ((1 - y) / (1 - p) - y / p) / len(y)
    dz = dp * p * (1 - p)
    return dz @ x, dz.sum()


def bce_by_minidl(x, w, b, y):
    w, b = md.Tensor(w, requires_grad=True), md.Tensor(b, requires_grad=True)
    md.sigmoid_cross_entropy(x @ w + b, y).backward()
    return w.grad, b.grad


def bce_with(error, mean=True):
    def answer(x, w, b, y):
        e = error(sigmoid(x @ w + b), x @ w + b, y) / (len(y) if mean else 1)
        return x.T @ e, e.sum()

    return answer


def bce_bias_not_summed(x, w, b, y):
    error = (sigmoid(x @ w + b) - y) / len(y)
    return x.T @ error, error


def bce_image_by_image(x, w, b, y):
    error = sigmoid(x @ w + b) - y
    return error[:, None] * x, error.mean()


def bce_of_the_mean_image(x, w, b, y):
    error = (sigmoid(x @ w + b) - y).mean()
    return error * x.mean(axis=0), error


def bce_edits_w(x, w, b, y):
    dw, db = bce_backward(x, w, b, y)
    w -= 0.1 * dw
    return dw, db


ANSWERS = [
    Answers(
        "first_loss",
        first_loss,
        [
            lambda y: np.log(2),
            first_loss_term_by_term,
            lambda y: -np.mean(y * np.log(0.5) + (1 - y) * np.log(1 - 0.5)),
        ],
        [
            (lambda y: 0.5, "that is the probability ½ itself"),
            (lambda y: np.log(0.5), "loss: right size, wrong sign"),
            (lambda y: 1.0, "with the logarithm to base 2"),
            (lambda y: -np.sum(np.log(np.full(len(y), 0.5))), "summed over the images"),
            (lambda y: -np.log(np.full(len(y), 0.5)), "take the mean over axis 0."),
            (lambda y: -np.mean(y * np.log(0.5)), "only the images with y = 1 were counted"),
            (lambda y: None, "is `return loss` missing?"),
        ],
    ),
    Answers(
        "bce_backward",
        bce_backward,
        [bce_with_loops, bce_with_einsum, bce_without_cancelling, bce_by_minidl],
        [
            (bce_with(lambda p, z, y: y - p), "dw: right size, wrong sign"),
            (bce_with(lambda p, z, y: p - y, mean=False), "dw: 4 times the right size"),
            (bce_with(lambda p, z, y: (p - y) * p * (1 - p)), "the factor p (1 − p) is still there"),
            (bce_with(lambda p, z, y: z - y), "the sigmoid is missing"),
            (bce_with(lambda p, z, y: p), "the labels are missing"),
            (bce_with(lambda p, z, y: 1 - p - y), "the sign of z is lost"),
            (lambda x, w, b, y: bce_backward(x, w, 0, y), "the bias is missing"),
            (bce_of_the_mean_image, "the mean error times the mean image"),
            (bce_image_by_image, "dw: shape (4, 3), but w has shape (3,): take the mean over axis 0."),
            (lambda x, w, b, y: (bce_image_by_image(x, w, b, y)[0].mean(), 0.0), "one number for all pixels"),
            (bce_bias_not_summed, "db: shape (4,), but b has shape ()"),
            (
                lambda x, w, b, y: (bce_backward(x, w, b, y)[0], -bce_backward(x, w, b, y)[1]),
                "db: right size, wrong si",
            ),
            (lambda x, w, b, y: bce_backward(x, w, b, y)[::-1], "dw: the right gradient, but of db"),
            (lambda x, w, b, y: bce_backward(x, w, b, y)[0], "2 values are wanted: `return dw, db`"),
            (bce_edits_w, "w was edited in place"),
        ],
    ),
]
