# %% [markdown]
# # 10 · Memory: RNN and LSTM
#
# A sentence arrives word by word, and what it means may hang on its first one. A recurrent neural network (RNN) reads a
# step at a time and carries a memory along. Learning asks the opposite of reading: the error at the end must find its
# way back to the beginning. In this lesson you will see that way close, and write the cell that keeps it open, the LSTM
# (long short-term memory).
#
# You need lesson 2 (the chain rule as a graph) and lesson 4 (dense layers). About 70 minutes, three exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.examples import reviews
from minidl.layers import LSTM, Dense, Dropout, Embedding, SimpleRNN
from minidl.plot.style import BLUE, GREEN, ORANGE, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Where we are going
#
# A sequence of 60 random steps goes through a layer of 32 units. How much does the *last* output depend on the input
# of each step? That is a gradient, and its size against the distance is the picture of this lesson. There are three
# layers: a plain RNN, an LSTM as it comes, and an LSTM whose **forget gates**, which say what is kept, were set to stay
# open by a large bias.

# %%
T, N, H = 60, 8, 32  # steps, sequences, units
x = rng.normal(size=(N, T, 16)).astype(np.float32)


def reach(layer, forget_bias=None):
    """The size of ∂L/∂x_t for each distance T − 1 − t, as a share of that of the last step; L takes the last h."""
    layer(x)  # makes the weights
    if forget_bias is not None:
        layer.cell.bias.data[H : 2 * H] = forget_bias  # the gates stand in the order i f a o, H numbers each
    inputs = md.Tensor(x, requires_grad=True)
    layer(inputs).backward(np.random.default_rng(1).normal(size=(N, H)).astype(np.float32))
    size = np.sqrt((inputs.grad**2).sum(axis=(0, 2)))[::-1]  # (N, T, 16) -> (T,), the last step first
    return size / size[0]


reaches = {
    "RNN": (reach(SimpleRNN(H)), VERMILLION, "--"),
    "LSTM, forget bias 1": (reach(LSTM(H)), ORANGE, "-."),
    "LSTM, forget bias 4": (reach(LSTM(H), forget_bias=4.0), BLUE, "-"),
}
figure = new_figure(7.5, 3.2)
ax = figure.subplots()
for name, (size, colour, style) in reaches.items():
    ax.semilogy(size, style, color=colour, label=name)
    print(f"{name:19s} 10 steps back {size[10]:.0e}, 50 steps back {size[50]:.0e}")
ax.set(xlabel="steps between input and output", ylabel="size of the gradient (last step = 1)", ylim=(1e-16, 10))
ax.legend()
tidy(ax)
figure

# %% [markdown]
# On a logarithmic axis two of the lines fall, and nearly straight: each step back multiplies the gradient by about the
# same number below 1. What lies far enough back is not learnt, because nothing of the error arrives there. The third
# line stays up: this memory could learn from a step fifty back.
#
# ## Before you go on: predict
#
# An LSTM has a memory $c$. In each step a gate $f$ between 0 and 1 says which share of it is kept. **What share is left
# after so many steps?** Then guess: for $f = \sigma(1)$, about 0.73, and 50 steps, how many zeros follow the point?


# %%
def memory_left(f, steps):
    """The share of a memory that is left after steps, each of which keeps the share f."""
    ### BEGIN SOLUTION
    return f**steps
    ### END SOLUTION


check("memory_left", memory_left)


# %%
def memory_left_step_by_step(f, steps):
    return np.prod(np.full(steps, f))


share = check.mine_or(memory_left, memory_left_step_by_step)
for bias in (1.0, 4.0):
    f = float(md.sigmoid(bias))
    print(f"forget bias {bias:.0f}: f = {f:.3f}, left after 50 steps {share(f, 50):.1e}")

