# %% [markdown]
# # 3 · Can you trust a gradient?
#
# A wrong gradient raises no error. Often it even learns. In this lesson you measure gradients, find out how well that
# can be done at all, fool a judge that many courses use, and build one that cannot be fooled so easily. At the end
# thirteen formulas from printed articles stand on trial.
#
# You need NumPy, the derivatives of school, *loss* (lesson 1) and *upstream gradient* (lesson 2). About 75 minutes,
# five exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.check.printed import FORMULAS
from minidl.check.suspects import RIGHT, WRONG
from minidl.plot.style import BLUE, GREY, INK, ORANGE, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Where we are going
#
# The slope of a loss can be measured, with a step $h$ to both sides:
#
# $$L'(w) \approx D(h) = \frac{L(w + h) - L(w - h)}{2h}.$$
#
# We try 63 steps on one weight of a network that reads handwritten digits (lesson 4 builds one; here its loss is just
# a smooth curve). The numbers have 16 digits (`float64`) or 7 (`float32`), and $\varepsilon$ is the relative size of
# their rounding. The slope by the chain rule is the truth.

# %%
(images, labels), (test_images, test_labels) = md.data.digits()
pixels, classes = images[:200].reshape(-1, 64) / 16, labels[:200]  # (N, D) = (200, 64) and (N,)
W = rng.normal(size=(64, 10))  # (D, C)
pixel_to_three = np.zeros((64, 10))
pixel_to_three[20, 3] = 1.0  # the weight that is turned


def loss(d, dtype=np.float64):
    """The network's loss when its weight W[20, 3] is turned by d."""
    if dtype == np.float32:
        d = np.float32(d)
    z = pixels.astype(dtype) @ (W.astype(dtype) + d * pixel_to_three.astype(dtype))  # (N, D) (D, C) -> (N, C)
    return md.softmax_cross_entropy(z, classes)


exact = md.grad(loss)(np.array(0.0)).item()  # md.grad(f) is the function f', by the chain rule
steps = np.logspace(-15, 0.5, 63)


def errors_of(dtype):
    """How far D(h) is off, as a share of the slope, for every step."""
    measured = [(float(loss(h, dtype)) - float(loss(-h, dtype))) / (2 * h) for h in steps]
    return np.abs(np.array(measured) - exact) / abs(exact)


errors = {"float64": errors_of(np.float64), "float32": errors_of(np.float32)}
for name in errors:
    print(f"{name}: ε = {np.finfo(name).eps:.0e}")

# %%
figure = new_figure(8, 3.6)
ax = figure.subplots()
for name, colour, marker in (("float32", VERMILLION, "s"), ("float64", BLUE, "o")):
    seen = errors[name] > 0
    ax.loglog(steps[seen], errors[name][seen], marker + "-", color=colour, markersize=4, linewidth=1, label=name)
ax.axhline(1, color=GREY, linewidth=1)
ax.annotate("100 %: nothing is right", (1e-15, 2), color=INK, va="bottom")
ax.set(
    xlabel="step h",
    ylabel="error of the slope, as a share",
    ylim=(1e-12, 1e4),
    title="smaller is better, until it is not",
)
ax.legend()
tidy(ax)
figure

# %% [markdown]
# Before you go on, answer for yourself:
#
# * On the right, both curves go down together. When $h$ shrinks to a tenth, what happens to the error?
# * Why do they turn round, and why does `float32` turn sooner?
# * How small a mistake in a gradient can be noticed at all, in `float32` and in `float64`?
#
# ## Two errors
#
# Taylor's series continues the straight line by a parabola and so on, and says what the formula leaves out. In the
# difference the even powers of $h$ cancel:
#
# $$L(w \pm h) = L \pm h L' + \tfrac{h^2}{2} L'' \pm \tfrac{h^3}{6} L''' + \dots \quad\Rightarrow\quad
# D(h) = L' + \tfrac{h^2}{6} L''' + \dots$$
#
# And the computer rounds. A number of size $|L|$ is stored with an error of about $\varepsilon |L|$. The difference of
# two such numbers keeps that error, and the formula divides it by $h$:
#
# $$\boxed{\;\text{error}(h) \approx \frac{h^2}{6} |L'''| + \frac{\varepsilon |L|}{h}\;}$$
#
# One grows with $h$: a tenth of $h$, a hundredth of the error. The other shrinks, and `float32` has the larger
# $\varepsilon$. On logarithmic axes they are straight lines with slopes 2 and −1: a V. Far to the left $w + h$ is
# rounded to $w$, and nothing moves at all: 100 %.
#
# ### Exercise: `best_step`
#
# At which $h$ is the sum smallest? Differentiate by $h$ and set to 0. All letters are positive numbers.


