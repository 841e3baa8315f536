# %% [markdown]
# # 6 · Update rules
#
# A gradient says which way is down. It does not say how far to go, and one step for all directions is a poor answer:
# some directions are steep, some are nearly flat. This lesson walks through one long, narrow valley with five rules,
# finds out why each of them was invented, puts right a formula that is printed wrongly, and trains a network on
# digits with an Adam of your own.
#
# You need lesson 1 (learning is $w \leftarrow w - \alpha\, \partial L / \partial w$). About 50 minutes, two exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.check.printed import STEADY, printed_D2_E5, right_D2_E5
from minidl.optimizers import SGD, Adam, AdamW, RMSprop
from minidl.plot.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The valley
#
# Two weights $w_1, w_2$ and the simplest loss that can be hard: a bowl, a hundred times as steep along $w_2$ as
# along $w_1$,
#
# $$L(w) = \tfrac12 \sum_{i} \lambda_i w_i^2, \qquad \frac{\partial L}{\partial w_i} = \lambda_i w_i, \qquad
# \lambda = (1, 100).$$
#
# | letter | what | shape |
# |---|---|---|
# | $w$ | weights; all walks begin at $(1, 1)$ | $(2,)$ |
# | $\lambda$ | curvatures: how fast the slope grows | $(2,)$ |
# | $g$ | the gradient $\partial L / \partial w$ | $(2,)$ |
# | $\alpha$ | learning rate | one number |
#
# The ratio of the largest to the smallest curvature, here 100, is called the **condition** of the bowl. Near its
# lowest point a smooth loss mostly looks like such a bowl, perhaps turned, in as many dimensions as there are weights.

# %%
curvatures = np.array([1.0, 100.0])  # λ
start = np.array([1.0, 1.0])


def loss(w):
    return 0.5 * np.sum(curvatures * w**2, axis=-1)  # (..., 2) -> (...)


def gradient(w):
    return curvatures * w  # (2,)


x = md.Tensor(start, requires_grad=True)
(0.5 * md.sum(curvatures * x * x)).backward()
print("by hand  ", gradient(start))
print("by minidl", x.grad)

# %% [markdown]
# ## Where we are going
#
# Five rules of `minidl`, each with a learning rate that suits it. They stop when the loss is below one millionth.


# %%
def walk(optimizer, gradient=gradient, limit=1000):
    """The path (steps + 1, 2) of an optimizer from the start, until the loss is below 1e-6 or the steps run out."""
    w = md.Parameter(start, dtype="float64")
    optimizer.bind([w])
    path = [start]
    while loss(path[-1]) >= 1e-6 and len(path) <= limit:
        w.grad = gradient(w.numpy())
        optimizer.step()
        path.append(w.numpy().copy())
    return np.array(path)


paths = {
    "SGD": walk(SGD(learning_rate=0.019)),
    "momentum": walk(SGD(learning_rate=0.019, momentum=0.8)),
    "Nesterov": walk(SGD(learning_rate=0.01, momentum=0.9, nesterov=True)),
    "RMSprop": walk(RMSprop(learning_rate=0.02)),
    "Adam": walk(Adam(learning_rate=0.1)),
}
colours = dict(zip(paths, (VERMILLION, ORANGE, GREEN, PURPLE, BLUE)))

w1, w2 = np.meshgrid(np.linspace(-0.5, 1.1, 120), np.linspace(-1.1, 1.1, 120))
levels = loss(np.stack([w1, w2], axis=-1))  # (120, 120, 2) -> (120, 120)
figure = new_figure(9.5, 5)
axes = figure.subplots(2, 3).ravel()
for ax, (name, path) in zip(axes, paths.items()):
    ax.contour(w1, w2, levels, levels=[0.05, 0.5, 2, 8, 20, 40], colors=GREY, linewidths=0.6)
    ax.plot(*path.T, ".-", color=colours[name], linewidth=1, markersize=4)
    ax.set(title=f"{name}: {len(path) - 1} steps", xlabel="$w_1$", ylabel="$w_2$", xlim=(-0.5, 1.1), ylim=(-1.1, 1.1))
for (name, path), style in zip(paths.items(), ("-", "--", "-.", ":", "-")):
    axes[5].semilogy(np.minimum.accumulate(loss(path)), style, color=colours[name], label=name)
