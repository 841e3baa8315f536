"""Depthwise convolution: each channel has kernels of its own, and no channel sees another.

| op | y_cm | ∂L/∂x_c | ∂L/∂W_cm | ∂L/∂b |
|---|---|---|---|---|
| depthwise_conv2d | Σ_ij x_(o s + i d),c W_ij,cm + b_cm | Σ_ij,m g_cm W_ij,cm, added at place ij | Σ_o x_c g_cm | Σ g |

It is ``conv2d`` with as many groups as channels. With one channel in a group nothing is left of the matrix products, so
here the kernel's places are taken one by one: multiply a slice of the image by C numbers, and add.
"""

from minidl.arrays import Array, array_module
from minidl.autograd import primitive
from minidl.ops.convolution import check_channels, check_kernel, conv2d_composition, sum_of_pixels
from minidl.ops.shape import reshape
from minidl.ops.windows import Windows, batches, surround, windows

CHUNK = 2**15  # numbers of one channel-wise product made at a time: with its operands it stays in the cache


@primitive(saves=True)
def depthwise_conv2d(x, W, b, /, strides=1, padding="valid", dilation=1):
    """y_o,cm = Σ_ij x_(o s + i d),c W_ij,cm + b_cm: channel c of x makes the M channels cm of y; ``b`` may be None.

    Parameters
    ----------
    x : (N, H, W, C)
        Images, channels last.
    W : (kh, kw, C, M)
        M kernels for each channel.
    b : (C M,) or None
        One number for each channel of y.
    strides, padding, dilation
        As in ``conv2d``.

    Returns
    -------
    (N, OH, OW, C M)
        The M results of the first channel, then those of the second, ...

    Raises
    ------
    ValueError
        The channels do not fit, or the window is larger than the image.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> x = np.array([[1.0, 10.0], [2.0, 20.0]]).reshape(1, 1, 2, 2)
    >>> md.depthwise_conv2d(x, np.ones((1, 2, 2, 1)), None)
    array([[[[ 3., 30.]]]])
    """
    check_kernel("depthwise_conv2d", W, b, W.shape[-2] * W.shape[-1] if W.ndim > 1 else 0, "W (kh, kw, C, M)")
    check_channels("depthwise_conv2d", x, W.shape[2])
    w = windows("depthwise_conv2d", x.shape[1:3], W.shape[:2], strides, padding, dilation)
    xp = array_module(x)
    x = surround(x, w)
    (N, _, _, C), M = x.shape, W.shape[3]
    y = xp.zeros((N, *w.outputs, C, M), xp.result_type(x, W))
    for few in chunks(N, C, w):
        for i, j in w.places():
            seen = x[few][w.seen_at(i, j)]  # (n, OH, OW, C)
            for m in range(M):
                y[few][..., m] += seen * W[i, j, :, m]
    y = y.reshape(N, *w.outputs, C * M)
    return y if b is None else y + b, w


@depthwise_conv2d.joint_rule
def depthwise_conv2d_gradients(g, y, x, W, b, needs, saved, strides, padding, dilation):
    """∂L/∂x_c = Σ_ij,m g_cm W_ij,cm at place ij, ∂L/∂W_ij,cm = Σ_o x_c g_cm, ∂L/∂b = Σ g."""
    w: Windows = saved
    dx = dW = None
    (N, _, _, C), M = x.shape, W.shape[3]
    g5 = g.reshape(N, *w.outputs, C, M)
    if needs[0]:
        dx = image_gradient(g5, W, w)
    if needs[1]:
        dW = kernel_gradient(surround(x, w), g5, W.shape, w)
    return dx, dW, sum_of_pixels(g) if needs[2] else None


@depthwise_conv2d.specified_by
def depthwise_conv2d_composition(x, W, b, strides=1, padding="valid", dilation=1):
    """``conv2d`` with one group for each channel, said plainly."""
    kh, kw, C, M = W.shape
    return conv2d_composition(x, reshape(W, (kh, kw, 1, C * M)), b, strides, padding, dilation, groups=C)


def image_gradient(g: Array, W: Array, w: Windows) -> Array:
    """Σ_ij,m g_cm W_ij,cm, added to the pixels seen at place ij, for g (N, OH, OW, C, M)."""
    xp = array_module(g)
    N, C, M = g.shape[0], *g.shape[3:]
    dx = xp.zeros((N, *w.padded, C), xp.result_type(g, W))
    for few in chunks(N, C, w):
        for i, j in w.places():
            seen = dx[few][w.seen_at(i, j)]  # (n, OH, OW, C), a view
            for m in range(M):
                seen += g[few][..., m] * W[i, j, :, m]
    return dx[w.inside]  # (N, H, W, C)


def kernel_gradient(x: Array, g: Array, shape: tuple[int, ...], w: Windows) -> Array:
    """Σ_o x_c g_cm over all outputs, for the places and channels of the kernel."""
    dW = array_module(x).zeros(shape, g.dtype)
    for few in chunks(x.shape[0], x.shape[-1], w):
        for i, j in w.places():
            seen = x[few][w.seen_at(i, j)]
            for m in range(shape[3]):
                dW[i, j, :, m] += sum_of_pixels(seen * g[few][..., m])  # (C,)
    return dW


def chunks(N: int, C: int, w: Windows):
    """The samples in portions that make about CHUNK numbers for one place of the kernel."""
    OH, OW = w.outputs
    return batches(N, OH * OW * C, CHUNK)
