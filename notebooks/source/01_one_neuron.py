# %% [markdown]
# # 1 · One neuron, one slope
#
# A neuron is a weighted sum and a curve. Learning is one slope, followed downhill. At the end of this lesson a neuron
# that you have taught yourself tells a handwritten 3 from an 8, and you know where each of its numbers comes from.
#
# You need NumPy (arrays, `@`, `mean`) and the derivatives of school: of $\log$, of $e^x$, and the chain rule.
# About 45 minutes, two exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.plot.style import BLUE, DIVERGING, GREY, GREYS, INK, ORANGE, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The data
#
# Small images of written digits, 8 × 8 pixels, each a whole number from 0 (paper) to 16 (ink). We keep the threes and
# the eights. A neuron takes a list of numbers, so each image is laid out as a row of $D = 64$ numbers, and these are
# divided by 16: from 0 (paper, shown black) to 1 (ink, shown white). The **label** $y$ of an image is 1 for an eight
# and 0 for a three. The neuron learns from the *training* images. The *test* images, most of them by other writers, are
# kept back until it has learnt.

# %%
(train_images, train_labels), (test_images, test_labels) = md.data.digits()


def threes_and_eights(images, labels):
    """Images as rows x (N, 64) from 0 to 1, and labels y (N,): 1 for an eight, 0 for a three."""
    chosen = (labels == 3) | (labels == 8)
    x = images[chosen].reshape(-1, 64) / 16  # (N, 8, 8) -> (N, 64)
    y = (labels[chosen] == 8).astype(float)  # (N,)
    return x, y


x_train, y_train = threes_and_eights(train_images, train_labels)
x_test, y_test = threes_and_eights(test_images, test_labels)
print("training", x_train.shape, y_train.shape, f"share of eights {y_train.mean():.2f}")
print("test    ", x_test.shape, y_test.shape, f"share of eights {y_test.mean():.2f}")

# %% [markdown]
# ## Where we are going
#
# The next cell trains one neuron with `minidl`, in a few lines that you need not understand yet. Then it shows the
# neuron's 64 weights as an image, before training and after 1, 10 and 200 rounds.

# %%
model = md.Sequential([md.layers.Dense(1, kernel_initializer="zeros", input_shape=(64,))])
model.compile(md.optimizers.SGD(learning_rate=1.0), md.losses.BinaryCrossentropy(from_logits=True))

snapshots, rounds = [model.get_weights()[0]], [0, 1, 10, 200]
for before, after in zip(rounds[:-1], rounds[1:]):
    model.fit(x_train, y_train[:, None], epochs=after - before, batch_size=len(x_train), verbose=0)
    snapshots.append(model.get_weights()[0])  # (64, 1)

figure = new_figure(9, 2.4)
axes = figure.subplots(1, 6)
for ax, digit, name in zip(axes, (0, 1), ("mean three", "mean eight")):
    ax.imshow(x_train[y_train == digit].mean(axis=0).reshape(8, 8), cmap=GREYS)
    ax.set_title(name)
for ax, w, number in zip(axes[2:], snapshots, rounds):
    drawn = ax.imshow(w.reshape(8, 8), cmap=DIVERGING, vmin=-2.5, vmax=2.5)
    ax.set_title(f"weights\nafter {number}")
for ax in axes:
    ax.set_axis_off()
figure.colorbar(drawn, ax=axes[-1], label="weight", shrink=0.8)
figure

# %% [markdown]
# Read the last image like this: ink on a red pixel speaks for an eight, ink on a blue pixel for a three, and white
# pixels do not matter. Nobody told the neuron where an eight has ink and a three has none.
#
# ## Before you go on: predict
#
# Every weight starts at 0. Such a neuron answers "eight, with probability ½" to each image. Its **loss** is the mean
# of $-\log(\text{the probability that it gave to the right answer})$, with the natural logarithm.
#
# **What is that loss?** Write it as code that works for any labels `y`: put your lines in place of the line with
# `raise`, and run the cell. The check says whether the answer is right, and if not, what to look at. You may try as
# often as you like, or go on without an answer.
#
# A second question, for which a guess will do: of 100 *new* images, most by writers whom it has never seen, how many
# will the trained neuron get right?


