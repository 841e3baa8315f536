# %% [markdown]
# # 8 · Why convolutions
#
# A dense layer treats an image as a list of numbers: it does not know that two pixels are neighbours. A convolution
# does. It looks at small windows only, and at all of them with the same weights. This lesson asks what that knowledge
# is worth, takes it away to see, and writes both directions of a convolution and of pooling.
#
# You need lesson 4 (dense layers, relu, cross-entropy). About 60 minutes, three exercises.

# %%
import numpy as np

import minidl as md
from minidl.check import check
from minidl.layers import Conv2D, Dense, Flatten, MaxPooling2D
from minidl.plot.style import BLUE, DIVERGING, GREYS, VERMILLION, new_figure, tidy

md.seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Where we are going
#
# Handwritten digits of 28 × 28 pixels, and the network of D0.P1 (its last layer gives logits here). A second copy of
# all images has its pixels **shuffled**: by one permutation, the same for every image. Nothing is lost, for the
# permutation could be undone. But neighbours are neighbours no more. The layers `Conv2D` and `MaxPooling2D` are what
# this lesson explains; `Flatten` lays out what they give as a row.

# %%
(x_train, y_train), (x_test, y_test) = md.data.mnist()
x_train, y_train, x_test, y_test = x_train[:2000], y_train[:2000], x_test[:1000], y_test[:1000]
x_train, x_test = (images[..., None].astype(np.float32) / 255 for images in (x_train, x_test))  # (N, 28, 28, 1)
order = rng.permutation(28 * 28)


def shuffled(x):
    return x.reshape(-1, 28 * 28)[:, order].reshape(-1, 28, 28, 1)


def conv_net():
    return md.Sequential(
        [
            Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),  # (N, 26, 26, 32)
            MaxPooling2D((2, 2)),  # (N, 13, 13, 32)
            Conv2D(64, (3, 3), activation="relu"),  # (N, 11, 11, 64)
            MaxPooling2D((2, 2)),  # (N, 5, 5, 64)
            Conv2D(64, (3, 3), activation="relu"),  # (N, 3, 3, 64)
            Flatten(),  # (N, 576)
            Dense(64, activation="relu"),  # (N, 64)
            Dense(10),  # (N, 10)
        ]
    )


def dense_net():
    return md.Sequential([Flatten(input_shape=(28, 28, 1)), Dense(128, activation="relu"), Dense(10)])


def train(build, seed, change):
    """A network after two epochs on images changed in this way, and its accuracy on test images changed likewise."""
    md.seed(seed)
    model = build()
    loss = md.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(md.optimizers.Adam(learning_rate=0.002), loss, metrics=["accuracy"])
    model.fit(change(x_train), y_train, epochs=2, batch_size=32, verbose=0)
    return model, model.evaluate(change(x_test), y_test, verbose=0)[1]


changes = {"as they are": lambda x: x, "shuffled": shuffled}
nets = {"dense": dense_net, "conv": conv_net}
runs = {(n, c): [train(nets[n], seed, changes[c]) for seed in range(3)] for n in nets for c in changes}
scores = {key: np.array([score for _, score in trained]) for key, trained in runs.items()}
for (net, change), score in scores.items():
    parameters = runs[net, change][0][0].count_params()
    print(f"{net:5s} {change:11s}: test accuracy {score.min():.2f} to {score.max():.2f}, {parameters:,} parameters")

# %%
figure = new_figure(9.5, 3)
first, second, ax = figure.subplots(1, 3, width_ratios=[1, 1, 2.2])
first.imshow(x_train[1, ..., 0], cmap=GREYS)
first.set(title="as it is", xticks=[], yticks=[])
second.imshow(shuffled(x_train[1:2])[0, ..., 0], cmap=GREYS)
second.set(title="shuffled", xticks=[], yticks=[])
for net, colour, style in (("dense", VERMILLION, "s--"), ("conv", BLUE, "o-")):
    means = [scores[net, change].mean() for change in changes]
    ax.plot([0, 1], means, style, color=colour)
    for place, change in enumerate(changes):
        ax.vlines(place, scores[net, change].min(), scores[net, change].max(), color=colour, linewidth=5, alpha=0.4)
    ax.annotate(f"{net} net", (1.07, means[1]), color=colour, va="center")
