import numpy as np

from tests.exercises.answers import Answers

# --- the best step --------------------------------------------------------------------------------------------------


def best_step(epsilon, f, f3):
    return (3 * epsilon * f / f3) ** (1 / 3)


def best_step_by_search(epsilon, f, f3):
    """Halve the interval in which the slope of the error changes its sign."""
    low, high = 1e-12, 1.0
    for _ in range(100):
        h = (low * high) ** 0.5
        slope = h * f3 / 3 - epsilon * f / h**2
        low, high = (h, high) if slope < 0 else (low, h)
    return low


def best_step_by_roots(epsilon, f, f3):
    return max(root.real for root in np.roots([f3 / 3, 0, 0, -epsilon * f]) if abs(root.imag) < 1e-12)


# --- softmax --------------------------------------------------------------------------------------------------------


def softmax_backward(g, y):
    return y * (g - (g * y).sum(axis=1, keepdims=True))


def softmax_with_loops(g, y):
    dx = np.zeros_like(y)
    N, C = y.shape
    for n in range(N):
        for i in range(C):
            for j in range(C):
                dx[n, i] += g[n, j] * y[n, j] * (float(i == j) - y[n, i])
    return dx


def softmax_with_einsum(g, y):
    jacobian = np.einsum("ni,ij->nij", y, np.eye(y.shape[1])) - np.einsum("ni,nj->nij", y, y)
    return np.einsum("nij,nj->ni", jacobian, g)


# --- judges ---------------------------------------------------------------------------------------------------------


def numerical_gradient(L, x, h=1e-5):
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        middle = x[i]
        x[i] = middle + h
        above = L()
        x[i] = middle - h
        below = L()
        x[i] = middle
        dx[i] = (above - below) / (2 * h)
    return dx


def judge(ones=False, only_first=False, one_entry=False, exact_shapes=True, float64=True, limit=1e-6, share=True):
    """A judge with the weaknesses asked for."""

    def is_right(forward, backward, inputs, rng):
        inputs = [x.astype(np.float64 if float64 else x.dtype) for x in inputs]
        y = forward(*inputs)
        g = np.ones(y.shape) if ones else rng.normal(size=y.shape)
        dxs = backward(g, *inputs)
        for x, dx in list(zip(inputs, dxs))[: 1 if only_first else None]:
            if exact_shapes and np.shape(dx) != x.shape:
                return False
            numeric = numerical_gradient(lambda: np.sum(g * forward(*inputs)), x)
            if one_entry:
                numeric, dx = numeric.flat[0], np.asarray(dx).flat[0]
            scale = np.abs(numeric).max() if share else 1.0
            if np.abs(dx - numeric).max() > limit * scale:
                return False
        return True

    return is_right


def by_complex_steps(forward, backward, inputs, rng):
    """∂f/∂x = Im f(x + ih) / h: no difference, so nothing cancels (Squire & Trapp 1998)."""
    inputs = [np.asarray(x, np.float64) for x in inputs]
    g = rng.normal(size=forward(*inputs).shape)
    for k, dx in enumerate(backward(g, *inputs)):
        right = np.zeros(inputs[k].shape)
        for i in np.ndindex(right.shape):
            moved = [x.astype(complex) for x in inputs]
            moved[k][i] += 1e-30j
            right[i] = np.sum(g * forward(*moved).imag) / 1e-30
        if np.shape(dx) != right.shape or np.abs(dx - right).max() > 1e-9 * np.abs(right).max():
            return False
    return True


def by_jacobians(forward, backward, inputs, rng):
    """The whole ∂y/∂x by differences, contracted with g."""
    inputs = [np.array(x, np.float64) for x in inputs]
    y = forward(*inputs)
    g = rng.uniform(1, 2, size=y.shape)
    for k, dx in enumerate(backward(g, *inputs)):
        x = inputs[k]
        steps = 1e-5 * np.eye(x.size).reshape(-1, *x.shape)
        moved = [(forward(*inputs[:k], x + sign * s, *inputs[k + 1 :])) for s in steps for sign in (1, -1)]
        jacobian = (np.stack(moved[::2]) - np.stack(moved[1::2])).reshape(x.size, -1) / 2e-5
        right = np.einsum("xy,y->x", jacobian, g.ravel()).reshape(x.shape)
        if np.shape(dx) != x.shape or not np.linalg.norm(dx - right) < 1e-6 * np.linalg.norm(right):
            return False
    return True


# --- formulas -------------------------------------------------------------------------------------------------------

WRONG = {"D0.E2", "D0.E3", "D0.E4", "D0.E8", "D2.E1", "D2.E5", "D4.E2", "D4.E3", "D4.E5"}