# %%
def first_loss(y):
    """The loss of a neuron that says ½ to each of N images with labels y (N,)."""
    ### BEGIN SOLUTION
    return -np.mean(np.log(np.full(len(y), 0.5)))  # whatever y is: log 2
    ### END SOLUTION


check("first_loss", first_loss)

# %% [markdown]
# ## The neuron
#
# The neuron has a weight for each pixel and one number more, the bias (D4.E1; such marks number the equations of the
# articles from which `minidl` grew, and stand at the same equations in its code):
#
# $$z = w \cdot x + b = \sum_{j=1}^{D} w_j x_j + b, \qquad p = \sigma(z) = \frac{1}{1 + e^{-z}}.$$
#
# $z$ can be any number; the curve $\sigma$ (D2.E3, "sigmoid") turns it into a probability $p$ between 0 and 1. The
# letter $j$ counts the pixels. We compute all $N$ images at once, and $n$ counts them:
#
# | letter | what | shape | in code |
# |---|---|---|---|
# | $x$ | images, one a row | $(N, D)$ | `x` |
# | $y$ | labels, 0 or 1 | $(N,)$ | `y` |
# | $w$ | weights | $(D,)$ | `w` |
# | $b$ | bias | $()$: one number | `b` |
# | $z$ | weighted sums ("logits") | $(N, D) \cdot (D,) + () \to (N,)$ | `x @ w + b` |
# | $p$ | probability of "eight" | $(N,)$ | `sigmoid(z)` |
# | $L$ | loss | $()$ | `loss(w, b, x, y)` |
#
# The loss is the **binary cross-entropy**. For one image it is $-\log p$ where $y = 1$ and $-\log(1 - p)$ where
# $y = 0$: nothing for being right and sure, a lot for being wrong and sure. One line says both, because one of its two
# terms is always 0:
#
# $$L = -\frac{1}{N} \sum_{n=1}^{N} \big[\, y_n \log p_n + (1 - y_n) \log(1 - p_n) \,\big].$$


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss(w, b, x, y):
    p = sigmoid(x @ w + b)  # (N, D), (D,) -> (N,)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))  # (N,) -> ()


w, b = np.zeros(64), 0.0
print(f"loss of the untrained neuron {loss(w, b, x_train, y_train):.6f}")
print(f"log 2                        {np.log(2):.6f}")

# %% [markdown]
# That was your prediction, if you passed the check. Remember it: a first loss far from it means a mistake somewhere,
# and looking costs nothing.

# %%
z = np.linspace(-6, 6, 200)
figure = new_figure(9, 3)
left, right = figure.subplots(1, 2)
left.plot(z, sigmoid(z), color=INK)
left.plot(z, 0.5 + z / 4, "--", color=GREY, label="slope ¼ at z = 0")
left.set(xlabel="z", ylabel="p = σ(z)", ylim=(-0.05, 1.05), title="from any number to a probability")
right.plot(z, -np.log(sigmoid(z)), color=VERMILLION, label="y = 1: −log σ(z)")
right.plot(z, -np.log(1 - sigmoid(z)), "--", color=BLUE, label="y = 0: −log(1 − σ(z))")
right.set(xlabel="z", ylabel="loss of one image", title="the price of an answer")
for ax in (left, right):
    ax.legend()
    tidy(ax)
figure

# %% [markdown]
# ## One slope
#
# Leave 63 weights at 0 and turn the last one: the weight of a single pixel. The loss becomes a curve over one number,
# and a curve has a slope. School measures it with a small step $h$. Taken to both sides, the change of $L$ is divided
# by the distance $2h$:
#
# $$\frac{\partial L}{\partial w_j} \approx \frac{L(w_j + h) - L(w_j - h)}{2h}.$$
#
# The sign $\partial$ instead of $d$ only says that all other weights are held still.

# %%
j = 42  # row 5, column 2: where an eight closes its lower loop, and a three is open


def loss_at(w_j):
    w = np.zeros(64)
    w[j] = w_j
    return loss(w, 0.0, x_train, y_train)