ax.set(xticks=[0, 1], xticklabels=list(changes), xlim=(-0.2, 1.55), ylabel="test accuracy", title="three seeds each")
tidy(ax)
figure

# %% [markdown]
# The dense net does not care. The conv net, with fewer parameters, is the better one on images and the worse one on
# shuffled images: what it knows of images has become wrong.
#
# Why does the dense net not care? Shuffle its pixels *and* the rows of its weights, and every sum has the same terms,
# in another order:

# %% tags=["measured"]
flat, weights = x_test[:5].reshape(5, -1), rng.normal(size=(784, 128))
print(f"largest difference: {np.abs(flat[:, order] @ weights[order] - flat @ weights).max():.0e}")

# %% [markdown]
# ## The equation
#
# A **kernel** is a small array of weights, $k_h \times k_w$ places. It lies on the image with its first place at row
# $h$, column $w$; what is under each place is multiplied by its weights, and all is added up. A pixel may have several
# numbers, its **channels** (a colour image has three, ours have one), and several kernels, numbered by $f$, give
# several channels again:
#
# $$y_{n,h,w,f} = b_f + \sum_{i=0}^{k_h - 1} \sum_{j=0}^{k_w - 1} \sum_{c=1}^{C} x_{n,\,h+i,\,w+j,\,c}\; W_{i,j,c,f}.$$
#
# | letter | what | shape |
# |---|---|---|
# | $x$ | images: sample, row, column, channel | $(N, H, W, C)$ |
# | $W$ | kernels: row, column, channel in, channel out | $(k_h, k_w, C, F)$ |
# | $b$ | one number for each output channel | $(F,)$ |
# | $y$ | feature maps, with $OH = H - k_h + 1$ and $OW = W - k_w + 1$ | $(N, OH, OW, F)$ |
#
# (The letter $W$ does two jobs, as everywhere.) Two ideas are in this sum. It is **local**: only near pixels count. And
# the weights are **shared**: $h$ and $w$ do not stand at $W$. What is learnt at one place is known at all others.
#
# ## Before you go on: predict
#
# One number after a 3 × 3 convolution has seen 3 × 3 pixels. After a second one it has seen 5 × 5, since each
# neighbour adds a pixel on its side: this is its **receptive field**. The **stride** of a layer is how far apart its
# windows lie: 1 in these convolutions, 2 in a pooling layer of 2 × 2 windows side by side. So neighbours after a
# pooling layer are two pixels apart in the image, and after two of them four. **How many pixels along one side** has
# one number seen after several layers with windows of $k$ and strides $s$, two lists?


# %%
def receptive_field(kernels, strides):
    """The side of the square of pixels that one number after the last layer has seen."""
    ### BEGIN SOLUTION
    side, apart = 1, 1  # apart: pixels of the image between neighbours
    for k, s in zip(kernels, strides):
        side = side + (k - 1) * apart
        apart = apart * s
    return side
    ### END SOLUTION


check("receptive_field", receptive_field)

# %% [markdown]
# ## Measured
#
# What has a number seen? The pixels that change it: those with a gradient. Take the middle of the maps after each
# convolution of D0.P1, go backward to 100 images of noise, and mark which pixels ever had one.

# %%
model = runs["conv", "as they are"][0][0]
noise = rng.random((100, 28, 28, 1)).astype(np.float32)
figure = new_figure(9, 3.6)
for ax, layers in zip(figure.subplots(1, 3), (1, 3, 5)):
    x = h = md.Tensor(noise, requires_grad=True)
    for layer in model.layers[:layers]:
        h = layer(h)
    middle = h.shape[1] // 2
    h[:, middle, middle].sum().backward()
    seen = np.abs(x.grad).mean(axis=0)[..., 0]  # (100, 28, 28, 1) -> (28, 28)
    side = np.count_nonzero(seen.any(axis=1))
    print(f"after {layers} layers: {side} × {np.count_nonzero(seen.any(axis=0))} pixels")
    ax.imshow(seen, cmap="Blues")
    ax.set(title=f"after {layers} layer{'s' * (layers > 1)}: {side} × {side}", xlabel="column", ylabel="row")
