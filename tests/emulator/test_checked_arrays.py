"""The extents and names of arrays in check mode: views, aliases, empty arrays, tables of addresses."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator import KernelError
from gpunn.emulator.namespace import cupy
from tests.emulator.launching import needs_compiler

pytestmark = needs_compiler

TEXT = """
extern "C" __global__ void moved(float* target, const float* source, int from, int to) { target[to] = source[from]; }
extern "C" __global__ void moved_half(__half* target, const __half* source, int from, int to) {
  target[to] = source[from];
}
extern "C" __global__ void moved_int(int* target, const int* source, int from, int to) { target[to] = source[from]; }
extern "C" __global__ void moved_by_table(float* const* rows, int from, int to) { rows[1][to] = rows[0][from]; }
extern "C" __global__ void is_aligned(int* y, const float* x, unsigned long long bytes) {
  y[0] = reinterpret_cast<unsigned long long>(x) % bytes;
}
"""


@pytest.fixture(scope="module")
def module():
    return cupy.RawModule(code=TEXT)


@pytest.fixture(autouse=True)
def checked():
    with emulator.enable(check=True):
        yield


def move(module, target, source, start, end, kernel="moved"):
    module.get_function(kernel)((1,), (1,), (target, source, np.int32(start), np.int32(end)))


def report(module, *args, **kwargs):
    with pytest.raises(KernelError) as caught:
        move(module, *args, **kwargs)
    (only,) = caught.value.reports
    return f"{only.kind}: {only.text.partition(', thread')[0]}"


def test_results_come_back(module):
    x, y = cupy.arange(4, dtype="f4"), cupy.zeros(4, "f4")
    move(module, y, x, 3, 2)
    assert y.get().tolist() == [0, 0, 3, 0]


def test_a_view_ends_where_it_ends(module):
    x, y = cupy.arange(10, dtype="f4"), cupy.zeros(4, "f4")
    move(module, y, x[2:5], 2, 0)
    assert y.get()[0] == 4
    assert report(module, y, x[2:5], 3, 0) == (
        "out of bounds: read of 4 bytes at source, 0 bytes past its end (3 elements of 4 bytes)"
    )
    assert report(module, y, x[2:5], -1, 0) == (
        "out of bounds: read of 4 bytes at source, 4 bytes before its start (3 elements of 4 bytes)"
    )


def test_one_array_for_two_parameters(module):
    x = cupy.arange(4, dtype="f4")
    move(module, x, x, 3, 0)
    assert x.get().tolist() == [3, 1, 2, 3]
    assert "source" in report(module, cupy.zeros(1, "f4"), x, 4, 0)


def test_overlapping_views(module):
    x = cupy.arange(6, dtype="f4")
    move(module, x[:4], x[2:], 3, 0)
    assert x.get().tolist() == [5, 1, 2, 3, 4, 5]
    assert report(module, x[:4], x[2:], 0, 5).startswith("write through const: write of source[3]")


def test_strided_views_reach_from_their_first_byte_to_their_last(module):
    x, y = cupy.arange(12, dtype="f4").reshape(3, 4), cupy.zeros(1, "f4")
    move(module, y, x[1:, 1:3], 5, 0)
    assert y.get()[0] == 10
    assert "past its end" in report(module, y, x[1:, 1:3], 6, 0)


def test_an_empty_array_has_no_element(module):
    assert report(module, cupy.zeros(1, "f4"), cupy.zeros(0, "f4"), 0, 0) == (
        "out of bounds: read of 4 bytes at source, 0 bytes past its end (0 elements of 4 bytes)"
    )


def test_copies_are_aligned_as_their_originals(module):
    x, y = cupy.zeros(300, "f4"), cupy.zeros(1, "i4")
    for start in (0, 1, 2, 3, 131):
        for size in (16, 64):
            module.get_function("is_aligned")((1,), (1,), (y, x[start:], np.uint64(size)))
            assert y.get()[0] == x[start:].data.ptr % size


@pytest.mark.parametrize(("dtype", "kernel"), [("f4", "moved"), (np.float16, "moved_half")])
def test_only_memory_of_empty_can_be_unwritten(module, dtype, kernel):
    y = cupy.zeros(4, dtype)
    new = cupy.empty(4, dtype)
    found = report(module, y, new, 1, 0, kernel=kernel)
    assert found == "uninitialised: read of source[1], which nobody has written since cupy.empty"
    new[1] = 3
    move(module, y, new, 1, 0, kernel=kernel)
    copied = cupy.asarray(new.get())  # written, whatever it holds
    move(module, y, copied, 0, 0, kernel=kernel)
    move(module, new, copied, 0, 0, kernel=kernel)


def test_integers_of_minus_one_are_no_fault(module):
    move(module, cupy.zeros(1, "i4"), cupy.empty(1, "i4"), 0, 0, kernel="moved_int")


def test_a_table_leads_to_what_is_alive(module):
    rows = [cupy.arange(4, dtype="f4"), cupy.zeros(4, "f4")]
    table = cupy.asarray(np.array([row.data.ptr for row in rows]))

    def run(start, end):
        module.get_function("moved_by_table")((1,), (1,), (table, np.int32(start), np.int32(end)))

    run(3, 1)
    assert rows[1].get().tolist() == [0, 3, 0, 0]
    with pytest.raises(KernelError, match="read of 4 bytes at an array of float32, 0 bytes past its end"):
        run(4, 0)
    address = rows[0].data.ptr
    del rows[0]
    assert all(root.ctypes.data != address for _, root, _ in cupy.get_default_memory_pool().live.values())
    with pytest.raises(KernelError, match="out of bounds: read of 4 bytes at"):
        run(0, 0)


def test_bfloat16_is_a_float(module):
    code = 'extern "C" __global__ void f(__nv_bfloat16* y, const __nv_bfloat16* x) { y[0] = x[1]; }'
    kernel = cupy.RawModule(code=code).get_function("f")
    y, x = cupy.zeros(1, ml_dtypes.bfloat16), cupy.empty(2, ml_dtypes.bfloat16)
    with pytest.raises(KernelError, match=r"x\[1\], which nobody has written"):
        kernel((1,), (1,), (y, x))