axes[5].set(xlabel="step", ylabel="lowest loss so far", ylim=(3e-7, 1e2), title="progress")
axes[5].legend()
tidy(axes[5])
figure

# %% [markdown]
# SGD jumps from wall to wall and creeps along the floor. The others get there in a fraction of its steps, each by its
# own trick.
#
# ## Before you go on: predict
#
# Along one direction, a step of SGD multiplies the weight by a fixed number:
#
# $$w_i \leftarrow w_i - \alpha \lambda_i w_i = (1 - \alpha \lambda_i)\, w_i.$$
#
# The walk comes to rest if that factor lies between −1 and 1, for *every* direction. **How large may $\alpha$ be**,
# given all the curvatures? Write the bound: the $\alpha$ at which the walk neither rests nor runs away. (Every
# curvature is positive. There may be more than two.)


# %%
def largest_learning_rate(curvatures):
    """The learning rate below which SGD comes to rest in a bowl with these curvatures λ (D,)."""
    ### BEGIN SOLUTION
    return 2 / np.max(curvatures)  # the steepest direction decides: 1 − α λ = −1
    ### END SOLUTION


check("largest_learning_rate", largest_learning_rate)

# %% [markdown]
# ## Plain descent
#
# D0.E5, D2.E4 and D4.E6 are the same line, $w \leftarrow w - \alpha g$. The next cell is all of it.


# %%
def descend(learning_rate, limit=1000):
    w, steps = start, 0
    while 1e-6 <= loss(w) < 1e6 and steps < limit:
        w = w - learning_rate * gradient(w)  # (2,)
        steps += 1
    return steps, loss(w)


for learning_rate in (0.001, 0.01, 0.019, 0.0198, 0.02, 0.021):
    steps, end = descend(learning_rate)
    factors = 1 - learning_rate * curvatures
    print(f"α = {learning_rate:.4f}: {steps:4d} steps, loss {end:7.0e}, factors {factors[0]:.4f} and {factors[1]:7.4f}")

# %% [markdown]
# Read the two factors. With a small $\alpha$ the flat direction, $1 - \alpha$, hardly shrinks. With a larger one the
# steep direction flips its sign at each step. At $\alpha = 2/100$ it flips for ever, and above that it grows: your
# bound. The flat direction wants a rate that the steep one forbids, and that is the whole difficulty.

# %%
rates = np.linspace(0.002, 0.0205, 150)
steps_needed = [descend(rate)[0] if descend(rate)[1] < 1e-6 else np.nan for rate in rates]
figure = new_figure(7, 2.8)
ax = figure.subplots()
ax.plot(rates, steps_needed, color=VERMILLION)
ax.axvline(0.02, color=INK, linestyle="--")
ax.annotate("2 / largest curvature: beyond it, no rest ", (0.02, 800), ha="right", color=INK)
ax.set(xlabel="learning rate α", ylabel="steps to a loss of 1e-6", ylim=(0, 1000), title="plain descent, condition 100")
tidy(ax)
figure

# %% [markdown]
# ## Momentum: remember where you were going
#
# Let the steps be a velocity $v$ that forgets slowly (D2.E6 names the rule; Polyak 1964):
#
# $$v \leftarrow \mu v - \alpha g, \qquad w \leftarrow w + v, \qquad 0 \le \mu < 1.$$
#
# $v$ has the shape of $w$ and starts at 0; $\mu$ is the share of it that is kept.
# Steps that point the same way add up, to $1/(1 - \mu)$ times a single one; steps that point to and fro cancel. That
# is what the valley needs. **Nesterov**'s form looks ahead: it measures the slope where the velocity would carry it.

# %%
for mu in (0.0, 0.5, 0.8, 0.9, 0.99):
    plain = walk(SGD(learning_rate=0.019, momentum=mu))
    ahead = walk(SGD(learning_rate=0.01, momentum=mu, nesterov=mu > 0))
    print(f"μ = {mu:4.2f}: {len(plain) - 1:4d} steps, α = 0.019 | {len(ahead) - 1:4d} steps, Nesterov, α = 0.010")