h = 1e-5
slope = (loss_at(h) - loss_at(-h)) / (2 * h)
print(f"loss at 0: {loss_at(0):.4f}, slope at 0: {slope:.4f}")
for w_j in (-1.0, 1.0):
    print(f"loss at {w_j:+.0f}: {loss_at(w_j):.4f}; the straight line says {loss_at(0) + slope * w_j:.4f}")

# %%
values = np.linspace(-4, 8, 100)
figure = new_figure(6, 3)
ax = figure.subplots()
ax.plot(values, [loss_at(v) for v in values], color=INK, label="loss")
ax.plot(values, loss_at(0) + slope * values, "--", color=ORANGE, label=f"slope {slope:.3f} at 0")
ax.plot(0, loss_at(0), "o", color=ORANGE)
ax.set(xlabel=f"weight of pixel {j}", ylabel="loss", ylim=(0, 1.75), title="one weight turned, 63 held at 0")
ax.legend()
tidy(ax)
figure

# %% [markdown]
# The slope says which way is down, and how steep it is *here*. It does not say how far to go: further out the curve
# leaves its straight line.
#
# ## All slopes at once
#
# Steps of $h$ would need two losses for each of 64 weights, again after every move. The chain rule gives all slopes
# from one look. For one image, follow how a change travels, $w_j \to z \to p \to L$:
#
# $$\frac{\partial L}{\partial p} = \frac{1 - y}{1 - p} - \frac{y}{p} = \frac{p - y}{p\,(1 - p)}, \qquad
# \frac{\partial p}{\partial z} = p\,(1 - p), \qquad \frac{\partial z}{\partial w_j} = x_j, \qquad
# \frac{\partial z}{\partial b} = 1.$$
#
# (The second is the derivative of $1 / (1 + e^{-z})$: it is $e^{-z} / (1 + e^{-z})^2$, and $e^{-z} / (1 + e^{-z})$ is
# $1 - p$.) Multiply along each way, to $w_j$ and to $b$. The awkward $p(1 - p)$ cancels, which is why this loss and
# this curve belong together:
#
# $$\boxed{\frac{\partial L}{\partial z} = p - y} \qquad \frac{\partial L}{\partial w_j} = (p - y)\, x_j \qquad
# \frac{\partial L}{\partial b} = p - y.$$
#
# In words: *how wrong was the answer, times how much ink was on the pixel.* The loss of $N$ images is a mean, so its
# slopes are means too; $x_{nj}$ is pixel $j$ of image $n$:
#
# $$\frac{\partial L}{\partial w_j} = \frac{1}{N} \sum_{n=1}^{N} (p_n - y_n)\, x_{nj}, \qquad
# \frac{\partial L}{\partial b} = \frac{1}{N} \sum_{n=1}^{N} (p_n - y_n).$$
#
# $\partial L / \partial w$ has the shape of $w$, $(D,)$, and $\partial L / \partial b$ that of $b$, $()$: a slope for
# each number that can be turned. All slopes together are called the **gradient**.
#
# ### Exercise: `bce_backward`
#
# Write the two gradients of the mean loss. Three lines are enough: $p$ (`sigmoid` is above), then `dw`, then `db`.


# %%
def bce_backward(x, w, b, y):
    """∂L/∂w (D,) and ∂L/∂b (), for L the mean binary cross-entropy of p = σ(x w + b).

    x (N, D), w (D,), b (), y (N,)
    """
    ### BEGIN SOLUTION
    error = sigmoid(x @ w + b) - y  # p − y, (N,)
    dw = x.T @ error / len(y)  # (D, N), (N,) -> (D,)
    db = error.mean()  # (N,) -> ()
    return dw, db
    ### END SOLUTION


check("bce_backward", bce_backward)

# %% [markdown]
# ## The same with `minidl`
#
# `minidl` differentiates by itself. A `Tensor` is an array that remembers what was done to it, and `backward` follows
# the record from the loss to the weights. How that works is lesson 2; here it serves as a second opinion.


