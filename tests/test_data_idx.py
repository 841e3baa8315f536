import gzip
import struct

import numpy as np
import pytest

from minidl.data import read_idx

KINDS = [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
GOOD = bytes([0, 0, 8, 2]) + struct.pack(">2I", 2, 3) + bytes(range(6))
ZIPPED = gzip.compress(GOOD, mtime=0)


@pytest.fixture
def read(tmp_path):
    def write_and_read(content):
        path = tmp_path / "some-idx"
        path.write_bytes(content)
        return read_idx(path)

    return write_and_read


@pytest.mark.parametrize("kind, dtype", KINDS)
@pytest.mark.parametrize("shape", [(7,), (2, 3), (2, 3, 4), (0, 28, 28)])
def test_every_kind_of_number_and_shape(read, kind, dtype, shape):
    a = (np.random.default_rng(0).standard_normal(shape) * 50).astype("i1").astype(dtype)
    b = read(bytes([0, 0, kind, a.ndim]) + struct.pack(f">{a.ndim}I", *shape) + a.astype(">" + dtype).tobytes())
    np.testing.assert_array_equal(a, b)
    assert b.dtype == np.dtype(dtype) and b.dtype.isnative and b.flags.writeable


def test_gzip_is_recognised_by_its_content(read):
    np.testing.assert_array_equal(read(ZIPPED), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\1" + GOOD[2:], "not an IDX file: it begins with the bytes '00 01 08 02'"),
        (b"\0\0\x07\1" + GOOD[4:], "not an IDX file"),  # no such kind of number
        (b"<html>not found</html>", "not an IDX file"),
        (GOOD[:9], "ends inside its header"),
        (GOOD[:-1], r"should hold 6 bytes for shape \(2, 3\), got 5\.\nIt is cut short"),
        (GOOD + b"\0", "got 7.\nIt is too long"),
        (b"\0\0\x0e\3" + b"\xff" * 12, "cut short"),  # a header that promises 2⁹⁶ numbers
        (b"\0\0\x08\xff" + bytes(4 * 255), "damaged header"),  # 255 axes
        (b"\0\0\x08\3" + bytes(4) + b"\xff" * 8, "damaged header"),  # no numbers, in 2⁶⁴ rows
        (ZIPPED[:-9], "damaged gzip file"),
        (ZIPPED[:-8] + b"\0" * 8, "damaged gzip file"),  # wrong checksum
        (ZIPPED[:10] + b"\xff" * 20, "damaged gzip file"),
    ],
    ids=range(14),
)
def test_damaged_files_are_refused(read, content, message):
    with pytest.raises(ValueError, match=message):
        read(content)


def test_any_cut_is_noticed(read):
    for content in (GOOD, ZIPPED):
        for end in range(len(content)):
            with pytest.raises(ValueError, match="read_idx"):
                read(content[:end])
