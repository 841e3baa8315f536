# %% [markdown]
# # 2 · The chain rule is a graph
#
# In lesson 1 a formula for the gradient was found by hand. In a **network** the outputs of some neurons are the inputs
# of others. Neurons that look at the same inputs are a **layer**, and a layer between input and output is **hidden**.
# Nobody finds the gradient of a hundred layers by hand. This lesson builds the machine that does it instead: a few
# dozen lines, which you complete and then use to teach a network what no single neuron can learn.
#
# You need lesson 1: a gradient is a slope for each number that can be turned, and $\alpha$ is the learning rate.
# About 60 minutes, three exercises.

# %%
import time

import numpy as np

import minidl as md
from minidl.check import check
from minidl.plot.style import BLUE, INK, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Where we are going
#
# Four clouds of points. The target $t$ is $+1$ where exactly one of the two coordinates is near 1, and $-1$ where both
# or none are: *exclusive or*, XOR. Left, one neuron has tried to learn it. Right, a network of five: a hidden layer of
# four, and one neuron behind it for the output. What you build below, network and gradients, is NumPy; the next cell
# uses `minidl` to show the end at the beginning, and you need not understand it yet.

# %%
corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
x = np.repeat(corners, 50, axis=0) + 0.15 * rng.normal(size=(200, 2))  # (N, 2), N = 200
t = np.repeat([-1.0, 1.0, 1.0, -1.0], 50)[:, None]  # (N, 1)

figure = new_figure(9, 3.4)
for ax, hidden, name in zip(figure.subplots(1, 2), ([], [md.layers.Dense(4, "tanh")]), ("one neuron", "five neurons")):
    model = md.Sequential([md.layers.Input((2,)), *hidden, md.layers.Dense(1)])
    model.compile(md.optimizers.Adam(learning_rate=0.05), "mse")
    model.fit(x, t, epochs=150, batch_size=len(x), verbose=0)
    md.plot.decision_surface(lambda points, f=model: np.clip(0.5 + 0.5 * f.predict(points), 0, 1), x, t > 0, ax=ax)
    ax.set_title(f"{name}: loss {model.evaluate(x, t, verbose=0):.2f}")
    ax.legend(["t = −1", "t = +1"], loc="center")
figure

# %% [markdown]
# ## Before you go on: predict
#
# 1. The loss in the picture is the mean of $(\text{output} - t)^2$. It is 1 for a model that answers 0 to everything.
#    Why does the single neuron hardly do better, however long it learns?
# 2. $y = x \cdot x + x$ at $x = 3$. In how many places is $x$ used? If each place reports its own slope, which three
#    numbers must be added to get $\partial y / \partial x$?
#
# ## A graph
#
# Take one neuron, one example and numbers small enough to follow: $z = w x + b$, $a = \tanh z$ (a curve like $\sigma$,
# but from $-1$ to $1$, with slope $1 - \tanh^2 z$), error $e = a - t$ and loss $L = e^2$. Written one operation at a
# time, the formula becomes a graph: values are boxes, operations are pills, and arrows say what was computed from what.

# %%
one_w, one_b = md.Tensor(-0.5, requires_grad=True), md.Tensor(0.25, requires_grad=True)
one_x, one_t = 2.0, 1.0
u = one_w * one_x
z = u + one_b
a = np.tanh(z)
e = a - one_t
L = e * e
md.plot.graph(L, names={"w": one_w, "b": one_b, "u": u, "z": z, "a": a, "e": e, "L": L})

# %% [markdown]
# Black numbers are values; they were computed from left to right. The numbers after ∂ are slopes: by how much $L$
# changes when this box alone is moved. They were computed from right to left. Write $\bar v$ ("v bar") for the slope
# at a box $v$:
#
# $$\bar v = \frac{\partial L}{\partial v}, \qquad \text{so that } \bar L = 1.$$
#
# How does $\bar v$ follow from the boxes to its right? Move $v$ by a tiny $\delta$. Each box $u$ that was computed
# directly from $v$ moves by $\frac{\partial u}{\partial v} \delta$, and takes $L$ with it by $\bar u$ times that. The
# contributions add up:
#
# $$\boxed{\;\bar v = \sum_{u \text{ computed from } v} \bar u\, \frac{\partial u}{\partial v}\;}$$
#
# This is the chain rule, and all there is to back-propagation. Each operation needs to know only its own small
# $\partial u / \partial v$. Here it is by hand, from right to left; compare it with the picture.