# %% [markdown]
# The LSTM lines of the picture lie higher: their gates change with the input, and a second way back leads through the
# output. But it is $f$ that decides which of them falls.
#
# ## The plain RNN
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b), \qquad h_0 = 0.$$
#
# | letter | what | shape |
# |---|---|---|
# | $x_t$ | input of step $t$ | $(N, D)$ |
# | $h_t$ | the memory, which is the output too | $(N, H)$ |
# | $W, U, b$ | the *same* weights at every step | $(D, H)$, $(H, H)$, $(H,)$ |
#
# ($N$ sequences, $D$ numbers a step, $H$ units.) Backwards, let $\delta_t = \partial L / \partial z_t$, of shape
# $(N, H)$, with $z_t$ what stands under the tanh. It comes from what is done with $h_t$ outside and from the next step,
# and the weights gather their gradient from every step. That is **back-propagation through time**: the chain rule on a
# graph as long as the sequence. ($\odot$ is entry by entry.)
#
# $$\delta_t = \Big(\frac{\partial L}{\partial h_t}\Big|_{\text{outside}} + \delta_{t+1} U^T\Big) \odot (1 - h_t^2),
# \qquad \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T \delta_t, \qquad
# \frac{\partial L}{\partial W} = \sum_t x_t^T \delta_t.$$


# %%
def rnn(x, W, U, b):
    hs = [np.zeros((len(x), len(U)))]  # h_0, (N, H)
    for t in range(x.shape[1]):
        hs.append(np.tanh(x[:, t] @ W + hs[-1] @ U + b))
    return hs


def rnn_backward(dh, x, hs, W, U):
    """The gradients of W, U, b; dh = ∂L/∂h_T (N, H)."""
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros(len(U))
    for t in reversed(range(x.shape[1])):
        delta = dh * (1 - hs[t + 1] ** 2)  # hs[t + 1] is the h after step t
        dW, dU, db = dW + x[:, t].T @ delta, dU + hs[t].T @ delta, db + delta.sum(axis=0)
        dh = delta @ U.T  # to the step before
    return dW, dU, db


# %% tags=["measured"]
small = rng.normal(size=(4, 6, 3))  # N, T, D
W, U, b = rng.normal(size=(3, 5)), rng.normal(size=(5, 5)) / 2, rng.normal(size=5)
dh = rng.normal(size=(4, 5))
weights = [md.Tensor(a, requires_grad=True) for a in (W, U, b)]
h = md.Tensor(np.zeros((4, 5)))
for t in range(6):
    h = np.tanh(small[:, t] @ weights[0] + h @ weights[1] + weights[2])
h.backward(dh)
for name, ours, theirs in zip(("dW", "dU", "db"), rnn_backward(dh, small, rnn(small, W, U, b), W, U), weights):
    print(f"{name}: largest difference to minidl {np.abs(ours - theirs.grad).max():.0e}")

# %% [markdown]
# ## Why it dies, or explodes
#
# Each step back multiplies by $U^T$ and by $1 - h^2 \le 1$. If $U$ makes every vector shorter, the gradient shrinks
# step after step; if it stretches some, the gradient can grow as fast. Here $U$ is a rotation times a number:

# %%
rotation, _ = np.linalg.qr(rng.normal(size=(H, H)))  # keeps every length
start = rng.normal(size=(N, H))
figure = new_figure(7.5, 3)
ax = figure.subplots()
for scale, colour, style in ((0.8, BLUE, "-."), (1.0, GREEN, "-"), (1.2, ORANGE, "--"), (2.0, VERMILLION, ":")):
    for inputs, width, note in ((0.0, 1.0, "h = 0"), (0.3, 2.2, "with inputs")):
        hs = rnn(inputs * rng.normal(size=(N, 50, H)), np.eye(H), scale * rotation, 0)
        delta, sizes = start, []
        for t in reversed(range(50)):
            sizes.append(np.linalg.norm(delta))
            delta = delta * (1 - hs[t + 1] ** 2) @ (scale * rotation).T
        ax.semilogy(sizes, style, color=colour, linewidth=width, label=f"U = {scale} × rotation, {note}")
        print(f"U = {scale} × rotation, {note:11s}: after 49 steps {sizes[-1] / sizes[0]:.0e}")
ax.set(xlabel="steps back", ylabel="size of the gradient")
ax.legend(ncols=2, fontsize=8)
tidy(ax)
figure