# %%
def best_step(epsilon, f, f3):
    """The h at which h² f3 / 6 + epsilon f / h is smallest; f stands for |L|, f3 for |L'''|."""
    ### BEGIN SOLUTION
    return (3 * epsilon * f / f3) ** (1 / 3)  # h f3 / 3 = epsilon f / h²
    ### END SOLUTION


check("best_step", best_step)

# %% [markdown]
# `minidl` can differentiate a derivative again, so $L'''$ is at hand, and the theory can be compared with the picture.


# %% tags=["measured"]
def best_step_by_search(epsilon, f, f3):
    return steps[np.argmin(steps**2 * f3 / 6 + epsilon * f / steps)]


step_for = check.mine_or(best_step, best_step_by_search)
third = md.grad(md.grad(md.grad(loss)))(np.array(0.0)).item()
for name in ("float64", "float32"):
    h = step_for(np.finfo(name).eps, float(loss(0.0)), abs(third))
    measured = steps[np.argmin(errors[name])]
    print(f"{name}: theory h = {h:.0e}; best of our steps {measured:.0e}, error there {errors[name].min():.0e}")

# %% [markdown]
# Theory gives the order of magnitude; rounding is partly luck. The last number of each line answers the third question:
# smaller mistakes cannot be seen. From now on we use float64, and $h = 10^{-5}$, since most functions are less straight
# than this loss.
#
# ## From one number to many
#
# A function with many outputs has no single slope. We weigh its outputs: $L = \sum g \odot y$, where $g$ has the shape
# of $y$, $\odot$ multiplies entry by entry, and the sum is over all entries. Then $\partial L / \partial y = g$: the
# weights $g$ are the upstream gradient. Here $x$ has $N$ rows of $C$ numbers.
#
# $$\frac{\partial L}{\partial x_i} \approx \frac{\sum g \odot f(x + h e_i) - \sum g \odot f(x - h e_i)}{2h}$$
#
# | letter | what | shape |
# |---|---|---|
# | $x$, $y = f(x)$ | inputs, outputs | $(N, C)$ |
# | $g$ | upstream gradient | as $y$ |
# | $e_i$ | 1 at place $i$, else 0 | as $x$ |
# | $\partial L/\partial x$ | gradient, `dx` in code | as $x$ |


# %%
def numerical_gradient(L, x, h=1e-5):
    """∂L/∂x, entry by entry; L() computes a number from the float64 array x, which is put back after each step."""
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


# %% [markdown]
# The suspect is **softmax**, which turns each row of $x$ into probabilities: $y_i = e^{x_i} / \sum_j e^{x_j}$. By the
# quotient rule, $\partial y_j / \partial x_i = y_j\,(\delta_{ij} - y_i)$, where $\delta_{ij}$ is 1 for $i = j$, 0
# otherwise. Each $y_j$ passes on its share $g_j$:
#
# $$\frac{\partial L}{\partial x_i} = \sum_j g_j\, y_j\, (\delta_{ij} - y_i).$$
#
# ### Exercise: `softmax_backward`
#
# Work out the sum over $j$. One line is enough, without a loop; a sum with `keepdims=True` has shape $(N, 1)$.


# %%
def softmax_backward(g, y):
    """∂L/∂x (N, C) of y = softmax(x), row by row, from g (N, C) and y (N, C)."""
    ### BEGIN SOLUTION
    return y * (g - (g * y).sum(axis=1, keepdims=True))  # (N, C) * ((N, C) - (N, 1)) -> (N, C)
    ### END SOLUTION


check("softmax_backward", softmax_backward)

# %% tags=["measured"]
softmax = md.softmax  # on plain arrays it gives plain arrays


def softmax_backward_by_minidl(g, y):
    z = md.Tensor(np.log(y), requires_grad=True)  # softmax(log y) = y
    softmax(z).backward(g)
    return z.grad


