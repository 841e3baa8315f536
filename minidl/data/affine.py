"""Images turned, moved and made larger, all by one map of the plane (D.T1).

The map goes backwards: it says for each pixel of the new image where in the old image its value comes from,

    x_source = M (x_target − c) + c + s          x = (row, column), c = ((H − 1) / 2, (W − 1) / 2)

so that every new pixel gets a value, exactly once. M = R Z turns by θ and enlarges by 1 / z around the centre c:

    R = ( cos θ   −sin θ )      Z = ( z₁   0  )      s = R t,  t = a move in pixels
        ( sin θ    cos θ )          ( 0    z₂ )

To bend the image too, each pixel adds a displacement of its own to x_source: see ``elastic``. Between pixels the value
is interpolated: see ``interpolation``. That blurs a little, so all changes go into one map.
"""

import numpy as np

from minidl.arrays import Array, array_module
from minidl.data.interpolation import interpolate


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
    images: Array,
    M: np.ndarray,
    s: np.ndarray,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    delta: np.ndarray | None = None,
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
    delta : (2, N, H, W), optional
        Δ: x_source is moved by so many pixels, rows and columns.

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
    H, W = images.shape[1:3]
    M, s = xp.asarray(M, images.dtype), xp.asarray(s, images.dtype)
    rows = xp.arange(H, dtype=images.dtype)[:, None] - (H - 1) / 2  # (H, 1): x_target − c
    columns = xp.arange(W, dtype=images.dtype)[None, :] - (W - 1) / 2  # (1, W)
    source_rows = _source(M[:, 0], s[:, 0], rows, columns, (H - 1) / 2)  # (N, H, W)
    source_columns = _source(M[:, 1], s[:, 1], rows, columns, (W - 1) / 2)
    if delta is not None:
        delta = xp.asarray(delta, images.dtype)
        source_rows, source_columns = source_rows + delta[0], source_columns + delta[1]
    return interpolate(images, source_rows, source_columns, fill_mode, cval)


def _source(m: Array, s: Array, rows: Array, columns: Array, c: float) -> Array:
    """One coordinate of x_source, for all pixels: (N, 2) and (N,) -> (N, H, W)."""
    return m[:, 0, None, None] * rows + m[:, 1, None, None] * columns + (s[:, None, None] + c)