# %% [markdown]
# With $h = 0$ the slope of tanh is 1, and only $U$ counts: a factor of 0.8 dies, 1.2 explodes. As soon as the memory
# holds something, $1 - h^2$ takes its share of every step. There is no good setting: a memory that is always pushed
# through a curve wears off.
#
# ## The LSTM: a lane without a curve
#
# Hochreiter and Schmidhuber gave the cell a second memory $c$, to which things are *added*. Gates between 0 and 1,
# learnt like all else, say what is written, kept and shown. $W$ is $(D, 4H)$ now, $U$ is $(H, 4H)$, $b$ is $(4H,)$; the
# gates, $a$, $c$ and $h$ are $(N, H)$ each:
#
# $$\begin{aligned}
# z &= x_t W + h_{t-1} U + b & &(N, 4H)\text{, cut into four: } z_i, z_f, z_a, z_o \\
# i, f, o &= \sigma(z_i), \sigma(z_f), \sigma(z_o) & & \text{input, forget and output gate} \\
# a &= \tanh(z_a) & & \text{the candidate: what might be added} \\
# c_t &= f \odot c_{t-1} + i \odot a & & \\
# h_t &= o \odot \tanh(c_t) & &
# \end{aligned}$$
#
# The four pieces stand in Keras' order, $i, f, a, o$ (PyTorch has $a$ there too, and calls it $g$). Along the lane,
# $\partial c_t / \partial c_{t-1} = f$: no matrix, no tanh. Where $f$ is near 1 the gradient passes.
#
# ### Exercise: `lstm_cell_forward`


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_cell_forward(x, h_before, c_before, W, U, b):
    """One step: x (N, D), h_before and c_before (N, H), W (D, 4H), U (H, 4H), b (4H,) to the new h and c (N, H)."""
    ### BEGIN SOLUTION
    z_i, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)  # (N, 4H) -> four of (N, H)
    c = sigmoid(z_f) * c_before + sigmoid(z_i) * np.tanh(z_a)
    h = sigmoid(z_o) * np.tanh(c)
    return h, c
    ### END SOLUTION


check("lstm_cell_forward", lstm_cell_forward)

# %% [markdown]
# ## Backwards through the cell
#
# Two gradients arrive, $dh = \partial L / \partial h_t$ and $dc$, that of $c_t$ from the next step. First the whole
# gradient of $c_t$, written $\bar c$: it goes on to the next step, and it makes $h_t$.
#
# $$\bar c = dc + dh \odot o \odot (1 - \tanh^2 c)$$
#
# From it follow $dc_{t-1} = \bar c \odot f$ and, with the slopes of the curves, the four pieces of $dz$:
#
# $$dz_i = \bar c \odot a \odot i (1 - i), \quad dz_f = \bar c \odot c_{t-1} \odot f (1 - f), \quad
# dz_a = \bar c \odot i \odot (1 - a^2), \quad dz_o = dh \odot \tanh c \odot o (1 - o).$$
#
# Side by side they are $dz$ of shape $(N, 4H)$, and the rest is a dense layer's backward pass (lesson 4), once with
# $x, W$ and once with $h_{t-1}, U$.
#
# ### Exercise: `lstm_cell_backward`


# %%
def lstm_cell_backward(dh, dc, x, h_before, c_before, W, U, b):
    """dx, dh_before, dc_before, dW, dU, db from dh = ∂L/∂h and dc = ∂L/∂c (N, H) of one step."""
    ### BEGIN SOLUTION
    z_i, z_f, z_a, z_o = np.split(x @ W + h_before @ U + b, 4, axis=1)
    i, f, a, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_a), sigmoid(z_o)
    tanh_c = np.tanh(f * c_before + i * a)
    whole = dc + dh * o * (1 - tanh_c**2)  # ∂L/∂c from both sides, (N, H)
    dz_i, dz_f = whole * a * i * (1 - i), whole * c_before * f * (1 - f)
    dz_a, dz_o = whole * i * (1 - a**2), dh * tanh_c * o * (1 - o)
    dz = np.concatenate([dz_i, dz_f, dz_a, dz_o], axis=1)  # (N, 4H)
    return dz @ W.T, dz @ U.T, whole * f, x.T @ dz, h_before.T @ dz, dz.sum(axis=0)
    ### END SOLUTION


