"""The text of the runtime's reports becomes Report objects, with lines in place of addresses of code."""

from types import SimpleNamespace

import pytest

from gpunn import emulator
from gpunn.emulator import KernelError, reports
from gpunn.emulator.namespace import cupy
from gpunn.emulator.reports import Report, parse_reports
from tests.emulator.launching import needs_compiler

LIBRARY = SimpleNamespace(image=0x1000, path="library.so")


def test_parts_and_duplicates(monkeypatch):
    monkeypatch.setattr(reports, "_lines", lambda offsets, library: ["k.cu:3", "k.cu:3"])
    text = (
        "race\ttile\t{code:0x1010}\twrite of tile, which is at {code:0x1020}\n"
        "race\ttile\t{code:0x1020}\tthe same line again\n"
        "deadlock\t\tk.cu:9\twaits\n"
    )
    assert parse_reports(text, LIBRARY) == [
        Report("race", "tile", "k.cu:3", "write of tile, which is at k.cu:3"),
        Report("deadlock", "", "k.cu:9", "waits"),
    ]


def test_offsets_are_those_in_the_library(monkeypatch):
    seen = []
    monkeypatch.setattr(reports, "_lines", lambda offsets, library: [seen.append(o) or str(o) for o in offsets])
    parse_reports("a\t\t{code:0x1010}\t\nb\t\t{code:0x1f00}\t\n", LIBRARY)
    assert seen == [0x10, 0xF00]


def test_without_addr2line_the_offset_stands_there(monkeypatch):
    monkeypatch.setattr(reports.shutil, "which", lambda name: None)
    (report,) = parse_reports("a\t\t{code:0x1010}\t\n", LIBRARY)
    assert report.place == "code 0x10"


def test_message():
    error = KernelError("f, grid 1", [Report("race", "x", "k.cu:3", "text"), Report("deadlock", "", "", "other")])
    assert str(error) == "f, grid 1\n  k.cu:3: race: text\n  ?: deadlock: other"
    assert isinstance(error, emulator.EmulatorError)


NESTED = """#line 1 "folder/inner.cuh"
__device__ __forceinline__ void put(float* y, int i) { y[i] = 1; }
__device__ __noinline__ void put_apart(float* y, int i) {
  y[i] = 1;
}
#line 10 "outer.cu"
extern "C" __global__ void inlined(float* y) {
  put(y, -1);
}
extern "C" __global__ void apart(float* y) {
  put_apart(y, -1);
}
extern "C" __global__ void by_an_atomic(int* y) {
  atomicAdd(y - 1, 1);
}
"""


@needs_compiler
@pytest.mark.parametrize(
    ("name", "dtype", "place"),
    [
        ("inlined", "f4", "folder/inner.cuh:1"),
        ("apart", "f4", "folder/inner.cuh:3"),
        ("by_an_atomic", "i4", "outer.cu:17"),
    ],
)
def test_places_in_functions_that_the_kernel_calls(name, dtype, place):
    module = cupy.RawModule(code=NESTED)
    with emulator.enable(check=True), pytest.raises(KernelError) as caught:
        module.get_function(name)((1,), (1,), (cupy.zeros(2, dtype),))
    (report,) = caught.value.reports
    assert (report.kind, report.variable, report.place) == ("out of bounds", "y", place)


@needs_compiler
def test_at_most_fifty_reports():
    lines = "".join(f"  if (threadIdx.x == {i}) y[0] = {i};\n" for i in range(64))
    module = cupy.RawModule(code=f'extern "C" __global__ void f(int* y) {{\n{lines}}}\n')
    with emulator.enable(check=True, order="forward"), pytest.raises(KernelError) as caught:
        module.get_function("f")((1,), (64,), (cupy.zeros(1, "i4"),))
    assert len(caught.value.reports) == 50
    assert len({report.place for report in caught.value.reports}) == 50