# %%
w_, x_, b_, t_ = -0.5, 2.0, 0.25, 1.0
z_ = w_ * x_ + b_
a_ = np.tanh(z_)
e_ = a_ - t_
e_bar = 2 * e_  # L = e · e uses e twice: e + e
a_bar = e_bar * 1  # e = a − t
z_bar = a_bar * (1 - a_**2)  # a = tanh z
b_bar = z_bar * 1  # z = u + b
u_bar = z_bar * 1
w_bar = u_bar * x_  # u = w x
L.backward()
print(f"by hand:   w {w_bar:.4f}   b {b_bar:.4f}")
print(f"by minidl: w {one_w.grad:.4f}   b {one_b.grad:.4f}")

# %% [markdown]
# ## Local rules
#
# With arrays nothing changes but the shapes: $\bar v$ is an array **of the shape of $v$**, a slope for each entry. An
# operation $y = f(\dots)$ receives $g = \bar y$, of the shape of $y$. This $g$ is called the **upstream gradient**,
# since it comes from the side of the loss. The operation returns a gradient for each of its inputs. ($x^T$ is the
# transpose, `x.T`. Lesson 4 derives the row of the matrix product.)
#
# | operation | shapes | returns |
# |---|---|---|
# | $y = a + b$ | all alike | $g$ and $g$ |
# | $y = x\, w$, entry by entry | all alike | *your first exercise* |
# | $y = \tanh a$ | alike | $g\,(1 - y^2)$ |
# | $y = x W$, matrix product | $(N, D) \cdot (D, H) \to (N, H)$ | $g\, W^T$, $(N, D)$, and $x^T g$, $(D, H)$ |
# | $y = $ mean of $a$ | $(N, H) \to ()$ | $g / (N H)$ in each of the $(N, H)$ places |
#
# ### Exercise: `multiply_backward`
#
# $y = x\, w$, entry by entry, all of shape $(N, H)$. Which $\partial L/\partial x$ and $\partial L/\partial w$ follow
# from $g = \partial L / \partial y$? Do not forget $g$: with $g = 1$ everywhere you would not notice.


# %%
def multiply_backward(g, x, w):
    """y = x w entry by entry: from g = ∂L/∂y to (dx, dw). All of shape (N, H)."""
    ### BEGIN SOLUTION
    return g * w, g * x
    ### END SOLUTION


check("multiply_backward", multiply_backward)

# %% [markdown]
# ## The diamond
#
# A value that is used twice makes two paths, which meet again. That is where hand-written gradients go wrong, so here
# is one to get right. For each entry of $x$:
#
# $$a = \tanh x, \qquad b = a \cdot a, \qquad c = e^a, \qquad y = b\, c.$$

# %%
diamond_x = md.Tensor(0.5, requires_grad=True)
a = np.tanh(diamond_x)
b, c = a * a, np.exp(a)
y = b * c
md.plot.graph(y, names={"x": diamond_x, "a": a, "b": b, "c": c, "y": y})

# %% [markdown]
# ### Exercise: `diamond_backward`
#
# Write the backward pass, from right to left, one line for each of $\bar b$, $\bar c$, $\bar a$ and $\bar x$. With
# $g = 1$ and $x = 0.5$ you should meet the numbers of the picture.


# %%
def diamond_backward(g, x):
    """y = b c with a = tanh x, b = a a, c = exp a: from g = ∂L/∂y to dx = ∂L/∂x, all of shape (N,)."""
    a = np.tanh(x)
    b, c = a * a, np.exp(a)
    ### BEGIN SOLUTION
    b_bar = g * c  # y = b c
    c_bar = g * b
    a_bar = b_bar * 2 * a + c_bar * c  # b uses a twice, c once (and ∂eᵃ/∂a = eᵃ = c)
    return a_bar * (1 - a * a)  # a = tanh x
    ### END SOLUTION