check("lstm_cell_backward", lstm_cell_backward)

# %% [markdown]
# ## The same with `minidl`
#
# `minidl`'s `LSTM` runs the cell over all steps as one op (`minidl/ops/lstm.py`), and has a plain version of it to be
# judged by. Your two functions, or the library's in their place, walk through a sequence, there and back:

# %% tags=["measured"]
from minidl.check.bank.recurrence import cell

forward = check.mine_or(lstm_cell_forward, cell)


def backward_by_minidl(dh, dc, *inputs):
    leaves = [md.Tensor(a, requires_grad=True) for a in inputs]
    h, c = cell(*leaves)
    return tuple(md.gradients((h * dh).sum() + (c * dc).sum(), leaves))


backward = check.mine_or(lstm_cell_backward, backward_by_minidl)
W, U, b = rng.normal(size=(3, 20)) / 2, rng.normal(size=(5, 20)) / 2, rng.normal(size=20)
states = [(np.zeros((4, 5)), np.zeros((4, 5)))]
for t in range(6):
    states.append(forward(small[:, t], *states[-1], W, U, b))
dh, dc = rng.normal(size=(4, 5)), np.zeros((4, 5))
upstream, dW = dh, np.zeros_like(W)
for t in reversed(range(6)):
    _, dh, dc, dW_t, _, _ = backward(dh, dc, small[:, t], *states[t], W, U, b)
    dW += dW_t  # every step adds its share

kernel = md.Tensor(W, requires_grad=True)
hs = md.ops.lstm(small, kernel, U, b, None, None)  # (N, T, H)
hs[:, -1].backward(upstream)
print(f"h after six steps: largest difference {np.abs(states[-1][0] - hs.data[:, -1]).max():.0e}")
print(f"dW over six steps: largest difference {np.abs(dW - kernel.grad).max():.0e}")

# %% [markdown]
# ## Words
#
# A word enters as a row of a table $E$, its **embedding**: $e = E[\text{index}]$, $(\text{words}, D) \to (D,)$. Taking
# a row is a sum of all rows with one weight 1 and all others 0 (D1.E2 has other weights), so the gradient of $E$ is
# easy: the rows that were taken get what arrives, once for each time, the others 0.
#
# Sentences have different lengths. Short ones are filled up with 0, and a **mask** tells the LSTM to let its memory
# pass such steps untouched.

# %%
table = md.Tensor(np.zeros((5, 2)), requires_grad=True)
words = np.array([1, 3, 3])
table[words].backward(np.array([[1.0, 1.0], [10.0, 10.0], [100.0, 100.0]]))
print("gradient of the table, word by word:", table.grad[:, 0])

embedding, layer = Embedding(5, 4, mask_zero=True), LSTM(3)
reader = md.Sequential([embedding, layer])
short, filled = np.array([[1, 3, 2]]), np.array([[1, 3, 2, 0, 0, 0]])
print("with a mask:   ", np.allclose(reader.predict(short), reader.predict(filled)))
blind = md.Sequential([Embedding(5, 4), LSTM(3)])
blind.predict(short)
blind.set_weights(reader.get_weights())
print("without a mask:", np.allclose(blind.predict(short), blind.predict(filled)))

# %% [markdown]
# ## Real data: film reviews
#
# D1.P2 and D2.P3 are this network: embedding, LSTM, dense. Ours is smaller and learns for two epochs only, from
# sentences that are good or bad reviews. An RNN of the same width runs beside it. (`Dropout` sets a random half of its
# inputs to 0 in training, so that no unit relies on a single other one.)

# %%
(x_train, y_train), _, (x_test, y_test) = reviews.data()  # word numbers (N, 40), 0 in front of short sentences


def train(recurrent, seed):
    md.seed(seed)
    model = md.Sequential(
        [
            Embedding(reviews.NUM_WORDS, 32, mask_zero=True, input_length=reviews.LENGTH),
            recurrent(32),
            Dropout(0.5),
            Dense(1),
        ]
    )
    model.compile(md.optimizers.Adam(learning_rate=0.003), reviews.loss(), metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=2, batch_size=64, verbose=0)
    return model, model.evaluate(x_test, y_test, verbose=0)[1]


