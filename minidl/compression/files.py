"""Small files: kernels as packed whole numbers, zeros left out; and how large a model is when it is written so.

A file is an ``.npz`` of arrays, and one of them, ``index``, says in JSON how to read the others:

================  ==============================================================================
``plain/NAME``    a parameter as it is: biases, normalisations
``NAME/values``   a kernel's numbers that are not 0: b bits each, or floats where nothing is quantised
``NAME/scale``    s, and, of affine grids, ``NAME/zero_point`` z: see ``quantization.py``
``NAME/gaps``     where those numbers stand: see ``packing.py``. Left out where all numbers are kept
================  ==============================================================================

Zeros are left out wherever that makes a kernel smaller. Files are written whole or not at all, read without running
anything, and looked through before the model is touched: see ``minidl/saving.py``.
"""

import json
import os
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from minidl.compression.kernels import kernels_of
from minidl.compression.packing import best_gap_bits, gaps_of, pack, packed_size, positions_of, unpack
from minidl.compression.quantization import Quantized, channel_axis, code_range, dequantize, quantized_kernels
from minidl.layers.weights import Loaded
from minidl.saving import load_arrays, pack_npz, save_arrays
from minidl.training.requirements import check_weights

INDEX, FORMAT = "index", "minidl compressed weights 1"


def save_compressed(
    path: str | os.PathLike,
    model: Any,
    bits: int | None = None,
    *,
    symmetric: bool = True,
    per_channel: bool = True,
    names: str | Sequence[str] | None = None,
) -> None:
    """Write all parameters to a ``.npz`` file, the kernels in few bits and without zeros. The model stays as it is.

    Parameters
    ----------
    path : path
        Ends in ``.npz``.
    model : Layer
        Built; pruned perhaps.
    bits : int, optional
        From 2 to 8. Without it the kernels' numbers are kept exactly.
    symmetric, per_channel, names
        As in ``quantize_weights``.

    Raises
    ------
    ValueError, TypeError
        Another ending, no such folder, a wrong setting, no kernels, or kernels that cannot be quantised.

    Examples
    --------
    >>> import minidl as md, tempfile, os
    >>> from minidl.compression import prune
    >>> model = md.Sequential([md.layers.Dense(300, input_shape=(400,))])
    >>> masks = prune(model, 0.9)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/small.npz"
    ...     save_compressed(path, model, bits=4)
    ...     print(os.path.getsize(path) / 1000 == size_of(model, bits=4))
    ...     load_compressed(path, model)
    True
    Loaded(2 loaded)
    """
    if isinstance(path, (str, os.PathLike)) and not os.fspath(path).endswith(".npz"):
        raise ValueError(f"save_compressed expects a name that ends in .npz, got {os.fspath(path)!r}.")
    save_arrays(path, _arrays("save_compressed", model, bits, symmetric, per_channel, names))


def size_of(
    model: Any,
    bits: int | None = None,
    *,
    symmetric: bool = True,
    per_channel: bool = True,
    names: str | Sequence[str] | None = None,
) -> float:
    """Kilobytes (1000 bytes) of the file that ``save_compressed`` would write.

    >>> import minidl as md
    >>> model = md.Sequential([md.layers.Dense(300, input_shape=(400,))])     # 120,000 weights
    >>> [round(size_of(model, bits)) for bits in (None, 8, 4)]
    [482, 124, 64]
    """
    return len(pack_npz(_arrays("size_of", model, bits, symmetric, per_channel, names))) / 1000


def load_compressed(path: str | os.PathLike, model: Any) -> Loaded:
    """Read what ``save_compressed`` wrote, into a model of the same parameters: all of it, or nothing where it fails.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged or no file of this kind, or its names and shapes are not the model's.
    """
    check_weights("load_compressed", model)
    arrays, who, named = load_arrays(path), os.fspath(path), dict(model.named_parameters())
    kernels = _index(arrays, who)
    state = {name.removeprefix("plain/"): a for name, a in arrays.items() if name.startswith("plain/")}
    for name, entry in kernels.items():
        if name in named and entry["shape"] != list(named[name].shape):
            raise ValueError(f"{who!r} does not fit: {name} has shape {entry['shape']}, expected {named[name].shape}.")
        try:
            state[name] = _unpacked(name, entry, arrays) if name in named else np.zeros(0)  # named as unexpected
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"{who!r} is damaged at {name!r}: {error}. Nothing was loaded.") from None
    return model.load_state_dict(state)


# --- writing ----------------------------------------------------------------------------------------------------------


def _arrays(who: str, model: Any, bits: int | None, symmetric: bool, per_channel: bool, names: Any) -> dict[str, Any]:
    """The arrays of the file."""
    kernels, axis = kernels_of(who, model, names), channel_axis(who, per_channel)
    arrays: dict[str, Any] = {f"plain/{name}": a for name, a in model.state_dict().items() if name not in kernels}
    weights = {name: p.numpy() for name, p in kernels.items()}
    on_grid = {} if bits is None else quantized_kernels(who, weights, bits, symmetric, axis)
    index = {}
    for name, w in weights.items():
        index[name], parts = _packed(w, on_grid.get(name))
        arrays |= {f"{name}/{part}": a for part, a in parts.items()}
    text = json.dumps({"format": FORMAT, "kernels": index})
    return {**arrays, INDEX: np.frombuffer(text.encode(), np.uint8)}


