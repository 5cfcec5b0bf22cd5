"""kernels/random.cuh makes the numbers of gpunn/random/blocks.py."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from gpunn import random
from tests.emulator.launching import Kernels, needs_compiler

pytestmark = needs_compiler

KERNELS = Path(__file__).resolve().parents[2] / "kernels"
TYPES = {"float": np.float32, "double": np.float64, "__half": np.float16, "__nv_bfloat16": ml_dtypes.bfloat16}
SEEDS = [0, 1, 67280421310721, (1 << 64) - 1, 0x0123456789ABCDEF]
OFFSETS = [0, 5, (1 << 32) - 3, (1 << 64) - 7]  # across the borders of words, and of the counter
DRAW = """
extern "C" __global__ void {draw}_{name}({kind}* y, unsigned long long seed, unsigned long long offset, int n) {
  constexpr int LENGTH = Draws<{kind}>::LENGTH;
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    y[i] = from_compute<{kind}>({draw}_draws<{kind}>(seed, offset + i / LENGTH).at[i % LENGTH]);
}
"""
TEXT = """
#include "random.cuh"

extern "C" __global__ void blocks(uint4* y, unsigned long long seed, unsigned long long offset, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = philox(seed, offset + i);
}
"""


@pytest.fixture(scope="module")
def kernels():
    draws = [(draw, kind) for draw in ("uniform", "normal") for kind in TYPES]
    texts = [DRAW.replace("{draw}", d).replace("{kind}", k).replace("{name}", k.strip("_")) for d, k in draws]
    return Kernels(TEXT + "".join(texts), options=[f"-I{KERNELS}"])


def generator(seed, offset):
    made = random.Generator()
    made.set_state_array(np.array([seed, offset], "<u8").view(np.uint8))
    return made


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("offset", OFFSETS)
def test_blocks(kernels, seed, offset):
    got = kernels("blocks", np.zeros((20, 4), np.uint32), np.uint64(seed), np.uint64(offset), np.int32(20))
    np.testing.assert_array_equal(got, random.philox(np, seed, offset, 20))


def test_known_answers(kernels):
    """The vectors for philox4x32-10 that come with Random123 (kat_vectors), as far as the counter has 64 bits."""
    got = kernels("blocks", np.zeros((1, 4), np.uint32), np.uint64(0), np.uint64(0), np.int32(1))
    assert [f"{word:08x}" for word in got[0]] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("offset", OFFSETS)
def test_uniform_numbers(kernels, kind, offset):
    dtype = np.dtype(TYPES[kind])
    for seed in SEEDS:
        expected = random.uniform(np, generator(seed, offset), (101,), dtype)
        launch = f"uniform_{kind.strip('_')}", np.zeros(101, dtype), np.uint64(seed), np.uint64(offset), np.int32(101)
        got = kernels(*launch)
        np.testing.assert_array_equal(got.astype(np.float64), expected.astype(np.float64))
        assert got.astype(np.float64).min() >= 0 and got.astype(np.float64).max() < 1


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("offset", OFFSETS)
def test_normal_numbers(kernels, kind, offset):
    dtype = np.dtype(TYPES[kind])
    rtol = {"float": 1e-6, "double": 1e-14}.get(kind, 2 * float(ml_dtypes.finfo(dtype).eps))
    for seed in SEEDS:
        expected = random.normal(np, generator(seed, offset), (101,), dtype).astype(np.float64)
        launch = f"normal_{kind.strip('_')}", np.zeros(101, dtype), np.uint64(seed), np.uint64(offset), np.int32(101)
        np.testing.assert_allclose(kernels(*launch).astype(np.float64), expected, rtol, atol=rtol)
