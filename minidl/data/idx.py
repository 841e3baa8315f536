"""The IDX format, in which MNIST and its relatives are published.

A file is a header and the numbers, all big-endian:

    0 0 kind ndim · size of each axis (ndim × uint32) · the values, last axis fastest

``kind`` is one byte that names the dtype (the table below).
Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998, "the IDX file format".
"""

import gzip
import zlib
from os import PathLike
from pathlib import Path

import numpy as np

from minidl.errors import describe

_KINDS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"  # how every gzip file begins


def read_idx(path: str | PathLike[str]) -> np.ndarray:
    """The array in an IDX file, plain or compressed with gzip (the content decides, not the name).

    Raises
    ------
    ValueError
        The file is not IDX, is cut short or is longer than its header says.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))  # uint8, one axis of size 3: 7 8 9
    ...     file.flush()
    ...     read_idx(file.name)
    array([7, 8, 9], dtype=uint8)
    """
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"read_idx expects a path, got {describe(path)}.")
    content = Path(path).read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"read_idx: {path} is a damaged gzip file ({error}).\nDownload it again.") from None

    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _KINDS:
        raise ValueError(f"read_idx: {path} is not an IDX file: it begins with the bytes {content[:4].hex(' ')!r}.")
    dtype, ndim = np.dtype(_KINDS[content[2]]), content[3]
    start = 4 + 4 * ndim  # where the values begin
    if len(content) < start:
        raise ValueError(f"read_idx: {path} ends inside its header.\nDownload it again.")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))

    count = 1
    for size in shape:  # in Python's integers, which do not overflow when a header is nonsense
        count *= size
    expected, got = count * dtype.itemsize, len(content) - start
    if got != expected:
        raise ValueError(
            f"read_idx: {path} should hold {expected} bytes for shape {shape}, got {got}.\n"
            f"It is {'cut short' if got < expected else 'too long'}: download it again."
        )
    try:
        values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more axes than NumPy has, or no values in a space beyond all bounds
        raise ValueError(f"read_idx: {path} has a damaged header: {error}.\nDownload it again.") from None
    return values.astype(dtype.newbyteorder("="))  # the machine's own byte order, and writable