figure

# %% [markdown]
# Compare with `receptive_field([3, 2, 3, 2, 3], [1, 2, 1, 2, 1])`. The rim of a wide field counts least, since the
# fewest paths lead there.
#
# ## NumPy: im2col
#
# Copy each window into one row of a long matrix ("im2col"), read $W$ as a matrix too, and the convolution is a
# dense layer applied to every window: one product.


# %%
def columns(x, kh, kw):
    """Each window as a row: (N, H, W, C) -> (N, OH, OW, kh kw C)."""
    OH, OW = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return np.concatenate([x[:, i : i + OH, j : j + OW] for i in range(kh) for j in range(kw)], axis=-1)


def conv(x, W, b):
    kh, kw, C, F = W.shape
    return columns(x, kh, kw) @ W.reshape(kh * kw * C, F) + b  # (N, OH, OW, F)


# %% [markdown]
# Kernels need not be learnt. Here are three made by hand, on one digit: the mean of a window, and the differences
# between its sides and between its top and bottom.

# %%
down = np.array([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]])
by_hand = np.stack([np.ones((3, 3)) / 9, down.T, down], axis=-1)[:, :, None]  # (3, 3, 1, 3)
maps = conv(x_train[1:2], by_hand, 0)[0]  # (26, 26, 3)
figure = new_figure(9, 2.6)
axes = figure.subplots(1, 4)
axes[0].imshow(x_train[1, ..., 0], cmap=GREYS)
axes[0].set(title="the image, 28 × 28")
for ax, image, title in zip(axes[1:], np.moveaxis(maps, -1, 0), ("mean", "right − left", "bottom − top")):
    drawn = ax.imshow(image, cmap=DIVERGING, vmin=-3, vmax=3)
    ax.set(title=f"{title}, 26 × 26")
for ax in axes:
    ax.set(xticks=[], yticks=[])
figure.colorbar(drawn, ax=axes, label="y", shrink=0.8)
figure

# %% [markdown]
# ## Backward
#
# Let $g = \partial L / \partial y$, of the shape of $y$. Each $W_{i,j}$ (a matrix, $C \times F$) is used at every place
# of every image. Each pixel lies in up to $k_h k_w$ windows. What is used often gathers its gradient from everywhere:
#
# $$\frac{\partial L}{\partial W_{i,j}} = \sum_{n,h,w} x_{n,h+i,w+j}^T\; g_{n,h,w}, \qquad
# \frac{\partial L}{\partial x_{n,p,q}} = \sum_{i,j} g_{n,\,p-i,\,q-j}\; W_{i,j}^T, \qquad
# \frac{\partial L}{\partial b} = \sum_{n,h,w} g_{n,h,w},$$
#
# where $g$ outside its borders counts as 0. Here $x_{n,h,w}$ is a row of $C$ numbers and $g_{n,h,w}$ a row of $F$. The
# middle formula looks awkward, but read it place by place: place $(i, j)$ saw the slice
# `x[:, i : i + OH, j : j + OW]`, so that slice gets $g W_{i,j}^T$ *added*.
#
# ### Exercise: `conv2d_backward`


# %%
def conv2d_backward(g, x, W):
    """dx, dW, db of y = conv(x, W) + b: g (N, OH, OW, F), x (N, H, W, C), W (kh, kw, C, F)."""
    ### BEGIN SOLUTION
    OH, OW = g.shape[1:3]
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for i, j in np.ndindex(*W.shape[:2]):
        seen = np.s_[:, i : i + OH, j : j + OW]
        dx[seen] += g @ W[i, j].T  # (N, OH, OW, F) (F, C) -> (N, OH, OW, C)
        dW[i, j] = np.tensordot(x[seen], g, axes=([0, 1, 2], [0, 1, 2]))  # (C, F)
    return dx, dW, g.sum(axis=(0, 1, 2))
    ### END SOLUTION


