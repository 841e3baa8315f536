"""Values of images between their pixels: what every smooth change of an image needs (D.T1).

A place with row r = i + u and column c = j + v, 0 ≤ u, v < 1, lies between four pixels, and gets the nearest most:

    y = (1 − u) (1 − v) x[i, j] + (1 − u) v x[i, j + 1] + u (1 − v) x[i + 1, j] + u v x[i + 1, j + 1]
"""

from minidl.arrays import Array, array_module

FILLS = {"constant": "constant", "nearest": "edge"}  # how each fill mode pads the image


def interpolate(images: Array, rows: Array, columns: Array, fill_mode: str = "nearest", cval: float = 0.0) -> Array:
    """Each image, read at its own places.

    Parameters
    ----------
    images : (N, H, W, C), floating
    rows, columns : (N, h, w)
        Where each pixel of the new images comes from: (0, 0) is the middle of the first pixel.
    fill_mode : {"nearest", "constant"}
        What lies outside the image: its nearest pixel, or ``cval``.
    cval : float
        The value outside, with ``fill_mode="constant"``.

    Returns
    -------
    array (N, h, w, C), of the dtype of ``images``; a copy.

    >>> import numpy as np
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)  # [[0, 1], [2, 3]]
    >>> interpolate(image, rows=np.full((1, 1, 3), 0.5), columns=np.array([[[0.0, 0.5, 9.0]]]))[0, :, :, 0]
    array([[1. , 1.5, 2. ]])
    """
    xp = array_module(images)
    N, H, W, C = images.shape
    border = {"constant_values": cval} if fill_mode == "constant" else {}
    padded = xp.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=FILLS[fill_mode], **border)  # (N, H + 2, W + 2, C)

    i, u = _split(rows, H)  # (N, h, w), (N, h, w, 1)
    j, v = _split(columns, W)
    k = (xp.arange(N)[:, None, None] * (H + 2) + i) * (W + 2) + j  # (N, h, w): the place of x[i, j] ...
    x = padded.reshape(-1, C)  # ... in all pixels of all images: (N (H + 2) (W + 2), C)
    above = (1 - v) * x.take(k, axis=0) + v * x.take(k + 1, axis=0)  # (N, h, w, C): row i, between j and j + 1
    k += W + 2
    below = (1 - v) * x.take(k, axis=0) + v * x.take(k + 1, axis=0)  # row i + 1
    return (1 - u) * above + u * below


def _split(x: Array, size: int) -> tuple[Array, Array]:
    """A coordinate as i + u: (N, h, w) -> the index i in the padded image, and the rest u (N, h, w, 1).

    Whatever is more than one pixel outside is as good as one pixel outside: there the border is.
    """
    xp = array_module(x)
    x = xp.clip(x, -1, size) + 1  # the border has moved all by one
    i = xp.clip(xp.floor(x), 0, size)
    return i.astype(xp.int64), (x - i)[..., None]
