# %% [markdown]
# # 4 · Dense networks: from XOR to digits
#
# One neuron draws one straight line. Two layers of them draw what you like. This lesson takes the smallest problem that
# one line cannot solve, finds out why a program for it fails as printed, derives the backward pass of every dense
# network, and ends with a network, run on your own derivatives, that reads handwritten digits.
#
# You need lesson 1 (a neuron) and, for the chain rule, lesson 2. About 60 minutes, three exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.plot.style import BLUE, GREY, INK, ORANGE, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Where we are going
#
# XOR asks: is exactly one of two inputs on? No straight line parts the two answers. The program D4.P1 has a network of
# 2 inputs, 3 **hidden** neurons (between input and output) and 1 output, all with the sigmoid curve. (Keras, the
# library whose names `minidl` uses, calls neurons *units*.) It trains for 1,000 epochs with Adam, an update rule that
# lesson 6 explains. Left, that program as printed. Right, the same network, with one number changed.

# %%
x_xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)  # (4, 2)
y_xor = np.array([[0], [1], [1], [0]], np.float32)  # (4, 1)


def train_xor(learning_rate, seed, hidden=3):
    """D4.P1: the losses of 1,000 epochs, the model, and how far the farthest weight has moved."""
    md.random.set_seed(seed)
    model = md.Sequential(
        [
            md.layers.Dense(hidden, activation="sigmoid", input_shape=(2,)),
            md.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(md.optimizers.Adam(learning_rate=learning_rate), loss="binary_crossentropy", metrics=["accuracy"])
    before = model.get_weights()
    history = model.fit(x_xor, y_xor, epochs=1000, verbose=0)
    moved = max(np.abs(w - v).max() for w, v in zip(model.get_weights(), before))
    return history.history["loss"], model, moved


figure = new_figure(9, 3.2)
for ax, learning_rate in zip(figure.subplots(1, 2), (0.001, 0.1)):
    losses, model, _ = train_xor(learning_rate, seed=42)
    md.plot.decision_surface(model.predict, x_xor, y_xor, class_names=["same", "different"], ax=ax)
    ax.set_title(f"learning rate {learning_rate}: loss {losses[-1]:.3f}")
figure

# %% [markdown]
# ## Before you go on: predict
#
# A network that knows nothing gives each of $C$ classes the same probability $1/C$. Its loss (D1.E1) is the mean of
# $-\log(\text{probability of the right class})$. **What is the first loss of a network for ten digits?** Write it for
# any number of classes.


# %%
def first_loss_of(classes):
    """The cross-entropy of a network that gives each of C classes the same probability."""
    ### BEGIN SOLUTION
    return np.log(classes)  # −log(1 / C)
    ### END SOLUTION


check("first_loss_of", first_loss_of)

# %% [markdown]
# ## Layers
#
# A **dense layer** is many neurons that look at the same input. All of its weighted sums are one matrix product
# (D0.E1). The articles write each sample as a column, $z = W a + b$; like Keras we write samples as rows, so the
# product stands the other way round:
#
# $$z^{[l]} = a^{[l-1]} W^{[l]} + b^{[l]}, \qquad a^{[l]} = \sigma(z^{[l]}), \qquad l = 1, 2, \dots$$
#
# | letter | what | shape |
# |---|---|---|
# | $a^{[0]} = x$ | the input: $N$ samples in rows, $D$ numbers each | $(N, D)$ |
# | $W^{[l]}, b^{[l]}$ | weights and biases of layer $l$ | $(\text{in}, \text{out})$, $(\text{out},)$ |
# | $z^{[l]}, a^{[l]}$ | weighted sums, and what the curve makes of them | $(N, \text{out})$ |
#
# The mark $[l]$ is no power: it counts the layers. "In" is how many numbers a layer gets from the one before, "out" how
# many units it has.
#
# Without the curve $\sigma$ two layers would be one: $(x W_1) W_2 = x (W_1 W_2)$, a straight line again. With it, each
# hidden unit of the XOR network draws a line of its own and says on which side of it a point lies. The output makes its
# answer of these. Here are the numbers inside the network on the right:

# %%
W1, b1, W2, b2 = model.get_weights()  # (2, 3), (3,), (3, 1), (1,)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


a1 = sigmoid(x_xor @ W1 + b1)  # (4, 2) (2, 3) + (3,) -> (4, 3)
a2 = sigmoid(a1 @ W2 + b2)  # (4, 3) (3, 1) + (1,) -> (4, 1)
print("x, hidden a[1], output a[2]")
for row in zip(x_xor, a1, a2):
    print(*(np.round(part, 2) for part in row))
print("equal to minidl:", np.allclose(a2, model.predict(x_xor)))

# %% [markdown]
# ## Why the printed program fails
#
# Adam's step has a length of about its learning rate, whatever the slope (lesson 6). D4.P1 takes Keras' default,
# 0.001, and with four samples in one batch an epoch is *one* step. So in 1,000 epochs a weight can travel a distance
# of about one. How far do the weights of a network that has learnt XOR travel?

# %%
print("learning rate | loss after 1,000 steps, five seeds    | farthest weight moved by")
for learning_rate in (0.001, 0.1):
    runs = [train_xor(learning_rate, seed) for seed in range(5)]
    losses, moved = " ".join(f"{run[0][-1]:6.3f}" for run in runs), [run[2] for run in runs]
    print(f"{learning_rate:13.3f} | {losses}    | {min(moved):.1f} to {max(moved):.1f}")
wider = [train_xor(0.1, seed, hidden=8)[0][-1] for seed in range(3)]
print("with eight hidden units, learning rate 0.1:", " ".join(f"{loss:.3f}" for loss in wider))

# %% [markdown]
# As printed the weights cannot get there in time: no seed learns XOR. A step a hundred times as long is enough, for
# most seeds. One of the five stays at a loss far above 0: from its start, three units do not find the way. With eight
# units all three seeds do: here more weights than needed make the loss easier to descend.
#
# ## Ten classes: softmax
#
# For $C$ classes the last layer gives $C$ numbers for each sample, the **logits** $z$ of shape $(N, C)$. **Softmax**
# makes them probabilities $p$, of the same shape; every row of $p$ is positive and adds up to 1. **Cross-entropy**
# (D1.E1) takes the one that was given to the right class. ($n$ counts samples, $c$ and $k$ count classes.)
#
# $$p_{nc} = \frac{e^{z_{nc}}}{\sum_k e^{z_{nk}}}, \qquad L = -\frac{1}{N} \sum_n \log p_{n, \text{label}_n}.$$
#
# For a large $z$, $e^{z}$ is too large to be stored. But adding the same number to all logits of a row multiplies
# numerator and denominator by the same factor, and changes nothing. So we take away the largest first: that is the
# **log-sum-exp** trick.


# %%
def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)  # (N, C); now the largest is 0
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def cross_entropy(z, labels):
    return -np.mean(log_softmax(z)[np.arange(len(labels)), labels])


z = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, 0.0]])  # (2, 3)
labels = np.array([2, 0])
with np.errstate(over="ignore"):  # NumPy would warn
    print("largest e^z:", np.exp(z).max(axis=1))