# %% [markdown]
# Too little memory creeps, too much swings past the goal and back, like a heavy ball.
#
# ## RMSprop: a rate for each weight
#
# Another idea: measure how large the gradients of *each weight* usually are, and divide by it.
#
# $$v \leftarrow \rho v + (1 - \rho)\, g^2, \qquad w \leftarrow w - \alpha \frac{g}{\sqrt{v + \varepsilon}}.$$
#
# $v$ (now it is not a velocity) is a **running mean** of squares, of the shape of $w$: the share $\rho$ of the old mean
# is kept, often 0.9, and the new square makes up the rest. Squares, roots and divisions are entry by entry, and
# $\varepsilon$ is a tiny number that keeps the division away from 0. Steep and flat directions get steps of the same
# length. That makes $\alpha$ a length: about how far each weight moves in a step, whatever the scale of the loss.
#
# ## Adam: both, and corrected
#
# Adam (D2.E5) keeps a running mean $m$ of the gradients and one, $v$, of their squares; $\beta_1$ and $\beta_2$ are the
# shares that are kept, usually 0.9 and 0.999. Both means start at 0, which makes them too small at first. After $t$
# steps with the same gradient $g$, $m$ is $(1 - \beta_1^t)\, g$, so that is divided out. A hat marks what is corrected:
#
# $$\begin{aligned}
# m &\leftarrow \beta_1 m + (1 - \beta_1)\, g & v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
# \hat m &= m / (1 - \beta_1^t) & \hat v &= v / (1 - \beta_2^t) \\
# w &\leftarrow w - \alpha\, \hat m / (\sqrt{\hat v} + \varepsilon) & t &= 1, 2, 3, \dots
# \end{aligned}$$
#
# D2.E5 **as printed** has something else: $m = \beta_1 x_t + (1 - \beta_1)(x_t - x_{t-1})$, and $v$ likewise with
# squares; no correction. Reading its $x_t$ as the gradient, is that an average? A mean of equal numbers must be that
# number.

# %%
right, printed = right_D2_E5(STEADY), printed_D2_E5(STEADY)
print("gradients, three times the same:", STEADY[0])
print("right form:   m̂ =", right[0], "  v̂ =", right[1])
print("as printed:   m =", printed[0], "  v =", printed[1])

noisy = 1.0 + rng.normal(size=200)  # measurements of a slope that is 1
means = np.array([right_D2_E5(noisy[:t])[0] for t in range(1, 201)])
uncorrected = means * (1 - 0.9 ** np.arange(1, 201))
as_printed = np.array([printed_D2_E5(noisy[: t + 1])[0] for t in range(1, 200)])
print(
    f"spread of the gradients {noisy.std():.2f}, as printed {as_printed.std():.2f}, right form {means[20:].std():.2f}"
)

# %%
figure = new_figure(9, 2.8)
left, right = figure.subplots(1, 2, width_ratios=[2, 1])
left.plot(range(2, 201), as_printed, color=GREY, linewidth=1, label="as printed")
left.plot(range(1, 201), means, color=BLUE, linewidth=2, label="right form, $\\hat m$")
left.axhline(1, color=INK, linestyle="--", linewidth=1, label="the true slope")
left.set(xlabel="step", ylabel="estimate of the slope", title="gradients with noise")
left.legend(ncols=3, loc="lower center")
right.plot(range(1, 31), means[:30], color=BLUE, linewidth=2, label="$\\hat m$")
right.plot(range(1, 31), uncorrected[:30], "--", color=VERMILLION, label="$m$, not corrected")
right.axhline(1, color=INK, linestyle="--", linewidth=1)
right.set(xlabel="step", title="the first 30 steps")
right.legend()
for ax in (left, right):
    tidy(ax)
figure

# %% [markdown]
# As printed nothing is averaged: the estimate jumps about as much as the gradients themselves, and shrinks even a
# steady one. The right form settles. Without the correction $m$ sets out from 0. So does $v$, but under a root: with
# neither corrected, the first step is $(1 - \beta_1)/\sqrt{1 - \beta_2}$ times as long as it should be: with the usual
# 0.9 and 0.999 that is $0.1 / \sqrt{0.001}$, more than three times.
#
# ### Exercise: `adam_step`
#
# Write one step. Return the new $w$, $m$ and $v$; the arrays that you are given must stay as they are.