# %%
def bce_backward_by_minidl(x, w, b, y):
    w, b = md.Tensor(w, requires_grad=True), md.Tensor(b, requires_grad=True, dtype="float64")
    p = md.sigmoid(x @ w + b)  # (N,)
    md.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p))).backward()
    return w.grad, b.grad


backward = check.mine_or(bce_backward, bce_backward_by_minidl)

# %% [markdown]
# Three ways to the same 64 slopes: your formula (or, while you have none, `minidl`'s), the record of `minidl`, and the
# school's small step. They are compared at a random point, not at 0, where every $p$ is ½ and may hide a mistake.

# %% tags=["measured"]
w, b = 0.3 * rng.normal(size=64), 0.3
dw, db = backward(x_train, w, b, y_train)
dw_minidl, db_minidl = bce_backward_by_minidl(x_train, w, b, y_train)
steps = np.eye(64) * h  # row j moves weight j only
dw_steps = [(loss(w + s, b, x_train, y_train) - loss(w - s, b, x_train, y_train)) / (2 * h) for s in steps]
print(f"largest slope                     {np.abs(dw).max():.3f}")
print(f"largest difference to minidl      {np.abs(dw - dw_minidl).max():.0e}")
print(f"largest difference to small steps {np.abs(dw - dw_steps).max():.0e}")

# %% [markdown]
# ## Downhill
#
# The rule of learning (D0.E5, D2.E4, D4.E6) is one line. The **learning rate** $\alpha$ says how far to go:
#
# $$w \leftarrow w - \alpha\, \frac{\partial L}{\partial w}, \qquad
# b \leftarrow b - \alpha\, \frac{\partial L}{\partial b}.$$
#
# The example that comes with D2.E4 has $\alpha = 0.1$ and a gradient of 0.5: the weight moves by 0.05, against the
# slope. Once through all the training images is called an **epoch**; here each epoch makes one step. The **accuracy**
# is the share of images that the neuron gets right.


# %%
def train(x, y, learning_rate, epochs):
    """Gradient descent from w = 0, b = 0: the last w and b, and those of each epoch."""
    w, b = np.zeros(x.shape[1]), 0.0
    path = [(w, b)]
    for _ in range(epochs):
        dw, db = backward(x, w, b, y)
        w = w - learning_rate * dw
        b = b - learning_rate * db
        path.append((w, b))
    return w, b, path


def accuracy(w, b, x, y):
    return np.mean((x @ w + b > 0) == (y == 1))  # z > 0 means p > ½


w, b, path = train(x_train, y_train, learning_rate=1.0, epochs=200)
for epoch in (0, 1, 10, 50, 200):
    print(
        f"epoch {epoch:3d}   loss: training {loss(*path[epoch], x_train, y_train):.3f}, "
        f"test {loss(*path[epoch], x_test, y_test):.3f}   accuracy: training "
        f"{accuracy(*path[epoch], x_train, y_train):.2f}, test {accuracy(*path[epoch], x_test, y_test):.2f}"
    )

# %% [markdown]
# The first line of the table is your prediction. The last one answers the other question: on images that it has never
# seen, the neuron is clearly worse than on those it has learnt from. Only the second number is worth reporting.
#
# The picture at the top came from `minidl`'s `fit`. If all is as we say, our loop made the same weights:

# %%
there = snapshots[-1][:, 0]  # (64, 1) -> (64,)
print(f"largest weight of our loop {np.abs(w).max():.3f}, of fit {np.abs(there).max():.3f}")
print("equal to four decimals:", np.allclose(w, there, atol=1e-4))

# %%
figure = new_figure(9, 3)
left, right = figure.subplots(1, 2)
left.plot([loss(*wb, x_train, y_train) for wb in path], color=BLUE, label="training")
left.plot([loss(*wb, x_test, y_test) for wb in path], "--", color=VERMILLION, label="test")
left.axhline(np.log(2), color=GREY, linewidth=1)
left.annotate("log 2: a coin", (200, np.log(2)), ha="right", va="bottom", color=INK)
left.set(xlabel="epoch", ylabel="loss", ylim=(0, 0.8), title="learning")
p = sigmoid(x_test @ w + b)
bins = np.linspace(0, 1, 11)
right.hist(p[y_test == 0], bins, color=BLUE, alpha=0.8, label="threes")
right.hist(p[y_test == 1], bins, histtype="step", hatch="///", color=VERMILLION, label="eights")
right.set(xlabel="p, probability of “eight”", ylabel="test images", title="what it answers to new images")
for ax in (left, right):
    ax.legend()
    tidy(ax)
