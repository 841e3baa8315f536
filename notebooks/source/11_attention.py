# %% [markdown]
# # 11 · Attention
#
# A dense layer mixes its inputs with weights that are the same for every sample. Attention computes its weights anew
# each time, from the inputs themselves: each step of a sequence asks a question, and takes most from the steps that
# have an answer. It is one line of mathematics, and nearly every large language model is built around it.
#
# You need softmax (lesson 4) and the matrix product. About 60 minutes, two exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.examples import reviews
from minidl.layers import Dense, Dropout, Embedding, MultiHeadAttention, PositionEmbedding
from minidl.plot.style import BLUE, GREY, INK, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Where we are going
#
# A network with one layer of attention gets eight random digits and must give them back: once as they are, once in
# reverse. It learns each from a few hundred batches. The pictures show *where each output step looked*.

# %%
T, SYMBOLS = 8, 10  # steps of a sequence, different symbols


class Looker(md.Model):
    """Symbols (N, T) to logits (N, T, SYMBOLS): embedding, positions, one head of attention, one dense layer."""

    def __init__(self, positions=True):
        super().__init__()
        self.embedding = Embedding(SYMBOLS, 32)
        self.positions = PositionEmbedding(T) if positions else None
        self.attention = MultiHeadAttention(num_heads=1, key_dim=32)
        self.answer = Dense(SYMBOLS)

    def look(self, x):
        h = self.embedding(x)  # (N, T) -> (N, T, 32)
        if self.positions:
            h = self.positions(h)
        return self.attention(h, return_attention_scores=True)  # (N, T, 32), (N, 1, T, T)

    def call(self, x):
        return self.answer(self.look(x)[0])  # (N, T, SYMBOLS)


