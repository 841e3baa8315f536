"""Images turned, moved and made larger, all by one map of the plane (D.T1).

The map goes backwards: it says for each pixel of the new image where in the old image its value comes from,

    x_source = M (x_target − c) + c + s          x = (row, column), c = ((H − 1) / 2, (W − 1) / 2)

so that every new pixel gets a value, exactly once. M = R Z turns by θ and enlarges by 1 / z around the centre c:

    R = ( cos θ   −sin θ )      Z = ( z₁   0  )      s = R t,  t = a move in pixels
        ( sin θ    cos θ )          ( 0    z₂ )

Between pixels the value is interpolated: with x_source = (i + u, j + v), 0 ≤ u, v < 1,

    y = (1 − u) (1 − v) x[i, j] + (1 − u) v x[i, j + 1] + u (1 − v) x[i + 1, j] + u v x[i + 1, j + 1]
"""

import numpy as np

from minidl.arrays import Array, array_module

FILLS = {"constant": "constant", "nearest": "edge"}  # how each fill mode pads the image


def affine_maps(theta: np.ndarray, zoom: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M and s of N maps.

    Parameters
    ----------
    theta : (N,)
        Angles, in degrees; an image turns clockwise by them.
    zoom : (N, 2)
        z for rows and for columns: 0.5 makes an image twice as large.
    shift : (N, 2)
        t, in pixels: the content moves up and to the left by them.

    Returns
    -------
    M (N, 2, 2), s (N, 2)

    >>> M, s = affine_maps(np.array([90.0]), np.array([[1.0, 0.5]]), np.array([[0.0, 3.0]]))
    >>> M[0].round(3)
    array([[ 0. , -0.5],
           [ 1. ,  0. ]])
    >>> s[0].round(3)
    array([-3.,  0.])
    """
    cos, sin = np.cos(np.deg2rad(theta)), np.sin(np.deg2rad(theta))
    R = np.stack([cos, -sin, sin, cos], axis=-1).reshape(-1, 2, 2)  # (N, 4) -> (N, 2, 2)
    M = R * zoom[:, None, :]  # R Z: each column of R times its z
    return M, np.einsum("nij,nj->ni", R, shift)


def affine_transform(
    images: Array, M: np.ndarray, s: np.ndarray, fill_mode: str = "nearest", cval: float = 0.0
) -> Array:
    """Each image under its own map.

    Parameters
    ----------
    images : (N, H, W, C), floating
    M : (N, 2, 2)
    s : (N, 2)
        The map from target to source, as in the equation above.
    fill_mode : {"nearest", "constant"}
        What lies outside the image: its nearest pixel, or ``cval``.
    cval : float
        The value outside, with ``fill_mode="constant"``.

    Returns
    -------
    array, same shape and dtype as ``images``; a copy.

    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> affine_transform(image, *affine_maps(np.zeros(1), np.ones((1, 2)), np.array([[0.5, 0.0]])))[0, :, :, 0]
    array([[1.5, 2.5, 3.5],
           [4.5, 5.5, 6.5],
           [6. , 7. , 8. ]])
    """
    xp = array_module(images)
    N, H, W = images.shape[:3]
    M, s = xp.asarray(M, images.dtype), xp.asarray(s, images.dtype)
    border = {"constant_values": cval} if fill_mode == "constant" else {}
    padded = xp.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=FILLS[fill_mode], **border)  # (N, H + 2, W + 2, C)

    rows = xp.arange(H, dtype=images.dtype)[:, None] - (H - 1) / 2  # (H, 1): x_target − c
    columns = xp.arange(W, dtype=images.dtype)[None, :] - (W - 1) / 2  # (1, W)
    i, u = _split(_source(M[:, 0], s[:, 0], rows, columns, (H - 1) / 2), H)  # (N, H, W) each
    j, v = _split(_source(M[:, 1], s[:, 1], rows, columns, (W - 1) / 2), W)
    k = (xp.arange(N)[:, None, None] * (H + 2) + i) * (W + 2) + j  # (N, H, W): the place of x[i, j] ...
    x = padded.reshape(-1, images.shape[3])  # ... in all pixels of all images: (N (H + 2) (W + 2), C)
    above = (1 - v) * x.take(k, axis=0) + v * x.take(k + 1, axis=0)  # (N, H, W, C): row i, between j and j + 1
    k += W + 2
    below = (1 - v) * x.take(k, axis=0) + v * x.take(k + 1, axis=0)  # row i + 1
    return (1 - u) * above + u * below


def _source(m: Array, s: Array, rows: Array, columns: Array, c: float) -> Array:
    """One coordinate of x_source, for all pixels: (N, 2) and (N,) -> (N, H, W)."""
    return m[:, 0, None, None] * rows + m[:, 1, None, None] * columns + (s[:, None, None] + c)


def _split(x: Array, size: int) -> tuple[Array, Array]:
    """A coordinate as i + u: (N, H, W) -> the index i in the padded image, and the rest u (N, H, W, 1).

    Whatever is more than one pixel outside is as good as one pixel outside: there the border is.
    """
    xp = array_module(x)
    x = xp.clip(x, -1, size) + 1  # the border has moved all by one
    i = xp.clip(xp.floor(x), 0, size)
    return i.astype(xp.int64), (x - i)[..., None]
