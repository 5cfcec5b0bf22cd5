"""The runtime library in Python: what it tells of compiled kernels, names of variables."""

import pytest

from gpunn.emulator import runtime
from gpunn.emulator.compiler import build_kernels
from gpunn.emulator.translation import translate
from tests.emulator.launching import needs_compiler

pytestmark = needs_compiler

TEXT = """
struct Odd { char bytes[3]; };
extern "C" __global__ void first(float* y, const double* x, char flag, long long n, Odd odd, __half h) {}
extern "C" __global__ void second() {}
"""


def test_entries():
    library = runtime.Library(build_kernels(translate(TEXT, ["first", "second"]), (), False), False)
    assert set(library.entries) == {"first", "second"}
    assert library.entries["second"].count == 0
    entry = library.entries["first"]
    found = [entry.parameters[i] for i in range(entry.count)]
    assert [p.offset for p in found] == [0, 8, 16, 24, 32, 36]
    assert [p.size for p in found] == [8, 8, 1, 8, 3, 2]
    assert [p.target_is_const for p in found] == [0, 1, 0, 0, 0, 0]
    assert [p.target_size for p in found] == [4, 8, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZZ6kernelPfE4tile", "tile"),
        ("_ZZN3abc7generalIfLi3EEEvPT_E6buffer", "buffer"),
        ("_ZL6global", "global"),
        ("plain", "plain"),
        ("_ZGVZ6kernelPfE4tile", ""),
    ],
)
def test_variable_names(symbol, name):
    assert runtime.variable_name(symbol) == name
