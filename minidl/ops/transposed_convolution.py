"""Transposed convolution: images made larger by a kernel that paints.

| op | y | ∂L/∂x | ∂L/∂W | ∂L/∂b |
|---|---|---|---|---|
| conv2d_transpose | Σ_ij x W_ijᵀ, added at place ij of each window, + b | conv2d(g, W) | cols(g)ᵀ x | Σ g |

As a map of images a convolution is a matrix, y = A x, and its gradient is ∂L/∂x = Aᵀ g. Here Aᵀ is the layer: each
pixel of x paints the kernel, weighted by its channels, onto y; where windows overlap the paint adds up. The three
products of ``convolution`` therefore stand here with their roles exchanged.
"""

from minidl.autograd import primitive
from minidl.ops.convolution import check_channels, check_kernel, correlate, kernel_gradient, spread, sum_of_pixels
from minidl.ops.indexing import put_at
from minidl.ops.windows import Windows, per_axis, surround, windows


@primitive(saves=True)
def conv2d_transpose(x, W, b, /, strides=1, padding="valid", dilation=1):
    """y = Aᵀ x + b, where A is the ``conv2d`` with this kernel, strides, padding and dilation; ``b`` may be None.

    Parameters
    ----------
    x : (N, H, W, C)
        Images, channels last.
    W : (kh, kw, F, C)
        The kernel of the convolution from F channels to C: as in Keras, inputs last.
    b : (F,) or None
        One number for each channel of y.
    strides, padding, dilation
        As in ``conv2d``.

    Returns
    -------
    (N, H', W', F)
        With s the stride and e the extent of a window: H' = H s for "same", (H − 1) s + max(e, s) for "valid".

    Raises
    ------
    ValueError
        The channels do not fit, or a setting is not known.

    Examples
    --------
    >>> import minidl as md, numpy as np
    >>> x = np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
    >>> md.conv2d_transpose(x, np.ones((1, 3, 1, 1)), None, strides=(1, 2)).ravel()
    array([ 1.,  1., 11., 10., 10.])
    """
    check_kernel("conv2d_transpose", W, b, W.shape[-2] if W.ndim > 1 else 0, "W (kh, kw, F, C)")
    check_channels("conv2d_transpose", x, W.shape[3])
    w = windows_of_result("conv2d_transpose", x.shape[1:3], W.shape[:2], strides, padding, dilation)
    y = spread(x, W, w)
    return y if b is None else y + b, w


@conv2d_transpose.joint_rule
def conv2d_transpose_gradients(g, y, x, W, b, needs, saved, strides, padding, dilation):
    """∂L/∂x = A g, ∂L/∂W = cols(g)ᵀ x, ∂L/∂b = Σ g: x and g have exchanged their places in ``conv2d``'s."""
    w: Windows = saved
    dx = dW = db = None
    if needs[0]:
        dx = correlate(surround(g, w), W, None, w)  # (N, H, W, C)
    if needs[1]:
        dW = kernel_gradient(surround(g, w), x, w)  # (kh, kw, F, C)
    if needs[2]:
        db = sum_of_pixels(g)  # (F,)
    return dx, dW, db


@conv2d_transpose.specified_by
def conv2d_transpose_composition(x, W, b, strides=1, padding="valid", dilation=1):
    """Σ_ij x W_ijᵀ, each put where the convolution's outputs see place ij, said plainly."""
    w = windows_of_result("conv2d_transpose", x.shape[1:3], W.shape[:2], strides, padding, dilation)
    shape = (x.shape[0], *w.padded, W.shape[2])
    y = sum(put_at(x @ W[i, j].T, w.seen_at(i, j), shape) for i, j in w.places())[w.inside]  # (N, H', W', F)
    return y if b is None else y + b


def windows_of_result(who, image, size, strides, padding, dilation) -> Windows:
    """The windows of the convolution that goes from the result, whose size is found here, back to the image.

    >>> windows_of_result("example", (5, 5), (3, 3), 2, "same", 1).image
    (10, 10)
    """
    size, strides = per_axis(who, "a window", size, 2), per_axis(who, "strides", strides, 2)
    dilation = per_axis(who, "dilation", dilation, 2)
    extent = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    if padding == "same":
        result = tuple(n * s for n, s in zip(image, strides))
    else:
        result = tuple((n - 1) * s + max(e, s) for n, s, e in zip(image, strides, extent))
    return windows(who, result, size, strides, padding, dilation)