backward = check.mine_or(softmax_backward, softmax_backward_by_minidl)
x = rng.normal(size=(2, 3))  # (N, C)
y = softmax(x)
for name, g in (("random g", rng.normal(size=(2, 3))), ("g all ones", np.ones((2, 3)))):
    numeric = numerical_gradient(lambda g=g: np.sum(g * softmax(x)), x)
    print(f"{name}\n  by the formula    {backward(g, y)[0]}\n  by differences    {numeric[0]}")

# %% [markdown]
# ## A check that sees nothing
#
# In the last two lines, with $g$ all ones, both are zero up to rounding. No accident: the loss is then $L = \sum y$,
# and each row of a softmax adds up to 1, whatever $x$ is. A loss that never changes tells nothing. Yet this is how
# gradients are often checked.
#
# ### Exercise: `fooling_softmax_backward`
#
# Write a gradient for softmax that is **wrong**, and that a check with ones accepts all the same.


# %%
def fooling_softmax_backward(g, y):
    """Wrong, but 0 where g is all ones. g (N, C), y (N, C) -> (N, C)."""
    ### BEGIN SOLUTION
    return y * (g - 1)  # right only where Σ g y = 1
    ### END SOLUTION


check("fooling_softmax_backward", fooling_softmax_backward)

# %% [markdown]
# ## Fourteen suspects
#
# Here are fourteen wrong gradients of small functions, and thirteen right ones. `inputs` is a tuple of arrays,
# `forward(*inputs)` gives $y$, and `backward(g, *inputs)` gives a tuple, a gradient for each input. Two judges try
# them. One uses ones. The other draws $g$ at random but looks at a single entry, and allows an error of 1 %.


# %%
def judge_with_ones(forward, backward, inputs, rng):
    dxs = backward(np.ones(forward(*inputs).shape), *inputs)
    numeric = [numerical_gradient(lambda: forward(*inputs).sum(), x) for x in inputs]
    return all(np.allclose(dx, right, rtol=1e-4, atol=1e-6) for dx, right in zip(dxs, numeric))


def judge_of_one_entry(forward, backward, inputs, rng):
    g = rng.normal(size=forward(*inputs).shape)
    numeric = numerical_gradient(lambda: np.sum(g * forward(*inputs)), inputs[0])
    dx = np.asarray(backward(g, *inputs)[0])
    return abs(dx.flat[1] - numeric.flat[1]) <= 0.01 * abs(numeric.flat[1])


def accepted_by(judge, suspects):
    return [bool(judge(s.forward, s.backward, s.draw(np.random.default_rng(1)), rng)) for s in suspects]


for judge in (judge_with_ones, judge_of_one_entry):
    let_go = [s.name for s, accepted in zip(WRONG, accepted_by(judge, WRONG)) if accepted]
    print(f"{judge.__name__} accepts {len(let_go)} of {len(WRONG)} wrong gradients: {'; '.join(let_go)}")

# %% [markdown]
# ### Exercise: `is_right`
#
# Build a better judge. It must reject all fourteen and accept the thirteen right ones, some with very large or very
# small numbers, one with `float32` arrays. If it lets one go, the check says which and why. Think of:
#
# 1. float64, so that the V is deep;
# 2. a $g$ that does not cancel anything, from `rng`;
# 3. every input, and the **shape** of its gradient before its numbers;
# 4. every entry;
# 5. a limit that is a small share of the largest entry.


# %%
def is_right(forward, backward, inputs, rng):
    """Whether backward(g, *inputs) gives the gradient of each input: True or False."""
    ### BEGIN SOLUTION
    inputs = [x.astype(np.float64) for x in inputs]
    g = rng.normal(size=forward(*inputs).shape)
    for x, dx in zip(inputs, backward(g, *inputs)):
        if np.shape(dx) != x.shape:
            return False
        numeric = numerical_gradient(lambda: np.sum(g * forward(*inputs)), x)
        if np.abs(dx - numeric).max() > 1e-6 * np.abs(numeric).max():
            return False
    return True
    ### END SOLUTION


check("is_right", is_right)

# %% [markdown]
# ## The same with `minidl`
#
# `check_grads` is the judge of every derivative in the library. It does what your list says, takes its limit from an
# estimate of the two errors of the V, and says *what* is wrong. Here each suspect becomes an operation of `minidl`.


# %%
def complaint(forward, backward, inputs):
    """What check_grads has to say, or "" if nothing."""

    @md.primitive()
    def suspect(*arrays):
        return forward(*arrays)

    suspect.joint_rule(lambda g, y, *xs, needs: backward(g, *xs))
    try:
        md.check_grads(suspect, *inputs, order=1)
    except (md.gradcheck.GradientError, ValueError) as error:
        return str(error).splitlines()[0]
    return ""


