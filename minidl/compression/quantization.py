"""Quantization: real numbers on a grid of few steps, so that a small whole number stands for each (D.T9).

    q = round(x / s) + z          z: the whole number that stands for 0; so 0 is on the grid, exactly
    x̂ = s (q − z)                 |x̂ − x| ≤ s / 2

    symmetric     z = 0,                   s = max |x| / (2^(b−1) − 1),       q from −(2^(b−1) − 1) to 2^(b−1) − 1
    affine        z = round(−min x / s),   s = (max x − min x) / (2^b − 1),   q from 0 to 2^b − 1

for b bits, where min x ≤ 0 ≤ max x: the range is widened to hold 0. The whole array has one scale s, or each index of
one axis its own (each output channel of a kernel), which costs little and fits better.

The scale is rounded up to 15 binary digits. Then s (q − z) has no rounding error of its own, not even in float32, and
numbers that are on a symmetric grid already stay exactly what they are when they are quantised again.

Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", section 2.1 (affine) and 3 (the range holds 0); per channel: Krishnamoorthi 2018, section 2.6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.arrays import Array, array_module, as_array
from minidl.autograd import Tensor
from minidl.compression.kernels import kernels_of
from minidl.errors import describe
from minidl.settings import check_axis, check_flag, check_whole

DIGITS = 15  # of the scale: with the 8 of q − z no more than the 24 of a float32
LARGEST = 1e38  # whose range, 2e38, and last step still are float32 numbers


@dataclass(frozen=True)
class Quantized:
    """An array on a grid: ``dequantize`` makes numbers of it again.

    Attributes
    ----------
    q : array of int8 (symmetric) or uint8 (affine)
    scale : float32 array
        s: with as many axes as q, of length 1, or n along the axis that has a scale for each index.
    zero_point : integer array of the same shape
        z.
    bits : int
    symmetric : bool
    dtype : numpy.dtype
        That of the numbers which were quantised.
    """

    q: Array
    scale: Array
    zero_point: Array
    bits: int
    symmetric: bool
    dtype: np.dtype


def quantize(x: Any, bits: int = 8, *, symmetric: bool = True, axis: int | None = None) -> Quantized:
    """q = round(x / s) + z, with s and z from the range of x.

    Parameters
    ----------
    x : array or Tensor of floating numbers
    bits : int
        b, from 2 to 8.
    symmetric : bool
        Let z be 0, which suits weights; otherwise the grid goes from min x to max x, which suits what is never
        negative.
    axis : int, optional
        Give each index of this axis a scale of its own: -1 for the output channels of a kernel.

    Raises
    ------
    ValueError, TypeError
        x is empty, not of floating numbers, holds NaN, infinity or numbers beyond 1e38; another number of bits.

    Notes
    -----
    Halves are rounded to the even neighbour. Numbers that are all 0 have the scale 1.

    Examples
    --------
    >>> x = np.array([-1.0, -0.26, 0.0, 0.5], np.float32)
    >>> symmetric = quantize(x, bits=3)                               # 3 steps on each side of 0, s = 1/3
    >>> symmetric.q, symmetric.scale.round(3), dequantize(symmetric).round(3)
    (array([-3, -1,  0,  1], dtype=int8), array([0.333], dtype=float32), array([-1.   , -0.333,  0.   ,  0.333], dtype=float32))
    >>> affine = quantize(x, bits=3, symmetric=False)                 # 7 steps from -1 to 0.5
    >>> affine.q, affine.zero_point, dequantize(affine).round(3)
    (array([0, 4, 5, 7], dtype=uint8), array([5], dtype=int16), array([-1.071, -0.214,  0.   ,  0.429], dtype=float32))
    """  # noqa: E501 -- as NumPy prints it
    x = x.data if isinstance(x, Tensor) else as_array(x)
    low, high = code_range(bits, symmetric)
    if x.dtype.kind != "f" or not x.size:
        raise ValueError(f"quantize expects floating numbers, at least one, got {describe(x)}.")
    s, z = choose_grid(x, bits, symmetric, axis)
    xp = array_module(x)
    q = (xp.rint(x / s) + z).clip(low, high)  # s and z are float64, so that nothing is rounded before
    dtype = np.int8 if symmetric else np.uint8
    return Quantized(q.astype(dtype), s.astype(np.float32), z.astype(np.int16), int(bits), bool(symmetric), x.dtype)


def dequantize(quantized: Quantized) -> Array:
    """x̂ = s (q − z), in the dtype of the numbers that were quantised.

    >>> dequantize(quantize([0.0, 0.7, -1.4], bits=2))                # 2 bits, symmetric: -s, 0 and s
    array([ 0.       ,  0.       , -1.4000244], dtype=float32)
    """
    if not isinstance(quantized, Quantized):
        raise TypeError(f"dequantize expects what quantize returned, got {describe(quantized)}.")
    steps = quantized.q.astype(np.int16) - quantized.zero_point
    wide = np.result_type(quantized.dtype, np.float32)
    return (steps.astype(wide) * quantized.scale.astype(wide)).astype(quantized.dtype)


def quantize_weights(
    model: Any,
    bits: int = 8,
    *,
    symmetric: bool = True,
    per_channel: bool = True,
    names: str | Sequence[str] | None = None,
) -> dict[str, Quantized]:
    """Put the kernels of a model on grids, in place: it then computes what it will after ``save_compressed``.

    Parameters
    ----------
    model : Layer
        Built.
    bits, symmetric
        As in ``quantize``.
    per_channel : bool
        A scale for each index of a kernel's last axis, which is the outputs' (of a transposed convolution the
        inputs', of embeddings their D features'); otherwise one for the kernel.
    names : str or list of str, optional
        Patterns: these parameters only. By default all kernels, but no biases and normalisations.

    Returns
    -------
    dict {name: Quantized}

    Raises
    ------
    ValueError, TypeError
        A wrong setting, a model without kernels, or weights that are not finite. Nothing has been changed then.

    Examples
    --------
    >>> import minidl as md
    >>> model = md.Sequential([md.layers.Dense(3, input_shape=(4,)), md.layers.Dense(2)])
    >>> quantized = quantize_weights(model, bits=2)
    >>> {name: len(np.unique(w)) <= 3 * w.shape[-1] for name, w in model.state_dict("*.kernel").items()}
    {'dense.kernel': True, 'dense_1.kernel': True}
    """
    kernels = kernels_of("quantize_weights", model, names)
    axis = channel_axis("quantize_weights", per_channel)
    quantized = quantized_kernels("quantize_weights", kernels, bits, symmetric, axis)
    model.load_state_dict({name: dequantize(on_grid) for name, on_grid in quantized.items()}, strict=False)
    return quantized


def quantized_kernels(
    who: str, kernels: Mapping[str, Any], bits: int, symmetric: bool, axis: int | None
) -> dict[str, Quantized]:
    """Each kernel on its grid; an error says which cannot be."""
    quantized = {}
    for name, p in kernels.items():
        try:
            quantized[name] = quantize(p, bits, symmetric=symmetric, axis=axis)
        except ValueError as error:
            raise ValueError(f"{who}, {name!r}: {error}") from None
    return quantized


# --- the grid -------------------------------------------------------------------------------------------------------


def code_range(bits: int, symmetric: bool) -> tuple[int, int]:
    """The lowest and the highest q.

    >>> code_range(8, symmetric=True), code_range(8, symmetric=False)
    ((-127, 127), (0, 255))
    """
    if not 2 <= check_whole("quantize", "bits", bits) <= 8:
        raise ValueError(f"quantize expects bits from 2 to 8, got {bits}.")
    highest = 2 ** (bits - 1) - 1 if check_flag("quantize", "symmetric", symmetric) else 2**bits - 1
    return (-highest if symmetric else 0), highest


def choose_grid(x: Array, bits: int, symmetric: bool, axis: int | None) -> tuple[Array, Array]:
    """s and z for x (...): of shape (1, ..., 1), or (1, ..., n, ..., 1) with n along ``axis``; float64."""
    xp, (low, high) = array_module(x), code_range(bits, symmetric)
    others = other_axes(x.ndim, axis)
    smallest = x.min(axis=others, keepdims=True).astype(np.float64).clip(None, 0)
    largest = x.max(axis=others, keepdims=True).astype(np.float64).clip(0, None)
    reach = xp.maximum(largest, -smallest)
    if not (reach <= LARGEST).all():  # NaN is not
        raise ValueError(f"quantize expects finite numbers, of at most {LARGEST:g}, got {float(reach.max()):g}.")
    s = rounded_up(reach / high if symmetric else (largest - smallest) / (high - low))
    return s, xp.zeros_like(s) if symmetric else xp.rint(-smallest / s)


def rounded_up(s: Array) -> Array:
    """s, rounded up to so many binary digits; 1 for 0, and no smaller than float32 can hold with all its digits."""
    xp = array_module(s)
    s = xp.where(s == 0, 1.0, xp.maximum(s, float(np.finfo(np.float32).tiny)))
    unit = xp.ldexp(xp.ones_like(s), (xp.floor(xp.log2(s)) - DIGITS + 1).astype(np.int32))  # 2^(e − 14), 2^e ≤ s
    return xp.ceil(s / unit) * unit


def other_axes(ndim: int, axis: int | None) -> tuple[int, ...]:
    """All axes but this one; all of them where it is None."""
    if axis is None:
        return tuple(range(ndim))
    axis = check_axis("quantize", axis)
    if not -ndim <= axis < ndim:
        raise ValueError(f"quantize expects axis from {-ndim} to {ndim - 1} for an array of {ndim} axes, got {axis}.")
    return tuple(k for k in range(ndim) if k != axis % ndim)


def channel_axis(who: str, per_channel: bool) -> int | None:
    """The axis that has a scale for each index."""
    return -1 if check_flag(who, "per_channel", per_channel) else None