trained = {layer.__name__: [train(layer, seed) for seed in range(3)] for layer in (SimpleRNN, LSTM)}
for name, runs in trained.items():
    scores = [accuracy for _, accuracy in runs]
    print(f"{name:9s} test accuracy {min(scores):.3f} to {max(scores):.3f} over three seeds")
print(f"always the more frequent answer: {max(y_test.mean(), 1 - y_test.mean()):.3f}")
print(f"training {x_train.shape}, test {x_test.shape}, {np.mean((x_test > 0).sum(axis=1)):.0f} words on average")

# %% [markdown]
# The LSTM reads better, though these sentences are short: a memory that wears off still reaches most of their words.
#
# What does the network listen to? Leave out one word after the other, and see how the logit changes:

# %%
sentences = [
    "a dull and lifeless story with a wonderful cast",
    "not the masterpiece we hoped for but never boring",
    "the film is too long and the jokes are not funny",
    "a moving portrait of a family and an honest delight",
]
words = [sentence.split() for sentence in sentences]
model = trained["LSTM"][0][0]
logits = model.predict(reviews.rows(words))[:, 0]
figure = new_figure(7, 2.8)
md.plot.coloured_words(
    words,
    [reviews.effects(model, reviews.rows, w) for w in words],
    [f"good with probability {p:.2f}" for p in md.sigmoid(logits)],
    label="effect on the logit",
    width=46,
    ax=figure.subplots(),
)
figure

# %% [markdown]
# Blue words speak for a good review, red ones against. Look at the small words too: with a memory, a word's effect
# depends on what came before it.
#
# ## What breaks it
#
# **Explosions.** Where the gradient grows from step to step, one unlucky batch throws the weights far away. The remedy
# is blunt: if the whole gradient is longer than a limit, shorten it (`global_clipnorm`). It cannot bring back what has
# died: for that there is the lane of the LSTM.

# %%
layer = SimpleRNN(H)
layer(x)
layer.cell.recurrent_kernel.data = 3 * layer.cell.recurrent_kernel.numpy()
layer(0.01 * x).backward(np.ones((N, H), np.float32))  # small inputs: tanh stays steep
before = [p.numpy().copy() for p in layer.parameters()]
length = np.sqrt(sum((p.grad**2).sum() for p in layer.parameters()))
md.optimizers.SGD(layer.parameters(), learning_rate=0.1, global_clipnorm=1.0).step()
moved = np.sqrt(sum(((p.numpy() - b) ** 2).sum() for p, b in zip(layer.parameters(), before)))
print(f"length of the gradient {length:.0e}; a step of SGD with α = 0.1 and clipping moved the weights by {moved:.2f}")

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. An LSTM with $f = 1$, $i = 0$ at every step. What is $c_T$? And what is $\partial c_T / \partial c_0$?
# 2. How many weights has `LSTM(64)` behind embeddings of 32 numbers?
# 3. Why is the bias of the forget gate 1 at the beginning, and not 0?
#
# <details><summary>Answers</summary>
#
# 1. $c_0$, unchanged; the derivative is 1. (Gates depend on $h$ in general; here they are given.)
# 2. $4 \cdot 64 \cdot (32 + 64 + 1) = 24{,}832$: four gates, each with a row for every input and every memory, and a
#    bias.
# 3. $\sigma(0) = \tfrac12$ forgets half of everything in each step, before a single thing has been learnt; $\sigma(1)$
#    keeps about 0.73. Your `memory_left` says what that means for ten steps.
#
# </details>
#
# ## Sources
#
# D1.P2, D2.P2, D2.P3 (programs), D1.E2 (weighted bag), D.T6. S. Hochreiter and J. Schmidhuber, "Long short-term
# memory", 1997; F. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", 2000; Y. Bengio, P. Simard and P.
# Frasconi, "Learning long-term dependencies with gradient descent is difficult", 1994; R. Pascanu, T. Mikolov and Y.
# Bengio, "On the difficulty of training recurrent neural networks", 2013 (clipping). In the library:
# `minidl/ops/lstm.py`, `minidl/layers/recurrent.py`, `minidl/examples/reviews_lstm.py`.
