import numpy as np

import minidl as md
from tests.exercises.answers import Answers


def affine_backward(g, x, W):
    return g @ W.T, x.T @ g, g.sum(axis=0)


def affine_with_loops(g, x, W):
    dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(W.shape[1])
    for n in range(len(x)):
        for d in range(W.shape[0]):
            for h in range(W.shape[1]):
                dx[n, d] += g[n, h] * W[d, h]
                dW[d, h] += g[n, h] * x[n, d]
        db += g[n]
    return dx, dW, db


def affine_with_einsum(g, x, W):
    return np.einsum("nh,dh->nd", g, W), np.einsum("nh,nd->dh", g, x), np.einsum("nh->h", g)


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def softmax_cross_entropy_backward(logits, labels):
    dlogits = softmax(logits)
    dlogits[np.arange(len(labels)), labels] -= 1
    return dlogits / len(labels)


def one_from_whole_columns(logits, labels):
    dlogits = softmax(logits)
    dlogits[:, labels] -= 1
    return dlogits / len(labels)


def cross_entropy_with_loops(logits, labels):
    N, C = logits.shape
    d = np.zeros((N, C))
    for n in range(N):
        for c in range(C):
            d[n, c] = (1 / np.exp(logits[n] - logits[n, c]).sum() - (c == labels[n])) / N
    return d


def cross_entropy_with_one_hot(logits, labels):
    return (softmax(logits) - np.eye(logits.shape[1])[labels]) / len(labels)


class MyDense(md.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units))
        self.b = self.add_weight((self.units,), "zeros")

    def call(self, x):
        return x @ self.W + self.b


class BiasFirst(MyDense):
    def build(self, input_shape):
        self.b = self.add_weight((self.units,), "zeros")
        self.W = self.add_weight((input_shape[-1], self.units))


class WithEinsum(MyDense):
    def call(self, x):
        return np.einsum("nd,dh->nh", x, self.W) + self.b


class Transposed(MyDense):
    def build(self, input_shape):
        self.W = self.add_weight((self.units, input_shape[-1]))
        self.b = self.add_weight((self.units,))

    def call(self, x):
        return x @ self.W.T + self.b


class BiasForgotten(MyDense):
    def call(self, x):
        return x @ self.W


class LeftTheGraph(MyDense):
    def call(self, x):
        return md.Tensor(x.numpy()) @ self.W + self.b


class NoTensor(MyDense):
    def call(self, x):
        return x.numpy() @ self.W.numpy() + self.b.numpy()


class ReturnForgotten(MyDense):
    def call(self, x):
        x @ self.W + self.b


class EditsItsInput(MyDense):
    def call(self, x):
        x.data[...] = 0
        return x @ self.W + self.b


class MinusTheBias(MyDense):
    def call(self, x):
        return x @ self.W - self.b


class NoLayer:
    def __init__(self, units):
        self.units = units


ANSWERS = [
    Answers(
        "first_loss_of",
        lambda classes: np.log(classes),
        [
            lambda classes: -np.log(1 / classes),
            lambda classes: -sum(np.log(1 / classes) / classes for _ in range(classes)),
        ],
        [
            (lambda classes: 1 / classes, "the loss is −log of it"),
            (lambda classes: np.log(1 / classes), "−log(1/C) is positive"),
            (lambda classes: np.log2(classes), "base 2"),
            (lambda classes: np.log(10), "that is the loss for ten classes"),
            (lambda classes: np.log(classes) / classes, "divided by C"),
            (lambda classes: np.log(classes) * classes, "summed over the classes"),
        ],
    ),
    Answers(
        "affine_backward",
        affine_backward,
        [affine_with_loops, affine_with_einsum],
        [
            (
                lambda g, x, W: (g @ W.T, g.T @ x, g.sum(axis=0)),
                "dW: shape (5, 3), but W has shape (3, 5): the transpose of the right answer.",
            ),
            (
                lambda g, x, W: (g @ W.T, x.T @ g, g),
                "db: shape (4, 5), but b has shape (5,): a broadcast input, sum over axis 0.",
            ),
            (
                lambda g, x, W: (g @ W.T, x.T @ g / len(x), g.sum(axis=0)),
                "dW: 0.25 times the right size. Axis 0 of x has size 4: mean or sum?",
            ),
            (lambda g, x, W: (-g @ W.T, x.T @ g, g.sum(axis=0)), "dx: right size, wrong sign."),
            (lambda g, x, W: (g @ W.T, x.T @ g), "It returned 2 values; 3 values are wanted: `return dx, dW, db`."),
            (lambda g, x, W: (g @ W, x.T @ g, g.sum(axis=0)), "Stopped in line 1 of <lambda>"),
        ],
    ),
    Answers(
        "softmax_cross_entropy_backward",
        softmax_cross_entropy_backward,
        [cross_entropy_with_loops, cross_entropy_with_one_hot],
        [
            (lambda z, t: softmax_cross_entropy_backward(z, t) * len(t), "4 times the right size. Axis 0 of logits"),
            (lambda z, t: -softmax_cross_entropy_backward(z, t), "right size, wrong sign"),
            (
                lambda z, t: softmax_cross_entropy_backward(z, t) * len(t) / z.shape[1],
                "0.8 times the right size. That is 4/5: is axis 1 of logits taken for axis 0?",
            ),
            (lambda z, t: softmax(z) / len(t), "equals p / N: the 1 at the right class is not taken away"),
            (lambda z, t: (softmax(z) - 1) / len(t), "the 1 is taken from every class"),
            (one_from_whole_columns, "the 1 is taken from whole columns"),
            (lambda z, t: (np.exp(z) / np.exp(z).sum() - np.eye(z.shape[1])[t]) / len(t), "over the whole batch"),
            (lambda z, t: (np.log(softmax(z)) - np.eye(z.shape[1])[t]) / len(t), "begins with log p"),
            (lambda z, t: (softmax(z) - t[:, None]) / len(t), "the number of the class was taken away"),
        ],
    ),
    Answers(
        "MyDense",
        MyDense,
        [BiasFirst, WithEinsum],
        [
            (Transposed, "have the shapes (5, 3), (5,); wanted: kernel (3, 5), bias (5,)"),
            (BiasForgotten, "y: with bias added it would be right: is bias lost?"),
            (LeftTheGraph, "y is right, but no gradient reaches x"),
            (NoTensor, "`call` returned ndarray; a Tensor is wanted"),
            (ReturnForgotten, "`call` returned None; is `return` missing?"),
            (EditsItsInput, "x was edited in place"),
            (MinusTheBias, "y: "),
            (NoLayer, "It is no layer: write `class NoLayer(md.Layer)`"),
        ],
    ),
]