print("log p:", log_softmax(z).round(3).tolist())
print(
    "loss by hand", cross_entropy(z, labels).round(6), " by minidl", md.softmax_cross_entropy(z, labels).mean().round(6)
)

# %% [markdown]
# ## Backwards
#
# Write $\delta^{[l]} = \partial L / \partial z^{[l]}$, of the shape of $z^{[l]}$. Three rules are all there is. The
# articles have them as D0.E2 to D0.E8; some of them are misprinted, as lesson 3 has shown. ($dW$ is short for
# $\partial L / \partial W$, as in code.) Let the layer have $D$ inputs and $H$ units:
#
# | rule | in rows | shapes | ID |
# |---|---|---|---|
# | at the top | $\delta = (p - t) / N$ | all $(N, C)$ | D0.E6 |
# | through $z = a W + b$ | $dW = a^T \delta$ | $(D, N)\,(N, H) \to (D, H)$ | D0.E3, E8 |
# | | $db = \sum_n \delta_n$ | $(N, H) \to (H,)$ | D0.E4 |
# | | $da = \delta W^T$ | $(N, H)\,(H, D) \to (N, D)$ | D0.E2, E7 |
# | through the curve | $\delta = da \odot \sigma'(z)$ | all $(N, H)$ | D0.E2, E7 |
#
# Here $t$ holds the labels **one-hot**: row $n$ is 1 at the right class of sample $n$ and 0 elsewhere. $\odot$
# multiplies entry by entry, $\sigma'$ is the slope of the curve, and $a^T$ is the transpose.
#
# Where do the rules for $z = a W + b$ come from? One entry: $z_{nh} = \sum_d a_{nd} W_{dh} + b_h$. The weight $W_{dh}$
# acts on column $h$ of $z$ in every sample, each time with the factor $a_{nd}$. The input $a_{nd}$ acts on row $n$ of
# $z$ in every unit, each time with the factor $W_{dh}$. Lesson 2 says: add up the paths.
#
# $$\frac{\partial L}{\partial W_{dh}} = \sum_n a_{nd}\, \delta_{nh} = (a^T \delta)_{dh}, \qquad
# \frac{\partial L}{\partial a_{nd}} = \sum_h \delta_{nh}\, W_{dh} = (\delta W^T)_{nd}.$$
#
# The shapes leave no other choice: $\partial L / \partial W$ must have the shape of $W$.
#
# ### Exercise: `affine_backward`
#
# The layer without its curve, $y = x W + b$, is *affine*. The upstream gradient is $g = \partial L / \partial y$.