check("conv2d_backward", conv2d_backward)

# %% [markdown]
# ## Pooling
#
# `MaxPooling2D((2, 2))` keeps the largest number of each window of 2 × 2, channel by channel:
#
# $$y_{n,h,w,c} = \max_{i,j \in \{0,1\}} x_{n,\,2h+i,\,2w+j,\,c}.$$
#
# A feature may then lie a pixel to the left or right, and $y$ is often the same. Backward: a small change of the
# largest changes $y$ by as much. A small change of the others changes nothing. So the largest gets all of $g$, the
# others 0.
#
# ### Exercise: `max_pool_backward`


# %%
def max_pool(x):
    N, H, W, C = x.shape  # H and W are even
    return x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))  # (N, H/2, W/2, C)


def max_pool_backward(g, x):
    """dx (N, H, W, C) of the largest of 2 × 2: g (N, H/2, W/2, C)."""
    ### BEGIN SOLUTION
    dx, largest = np.zeros_like(x), max_pool(x)
    for i, j in np.ndindex(2, 2):
        corner = np.s_[:, i::2, j::2]
        dx[corner] = g * (x[corner] == largest)
    return dx
    ### END SOLUTION


check("max_pool_backward", max_pool_backward)


# %% [markdown]
# ## The same with `minidl`, and against finite differences


# %% tags=["measured"]
def conv2d_backward_by_minidl(g, x, W):
    _, backward = md.vjp(lambda x, W, b: md.conv2d(x, W, b), x, W, np.zeros(W.shape[-1], W.dtype))
    return [d.numpy() for d in backward(g)]


def max_pool_backward_by_minidl(g, x):
    _, backward = md.vjp(lambda x: md.max_pool(x, 2), x)
    return backward(g)[0].numpy()


x, W, b = rng.normal(size=(2, 4, 5, 2)), rng.normal(size=(2, 3, 2, 3)), rng.normal(size=3)
print(f"conv: largest difference {np.abs(conv(x, W, b) - np.asarray(md.conv2d(x, W, b))).max():.0e}")
print("conv2d: ", md.check_grads(md.conv2d, x, W, b))
print("max_pool:", md.check_grads(lambda x: md.max_pool(x, 2), rng.normal(size=(2, 4, 6, 3))))

# %% [markdown]
# ## Real data, with your own backward
#
# A small network in plain NumPy: 8 kernels of 5 × 5, relu, pooling, a dense layer (lesson 4), descent. It trains with
# *your* two functions, or with the library's while you have none.

# %%
conv_back = check.mine_or(conv2d_backward, conv2d_backward_by_minidl)
pool_back = check.mine_or(max_pool_backward, max_pool_backward_by_minidl)
W, b = rng.normal(size=(5, 5, 1, 8)).astype(np.float32) * 0.2, np.zeros(8, np.float32)
V, c = rng.normal(size=(12 * 12 * 8, 10)).astype(np.float32) * 0.03, np.zeros(10, np.float32)


def forward(x):
    z = conv(x, W, b)  # (N, 28, 28, 1) -> (N, 24, 24, 8)
    a = np.maximum(z, 0)
    h = max_pool(a).reshape(len(x), -1)  # (N, 12, 12, 8) -> (N, 1152)
    return z, a, h, h @ V + c  # logits (N, 10)


for epoch in range(3):
    for at in range(0, 1000, 20):
        x, y = x_train[at : at + 20], y_train[at : at + 20]
        z, a, h, logits = forward(x)
        g = (np.asarray(md.softmax(logits)) - np.eye(10, dtype=np.float32)[y]) / 20  # (20, 10)
        da = pool_back((g @ V.T).reshape(20, 12, 12, 8), a)
        _, dW, db = conv_back(da * (z > 0), x, W)
        for weight, slope in ((W, dW), (b, db), (V, h.T @ g), (c, g.sum(axis=0))):
            weight -= 0.1 * slope
    accuracy = np.mean(forward(x_test)[3].argmax(axis=1) == y_test)
    print(f"epoch {epoch + 1}: test accuracy {accuracy:.2f}")