# %%
def adam_step(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    """New (w, m, v) after step t = 1, 2, ... of Adam; w, g, m, v all of one shape.

    m ← β₁ m + (1 − β₁) g    v ← β₂ v + (1 − β₂) g²    w ← w − α m̂ / (√v̂ + ε)
    """
    ### BEGIN SOLUTION
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    m_hat = m / (1 - beta_1**t)
    v_hat = v / (1 - beta_2**t)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v
    ### END SOLUTION


check("adam_step", adam_step)

# %% [markdown]
# D2.E5 comes with an example: $\hat m = 0.3$, $\hat v = 0.4$, $\alpha = \varepsilon = 0.001$. The step is

# %%
print(f"{0.001 * 0.3 / (np.sqrt(0.4) + 0.001):.4e}")

# %% [markdown]
# ## The same with `minidl`
#
# An optimizer of `minidl` is a class with one method, `update`, that edits the weights `w` and its memories in place.
# So your function becomes an optimizer in four lines (or, while you have none, the library's does). It must walk the
# path of `md.optimizers.Adam`.

# %% tags=["measured"]
from minidl.check.bank.update_rules import adam_by_the_library

step = check.mine_or(adam_step, adam_by_the_library)


class OurAdam(md.optimizers.Optimizer):
    state_names = ("m", "v")  # made as zeros, of the shape of the weights

    def update(self, w, g, t, rate, m, v):  # t is scratch memory here
        w[...], m[...], v[...] = step(w, g, m, v, self.iterations, rate, 0.9, 0.999, 1e-7)


ours, library = walk(OurAdam(learning_rate=0.1)), walk(Adam(learning_rate=0.1))
print(f"{len(ours) - 1} and {len(library) - 1} steps, largest distance {np.abs(ours - library).max():.0e}")

# %% [markdown]
# ## What breaks it: turn the valley
#
# RMSprop and Adam measure each weight by itself. In our valley the steep direction *is* one weight. Turn the bowl by
# 45°, and every weight is half steep, half flat.

# %%
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)  # columns: the valley's own directions
rules = {
    "SGD": lambda: SGD(learning_rate=0.019),
    "momentum": lambda: SGD(learning_rate=0.019, momentum=0.8),
    "RMSprop": lambda: RMSprop(learning_rate=0.02),
    "Adam": lambda: Adam(learning_rate=0.1),
}


def steps_when_turned(rule, limit=3000):
    w = md.Parameter(turn @ start, dtype="float64")  # the same place in the valley
    optimizer, steps = rule(), 0
    optimizer.bind([w])
    while loss(turn.T @ w.numpy()) >= 1e-6 and steps < limit:
        w.grad = turn @ gradient(turn.T @ w.numpy())
        optimizer.step()
        steps += 1
    return steps


for name, rule in rules.items():
    print(f"{name:9s} {len(walk(rule())) - 1:4d} steps along the axes, {steps_when_turned(rule):4d} when turned")

# %% [markdown]
# SGD and momentum do not notice, for they only know lengths and directions. For the other two the advantage has
# gone, or most of it. (A count at the limit of 3,000 means that the walk never came to rest: a rule whose steps have a
# fixed length circles round the goal until $\alpha$ is made smaller. That is what learning-rate schedules are for.)
#
# ## Weight decay: AdamW
#
# To keep weights small (D.T5) one may add $\tfrac{\lambda}{2} \sum w^2$ to the loss, so that $\lambda w$ joins the
# gradient. (Here $\lambda$ is no curvature but one number, the strength of the decay.) In SGD that shrinks every weight
# by the same factor. Adam then divides it by $\sqrt{\hat v}$: weights with large gradients are hardly decayed at all.
# **AdamW** shrinks the weights outside the division, $w \leftarrow w - \alpha \lambda w$, before Adam's step. Watch two
# weights with noise for gradients, one loud, one quiet:

# %%
decay = 1.0
noise = rng.normal(size=(400, 2)) * np.array([10.0, 0.1])  # gradients of a loud and of a quiet weight
in_gradient = md.Parameter(np.array([1.0, 1.0]), dtype="float64")
decoupled = md.Parameter(np.array([1.0, 1.0]), dtype="float64")
adam, adamw = Adam([in_gradient], learning_rate=0.003), AdamW([decoupled], learning_rate=0.003, weight_decay=decay)
for g in noise:
    in_gradient.grad, decoupled.grad = g + decay * in_gradient.numpy(), g
    adam.step()
    adamw.step()
print("λ w in the gradient:", in_gradient.numpy().round(2))
print("AdamW:              ", decoupled.numpy().round(2))