def is_right_by_minidl(forward, backward, inputs, rng):
    return complaint(forward, backward, inputs) == ""


for s in WRONG[::3]:
    print(f"{s.name}\n    {complaint(s.forward, s.backward, s.draw(rng))}")

# %% tags=["measured"]
judge = check.mine_or(is_right, is_right_by_minidl)
judges = {"ones": judge_with_ones, "one entry, 1 %": judge_of_one_entry, "yours": judge, "minidl": is_right_by_minidl}
accepted = np.array([accepted_by(judge, WRONG) for judge in judges.values()]).T  # (suspects, judges)
for name, judge in judges.items():
    print(f"{name:15} accepts {sum(accepted_by(judge, RIGHT))} of {len(RIGHT)} right gradients")

figure = new_figure(7, 4.2)
ax = figure.subplots()
for fooled, marker, colour, words in ((True, "X", VERMILLION, "accepted"), (False, "o", BLUE, "rejected")):
    rows, columns = np.nonzero(accepted == fooled)
    ax.scatter(columns, rows, marker=marker, color=colour, s=50, label=words)
ax.set_yticks(range(len(WRONG)), [s.name for s in WRONG])
ax.set_xticks(range(len(judges)), judges)
ax.set(title="fourteen wrong gradients before four judges", xlim=(-0.5, 3.5), ylim=(len(WRONG) - 0.5, -0.5))
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
tidy(ax)
figure

# %% [markdown]
# ## Printed formulas on trial
#
# The formulas behind this library come from five articles. As printed, some are wrong. Most speak of a network of
# three layers. One sample $a^{[0]}$ is a column, layer $l = 1, 2, 3$ is
# $z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}$, $a^{[l]} = \sigma(z^{[l]})$, and
# $\delta^{[l]} = \partial J / \partial z^{[l]}$ for a loss $J$ (or $C$, or $L$). D0 ends in softmax and
# $J = -\sum_i y_i \log a^{[3]}_i$, where $y$ is 1 at the right class, else 0 (put $g_i = -y_i / a_i$ into your
# `softmax_backward`). D4 ends in a sigmoid and $\frac12 \sum (y - a)^2$. Shapes: $W^{[l]}$ $(n_l, n_{l-1})$;
# $b^{[l]}$, $z^{[l]}$, $a^{[l]}$ and $\delta^{[l]}$ $(n_l, 1)$. $\sigma$ is the sigmoid, $\sigma'$ its slope,
# $\sigma^{-1}$ its inverse: $z = \sigma^{-1}(a)$. In D2, $\hat y$ are outputs for the targets $y$; $\beta_1, \beta_2$
# are numbers near 1.
#
# | ID | what is claimed | the formula, as printed |
# |---|---|---|
# | D0.E2 | $\partial J/\partial z^{[1]}$ | $\partial J/\partial a^{[2]} \cdot \sigma'(z^{[1]})$ |
# | D0.E3 | $\partial J/\partial W^{[2]}$ | $a^{[1]} \delta^{[3]T}$ |
# | D0.E4 | $\partial J/\partial b^{[2]}$ | $\delta^{[3]T}$ |
# | D0.E5 | what makes $J$ fall | $W \leftarrow W - \alpha\, \partial J/\partial W$, with a small $\alpha$ |
# | D0.E6 | $\partial J/\partial z^{[3]}$ | $a^{[3]} - y$ |
# | D0.E7 | $\partial J/\partial z^{[2]}$ | $W^{[3]T} \delta^{[3]} \odot \sigma'(z^{[2]})$ |
# | D0.E8 | $\partial J/\partial W^{[3]}$ | $a^{[2]} \delta^{[3]T}$ |
# | D2.E1 | mean of $(y - \hat y)^2$, $y = 2, 3, 4, 5, 6$ and $\hat y = 2.5, 3.1, 3.9, 4.2, 5$ | 0.356 |
# | D2.E5 | averages of slopes $x_t$, of $x_t^2$ | $m = \beta_1 x_t + (1 - \beta_1)(x_t - x_{t-1})$; $v$ with squares |
# | D4.E2 | $\partial C/\partial w_{ji}$, from $j$ to $i$ of layer 2 | $a_j^{[1]} \; \partial C/\partial a_i^{[2]}$ |
# | D4.E3 | $\partial C/\partial b_i^{[2]}$ | $\partial C/\partial a_i^{[2]}$ |
# | D4.E4 | $\partial L/\partial a^{[3]}$ | $a^{[3]} - y$ |
# | D4.E5 | $\partial a^{[2]}/\partial a^{[3]}$ | $\partial \sigma^{-1}/\partial z = \sigma'(z^{[3]})$ |
#
# ### Exercise: `wrong_formulas`
#
# Which are wrong? Compare the shapes of both sides, then the index of every letter; then look for a missing factor. An
# average of equal numbers must be that number. The check tells how many you have missed, not which.


