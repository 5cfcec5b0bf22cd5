"""Tensor-core products, ldmatrix, cp.async and the grid barrier, through kernels/ptx.cuh."""

from pathlib import Path

import numpy as np
import pytest

from gpunn import emulator
from tests.emulator.instructions import GRID, TYPES, cut, multiplied, text, tiles
from tests.emulator.launching import Kernels, needs_compiler

pytestmark = needs_compiler

KERNELS = Path(__file__).resolve().parents[2] / "kernels"


@pytest.fixture(scope="module")
def kernels():
    return Kernels("".join(text()), options=[f"-I{KERNELS}"])


@pytest.fixture(params=["fast", "checked"], autouse=True)
def mode(request):
    with emulator.enable(check=request.param == "checked"):
        yield


@pytest.mark.parametrize("name", TYPES)
def test_products(kernels, name):
    rng = np.random.default_rng(1)
    a, b = tiles(name, rng)
    c = rng.normal(size=(len(a), 16, 8)).astype(np.float32)
    exact = [cut(x) if name == "tf32" else x for x in (a, b)]
    expected = exact[0].astype(np.float64) @ exact[1].astype(np.float64) + c
    np.testing.assert_allclose(multiplied(kernels, name, a, b, c), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", TYPES)
def test_every_element_has_its_place(kernels, name):
    """Integers, whose products are exact in any order."""
    rng = np.random.default_rng(2)
    a, b = (np.rint(8 * x.astype(np.float32)).astype(x.dtype) for x in tiles(name, rng))
    c = rng.integers(-99, 99, (len(a), 16, 8)).astype(np.float32)
    np.testing.assert_array_equal(multiplied(kernels, name, a, b, c), a.astype(np.float64) @ b.astype(np.float64) + c)


@pytest.mark.parametrize("name", TYPES)
def test_products_keep_infinities_and_nan(kernels, name):
    a, b = tiles(name, np.random.default_rng(3), 2)
    a[0, 3, 2], b[1, 5, 4] = np.inf, np.nan
    c = np.zeros((2, 16, 8), np.float32)
    d = multiplied(kernels, name, a, b, c)
    assert np.isinf(d[0, 3]).all() and np.isfinite(np.delete(d[0], 3, axis=0)).all()
    assert np.isnan(d[1, :, 4]).all() and np.isfinite(np.delete(d[1], 4, axis=1)).all()


@pytest.mark.parametrize("form", ["", "_trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ldmatrix(kernels, count, form):
    x = np.random.default_rng(count).integers(0, 1 << 16, (32, 8), np.uint16)
    rows = np.random.default_rng(9).permutation(32).astype(np.int32)
    got = kernels(f"ldmatrix_x{count}{form}_rows", np.zeros((32, count), np.uint32), x, rows)[0]
    for m in range(count):
        matrix = x[rows[8 * m : 8 * m + 8]]
        matrix = matrix.T if form else matrix
        pairs = matrix.reshape(8, 4, 2).astype(np.uint32)  # lane 4 i + j has elements 2 j and 2 j + 1 of row i
        np.testing.assert_array_equal(got[:, m], (pairs[..., 0] | pairs[..., 1] << 16).ravel())


@pytest.mark.parametrize(("name", "dtype"), [("misaligned", np.uint32), ("half_a_warp", np.float32)])
def test_faults_are_reported(kernels, name, dtype):
    with pytest.raises(emulator.KernelError):
        kernels(name, np.zeros(32, dtype))


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize("tiles", [1, 2, 5])
def test_copies_arrive(kernels, size, tiles):
    words = size // 4
    n = tiles * 32 * words - 3 * words  # the last ones are zeros
    x = np.random.default_rng(4).integers(1, 1 << 32, n, np.uint32)
    y = np.zeros((tiles, 32, words), np.uint32)
    expected = np.concatenate([x, np.zeros(y.size - n, np.uint32)]).reshape(y.shape)
    got = kernels(f"copied_{size}", y, x, np.int32(tiles), np.int32(n))[0]
    np.testing.assert_array_equal(got, np.roll(expected, -1, axis=1))


def test_rounding_to_tf32(kernels):
    rng = np.random.default_rng(5)
    x = rng.integers(0, 1 << 32, 4000, np.uint32)
    x[:1000] = x[:1000] & 0xFFFFE000 | 0x1000  # in the middle of two numbers
    x[:8] = [0x7F800000, 0xFF800000, 0x7FC00000, 0x7F7FFFFF, 0, 0x80000000, 0x7F800001, 0x3F7FFFFF]
    x = x[(x & 0x7F800000 != 0) | (x << 1 == 0)]
    values = x.view(np.float32)
    got = kernels("rounded", np.zeros(len(x), np.uint32), values, np.int32(len(x)))[0]
    nan = np.isnan(values)
    assert np.isnan(got.view(np.float32)[nan]).all()
    assert not (got[~nan] & 0x1FFF).any()
    exact = values[~nan].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        unit = np.exp2(np.floor(np.log2(np.where(exact == 0, 1, np.abs(exact)))) - 10)
        away = np.sign(exact) * np.floor(np.abs(exact) / unit + 0.5) * unit  # ties away from zero
        expected = np.where(np.isinf(exact), exact, away).astype(np.float32)
    np.testing.assert_array_equal(got.view(np.float32)[~nan], expected)


@pytest.mark.parametrize("blocks", [1, 2, 7])
def test_grid_barrier(blocks):
    cooperative = Kernels(GRID, options=[f"-I{KERNELS}"], cooperative=True)
    n = 32 * blocks
    arrays = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(1, np.uint64)
    total, _, counter = cooperative("around", *arrays, blocks=blocks)
    np.testing.assert_array_equal(total, 6 * n * (n - 1) // 2)
    assert counter.item() == 6 * blocks
