"""IDX files: all types and ranks come back, and a file that lies is refused before memory is taken."""

import gzip
import math
import struct
import tracemalloc

import numpy as np
import pytest

from gpunn.errors import FileFormatError
from gpunn.vision.datasets.idx import read_idx

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx(code, shape, content=b""):
    return bytes((0, 0, code, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + content


@pytest.fixture
def write(tmp_path):
    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("shape", [(6,), (2, 3, 4), (1,) * 8, (3, 0, 2)])
def test_arrays_come_back_in_native_order(write, pack, code, shape):
    wanted = (np.arange(math.prod(shape)) * 5 - 2).astype(TYPES[code]).reshape(shape)
    found = read_idx(write(pack(idx(code, shape, wanted.astype(f">{TYPES[code]}").tobytes()))))
    assert found.dtype == np.dtype(TYPES[code]) and found.dtype.isnative
    np.testing.assert_array_equal(found, wanted, strict=True)


def test_the_array_can_be_written_to(write):
    found = read_idx(str(write(idx(8, (2,), b"\x01\x02"))))
    found[0] = 7
    assert found.tolist() == [7, 2]


def test_gzip_is_known_by_its_content_not_by_its_name(write):
    assert read_idx(write(idx(8, (1,), b"a"), "plain.gz")).tolist() == [97]
    assert read_idx(write(gzip.compress(idx(8, (1,), b"a")), "packed")).tolist() == [97]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut short: 4 bytes expected, 0 found"),
        (b"\0\0\x08", "cut short: 4 bytes expected, 3 found"),
        (b"\0\0\x08\x03\0\0\0\x02", "cut short: 12 bytes expected, 4 found"),
        (b"\x01\0\x08\x01\0\0\0\0", "not an IDX file: it starts with 01000801"),
        (b"\0\x01\x08\x01\0\0\0\0", "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\0", "not an IDX file"),  # no such type
        (idx(8, ()), "not an IDX file"),
        (idx(8, (1,) * 9, b"a"), "not an IDX file"),
        (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"a", "not an IDX file"),
        (b"<!DOCTYPE html>", "not an IDX file"),
        (idx(8, (2, 3), b"abcde"), "cut short: 6 bytes expected, 5 found"),
        (idx(0x0E, (2,), b"a" * 15), "cut short: 16 bytes expected, 15 found"),
        (idx(8, (2, 3), b"abcdefg"), r"longer than its shape \(2, 3\) says"),
        (idx(8, (0,), b"a"), "longer than its shape"),
    ],
)
def test_wrong_files_are_refused(write, pack, content, message):
    with pytest.raises(FileFormatError, match=f"^file: {message}"):
        read_idx(write(pack(content)))


@pytest.mark.parametrize(
    "shape",
    [
        (2**32 - 1, 2**32 - 1),
        (2**31, 2**33 // 2**2, 2),  # 2**64 wraps to 0 in a machine word
        (2**32 - 1,) * 8,
        (0, 2**32 - 1, 2**32 - 1, 2**32 - 1),  # no elements, but strides beyond a machine word
    ],
)
def test_sizes_that_no_machine_holds_are_refused(write, shape):
    with pytest.raises(FileFormatError, match="more than the limit of 4294967296"):
        read_idx(write(idx(0x0E, shape, b"a")))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_small_file_that_claims_gigabytes_takes_no_memory(write, pack):
    path = write(pack(idx(8, (4000, 1000, 1000), b"a")))
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="cut short: 4000000000 bytes expected, 1 found"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6


def test_the_limit_counts_bytes(write):
    path = write(idx(0x0B, (2, 3), b"a" * 12))
    assert read_idx(path, limit=12).shape == (2, 3)
    with pytest.raises(FileFormatError, match=r"shape \(2, 3\) spans 12 bytes, more than the limit of 11"):
        read_idx(path, limit=11)


@pytest.mark.parametrize("cut", [3, 12, 25, -9, -1])
def test_a_gzip_file_cut_short_is_refused(write, cut):
    with pytest.raises(FileFormatError, match="damaged gzip file"):
        read_idx(write(gzip.compress(idx(8, (50,), bytes(range(50))))[:cut]))


def test_a_gzip_file_with_a_changed_byte_is_refused(write):
    packed = bytearray(gzip.compress(idx(8, (50,), bytes(range(50))), mtime=0))
    for place in (15, 40, len(packed) - 6):  # in the data, in the data, in the checksum
        damaged = packed.copy()
        damaged[place] ^= 0x55
        with pytest.raises(FileFormatError):
            read_idx(write(bytes(damaged)))


def test_a_gzip_file_whose_inside_is_no_deflate_stream_is_refused(write):
    header = gzip.compress(b"", mtime=0)[:10]
    with pytest.raises(FileFormatError, match=r"damaged gzip file: .*invalid block type"):
        read_idx(write(header + b"\xff" * 20))


def test_rubbish_after_a_gzip_file_is_refused(write):
    with pytest.raises(FileFormatError, match="damaged gzip file"):
        read_idx(write(gzip.compress(idx(8, (1,), b"a")) + b"more"))


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")