check("diamond_backward", diamond_backward)

# %% [markdown]
# ## Shapes: broadcasting is a sum of paths
#
# A layer of $H$ neurons is $z = x W + b$ with $x W$ of shape $(N, H)$ and $b$ of shape $(H,)$. NumPy *broadcasts* $b$:
# it uses the same $H$ numbers in each of the $N$ rows. So $b_h$ is used $N$ times, there are $N$ paths from it to $L$,
# and by the boxed rule their slopes are added. Not averaged, and nothing dropped: $\bar b = \sum_n g_n$.
#
# In general: wherever an axis was stretched from size 1, or added in front, sum over it, and give the result the shape
# of the input.
#
# ### Exercise: `unbroadcast`


# %%
def unbroadcast(g, shape):
    """An array x of this shape was broadcast to the shape of g: sum g back to the shape of x.

    (4, 3) from (3,): sum over axis 0.   (4, 3) from (4, 1): sum over axis 1, which stays.   (4, 3) from (): sum all.
    """
    ### BEGIN SOLUTION
    added = g.ndim - len(shape)  # axes in front that the input did not have
    g = g.sum(axis=tuple(range(added)))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return g.sum(axis=stretched, keepdims=True)  # now of the shape asked for
    ### END SOLUTION


check("unbroadcast", unbroadcast)

# %% [markdown]
# ## The machine
#
# A `Node` is a box of the picture: a value, the nodes it was computed from, the local rule, and a place for $\bar v$.
# Each operation below is two lines: compute, and say how a gradient goes back. Where you have passed the check, your
# own functions do the work; else `minidl`'s do. (`vjp` gives $y$ and a function from $g$ to the gradients.)


# %%
def multiply_backward_by_minidl(g, x, w):
    _, pullback = md.vjp(np.multiply, x, w)
    return tuple(gradient.numpy() for gradient in pullback(g))


def unbroadcast_by_minidl(g, shape):
    _, pullback = md.vjp(lambda v: np.broadcast_to(v, g.shape), np.zeros(shape))
    return pullback(g)[0].numpy()


multiply_rule = check.mine_or(multiply_backward, multiply_backward_by_minidl)
sum_back = check.mine_or(unbroadcast, unbroadcast_by_minidl)


class Node:
    def __init__(self, value, inputs=(), rule=None):
        self.value = np.asarray(value, dtype=float)
        self.inputs, self.rule = inputs, rule
        self.bar = np.zeros_like(self.value)  # ∂L/∂value, as far as it is known


def back_to(a, b, da, db):
    """The gradients of two operands, undoing what NumPy has stretched."""
    return sum_back(da, a.value.shape), sum_back(db, b.value.shape)


def add(a, b):
    return Node(a.value + b.value, (a, b), lambda g: back_to(a, b, g, g))


def multiply(a, b):
    return Node(a.value * b.value, (a, b), lambda g: back_to(a, b, *multiply_rule(g, a.value, b.value)))


def matmul(a, b):
    return Node(a.value @ b.value, (a, b), lambda g: (g @ b.value.T, a.value.T @ g))


def tanh(a):
    y = np.tanh(a.value)
    return Node(y, (a,), lambda g: (g * (1 - y * y),))


def mean(a):
    return Node(a.value.mean(), (a,), lambda g: (np.full(a.value.shape, g / a.value.size),))


# %% [markdown]
# ## In which order?
#
# $\bar v$ is a sum over everything that was computed from $v$. It may be handed on only when it is **complete**: when
# all boxes to its right are done. An order in which each box comes after its inputs is called *topological*; backward
# walks through it from the end.


# %%
def in_order(y):
    """All nodes that y was computed from, each after its inputs (topological order)."""
    order, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for v in node.inputs:
                visit(v)
            order.append(node)

    visit(y)
    return order


def backward(y):
    y.bar = np.ones_like(y.value)  # ∂L/∂L
    for node in reversed(in_order(y)):
        if node.rule is not None:
            for v, gradient in zip(node.inputs, node.rule(node.bar)):
                v.bar = v.bar + gradient  # the sum over all u that were computed from v