# %%
def affine_backward(g, x, W):
    """∂L/∂x (N, D), ∂L/∂W (D, H), ∂L/∂b (H,) of y = x W + b, from g = ∂L/∂y (N, H)."""
    ### BEGIN SOLUTION
    dx = g @ W.T  # (N, H) (H, D) -> (N, D)
    dW = x.T @ g  # (D, N) (N, H) -> (D, H)
    db = g.sum(axis=0)  # (N, H) -> (H,): b was added to every sample
    return dx, dW, db
    ### END SOLUTION


check("affine_backward", affine_backward)

# %% [markdown]
# ### Exercise: `softmax_cross_entropy_backward`
#
# For one sample, $-\log p_{\text{label}} = \log \sum_k e^{z_k} - z_{\text{label}}$. Its slope along $z_c$ is
# $e^{z_c} / \sum_k e^{z_k}$, minus 1 where $c$ is the label. The loss is the mean over the batch: do not forget $N$.
# (`log_softmax` is above; the label of sample $n$ stands at `[n, labels[n]]`.)


# %%
def softmax_cross_entropy_backward(logits, labels):
    """∂L/∂logits (N, C) for L the mean of −log softmax(logits)[label]; labels (N,) are integers."""
    ### BEGIN SOLUTION
    dlogits = np.exp(log_softmax(logits))  # p, (N, C)
    dlogits[np.arange(len(labels)), labels] -= 1
    return dlogits / len(labels)
    ### END SOLUTION


check("softmax_cross_entropy_backward", softmax_cross_entropy_backward)

# %% [markdown]
# ## A network on your derivatives
#
# The library's versions stand in for what you have not written yet. The hidden layer has a simpler curve than the
# sigmoid, **relu**: $\max(z, 0)$. Its slope is 1 above 0, and 0 below.


# %%
def affine_backward_by_minidl(g, x, W):
    x, W, b = (md.Tensor(a, requires_grad=True) for a in (x, W, np.zeros(W.shape[1], W.dtype)))
    md.linear(x, W, b).backward(g)
    return x.grad, W.grad, b.grad


def cross_entropy_backward_by_minidl(logits, labels):
    z = md.Tensor(logits, requires_grad=True)
    md.softmax_cross_entropy(z, labels).mean().backward()
    return z.grad


affine = check.mine_or(affine_backward, affine_backward_by_minidl)
top = check.mine_or(softmax_cross_entropy_backward, cross_entropy_backward_by_minidl)


