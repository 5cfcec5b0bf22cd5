"""What a kernel's parameter takes and what it refuses, as CuPy would not."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from gpunn.emulator import EmulatorError
from gpunn.emulator.arguments import address_of
from gpunn.emulator.namespace import cupy
from tests.emulator.launching import needs_compiler

pytestmark = needs_compiler

TYPES = {
    "bool": np.bool_,
    "signed char": np.int8,
    "unsigned char": np.uint8,
    "short": np.int16,
    "unsigned short": np.uint16,
    "int": np.int32,
    "unsigned int": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "__half": np.float16,
    "__nv_bfloat16": ml_dtypes.bfloat16,
    "float": np.float32,
    "double": np.float64,
}
NAMES = {c: c.replace(" ", "_") for c in TYPES}
TEXT = (
    "".join(
        f'extern "C" __global__ void store_{NAMES[c]}({c}* y, bool first, {c} value, char last) '
        f"{{ if (first && last == 3) y[0] = value; }}\n"
        for c in TYPES
    )
    + """
struct Pair { int a; double b; };
extern "C" __global__ void vectors(float4* y, const void* x, Pair pair, float* const* table) {
  y[0].x = pair.a + static_cast<float>(pair.b);
  if (table) table[0][0] = 5;
}
"""
)


@pytest.fixture(scope="module")
def module():
    return cupy.RawModule(code="#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n" + TEXT)


@pytest.mark.parametrize("c_type", TYPES)
def test_a_number_of_each_type_arrives(c_type, module):
    dtype = np.dtype(TYPES[c_type])
    y = cupy.zeros(1, dtype)
    value = np.ones((), dtype)[()]
    module.get_function(f"store_{NAMES[c_type]}")((1,), (1,), (y, np.True_, value, np.int8(3)))
    assert y.get()[0] == value


def refused(module, name, args):
    with pytest.raises(EmulatorError) as caught:
        module.get_function(name)((1,), (1,), args)
    return str(caught.value)


@pytest.mark.parametrize("c_type", TYPES)
@pytest.mark.parametrize("other", TYPES)
def test_a_number_of_another_type_does_not(c_type, other, module):
    if c_type == other:
        return
    number = np.ones((), np.dtype(TYPES[other]))[()]
    args = (cupy.zeros(1, TYPES[c_type]), True, number, np.int8(3))
    text = refused(module, f"store_{NAMES[c_type]}", args)
    assert text == f"store_{NAMES[c_type]}: value is {c_type}, got {np.dtype(TYPES[other]).name}"


@pytest.mark.parametrize("number", [1, 1.0, 1j])
def test_python_numbers_are_refused(number, module):
    text = refused(module, "store_float", (cupy.zeros(1, np.float32), True, number, np.int8(3)))
    kind = type(number).__name__
    assert text == f"store_float: value is float, got a Python {kind}, which CuPy passes as 8 bytes whatever is wanted"


def test_a_python_bool_is_one_byte(module):
    y = cupy.zeros(1, np.float32)
    module.get_function("store_float")((1,), (1,), (y, True, np.float32(2), np.int8(3)))
    assert y.get()[0] == 2
    assert "value is int, got a Python bool" in refused(
        module, "store_int", (cupy.zeros(1, np.int32), True, True, np.int8(3))
    )


def of_same_size(c_type):
    """Arrays that a pointer to `c_type` takes besides its own: integers in the other sign, bytes, bits of halves."""
    size = np.dtype(TYPES[c_type]).itemsize
    if c_type in ("bool", "float", "double", "__half", "__nv_bfloat16"):
        return set()
    more = {1: ["bool"], 2: ["__half", "__nv_bfloat16"]}.get(size, [])
    integers = [c for c, t in TYPES.items() if np.dtype(t).kind in "iu" and np.dtype(t).itemsize == size]
    return {*more, *integers} - {c_type}


@pytest.mark.parametrize("c_type", TYPES)
def test_arrays_of_other_types(c_type, module):
    kernel = f"store_{NAMES[c_type]}"
    numbers = (True, np.ones((), np.dtype(TYPES[c_type]))[()], np.int8(3))
    for other in TYPES:
        if other == c_type or other in of_same_size(c_type):
            module.get_function(kernel)((1,), (1,), (cupy.zeros(1, TYPES[other]), *numbers))
        else:
            text = refused(module, kernel, (cupy.zeros(1, TYPES[other]), *numbers))
            assert text == f"{kernel}: y is an array of {c_type}, got an array of {np.dtype(TYPES[other]).name}"


def test_counts(module):
    assert refused(module, "store_float", ()) == "store_float takes 4 arguments, got 0"


def test_arrays_of_the_host_are_refused(module):
    text = refused(module, "store_float", (np.zeros(1, np.float32), True, np.float32(2), np.int8(3)))
    assert text == "store_float: y is an array of float, got numpy.ndarray; kernels take arrays of the device"
    text = refused(module, "store_float", (cupy.zeros(1, np.float32), True, cupy.zeros(1, np.float32), np.int8(3)))
    assert text == "store_float: value is float, got an array of float32"


def test_structs_vectors_tables_and_null(module):
    kernel = module.get_function("vectors")
    pair = np.array((2, 0.5), np.dtype([("a", "i4"), ("b", "f8")], align=True))[()]
    y, row = cupy.zeros(4, np.float32), cupy.zeros(1, np.float32)
    kernel((1,), (1,), (y, None, pair, None))
    assert y.get().tolist() == [2.5, 0, 0, 0]
    kernel((1,), (1,), (y, cupy.zeros(3, np.int8), pair, cupy.asarray(np.array([row.data.ptr]))))
    assert row.get().tolist() == [5]
    text = refused(module, "vectors", (y, None, pair, cupy.zeros(1, np.float64)))
    assert text == "vectors: table is an array of addresses (int64), got an array of float64"
    text = refused(module, "vectors", (cupy.zeros(2, np.dtype("c16")), None, np.int32(1), None))
    assert text == "vectors: pair is a struct of 16 bytes, got int32"


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((4, 4))[1:, ::2], np.zeros(0), np.ones(2, ml_dtypes.bfloat16)])
def test_addresses(array):
    assert address_of(array) == array.ctypes.data
    array.flags.writeable = False
    assert address_of(array) == array.ctypes.data