# %%
def wrong_formulas():
    """The IDs of the formulas that are printed wrong: a set of strings, as in the first column."""
    ### BEGIN SOLUTION
    index = {"D0.E2", "D0.E3", "D0.E4"}  # a layer too high; D0.E2 has no W transposed either
    orientation = {"D0.E8"}  # (n₂, 1) (1, n₃) is not the shape of W
    lost_slope = {"D4.E2", "D4.E3"}  # of a, not of z: σ'(z) is missing
    inverse = {"D4.E5"}  # the slope of σ⁻¹ is 1 / σ'
    other = {"D2.E1", "D2.E5"}  # the mean is 0.382; no average of the gradients at all
    return index | orientation | lost_slope | inverse | other
    ### END SOLUTION


check("wrong_formulas", wrong_formulas)

# %% [markdown]
# Now the trial. Every left side is measured by differences, for random weights and layers of three units each: then
# wrong indices fit, and only numbers can tell. (D2.E1 is worked out; the averages are those of three equal gradients.)

# %% tags=["measured"]
figure = new_figure(8, 3.8)
ax = figure.subplots()
for row, formula in enumerate(FORMULAS):
    repaired, printed = formula.errors()
    ax.plot(max(repaired, 1e-17), row, "o", color=BLUE, markersize=7, label="as it should be" if row == 0 else None)
    if formula.printed:
        ax.plot(printed, row, "X", color=VERMILLION, markersize=9, label="as printed" if row == 0 else None)
        print(f"{formula.id} printed: off by {printed:7.3f}. {formula.reason}")
worst, least = max(f.errors()[0] for f in FORMULAS), min(f.errors()[1] for f in FORMULAS if f.printed)
print(f"after repair all {len(FORMULAS)} are right to {worst:.0e}: {np.log10(least / worst):.0f} powers of ten lower")
ax.set_yticks(range(len(FORMULAS)), [f"{f.id}  {f.symbol}" for f in FORMULAS])
ax.set(
    xscale="log", xlabel="error, as a share of the largest entry", ylim=(len(FORMULAS) - 0.5, -0.5), title="the verdict"
)
ax.legend(loc="upper center")
tidy(ax)
figure

# %% [markdown]
# Between the wrong ones and the repaired ones lies nothing, for so many powers of ten: a good judge needs no mercy.
#
# ## Does it matter? A network that learns from a wrong gradient
#
# We train a network (64 pixels, 32 hidden neurons, 10 outputs, all with $\sigma$, loss
# $\frac12 \sum (y - a)^2$) on the digits with the right gradient, with D4.E2 and D4.E3 as printed, where $\sigma'(z)$
# is lost, and with an unfinished function, a "stub", that returns zeros for the hidden layer. **Predict** which is
# best on new digits.


# %%
x_train, targets = images.reshape(-1, 64) / 16, np.eye(10)[labels]  # (N, 64), (N, 10)
x_test = test_images.reshape(-1, 64) / 16


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def learn(kind, seed, learning_rate=2.0, epochs=20):
    """The accuracy on the test images after each epoch."""
    rng = np.random.default_rng(seed)
    W1, W2 = rng.normal(size=(64, 32)) / 8, rng.normal(size=(32, 10)) / 6
    b1, b2, accuracies = np.zeros(32), np.zeros(10), []
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(x_train)), len(x_train) // 32):
            a0 = x_train[batch]  # (N, 64)
            a1 = sigmoid(a0 @ W1 + b1)  # (N, 32)
            a2 = sigmoid(a1 @ W2 + b2)  # (N, 10)
            slope1, slope2 = (1, 1) if kind == "as printed" else (a1 * (1 - a1), a2 * (1 - a2))  # σ'(z)
            delta2 = (a2 - targets[batch]) / len(batch) * slope2  # (N, 10)
            delta1 = delta2 @ W2.T * slope1 * (kind != "stub")  # (N, 32)
            W2, b2 = W2 - learning_rate * a1.T @ delta2, b2 - learning_rate * delta2.sum(axis=0)
            W1, b1 = W1 - learning_rate * a0.T @ delta1, b1 - learning_rate * delta1.sum(axis=0)
        outputs = sigmoid(sigmoid(x_test @ W1 + b1) @ W2 + b2)
        accuracies.append((outputs.argmax(axis=1) == test_labels).mean())
    return accuracies