# %% [markdown]
# ## What has it learnt?
#
# The first layer of D0.P1 after two epochs: its kernels and, in the same order, what each makes of one digit.

# %%
kernels = model.layers[0].kernel.numpy()[:, :, 0, :16]  # (3, 3, 16)
with md.no_grad():
    maps = model.layers[0](md.Tensor(x_test[:1])).numpy()[0, ..., :16]  # (26, 26, 16)
largest = np.abs(kernels).max()
figure = new_figure(9.5, 4.8)
left, right = figure.subfigures(1, 2)
for side, title in ((left, "16 kernels, 3 × 3"), (right, "their feature maps, 26 × 26")):
    side.suptitle(title, fontsize=12)
for n, (ax, below) in enumerate(zip(left.subplots(4, 4).ravel(), right.subplots(4, 4).ravel())):
    drawn = ax.imshow(kernels[..., n], cmap=DIVERGING, vmin=-largest, vmax=largest)
    below.imshow(maps[..., n], cmap=GREYS, vmin=0, vmax=maps.max())
    for each in (ax, below):
        each.set_axis_off()
left.colorbar(drawn, ax=left.axes, label="weight", location="left", shrink=0.6)
figure

# %% [markdown]
# Some kernels have a positive and a negative side: they answer to edges of one direction, as those made by hand did.
# Others still look like the random numbers they began as: two epochs are few.
#
# ## What breaks it
#
# **Places that matter.** Convolution and pooling make a network patient with small shifts, not blind to them: behind
# `Flatten` stands a dense layer, which has learnt where things were. Move the test digits to the right:

# %%
steps = range(5)
for net in nets:
    bands = []
    for step in steps:
        moved = np.roll(x_test[:300], step, axis=2)
        accuracies = [np.mean(m.predict(moved).argmax(axis=1) == y_test[:300]) for m, _ in runs[net, "as they are"]]
        bands.append(f"{min(accuracies):.2f}–{max(accuracies):.2f}")
    print(f"{net:5s} moved by 0 to 4 pixels:", "  ".join(bands))

# %% [markdown]
# Both fall, the dense net sooner. **Shapes** are the other thing that breaks: a channel axis that is missing, or
# channels that come first. And where a whole window is equal (the black border of every digit), "the largest" is not
# one pixel: `minidl` gives the gradient to the first.

# %%
for wrong in (x_test[..., 0], np.zeros((2, 3, 28, 28), np.float32)):
    try:
        md.conv2d(wrong, np.zeros((3, 3, 3, 8), np.float32), None)
    except ValueError as error:
        print("ValueError:", error)
print("equal pixels:", max_pool_backward_by_minidl(np.ones((1, 1, 1, 1)), np.ones((1, 2, 2, 1))).ravel())

# %%
check.report()

# %% [markdown]
# ## Three questions
#
# 1. How many weights has `Conv2D(64, (3, 3))` behind 32 channels, with its biases? How does that depend on the size of
#    the image?
# 2. Two convolutions of 3 × 3 see as much as one of 5 × 5. Which has fewer weights, from $C$ channels to $C$?
# 3. All weights of all kernels of a layer begin equal. What happens in training?
#
# <details><summary>Answers</summary>
#
# 1. $3 \cdot 3 \cdot 32 \cdot 64 + 64 = 18{,}496$, for images of any size.
# 2. Two of 3 × 3: $18 C^2$ against $25 C^2$. And there is room for a relu in between.
# 3. All kernels make the same map. If the next layer treats them alike too, they get the same gradient and stay equal
#    for ever: one kernel, many times. That is why weights begin at random (lesson 4).
#
# </details>
#
# ## Sources
#
# D0.P1 (the network), D0.P2. K. Fukushima, "Neocognitron", 1980; Y. LeCun et al., "Gradient-based learning applied to
# document recognition", 1998 (and the digits); K. Chellapilla, S. Puri and P. Simard, "High performance convolutional
# neural networks for document processing", 2006 (im2col). In the library: `minidl/ops/convolution.py`,
# `minidl/ops/pooling.py`, `minidl/examples/mnist_cnn.py` (the same network, trained for longer).