# %% [markdown]
# Put into the gradient, the decay takes most of the quiet weight and hardly touches the loud one. AdamW shrinks both
# alike, up to the noise in their paths.
#
# ## Real data
#
# Digits of 8 × 8 pixels, a network 64-64-10 (lesson 4 explains it), 12 epochs. Each rule gets a rate that suits it,
# and three seeds, because one run says little.

# %%
(x_train, y_train), (x_test, y_test) = md.data.digits()
x_train, x_test = (images.reshape(-1, 64).astype(np.float32) / 16 for images in (x_train, x_test))


def train(optimizer, seed, epochs=12):
    """Losses after each epoch, and the accuracy on the test digits."""
    md.seed(seed)
    model = md.Sequential([md.layers.Dense(64, activation="relu", input_shape=(64,)), md.layers.Dense(10)])
    model.compile(optimizer, md.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=epochs, batch_size=32, verbose=0)
    return history.history["loss"], model.evaluate(x_test, y_test, verbose=0)[1]


contest = {
    "SGD, α = 0.1": (lambda: SGD(learning_rate=0.1), VERMILLION, "-"),
    "momentum 0.9, α = 0.1": (lambda: SGD(learning_rate=0.1, momentum=0.9), ORANGE, "--"),
    "RMSprop, α = 0.003": (lambda: RMSprop(learning_rate=0.003), PURPLE, ":"),
    "our Adam, α = 0.01": (lambda: OurAdam(learning_rate=0.01), BLUE, "-."),
}
figure = new_figure(7, 3)
ax = figure.subplots()
for name, (rule, colour, style) in contest.items():
    runs = [train(rule(), seed) for seed in range(3)]
    losses = np.array([run[0] for run in runs])  # (3, epochs)
    ax.fill_between(range(1, 13), losses.min(axis=0), losses.max(axis=0), color=colour, alpha=0.25)
    ax.semilogy(range(1, 13), losses.mean(axis=0), style, color=colour, label=name)
    scores = [run[1] for run in runs]
    print(f"{name:22s} test accuracy {min(scores):.2f} to {max(scores):.2f}")
ax.set(xlabel="epoch", ylabel="training loss", title="digits, three seeds each")
ax.legend()
tidy(ax)
figure

# %% [markdown]
# Your own Adam has trained a network. Plain SGD is still on its way down after 12 epochs. The others differ clearly in
# their training loss, but on the *test* digits their bands touch: what a faster rule saves is time. It does not by
# itself make a network that knows more about new digits.
#
# ## And too long a step
#
# No rule is safe from a wrong $\alpha$. "Adam needs no tuning" is a saying, not a fact:

# %%
for learning_rate in (1e-5, 1e-3, 1e-2, 1.0):
    losses, accuracy = train(Adam(learning_rate=learning_rate), seed=0, epochs=6)
    print(f"Adam, α = {learning_rate:7.5f}: training loss {losses[-1]:5.2f}, test accuracy {accuracy:.2f}")

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. You multiply the loss by 10. What must change in SGD to get the same path? In Adam?
# 2. In a bowl of condition 10,000, how many times the steps does plain SGD need, about?
# 3. After one step of Adam, from fresh memories and with $\varepsilon = 0$: how far has each weight moved?
#
# <details><summary>Answers</summary>
#
# 1. SGD: $\alpha$ must be divided by 10. Adam: nothing, $\hat m$ and $\sqrt{\hat v}$ both grow tenfold (but for
#    $\varepsilon$).
# 2. About a hundred times: the steep direction forces $\alpha$ down by 100, and the flat one then shrinks by
#    $1 - \alpha$ a step.
# 3. By exactly $\alpha$: $\hat m = g$ and $\sqrt{\hat v} = |g|$, so the step is $\alpha$ times the sign of $g$.
#
# </details>
#
# ## Sources
#
# D0.E5, D2.E4, D4.E6 (descent), D2.E5 (Adam, wrong in print), D2.E6 and D.T4 (momentum and RMSprop, only named there).
# B. Polyak 1964 (momentum); Y. Nesterov 1983; T. Tieleman and G. Hinton, lecture 6.5, 2012 (RMSprop); D. Kingma and
# J. Ba, "Adam", 2015; I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019. In the library:
# `minidl/optimizers/rules.py`, where each rule is its paper's lines and the same letters below them.