def _packed(w: np.ndarray, on_grid: Quantized | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A kernel's entry in the index, and its arrays."""
    entry: dict[str, Any] = {"shape": list(w.shape), "dtype": str(w.dtype), "bits": None}
    parts: dict[str, np.ndarray] = {}
    if on_grid is None:
        values, something, width = w.ravel(), w.ravel() != 0, 8 * w.itemsize
    else:
        lowest, _ = code_range(on_grid.bits, on_grid.symmetric)
        values, something = (on_grid.q.astype(np.int16) - lowest).ravel(), (on_grid.q != on_grid.zero_point).ravel()
        width = on_grid.bits
        entry |= {"bits": on_grid.bits, "symmetric": on_grid.symmetric}
        parts |= {"scale": on_grid.scale} | ({} if on_grid.symmetric else {"zero_point": on_grid.zero_point})
    positions = something.nonzero()[0]
    gap_bits = best_gap_bits(positions)
    gaps = gaps_of(positions, gap_bits)
    if packed_size(len(gaps), gap_bits) + packed_size(len(positions), width) < packed_size(len(values), width):
        entry |= {"gap_bits": gap_bits, "gaps": len(gaps)}
        parts["gaps"], values = pack(gaps, gap_bits), values[positions]
    entry["count"] = len(values)
    parts["values"] = values if on_grid is None else pack(values, width)
    return entry, parts


# --- reading ----------------------------------------------------------------------------------------------------------


def _index(arrays: dict[str, np.ndarray], who: str) -> dict[str, dict]:
    """The index of a file: {kernel: how to read it}."""
    if INDEX not in arrays:
        raise ValueError(f"{who!r} was not written by save_compressed. Use load_weights for plain weights.")
    try:
        index = json.loads(arrays[INDEX].tobytes())
        if index["format"] != FORMAT or not all(
            isinstance(entry["shape"], list) for entry in index["kernels"].values()
        ):
            raise ValueError(f"its format is {index['format']!r}, expected {FORMAT!r}")
        return dict(index["kernels"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{who!r} is damaged, or no file of compressed weights: {error}. Nothing was loaded."
        ) from None


def _unpacked(name: str, entry: dict, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """A kernel's numbers, from what ``_packed`` made of them."""
    shape, bits, count = tuple(entry["shape"]), entry["bits"], entry["count"]
    n, values, dtype = prod(shape), arrays[f"{name}/values"], np.dtype(entry["dtype"])
    if dtype.kind != "f":
        raise ValueError(f"its dtype is {dtype}")
    if bits is not None:
        values = _unpack(values, bits, count)
    elif values.dtype != dtype or values.shape != (count,):
        raise ValueError(f"expected {count} numbers of {dtype}, got {values.dtype} of shape {values.shape}")
    positions = _positions(name, entry, arrays, n)
    if bits is None:
        w = np.zeros(n, dtype)
        w[positions] = values
        return w.reshape(shape)
    s = arrays[f"{name}/scale"]
    z = np.zeros(s.shape, np.int16) if entry["symmetric"] is True else arrays[f"{name}/zero_point"]
    return _on_grid(entry, positions, values, s, z, dtype)


def _positions(name: str, entry: dict, arrays: dict[str, np.ndarray], n: int) -> Any:
    """Where in a kernel of n numbers its values stand. (Places beyond the last are refused where they are used.)"""
    count, gap_bits = entry["count"], entry.get("gap_bits")
    if gap_bits is None:
        positions, places = slice(None), n
    else:
        positions = positions_of(_unpack(arrays[f"{name}/gaps"], gap_bits, entry["gaps"]), gap_bits)
        places = len(positions)
    if places != count:  # a single value would be spread over all of them
        raise ValueError(f"it has {count} numbers for {places} places")
    return positions


def _on_grid(entry: dict, positions: Any, codes: np.ndarray, s: np.ndarray, z: np.ndarray, dtype: Any) -> np.ndarray:
    """The numbers of a quantised kernel."""
    shape = tuple(entry["shape"])
    lowest, highest = code_range(entry["bits"], entry["symmetric"])
    per_kernel = (1,) * len(shape)
    if s.shape not in (per_kernel, (*per_kernel[:-1], *shape[-1:])) or z.shape != s.shape:
        raise ValueError(f"scales of shape {s.shape} and zero points of shape {z.shape} do not fit {shape}")
    if s.dtype != np.float32 or z.dtype != np.int16 or not ((s > 0) & (s < np.inf)).all():
        raise ValueError("a scale is no positive number")
    if not ((z >= lowest) & (z <= highest)).all() or (len(codes) and codes.max() > highest - lowest):
        raise ValueError(f"a code or zero point is not among {lowest}..{highest}")
    q = np.array(np.broadcast_to(z, shape)).ravel()  # zeros
    q[positions] = codes.astype(np.int16) + lowest
    return dequantize(Quantized(q.reshape(shape), s, z, entry["bits"], entry["symmetric"], dtype))


def _unpack(packed: np.ndarray, bits: int, n: int) -> np.ndarray:
    """``unpack``, of an array that may be damaged."""
    if bits not in range(1, 9) or not isinstance(n, int) or n < 0:
        raise ValueError(f"{n} numbers of {bits} bits")
    if packed.dtype != np.uint8 or packed.shape != (packed_size(n, bits),):
        raise ValueError(f"expected {packed_size(n, bits)} bytes, got {packed.dtype} of shape {packed.shape}")
    return unpack(packed, bits, n)