def forward(x, weights):
    W1, b1, W2, b2 = weights
    z1 = x @ W1 + b1  # (N, D) -> (N, H)
    a1 = np.maximum(z1, 0)  # relu
    return z1, a1, a1 @ W2 + b2  # (N, H) -> (N, C)


def backward(x, labels, weights):
    """∂L/∂ of W1, b1, W2, b2: the three rules, from the top down."""
    z1, a1, logits = forward(x, weights)
    da1, dW2, db2 = affine(top(logits, labels), a1, weights[2])
    _, dW1, db1 = affine(da1 * (z1 > 0), x, weights[0])  # through relu
    return dW1, db1, dW2, db2


# %% [markdown]
# A few lines, and any number of layers would follow the same pattern. Never trust them unchecked: as in lesson 3, each
# gradient is compared with the loss a small step to both sides.

# %% tags=["measured"]
x = rng.normal(size=(4, 5))
labels = np.array([2, 0, 1, 1])
weights = [rng.normal(size=shape) for shape in ((5, 6), (6,), (6, 3), (3,))]
gradients = backward(x, labels, weights)
for name, w, dw in zip(("W1", "b1", "W2", "b2"), weights, gradients):
    measured = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        up, down = w.copy(), w.copy()
        up[i], down[i] = up[i] + 1e-5, down[i] - 1e-5
        losses = [
            cross_entropy(forward(x, [v if u is w else u for u in weights])[2], labels) for v in (up, down)
        ]  # the loss, with this one weight a little larger and a little smaller
        measured[i] = (losses[0] - losses[1]) / 2e-5
    print(f"{name} {dw.shape!s:7} largest difference to finite differences {np.abs(dw - measured).max():.0e}")

# %% [markdown]
# ## Real data: handwritten digits
#
# Images of 28 × 28 pixels: some to learn from, others to judge by. The network: 784 pixels, 64 hidden units, 10 digits.
# First your prediction, then five epochs of plain descent (lesson 1) in batches of 32. The weights start at small
# random numbers, so that the first sums are small too.

# %%
(images, labels), (test_images, test_labels) = md.data.mnist()
x, x_test = (a.reshape(-1, 784).astype(np.float32) / 255 for a in (images, test_images))  # (N, 784), 0 to 1
print("training", x.shape, labels.shape, "test", x_test.shape, test_labels.shape)


def train_by_hand(seed, epochs=5, learning_rate=0.1):
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(0, np.sqrt(2 / 784), (784, 64)).astype(np.float32), np.zeros(64, np.float32),
        rng.normal(0, np.sqrt(1 / 64), (64, 10)).astype(np.float32), np.zeros(10, np.float32),
    ]  # fmt: skip
    losses = [cross_entropy(forward(x, weights)[2], labels)]
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(x)), len(x) // 32):
            for w, dw in zip(weights, backward(x[batch], labels[batch], weights)):
                w -= learning_rate * dw
        losses.append(cross_entropy(forward(x, weights)[2], labels))
    return weights, losses


runs = [train_by_hand(seed) for seed in range(3)]
scores = [np.mean(forward(x_test, weights)[2].argmax(axis=1) == test_labels) for weights, _ in runs]
print(f"log 10 is {np.log(10):.3f}; first losses {', '.join(f'{losses[0]:.3f}' for _, losses in runs)}")
print(f"test accuracy {min(scores):.3f} to {max(scores):.3f} over three seeds")

# %% [markdown]
# The first losses lie a little above $\log 10$: random weights are not quite ignorance, they are opinions without
# reason. A first loss *far* from it would mean a mistake.
#
# ## The same with `minidl`

# %%
md.seed(0)
model = md.Sequential(
    [
        md.layers.Dense(64, activation="relu", kernel_initializer="he_normal", input_shape=(784,)),  # variance 2/784
        md.layers.Dense(10),  # logits: the loss takes them as they are
    ]
)
model.compile(
    md.optimizers.SGD(learning_rate=0.1), md.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"]
)
history = model.fit(x, labels, epochs=5, batch_size=32, verbose=2, validation_data=(x_test, test_labels))