def train(target, positions=True, seed=0, steps=300):
    """Train on fresh random sequences: losses, share of right symbols on 500 others, the model."""
    md.seed(seed)
    rng = np.random.default_rng(seed)
    model, losses = Looker(positions), []
    model(np.zeros((1, T), int))  # now the layers know their shapes
    optimizer = md.optimizers.Adam(model.parameters(), learning_rate=0.003)
    loss_function = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    for _ in range(steps):
        x = rng.integers(SYMBOLS, size=(64, T))
        loss = loss_function(target(x), model(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    x = rng.integers(SYMBOLS, size=(500, T))
    with md.no_grad():
        right = np.mean(model(x).numpy().argmax(axis=-1) == target(x))
    return losses, right, model


tasks = {"copy": lambda x: x, "reverse": lambda x: x[:, ::-1]}
trained = {name: train(target) for name, target in tasks.items()}

# %%
sequence = np.array([[3, 1, 4, 1, 5, 9, 2, 6]])
figure = new_figure(9.5, 4)
for ax, (name, (_, right, model)) in zip(figure.subplots(1, 2), trained.items()):
    with md.no_grad():
        weights = model.look(md.Tensor(sequence))[1].numpy()[0, 0]  # (1, 1, T, T) -> (T, T)
    md.plot.attention_map(weights, [str(s) for s in sequence[0]], ax=ax)
    ax.set_title(f"{name}: {100 * right:.0f} % of symbols right")
figure

# %% [markdown]
# Nobody told the network that "reverse" means: look at the place $T - 1 - t$. It found that out, because looking
# there makes the loss smaller, and looking is differentiable.
#
# ## The equation
#
# Each step $t$ has a **query** $q_t$ (what it is looking for); each step $s$ has a **key** $k_s$ (what it has to offer)
# and a **value** $v_s$ (what it gives). How well they match is the product $q_t \cdot k_s$; softmax over all $s$ makes
# shares of it (D3.E1):
#
# $$A = \frac{Q K^T}{\sqrt{d}}, \qquad P = \text{softmax}(A), \qquad Y = P V.$$
#
# | letter | what | shape |
# |---|---|---|
# | $Q$ | queries, one a row | $(T, d)$ |
# | $K, V$ | keys and values | $(S, d)$, $(S, e)$ |
# | $A$ | scores: row $t$ belongs to query $t$ | $(T, d)(d, S) \to (T, S)$ |
# | $P$ | weights; each row sums to 1 | $(T, S)$ |
# | $Y$ | what each query has gathered | $(T, S)(S, e) \to (T, e)$ |
#
# In **self-attention** all three come from the same sequence $X$: $Q = X W_Q$, $K = X W_K$, $V = X W_V$, with weights
# that are learnt. Then $S = T$.
#
# ## Before you go on: predict
#
# Why divide by $\sqrt d$? Suppose that all entries of $q$ and $k$ are independent, with mean 0 and variance 1. (The
# variance is the mean of the squared distance from the mean, and the standard deviation is its root. Variances of
# independent numbers add, and here each product $q_i k_i$ has mean 0 and variance 1 again.) **What is the standard
# deviation of $q \cdot k = \sum_{i=1}^{d} q_i k_i$?**


# %%
def logit_spread(d):
    """The standard deviation of q · k for q and k with d independent entries of mean 0 and variance 1."""
    ### BEGIN SOLUTION
    return np.sqrt(d)  # d independent products, each of variance 1 · 1: their variances add up
    ### END SOLUTION


check("logit_spread", logit_spread)

# %%
sizes = [1, 4, 16, 64, 256, 1024]
spread, largest, largest_scaled = [], [], []
for d in sizes:
    q, k = rng.normal(size=(200, d)), rng.normal(size=(16, d))
    scores = q @ k.T  # (200, d) (d, 16) -> (200, 16)
    spread.append(scores.std())
    largest.append(md.softmax(scores).max(axis=1).mean())
    largest_scaled.append(md.softmax(scores / np.sqrt(d)).max(axis=1).mean())
    weights = f"{largest[-1]:.2f}, scaled {largest_scaled[-1]:.2f}"
    print(f"d = {d:4d}: spread {spread[-1]:5.1f}, largest of 16 weights {weights}")

figure = new_figure(9, 2.9)
left, right = figure.subplots(1, 2)
left.loglog(sizes, spread, "o", color=BLUE, label="measured")
left.loglog(sizes, np.sqrt(sizes), "--", color=INK, label="√d")
left.set(xlabel="d", ylabel="standard deviation of q · k")
right.semilogx(sizes, largest, "o-", color=VERMILLION, label="softmax(q · k)")
right.semilogx(sizes, largest_scaled, "s--", color=BLUE, label="softmax(q · k / √d)")
right.axhline(1 / 16, color=GREY)
right.annotate("1/16: all alike", (1, 1 / 16), va="bottom", color=INK)
right.set(xlabel="d", ylabel="largest of 16 weights", ylim=(0, 1.05))
for ax in (left, right):
    ax.legend()
    tidy(ax)
figure

# %% [markdown]
# Without the division, a query with many features puts all its weight on one key before anything has been learnt. A
# softmax that is so sure has a slope near 0, and what has no slope does not learn. Divided by $\sqrt d$ the scores
# keep a spread of 1, for every $d$.
#
# ## Forward and backward in NumPy
#
# With $g = \partial L / \partial Y$, the product rule gives $\partial L / \partial V = P^T g$ and
# $\partial L / \partial P = g V^T$. A row of softmax (lesson 4 has the special case with cross-entropy) needs
#
# $$\frac{\partial L}{\partial A_{ts}} = P_{ts} \Big( \frac{\partial L}{\partial P_{ts}} - \sum_{r} P_{tr}
# \frac{\partial L}{\partial P_{tr}} \Big),$$
#
# since raising one score lowers all other weights of its row. Then $A = Q K^T / \sqrt d$ is a product again.


# %%
def softmax(A):
    E = np.exp(A - A.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def attention(q, k, v):
    P = softmax(q @ k.T / np.sqrt(q.shape[1]))  # (T, d) (d, S) -> (T, S)
    return P @ v, P  # (T, S) (S, e) -> (T, e)


def attention_backward(g, q, k, v):
    _, P = attention(q, k, v)
    dv = P.T @ g  # (S, T) (T, e) -> (S, e)
    dP = g @ v.T  # (T, e) (e, S) -> (T, S)
    dA = P * (dP - (P * dP).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return dA @ k, dA.T @ q, dv  # (T, S) (S, d) -> (T, d) and (S, T) (T, d) -> (S, d)


# %% tags=["measured"]
q, k, v, g = (rng.normal(size=shape) for shape in ((5, 3), (7, 3), (7, 4), (5, 4)))
x = [md.Tensor(a, requires_grad=True) for a in (q, k, v)]
y = md.attention(*x)
y.backward(g)
print(f"y: largest difference to minidl {np.abs(attention(q, k, v)[0] - y.data).max():.0e}")
for name, ours, tensor in zip(("dq", "dk", "dv"), attention_backward(g, q, k, v), x):
    print(f"{name}: largest difference to minidl {np.abs(ours - tensor.grad).max():.0e}")
print("and minidl against finite differences:", md.check_grads(md.attention, q, k, v))

# %% [markdown]
# ## The future must not be seen
#
# A network that writes a text predicts each character from those before it. In training it gets the whole text at
# once, so attention must be told not to look ahead: step $t$ may see the steps $0 \dots t$ and no others. The scores
# of all others are set to $-\infty$ *before* the softmax. This is the **causal mask**.
#
# ### Exercise: `causal_attention`
#
# A batch of sequences: $q, k$ of shape $(N, T, d)$, $v$ of shape $(N, T, e)$. `x.swapaxes(1, 2)` turns the matrices of
# a batch round; `np.tri(T, dtype=bool)` is True on and below the diagonal. The check compares values. Then
# it changes the future and sees whether the past notices, down to the last bit.


# %%
def causal_attention(q, k, v):
    """softmax(Q Kᵀ / √d) V in which step t sees only the steps 0 ... t: (N, T, d) twice and (N, T, e) to (N, T, e)."""
    ### BEGIN SOLUTION
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])  # (N, T, d) (N, d, T) -> (N, T, T)
    seen = np.tri(q.shape[1], dtype=bool)  # (T, T)
    return softmax(np.where(seen, scores, -np.inf)) @ v  # (N, T, T) (N, T, e) -> (N, T, e)
    ### END SOLUTION


check("causal_attention", causal_attention)


# %%
def causal_attention_by_minidl(q, k, v):
    return md.attention(q, k, v, causal=True)


causal = check.mine_or(causal_attention, causal_attention_by_minidl)
x = rng.normal(size=(1, 6, 4))
before = causal(x, x, x)
x[:, 4:] += 1.0  # the future changes
print("steps that noticed:", np.flatnonzero((before != causal(x, x, x)).any(axis=(0, 2))))

# %% [markdown]
# ## A set has no order
#
# Attention sums over the steps, and a sum does not care about order. Shuffle the input, and the output is the same,
# shuffled. So a network that is to know *where* a step stands must be told: `PositionEmbedding` adds a learnt vector
# for each place, `SinusoidalPositions` a fixed one. What happens to our two tasks without?

# %%
for name, target in tasks.items():
    losses, right, _ = train(target, positions=False)
    print(f"{name:7s} without positions: loss {losses[-1]:.2f}, {100 * right:.0f} % right")
    print(f"{'':7s} with positions:    loss {trained[name][0][-1]:.2f}, {100 * trained[name][1]:.0f} % right")

# %% [markdown]
# To copy, each step may look for its own symbol: no place needed. To reverse is hopeless without places, though better
# than the one in ten of pure guessing: the network sees *which* symbols are there.
#
# ## Several heads
#
# One set of weights can look in one way. **Multi-head attention** cuts the features into $h$ groups, attends in each by
# itself, and mixes the results with one more matrix. It costs no more than one wide head. Adding the input again
# (a residual connection) and normalising makes it the block of D3.E2, of which `minidl/examples/gpt.py` builds a small
# language model.

# %%
x = md.Tensor(rng.normal(size=(2, 5, 16)).astype(np.float32))
for heads in (1, 4):
    layer = MultiHeadAttention(num_heads=heads, key_dim=16 // heads)
    y, weights = layer(x, return_attention_scores=True)
    print(f"{heads} heads: y {y.shape}, weights {weights.shape}, {layer.count_params()} parameters")

# %% [markdown]
# ## Real data: which words count?
#
# Sentences from film reviews, good or bad. The plainest way to read a sentence is the mean of its word vectors.
# D1.E2 has a *weighted* mean $\sum_w \alpha_w e_w$. Attention learns the weights: one learnt query $q$, asked of every
# word, $\alpha = \text{softmax}(q \cdot e_w)$. That is all of the next network: 32 numbers a word, a query, a dense
# layer. (The program D3.P1 is called a Transformer, but there is no attention in it. There is in this one.)

# %%
(x_train, y_train), _, (x_test, y_test) = reviews.data()  # word numbers (N, 40); 0 stands for no word


class WeightedBag(md.Model):
    def __init__(self):
        super().__init__()
        self.embedding = Embedding(reviews.NUM_WORDS, 32)
        self.query = Dense(1, use_bias=False)
        self.dropout = Dropout(0.5)
        self.answer = Dense(1)

    def weights(self, x):
        e = self.embedding(x)  # (N, T) -> (N, T, 32)
        scores = self.query(e)[..., 0]  # q · e for each word, (N, T)
        return e, md.softmax(md.where(x.data != 0, scores, -1e9))  # no weight for what is no word

    def call(self, x):
        e, alpha = self.weights(x)
        v = (alpha[..., None] * e).sum(axis=1)  # Σ α e, (N, T, 1) (N, T, 32) -> (N, 32)
        return self.answer(self.dropout(v))


models, scores = [], []
for seed in range(3):
    md.seed(seed)
    model = WeightedBag()
    model(np.zeros((1, 40), int))
    model.compile(
        md.optimizers.Adam(learning_rate=0.003), md.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    model.fit(x_train, y_train, epochs=3, batch_size=64, verbose=0)
    models.append(model)
    scores.append(model.evaluate(x_test, y_test, verbose=0)[1])
print(f"trained on {len(y_train)} sentences, judged on {len(y_test)} others")
print(f"test accuracy {min(scores):.3f} to {max(scores):.3f} over three seeds")
print(f"always the more frequent answer: {max(y_test.mean(), 1 - y_test.mean()):.3f}")

# %%
sentences = [
    "a dull and lifeless story with a wonderful cast",
    "not the masterpiece we hoped for but never boring",
    "the film is too long and the jokes are not funny",
    "a moving portrait of a family and an honest delight",
]
words = [sentence.split() for sentence in sentences]
rows = reviews.rows(words)  # (4, 40), filled up with 0 in front
with md.no_grad():
    alpha = models[0].weights(md.Tensor(rows))[1].numpy()  # (4, 40)
p = md.sigmoid(models[0].predict(rows))[:, 0]
figure = new_figure(7, 2.8)
md.plot.coloured_words(
    words,
    [a[-len(w) :] for a, w in zip(alpha, words)],
    [f"good with probability {q:.2f}" for q in p],
    label="weight α of the word",
    width=46,
    ax=figure.subplots(),
)
figure

# %% [markdown]
# The weights pick a few words of each sentence and nearly skip words like "a", "the" and "of". What they cannot do is
# read: the bag has no order, so in "not funny" the two words are weighed apart. Layers of self-attention before the sum
# can join them: `python -m minidl --model attention` trains such a network.
#
# ## What breaks it
#
# **A mask after the softmax** looks right and is not: the weights no longer sum to 1, and through the sum in the
# denominator the future still leaks. **A row that may see nothing** is 0/0: `minidl` says that it gathers nothing.

# %%
q = rng.normal(size=(4, 3))
too_late = np.tril(softmax(q @ q.T / np.sqrt(3)))
print("masked after the softmax, the rows sum to", too_late.sum(axis=1).round(2))
print("nothing to see:", md.attention(q, q, q, mask=np.zeros((4, 4), bool))[0])

try:
    md.attention(q, q, q, mask=np.ones((4, 5), bool))
except ValueError as error:
    print("ValueError:", error)

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. All keys of a sequence are equal. What does each query gather?
# 2. A constant vector $c$ is added to every key. What happens to $P$?
# 3. A sequence twice as long: how much more work is attention?
#
# <details><summary>Answers</summary>
#
# 1. All scores of a row are equal, so every weight is $1/S$: the mean of the values.
# 2. Nothing: $q_t \cdot c$ is added to every score of row $t$, and softmax does not see what a whole row shares. (So a
#    bias of the keys is of no use.)
# 3. Four times: there are $T \cdot T$ scores.
#
# </details>
#
# ## Sources
#
# D3.E1 (attention), D3.E2 (the block), D1.E2 (weighted bag), D3.P1. A. Vaswani et al., "Attention is all you need",
# 2017; D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and translate",
# 2015; the reviews: B. Pang and L. Lee, 2004, rated for C. Hutto and E. Gilbert, 2014. In the library:
# `minidl/ops/attention.py`, `minidl/layers/attention.py`, `minidl/layers/transformer.py`,
# `minidl/examples/reviews_attention.py`.
