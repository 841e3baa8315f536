"""Convolution: the same small kernel at every place of an image.

| op | y | ∂L/∂x | ∂L/∂W | ∂L/∂b |
|---|---|---|---|---|
| conv2d | y_o = Σ_ij x_(o s + i d) W_ij + b | Σ_ij g W_ijᵀ, added at place ij | Σ_o x_(o s + i d)ᵀ g_o | Σ g |
| conv1d | conv2d of an image of one row | | | |

Images are (N, H, W, C), kernels (kh, kw, C, F), results (N, OH, OW, F): channels last, as in Keras. Like every library,
this one does not turn the kernel round, so that mathematicians would call it a cross-correlation. ``windows.py`` says
where the windows lie, and what strides s, dilation d and padding mean.

Each pixel of an image is a row of C channels, so every step is a matrix product:

- forward, the kh · kw pixels of a window are copied into one row of a matrix ("im2col"; Chellapilla, Puri & Simard
  2006): y = cols W with cols (N OH OW, kh kw C), and W read as (kh kw C, F);
- ∂L/∂W = colsᵀ g;
- ∂L/∂x is kh · kw products g W_ijᵀ, each added to a slice of the image. (Undoing im2col after one large product takes
  half as long again: that matrix is kh · kw times as large as the image.)
"""

from collections.abc import Callable
from typing import Any

from minidl.arrays import Array, array_module
from minidl.autograd import primitive
from minidl.dispatch import composite
from minidl.errors import channels_last
from minidl.ops.joining import concatenate, pad
from minidl.ops.linalg import rows
from minidl.ops.linear import linear
from minidl.ops.shape import expand_dims, squeeze
from minidl.ops.windows import Windows, batches, per_axis, surround, surround_composition, windows

CHUNK = 2**20  # numbers of cols made at a time: 4 MB of float32 stay in the cache, and memory does not grow with N