# %%
figure = new_figure(8, 3.4)
ax = figure.subplots()
epochs = np.arange(1, 21)
for kind, colour, line in (("right", BLUE, "-"), ("as printed", VERMILLION, "--"), ("stub", ORANGE, ":")):
    runs = np.array([learn(kind, seed) for seed in range(5)])  # (seeds, epochs)
    ax.plot(epochs, runs.mean(axis=0), line, color=colour, label=kind)
    ax.fill_between(epochs, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    print(f"{kind:10}  after 2 epochs {runs[:, 1].min():.2f} to {runs[:, 1].max():.2f},", end=" ")
    print(f"after 20 epochs {runs[:, -1].min():.2f} to {runs[:, -1].max():.2f} over five seeds")
ax.set(
    xlabel="epoch",
    ylabel="test accuracy",
    ylim=(0, 1),
    xticks=range(0, 21, 5),
    title="right and wrong gradients, five seeds",
)
ax.legend(loc="lower right")
tidy(ax)
figure

# %% [markdown]
# The printed formulas learn *faster*, and reach as much. Even the stub learns something. Learning proves nothing.
#
# Why does the wrong one do so well? At the output, $a - y$ without $\sigma'$ is the exact gradient of another loss, the
# cross-entropy of lesson 1, which does not fade where a neuron is sure and wrong. In the hidden layer the lost
# $\sigma'$ is positive, so every $\delta$ keeps the sign that it has for that loss. Luck, then.
#
# ## What breaks it
#
# Differences can be wrong, too. In these three cases `check_grads` refuses to judge. (relu is $\max(x, 0)$.)

# %% tags=["measured"]
cases = {
    "at a kink": (md.relu, np.array([0.0, 1.0])),
    "a function with dice in it": (lambda x: x * md.Tensor(rng.normal(size=2)), np.array([0.5, 1.0])),
    "numbers rounded on the way": (lambda x: (x * 3).astype("float32"), np.array([0.5, 1.0])),
}
for name, (f, point) in cases.items():
    try:
        md.check_grads(f, point)
    except ValueError as error:
        print(f"{name}:\n    {str(error).splitlines()[0]}")

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. A one-sided difference $(L(w + h) - L(w)) / h$ has the error $\frac{h}{2} |L''| + \varepsilon |L| / h$. How small
#    can it be, in powers of $\varepsilon$, and how small that of $D(h)$?
# 2. Your judge accepts a backward function. Is it right for every input?
# 3. Which of the fourteen would a judge miss with a random $g$, but all sizes equal, and with `np.allclose`, which
#    broadcasts?
#
# <details><summary>Answers</summary>
#
# 1. The best $h$ is of the order $\varepsilon^{1/2}$, and so is the error; for $D(h)$ it is
#    $h \sim \varepsilon^{1/3}$, and the error $\varepsilon^{2/3}$: ten digits instead of eight.
# 2. No: at one random point, with one random $g$. A mistake that shows only for negative numbers, or for a single
#    row, needs a test of its own.
# 3. "affine: db of shape (1, 5)": the numbers are right, and the wrong shape is stretched until it fits.
#
# </details>
#
# ## Sources
#
# The formulas: D0.E2 to D0.E8, D2.E1, D2.E5, D4.E2 to D4.E5, as they should be in `minidl/check/printed.py`. The V:
# W. H. Press et al., *Numerical Recipes*, section 5.7. Complex steps, without rounding error: W. Squire and G. Trapp,
# SIAM Review 40, 1998. In the library: `minidl/differences.py`, `minidl/gradcheck.py`, `minidl/diagnosis/`,
# `minidl/check/suspects.py`. Next: lesson 4, where right gradients build a network.