# %% [markdown]
# That is the whole machine. The network is two layers: $h = \tanh(x W_1 + b_1)$ with $H = 4$ hidden neurons, then
# $z = h W_2 + b_2$, and $L$ is the mean of $(z - t)^2$. The shapes: $x$ $(N, 2)$, $W_1$ $(2, 4)$, $b_1$ $(4,)$,
# $h$ $(N, 4)$, $W_2$ $(4, 1)$, $b_2$ $(1,)$, $z$ and $t$ $(N, 1)$.


# %%
def network(x, W1, b1, W2, b2):
    h = tanh(add(matmul(x, W1), b1))  # (N, 2) -> (N, 4)
    return add(matmul(h, W2), b2)  # (N, 4) -> (N, 1)


def loss(z, t):
    e = add(z, Node(-t))
    return mean(multiply(e, e))  # (N, 1) -> ()


def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 4)), np.zeros(4), 0.5 * rng.normal(size=(4, 1)), np.zeros(1)]


# %% [markdown]
# ## Is it right?
#
# The same network with `minidl`, whose `Tensor` takes NumPy's own functions. Two machines, one set of weights, four
# gradients each. And `minidl`'s gradients are judged in turn by small steps, as in lesson 1.


# %% tags=["measured"]
def loss_by_minidl(W1, b1, W2, b2):
    return np.mean((np.tanh(x @ W1 + b1) @ W2 + b2 - t) ** 2)


nodes = [Node(value) for value in initial(0)]
backward(loss(network(Node(x), *nodes), t))
tensors = [md.Tensor(value, requires_grad=True) for value in initial(0)]
loss_by_minidl(*tensors).backward()
for name, node, tensor in zip(("W1", "b1", "W2", "b2"), nodes, tensors):
    print(f"{name} {node.bar.shape!s:7} largest difference {np.abs(node.bar - tensor.grad).max():.0e}")
md.check_grads(loss_by_minidl, *initial(0), order=1)

# %% [markdown]
# ## Learning XOR
#
# Nothing new below: the update of lesson 1 (D0.E5), for four arrays instead of two. Five seeds, because the initial
# weights are random and one run could be luck.


# %%
def train(seed, learning_rate=0.2, epochs=200):
    """The weights after each 50 epochs, and the loss of each epoch."""
    weights, kept, losses = initial(seed), [], []
    for epoch in range(epochs):
        if epoch % 50 == 0:
            kept.append(weights)
        nodes = [Node(value) for value in weights]  # new nodes: their bars begin at 0
        L = loss(network(Node(x), *nodes), t)
        backward(L)
        weights = [node.value - learning_rate * node.bar for node in nodes]
        losses.append(L.value)
    return [*kept, weights], losses


def outputs(points, weights):
    return network(Node(points), *[Node(value) for value in weights]).value  # (M, 2) -> (M, 1)


runs = [train(seed) for seed in range(5)]
for seed, (kept, losses) in enumerate(runs):
    right = np.mean((outputs(x, kept[-1]) > 0) == (t > 0))
    print(f"seed {seed}: loss {losses[0]:.2f} at first, {losses[-1]:.2f} at last, right {right:.3f}")

# %%
figure = new_figure(9, 3.2)
left, *others = figure.subplots(1, 3)
for seed, (_, losses) in enumerate(runs):
    left.plot(losses, color=BLUE, linewidth=1 + (seed == 0), alpha=1.0 if seed == 0 else 0.5)
left.axhline(1, color=VERMILLION, linestyle="--")
left.annotate("answers 0 to everything", (200, 1), ha="right", va="bottom", color=INK)
left.set(xlabel="epoch", ylabel="loss", ylim=(0, 2.2), title="five seeds (seed 0 thick)")
tidy(left)
for ax, k in zip(others, (0, -1)):
    weights = runs[0][0][k]
    md.plot.decision_surface(lambda p, w=weights: np.clip(0.5 + 0.5 * outputs(p, w), 0, 1), x, t > 0, ax=ax)
    ax.set_title("seed 0, before" if k == 0 else "seed 0, after")
    ax.get_legend().remove()
figure