figure

# %% [markdown]
# Threes to the left of ½ and eights to the right of it are answered well. Here are some of the others, the worst
# mistakes first. Would you have read them better?

# %%
md.plot.worst_mistakes(
    x_test.reshape(-1, 8, 8), y_test.astype(int), np.stack([1 - p, p], axis=1), n=6, class_names=["3", "8"], columns=6
)

# %% [markdown]
# ## Is it luck?
#
# The loop above has no random number in it. Most training has: it takes the images in small, shuffled groups
# (**batches**), so that a step costs less. Then the result depends on the seed, and one run says little. Five runs
# give a band.


# %%
def train_in_batches(x, y, learning_rate, epochs, batch_size, seed):
    w, b = np.zeros(x.shape[1]), 0.0
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        for batch in np.array_split(order.permutation(len(y)), len(y) // batch_size):
            dw, db = backward(x[batch], w, b, y[batch])
            w, b = w - learning_rate * dw, b - learning_rate * db
    return w, b


runs = [train_in_batches(x_train, y_train, 0.5, 40, 16, seed) for seed in range(5)]
scores = [accuracy(*run, x_test, y_test) for run in runs]
print(f"test accuracy between {min(scores):.2f} and {max(scores):.2f} over five seeds")
print(f"one test image is worth {1 / len(y_test):.3f}")

# %% [markdown]
# ## What breaks it
#
# **Too long a step.** The slope is only right nearby. With a large $\alpha$ the neuron jumps over the valley, and the
# loss goes up before it comes down.
#
# **The formula itself.** Where the neuron is sure and wrong, $p$ is rounded to exactly 1, and $\log(1 - p)$ is
# $-\infty$. On paper the loss of $z = 800$ for a three is 800. `minidl` rearranges the formula so that it is.

# %%
print("loss after 0, 2, 4 ... 12 epochs")
for rate in (0.1, 1.0, 4.0):
    *_, path = train(x_train, y_train, rate, epochs=12)
    print(f"learning rate {rate:4.1f}: " + " ".join(f"{loss(*wb, x_train, y_train):5.2f}" for wb in path[::2]))

with np.errstate(all="ignore"):  # NumPy would warn
    print("as written:", loss(np.array([800.0]), 0.0, np.ones((1, 1)), np.zeros(1)))
print("rearranged:", md.sigmoid_cross_entropy(np.array([800.0]), np.array([0.0])).item())

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. A pixel is 0 in every training image. What is its weight after 200 epochs?
# 2. You measure the loss with $\log_2$ instead of $\log$. What is the first loss? Which $\alpha$ gives the same path?
# 3. The labels are swapped: 1 for a three. What happens to $w$ and $b$?
#
# <details><summary>Answers</summary>
#
# 1. Still 0: its slope is $(p - y) \cdot 0$ in every step.
# 2. Exactly 1. All slopes grow by $1/\log 2$, so $\alpha \log 2$ gives the same path.
# 3. Both change their sign and nothing else: $\sigma(-z) = 1 - \sigma(z)$, so every $p - y$ changes its sign.
#
# </details>
#
# ## Sources
#
# The equations: D4.E1 (neuron), D2.E3 (sigmoid), D1.E1 (cross-entropy; here with two classes), D0.E5 and D2.E4 (the
# update). The neuron with this loss is *logistic regression*: D. R. Cox, "The regression analysis of binary
# sequences", 1958. The digits: E. Alpaydin and C. Kaynak, UCI repository, 1998. In the library:
# `minidl/ops/activations.py`, `minidl/ops/cross_entropy.py`, `minidl/optimizers/rules.py`. Next: lesson 2, where the
# chain rule becomes a graph.
