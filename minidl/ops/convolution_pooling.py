"""Convolution and max pooling as one op: the large image between them is not kept.

| op | y | ∂L/∂x, ∂L/∂W, ∂L/∂b |
|---|---|---|
| conv2d_max_pool | max_pool(z), z = conv2d(x, W, b) | conv2d's, where ∂L/∂z is g at each window's largest, else 0 |

What a convolution gives has ph · pw times as many numbers as pooling leaves of it. Done one after the other, that image
is written, read for the maximum, written again on the way back (g and many zeros) and read twice more, for ∂L/∂x and
∂L/∂W. Here it is made for some samples at a time, pooled and forgotten; all that is kept is which place of each window
*won*, as truth values: of float32 and windows of 2 x 2 less than a fifth of the memory. Pixels that lie in no whole
window, such as the last row of 11 under windows of 2, are not computed at all. Together this saves a sixth of the time
of a training step of D0.P1's network.
"""

from typing import Any

from minidl.arrays import Array, array_module
from minidl.autograd import primitive
from minidl.ops.convolution import (
    CHUNK,
    check_channels,
    check_kernel,
    conv2d,
    correlate,
    kernel_gradient,
    spread,
    sum_of_pixels,
)
from minidl.ops.pooling import max_pool
from minidl.ops.windows import Windows, batches, per_axis, surround, windows


@primitive(saves=True)
def conv2d_max_pool(x, W, b, /, strides=1, padding="valid", dilation=1, pool_size=2):
    """y = the largest number of each window of z, channel by channel, where z = conv2d(x, W, b).

    Parameters
    ----------
    x, W, b, strides, padding, dilation
        As in ``conv2d``: x (N, H, W, C), W (kh, kw, C, F), b (F,) or None.
    pool_size : int or (int, int)
        (ph, pw), the size of the windows on z. They lie side by side; pixels that do not fill one are left out.

    Returns
    -------
    (N, ⌊OH / ph⌋, ⌊OW / pw⌋, F)

    Raises
    ------
    ValueError
        The channels do not fit, or a window is larger than the image.
    TypeError
        There are no floating numbers.

    Notes
    -----
    Of equal numbers in a window the first, column by column, gets the gradient, as in ``max_pool``.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> md.conv2d_max_pool(image, np.ones((1, 1, 1, 1)), None)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    check_kernel("conv2d_max_pool", W, b, W.shape[-1], "W (kh, kw, C, F)")
    check_channels("conv2d_max_pool", x, W.shape[2])
    xp = array_module(x)
    dtype = xp.result_type(x, W) if b is None else xp.result_type(x, W, b)
    if dtype.kind != "f":
        raise TypeError(f"conv2d_max_pool expects floating numbers, got {dtype}. Use x.astype('float32')?")
    w, ph, pw = windows_in_pools(x, W, strides, padding, dilation, pool_size)
    (OH, OW), N, F = w.outputs, len(x), W.shape[-1]
    oh, ow = OH // ph, OW // pw
    x = surround(x, w)
    y = xp.empty((N, oh, ow, F), dtype)
    won_below = xp.empty((N, oh, ph - 1, OW * F), bool)
    won_beside = xp.empty((N, oh, ow, pw - 1, F), bool)
    for few in chunks(x, W, w):
        z = correlate(x[few], W, b, w)  # (n, OH, OW, F)
        z = largest(z.reshape(len(z), oh, ph, OW * F), won_below[few])  # (n, oh, OW F)
        y[few] = largest(z.reshape(len(z), oh, ow, pw, F), won_beside[few])  # (n, oh, ow, F)
    return y, (w, won_below, won_beside)


@conv2d_max_pool.joint_rule
def conv2d_max_pool_gradients(g, y, x, W, b, needs, saved, strides, padding, dilation, pool_size):
    """∂L/∂z is g where a number won and 0 elsewhere; from there as for ``conv2d``. ∂L/∂b = Σ ∂L/∂z = Σ g."""
    xp = array_module(x)
    w, won_below, won_beside = saved
    (OH, OW), (_, oh, _, F) = w.outputs, y.shape
    padded = surround(x, w)
    dx = xp.empty(x.shape, g.dtype) if needs[0] else None
    dW = xp.zeros(W.shape, g.dtype) if needs[1] else None
    for few in chunks(padded, W, w) if needs[0] or needs[1] else ():
        dz = to_winners(g[few], won_beside[few])  # (n, oh, ow, pw, F)
        dz = to_winners(dz.reshape(len(dz), oh, OW * F), won_below[few])  # (n, oh, ph, OW F)
        dz = dz.reshape(len(dz), OH, OW, F)
        if needs[0]:
            dx[few] = spread(dz, W, w)
        if needs[1]:
            dW += kernel_gradient(padded[few], dz, w)
    return dx, dW, sum_of_pixels(g) if needs[2] else None


@conv2d_max_pool.specified_by
def conv2d_max_pool_composition(x, W, b, strides=1, padding="valid", dilation=1, pool_size=2):
    """One after the other."""
    return max_pool(conv2d(x, W, b, strides, padding, dilation), pool_size)


def windows_in_pools(
    x: Array, W: Array, strides: Any, padding: str, dilation: Any, pool_size: Any
) -> tuple[Windows, int, int]:
    """The windows of the convolution, without those that lie in no whole pool, and the size of the pools."""
    w = windows("conv2d_max_pool", x.shape[1:3], W.shape[:2], strides, padding, dilation)
    pool_size = per_axis("conv2d_max_pool", "pool_size", pool_size, 2)
    pools = windows("conv2d_max_pool", w.outputs, pool_size, pool_size, "valid")
    ph, pw = pools.size
    return w._replace(outputs=(pools.outputs[0] * ph, pools.outputs[1] * pw)), ph, pw


def chunks(x: Array, W: Array, w: Windows):
    """The samples in portions of which neither the columns nor the image between have more than CHUNK numbers."""
    (OH, OW), (kh, kw, C, F) = w.outputs, W.shape
    return batches(len(x), OH * OW * max(kh * kw * C, F), CHUNK)


def largest(x: Array, won: Array) -> Array:
    """y = the largest along the second-to-last axis: x (..., k, B) → (..., B).

    ``won`` (..., k − 1, B) is filled with which of the places 1, 2, ... hold more than all places before them.
    """
    xp = array_module(x)
    y = x[..., 0, :]
    for i in range(1, x.shape[-2]):
        xp.greater(x[..., i, :], y, out=won[..., i - 1, :])
        y = xp.maximum(y, x[..., i, :])
    return y


def to_winners(g: Array, won: Array) -> Array:
    """∂L/∂x of ``largest``: going back from the last place, all of g goes to the first one met that had won.

    Where none had, it goes to place 0. g (..., B), won (..., k − 1, B) → (..., k, B)
    """
    xp = array_module(g)
    k = won.shape[-2] + 1
    dx = xp.empty((*won.shape[:-2], k, g.shape[-1]), g.dtype)
    for i in range(k - 1, 0, -1):
        xp.multiply(g, won[..., i - 1, :], out=dx[..., i, :])
        g = xp.subtract(g, dx[..., i, :], out=dx[..., 0, :])  # what is left for those before waits at the first
    if k == 1:
        dx[..., 0, :] = g
    return dx