@primitive(saves=True)
def conv2d(x, W, b, /, strides=1, padding="valid", dilation=1, groups=1):
    """y_o = Σ_ij x_(o s + i d) W_ij + b for every place o of the image; ``b`` may be None.

    Parameters
    ----------
    x : (N, H, W, C)
        Images, channels last.
    W : (kh, kw, C / groups, F)
        The kernel.
    b : (F,) or None
        One number for each channel of y.
    strides, dilation : int or (int, int)
        Steps from window to window (s), and from place to place inside a window (d).
    padding : {"valid", "same"}
        Whether the windows stay inside the image, or zeros are added around it so that OH = ⌈H / s⌉.
    groups : int
        The channels are cut into so many equal groups; each group of outputs sees one group of inputs.

    Returns
    -------
    (N, OH, OW, F)

    Raises
    ------
    ValueError
        The channels do not fit, or the window is larger than the image.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> md.conv2d(image, np.ones((2, 2, 1, 1)), None)[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    check_kernel("conv2d", W, b, W.shape[-1], "W (kh, kw, C, F)", groups)
    check_channels("conv2d", x, W.shape[2] * groups)
    w = windows("conv2d", x.shape[1:3], W.shape[:2], strides, padding, dilation)
    if b is None:
        return by_group(groups, lambda x, W: correlate(x, W, None, w), surround(x, w), W), w
    return by_group(groups, lambda x, W, b: correlate(x, W, b, w), surround(x, w), W, b), w


@conv2d.joint_rule
def conv2d_gradients(g, y, x, W, b, needs, saved, strides, padding, dilation, groups):
    """∂L/∂x = Σ_ij g W_ijᵀ at place ij, ∂L/∂W = colsᵀ g, ∂L/∂b = Σ g."""
    w: Windows = saved
    dx = dW = db = None
    if needs[0]:
        dx = by_group(groups, lambda g, W: spread(g, W, w), g, W)  # (N, H, W, C)
    if needs[1]:
        dW = by_group(groups, lambda x, g: kernel_gradient(x, g, w), surround(x, w), g)  # (kh, kw, C / groups, F)
    if needs[2]:
        db = sum_of_pixels(g)  # (F,)
    return dx, dW, db


@conv2d.specified_by
def conv2d_composition(x, W, b, strides=1, padding="valid", dilation=1, groups=1):
    """Σ_ij (what all outputs see at place ij) W_ij + b, said plainly."""
    w = windows("conv2d", x.shape[1:3], W.shape[:2], strides, padding, dilation)
    x = surround_composition(x, w)
    ys = []
    for k in range(groups):
        x_k, W_k = part(x, k, groups), part(W, k, groups)
        ys.append(sum(x_k[w.seen_at(i, j)] @ W_k[i, j] for i, j in w.places()))  # (N, OH, OW, F / groups)
    y = concatenate(ys, axis=-1)
    return y if b is None else y + b


@composite()
def conv1d(x, W, b, strides=1, padding="valid", dilation=1, groups=1):
    """y_t = Σ_i x_(t s + i d) W_i + b for every step t of a sequence: ``conv2d`` of an image of one row.

    Shapes: x (N, T, C), W (k, C / groups, F), b (F,) or None → y (N, T', F). As in ``conv2d``, but for one more
    padding: with "causal", zeros are added in front only, so that y_t sees nothing later than x_(t s).

    >>> import minidl as md, numpy as np
    >>> x = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> md.conv1d(x, np.ones((2, 1, 1)), None, padding="causal").ravel()
    array([1., 3., 5.])
    """
    if x.ndim != 3 or W.ndim != 3:
        raise ValueError(f"conv1d expects x (N, T, C) and W (k, C, F), got shapes {x.shape} and {W.shape}.")
    check_channels_last("conv1d", x, W.shape[1] * groups)
    (stride,), (d,) = per_axis("conv1d", "strides", strides, 1), per_axis("conv1d", "dilation", dilation, 1)
    if padding == "causal":
        x, padding = pad(x, ((0, 0), ((W.shape[0] - 1) * d, 0), (0, 0))), "valid"
    y = conv2d(expand_dims(x, 1), expand_dims(W, 0), b, (1, stride), padding, (1, d), groups)  # (N, 1, T', F)
    return squeeze(y, 1)


# --- the three products, on plain arrays --------------------------------------------------------------------------


def correlate(x: Array, W: Array, b: Array | None, w: Windows) -> Array:
    """y = cols W + b for images x (N, *w.padded, C), a few samples at a time.

    The bias costs no pass of its own: with a 1 at the end of each row, y = [cols 1] [W; b] is one product.
    """
    if w.pointwise:
        return linear(x, W[0, 0], b)  # a kernel of one place is a linear map of each pixel's channels
    xp = array_module(x)
    kh, kw, C, F = W.shape
    matrix = W.reshape(kh * kw * C, F)
    if b is not None:
        matrix = xp.concatenate([matrix, b[None]])  # (kh kw C + 1, F)
    y = xp.empty((len(x), *w.outputs, F), xp.result_type(x, matrix))
    for few in chunks(x, w):
        cols = columns(x[few], w, ones=b is not None)
        xp.dot(cols, matrix, out=rows(y[few]))
    return y


def kernel_gradient(x: Array, g: Array, w: Windows) -> Array:
    """∂L/∂W = colsᵀ g, summed over a few samples at a time; cols is made again, which is cheaper than to keep it."""
    xp = array_module(x)
    C, F = x.shape[-1], g.shape[-1]
    dW = xp.zeros((w.size[0] * w.size[1] * C, F), xp.result_type(x, g))
    for few in chunks(x, w):
        dW += columns(x[few], w).T.dot(rows(g[few]))  # (kh kw C, n OH OW) (n OH OW, F)
    return dW.reshape(*w.size, C, F)


def spread(g: Array, W: Array, w: Windows) -> Array:
    """∂L/∂x = Σ_ij g W_ijᵀ, added to the pixels that the outputs saw at place ij: ``correlate`` transposed."""
    if w.pointwise:
        return linear(g, W[0, 0].T, None)
    xp = array_module(g)
    C = W.shape[2]
    dx = xp.zeros((len(g), *w.padded, C), xp.result_type(g, W))
    g2 = rows(g)  # (N OH OW, F)
    product = xp.empty((len(g2), C), dx.dtype)
    for i, j in w.places():
        xp.dot(g2, W[i, j].T, out=product)  # (N OH OW, F) (F, C)
        dx[w.seen_at(i, j)] += product.reshape(len(g), *w.outputs, C)
    return dx[w.inside]  # (N, H, W, C)


def sum_of_pixels(g: Array) -> Array:
    """∂L/∂b = Σ g over all axes but the last: as a product with ones, four times as fast as ``sum``."""
    g2 = rows(g)
    return array_module(g).ones(len(g2), g.dtype).dot(g2)  # (N OH OW) (N OH OW, F) → (F,)


def columns(x: Array, w: Windows, ones: bool = False) -> Array:
    """im2col: each window of x (n, *w.padded, C) as a row of kh · kw · C numbers, then a 1 where ``ones`` asks for it.

    Neighbours in a row of the image are neighbours in memory: where they are in the window too, they are copied in one
    run.
    """
    if w.pointwise and not ones:
        return rows(x)
    if x.shape[-1] == 1:
        return columns_of_one_channel(x, w, ones)
    xp = array_module(x)
    n, H, W, C = x.shape
    kh, kw = w.size
    run = kw if w.dilation[1] == 1 and C > 0 else 1  # pixels copied together
    if run > 1:
        view = xp.lib.stride_tricks.sliding_window_view(x.reshape(n, H, W * C), run * C, axis=2)
        x = view[:, :, ::C]  # (n, H, W - run + 1, run C): from each pixel on, run pixels
    cols = xp.empty((n, *w.outputs, kh * kw * C + ones), x.dtype)
    for i in range(kh):
        for j in range(0, kw, run):
            start = (i * kw + j) * C
            cols[..., start : start + run * C] = x[w.seen_at(i, j)]
    if ones:
        cols[..., -1] = 1
    return rows(cols)  # (n OH OW, kh kw C)


def columns_of_one_channel(x: Array, w: Windows, ones: bool) -> Array:
    """The same matrix, each of its columns in one piece of memory: rows of an image are copied, not single numbers."""
    cols = array_module(x).empty((w.size[0] * w.size[1] + ones, len(x), *w.outputs), x.dtype)
    for column, (i, j) in zip(cols, w.places()):
        column[...] = x[w.seen_at(i, j)][..., 0]
    if ones:
        cols[-1] = 1
    return rows(cols.transpose(1, 2, 3, 0))  # (n OH OW, kh kw): a view


def chunks(x: Array, w: Windows):
    """The samples in portions whose ``columns`` have about CHUNK numbers."""
    (kh, kw), (OH, OW) = w.size, w.outputs
    return batches(len(x), OH * OW * kh * kw * x.shape[-1], CHUNK)


# --- groups -------------------------------------------------------------------------------------------------------


def by_group(groups: int, f: Callable, *arrays: Array) -> Array:
    """f of each group of channels by itself, the results side by side. Channels are the last axis of every array."""
    if groups == 1:
        return f(*arrays)
    parts = [f(*(part(a, k, groups) for a in arrays)) for k in range(groups)]
    return array_module(*arrays).concatenate(parts, axis=-1)


def part(a: Any, k: int, groups: int) -> Any:
    """Group k of the last axis."""
    n = a.shape[-1] // groups
    return a[..., k * n : (k + 1) * n]


# --- what is refused ----------------------------------------------------------------------------------------------


def check_channels(who: str, x: Array, C: int) -> None:
    """Refuse what is not images (N, H, W, C) with as many channels as the kernel expects."""
    if x.ndim != 4:
        fix = {2: " Reshape it.", 3: " Add the missing axis: x[None] for one image, x[..., None] for one channel."}
        raise ValueError(f"{who} expects images (N, H, W, C), got shape {x.shape}.{fix.get(x.ndim, '')}")
    check_channels_last(who, x, C)


def check_channels_last(who: str, x: Any, C: int) -> None:
    """C channels, on the last axis of x (N, ..., C)."""
    if x.shape[-1] != C:
        fix = channels_last(x.shape, C)
        raise ValueError(f"{who} expects {C} channels on the last axis, got shape {x.shape}.{fix}")


def check_kernel(who: str, W: Array, b: Array | None, F: int, letters: str, groups: int = 1) -> None:
    """Refuse a kernel that has not four axes or cannot be cut into groups, and a bias that would be broadcast."""
    if W.ndim != 4:
        raise ValueError(f"{who} expects a kernel {letters}, got shape {W.shape}.")
    per_axis(who, "groups", groups, 1)
    if F % groups:
        raise ValueError(f"{who} cannot cut {F} channels of the result into {groups} equal groups.")
    if b is not None and b.shape != (F,):
        raise ValueError(f"{who} expects a bias of shape {(F,)}, one number for each channel, got {b.shape}.")