# %%
probabilities = md.softmax(model.predict(x_test))  # (2000, 10)
confusion = md.metrics.confusion_matrix(test_labels, probabilities.argmax(axis=1))
figure = new_figure(10.5, 4.6)
left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
for (_, losses), style in zip(runs, ("-", "--", ":")):
    left.plot(losses, style, color=BLUE, label="by hand, a seed each")
left.plot(range(1, 6), history.history["loss"], "s", color=ORANGE, label="minidl (mean over the epoch)")
left.axhline(np.log(10), color=GREY)
left.annotate("log 10: no idea", (5, np.log(10)), ha="right", va="bottom", color=INK)
left.set(xlabel="epoch", ylabel="training loss", ylim=(0, 2.7), title="784-64-10 on digits")
left.legend(*(part[2:] for part in left.get_legend_handles_labels()))
tidy(left)
md.plot.confusion_matrix(confusion, ax=right)
figure

# %% [markdown]
# Right, the **confusion matrix**: each test image is counted in the row of its right digit and in the column of the
# digit that the network said. The diagonal holds what was right. Off it, look for the pairs that you would confuse
# yourself. These are the twenty images whose right digit was given the least probability:

# %%
md.plot.worst_mistakes(test_images, test_labels, probabilities, n=20, columns=10, figure=new_figure(10.5, 3))

# %% [markdown]
# ## What breaks it
#
# **Equal weights.** If all weights of a layer start equal, all its units see the same, get the same gradient, and stay
# equal for ever: 64 units are worth one. Random starting weights are there to break that tie.
#
# **Numbers that are not scaled.** Pixels from 0 to 255 make the first sums 255 times as large, and the slopes of $W_1$
# far larger too. The learning rate, which was right before, is now much too long a step.

# %%
equal = [np.full((784, 64), 0.01), np.zeros(64), np.full((64, 10), 0.1), np.zeros(10)]
for batch in np.array_split(np.arange(len(x)), 250):
    for w, dw in zip(equal, backward(x[batch], labels[batch], equal)):
        w -= 0.1 * dw
print("equal start: all 64 units still alike:", np.allclose(equal[0], equal[0][:, :1], atol=1e-5))
print(f"             test accuracy {np.mean(forward(x_test, equal)[2].argmax(axis=1) == test_labels):.2f}")

weights, _ = runs[0]
dW1 = backward(x[:32], labels[:32], weights)[0]
dW1_unscaled = backward(255 * x[:32], labels[:32], weights)[0]
largest, unscaled = np.abs(dW1).max(), np.abs(dW1_unscaled).max()
print(f"slopes of W1: up to {largest:.3f}; with pixels up to 255: {unscaled:.1f}, {unscaled / largest:.0f} times that")

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. All logits of a sample are raised by 5. What happens to $p$, to the loss, to the gradient?
# 2. In `backward`, why is the first result of the second `affine` thrown away?
# 3. For a batch of one sample, what is the sum of the ten entries of $\delta$ at the top?
#
# <details><summary>Answers</summary>
#
# 1. Nothing at all: the factor $e^5$ cancels in softmax.
# 2. It is $\partial L / \partial x$, the slope along the pixels. Nobody wants to change the image. (`minidl` does not
#    even compute it.)
# 3. Zero: the probabilities sum to 1, and 1 is taken away. What one class gains the others lose.
#
# </details>
#
# ## Sources
#
# D0.E1-E8 and D4.E1-E6 (forward, backward), D1.E1 (cross-entropy), D2.E3 (curves), D4.P1 (XOR). D. Rumelhart, G.
# Hinton and R. Williams, "Learning representations by back-propagating errors", 1986; M. Minsky and S. Papert,
# *Perceptrons*, 1969 (on XOR); MNIST: Y. LeCun, C. Cortes and C. Burges. In the library: `minidl/ops/linear.py`,
# `minidl/ops/cross_entropy.py`, `minidl/layers/dense.py`, `minidl/examples/mnist_dense.py`.
