"""The safetensors format: named arrays in one file that any deep-learning library reads, and that holds nothing else.

    8 bytes    n, the length of the header, little-endian
    n bytes    JSON: {name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [first, last]}, ...}
    the rest   the numbers, in C order, little-endian; offsets count from here

Unlike a pickle it cannot run a program when it is opened. Source: github.com/huggingface/safetensors, "Format".
"""

import json
import math

import numpy as np

CODES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """The file's bytes.

    >>> unpack(pack({"w": np.array([1.5, 2.5], np.float32)}))
    {'w': array([1.5, 2.5], dtype=float32)}
    """
    code_of = {np.dtype(kind): code for code, kind in CODES.items()}
    header, parts, position = {}, [], 0
    for name, array in arrays.items():
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if little.dtype not in code_of:
            raise TypeError(f"safetensors has no code for {array.dtype}, the dtype of {name!r}.")
        part = little.tobytes()
        header[name] = {
            "dtype": code_of[little.dtype],
            "shape": list(array.shape),
            "data_offsets": [position, position + len(part)],
        }
        parts.append(part)
        position += len(part)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # so that the numbers begin at a multiple of 8
    return b"".join([len(head).to_bytes(8, "little"), head, *parts])


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in a file's bytes.

    Raises
    ------
    ValueError
        The bytes are not what the format demands: cut off, not JSON, an unknown dtype, sizes that do not fit.
    """
    n = int.from_bytes(content[:8], "little")
    if len(content) < 8 or n > len(content) - 8:
        raise ValueError("the header is cut off")
    try:
        header = json.loads(content[8 : 8 + n])
        body = memoryview(content)[8 + n :]
        return {name: _array(entry, body) for name, entry in header.items() if name != "__metadata__"}
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"the header is not that of a safetensors file ({error!r})") from None


def _array(entry: dict, body: memoryview) -> np.ndarray:
    """One array, copied out of the body."""
    first, last = entry["data_offsets"]
    shape = tuple(entry["shape"])
    code = entry["dtype"]
    if not all(isinstance(n, int) and n >= 0 for n in (first, last, *shape)):
        raise ValueError("offsets and shapes must be whole numbers from 0 on")
    wide = code == "BF16"  # the upper half of a float32
    dtype = np.dtype("<u2" if wide else CODES[code])
    if last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{last - first} bytes cannot be {code} of shape {shape}")
    if last > len(body):
        raise ValueError("the numbers are cut off")
    array = np.frombuffer(body[first:last], dtype).reshape(shape)
    if wide:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(dtype.newbyteorder("="))