ANSWERS = [
    Answers(
        "best_step",
        best_step,
        [best_step_by_search, best_step_by_roots],
        [
            (lambda epsilon, f, f3: (3 * epsilon * f / f3) ** 0.5, "the square root: that is for a one-sided"),
            (lambda epsilon, f, f3: (6 * epsilon * f / f3) ** (1 / 3), "where both errors are equal"),
            (lambda epsilon, f, f3: (epsilon * f / f3) ** (1 / 3), "a 3 is lost"),
            (lambda epsilon, f, f3: (3 * epsilon * f / f3) ** 1 / 3, "write ** (1 / 3)"),
            (lambda epsilon, f, f3: (epsilon * f / f3 / 3) ** (1 / 3), "the 3 stands under the line"),
            (lambda epsilon, f, f3: epsilon ** (1 / 3), "the sizes of f and f3 count too"),
            (lambda epsilon, f, f3: (-3 * epsilon * f / f3) ** (1 / 3), "got complex ones. Was a root taken of"),
            (lambda epsilon, f, f3: 1e-5, "h: "),
        ],
    ),
    Answers(
        "softmax_backward",
        softmax_backward,
        [softmax_with_loops, softmax_with_einsum],
        [
            (lambda g, y: 0 * y, "dx: all zeros"),
            (lambda g, y: y * (g - 1), "equals y (g − 1)"),
            (lambda g, y: y * (1 - y) * g, "the diagonal of the Jacobian"),
            (lambda g, y: y - g, "equals y − g"),
            (lambda g, y: y * (g - (g * y).sum()), "the sum runs over all samples"),
            (lambda g, y: y * (g - (g * y).sum(axis=0)), "down the columns"),
            (lambda g, y: g * y, "only the term with j = i"),
            (lambda g, y: -y * (g * y).sum(axis=1, keepdims=True), "the term with j = i is missing"),
            (lambda g, y: g - y * (g * y).sum(axis=1, keepdims=True), "a factor y is lost"),
            (lambda g, y: y * (g - g.sum(axis=1, keepdims=True)), "y_j is lost in the sum"),
            (lambda g, y: y - y * y.sum(axis=1, keepdims=True), "zero up to rounding"),
        ],
    ),
    Answers(
        "fooling_softmax_backward",
        lambda g, y: y * (g - 1),
        [lambda g, y: 0 * g, lambda g, y: g - g.mean(axis=1, keepdims=True)],
        [
            (softmax_backward, "With a random g it is off by 0.0%"),
            (lambda g, y: y * (1 - y) * g, "With g all ones the right gradient is 0, but this one reaches"),
            (lambda g, y: y - g, "it would be caught"),
            (lambda g, y: np.zeros(len(y)), "Wanted: it has the shape of y.\nIt is (4,) for y (4, 5)."),
        ],
    ),
    Answers(
        "is_right",
        judge(),
        [by_complex_steps, by_jacobians],
        [
            (judge(ones=True, share=False), "‘softmax: zeros’, ‘softmax: y (g − 1)’, ‘normalise: zeros’"),
            (judge(only_first=True), "‘product: dW transposed’, ‘affine: db of shape (1, 5)’, ‘multiply: dw = dx’"),
            (judge(one_entry=True), "‘pick: one entry lost’"),
            (judge(exact_shapes=False), "It accepts 1 of 14: ‘affine: db of shape (1, 5)’.\nThe first of them: (1, 5)"),
            (judge(limit=1e-2), "It accepts 1 of 14: ‘exp: e is 2.718’.\nThe first of them: it is right to three"),
            (judge(share=False), "It accepts 1 of 14: ‘sigmoid far out: zeros’"),
            (judge(share=False, limit=1e-9), "It rejects 1 of 13 right ones: exp of large x."),
            (judge(float64=False), "It rejects 1 of 13 right ones: exp of float32."),
            (lambda *given: True, "It accepts 14 of 14"),
            (lambda *given: False, "It rejects 13 of 13 right ones"),
            (lambda *given: None, "It returned None; is `return` missing?"),
        ],
    ),
    Answers(
        "wrong_formulas",
        lambda: WRONG,
        [
            lambda: list(WRONG),
            lambda: {f"D0.E{k}" for k in (2, 3, 4, 8)} | {f"D2.E{k}" for k in (1, 5)} | {"D4.E2", "D4.E3", "D4.E5"},
        ],
        [
            (lambda: WRONG - {"D4.E5"}, "Wanted: no wrong formula is missing.\n1 is missing."),
            (lambda: WRONG | {"D0.E6", "D0.E7"}, "2 of yours are printed as they should be."),
            (lambda: WRONG | {"D0.E6"}, "1 of yours is printed as it should be."),
            (lambda: "D0.E2", "It is one string; a set is wanted"),
            (lambda: {"E2"}, "Not on the list: E2."),
            (lambda: set(), "9 are missing"),
        ],
    ),
]