# %% [markdown]
# The lines on the right were put there by four arrays of numbers, each moved against its $\bar v$. Adding hidden
# layers would need no new rule: only a longer graph.
#
# And the single neuron, your first prediction? Its output is $z = w_1 x_1 + w_2 x_2 + b$. Add it up over the corners
# (0, 0) and (1, 1), then over (0, 1) and (1, 0): both sums are $w_1 + w_2 + 2b$. But the targets add up to $-2$ and to
# $+2$. What it gains on one pair of clouds it loses on the other, and the best compromise is about 0.
#
# ## What does it cost?
#
# Backward visits each box once, with at most a few times the work that forward had there. Small steps would need two
# forward passes for *each* weight. That difference is why networks can be large.


# %% tags=["measured"]
def milliseconds(work, times=50):
    start = time.perf_counter()
    for _ in range(times):
        work()
    return 1e3 * (time.perf_counter() - start) / times


wide = [rng.normal(size=shape) for shape in ((2, 400), (400,), (400, 1), (1,))]
forward_time = milliseconds(lambda: loss(network(Node(x), *map(Node, wide)), t))
both_time = milliseconds(lambda: backward(loss(network(Node(x), *map(Node, wide)), t)))
number = sum(value.size for value in wide)
print(f"forward {forward_time:.1f} ms, forward and backward {both_time:.1f} ms, for {number} weights")
print(f"by small steps it would take {2 * number * forward_time:.0f} ms")

# %% [markdown]
# ## What breaks it
#
# **The wrong order.** If a box hands its gradient on before it is complete, the rest of the sum never arrives. Below,
# the walk goes straight on to the inputs, as if the graph were a chain. On a diamond it goes wrong.
#
# **Old gradients.** Bars add up, also across two calls of `backward`. That is useful, and a trap: start each step at 0.
# (The first call below is your second prediction: 3 + 3 + 1.)
#
# **Editing behind the graph's back.** The rule of a product needs the values that were multiplied. Change one between
# forward and backward, and the gradient is wrong; `minidl` notices and refuses.


# %%
def backward_in_a_hurry(y, bar=1.0):
    y.bar = bar  # replaces, where a sum is meant
    if y.rule is not None:
        for v, gradient in zip(y.inputs, y.rule(bar)):
            backward_in_a_hurry(v, gradient)


for walk in (backward, backward_in_a_hurry):
    v = Node(0.5)
    a = tanh(v)
    walk(multiply(multiply(a, a), add(a, Node(1.0))))  # a² (a + 1)
    print(f"{walk.__name__:20} {v.bar:.4f}")

v = md.Tensor(3.0, requires_grad=True)
for _ in range(2):
    (v * v + v).backward()
    print("slope of v v + v at 3:", v.grad)

y = v * v
v.data -= 1.0  # the update, one line too early
try:
    y.backward()
except ValueError as error:
    print(error)

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. Why does `backward` walk from the loss to the weights, and not the other way round?
# 2. $y = a + a$. The rule of `add` returns $g$ and $g$. Where does the 2 come from?
# 3. Nobody asks for the slope of the data $x$. Which work of the first `matmul` could be saved?
#
# <details><summary>Answers</summary>
#
# 1. There is one loss and there are many weights. A walk from the loss carries one $\bar v$ per box; the other way
#    round, each weight would need a walk of its own.
# 2. Both gradients go to the same box, where they are added.
# 3. `g @ b.value.T`, the gradient of its first input. `minidl` computes only what somebody asks for.
#
# </details>
#
# ## Sources
#
# XOR and the network: D4.P1, D4.E1, with $\tanh$ (D2.E3) for $\sigma$ and squares (D2.E1) for the loss; the update:
# D0.E5. The graph walked backwards: S. Linnainmaa 1970; D. Rumelhart, G. Hinton and R. Williams, "Learning
# representations by back-propagating errors", Nature 1986. XOR and single neurons: M. Minsky and S. Papert,
# *Perceptrons*, 1969. In the library: `minidl/backward.py` is the machine, `minidl/ops/arithmetic.py` has the rules.
# Next: lesson 3, which asks how far gradients can be trusted.
