"""The kernels of convolutions on tensor cores: no faults, the same bits in any order, errors within their rounding."""

import math

import numpy as np
import pytest

from gpunn import backend, emulator
from gpunn.ops.conv import tensor_cores, tiles
from tests.kernels.orders import MANY, check_kernels
from tests.kernels.test_conv import CASES, EPS, arrays, exact_products, on_device

# Operands of float32 are rounded to 2^-11, so products are off by 2^-10; those of halves are exact.
OPERANDS = {"float32": 2.0**-10, "float16": 0.0, "bfloat16": 0.0}
BUILDS = [("bfloat16", 0), ("float16", 2), ("float32", 1), ("float32", 3)]  # dtype and tile; all of them in long
SHAPES = [
    ((2, 3, 7, 6), (4, 3, 3, 3), (1, 1, 1, 1)),
    ((1, 5, 9, 8), (6, 5, 3, 2), (2, 1, 1, 1)),
    ((2, 16, 6, 7), (32, 8, 3, 3), ((3, 2), (2, 0), (2, 1), 2)),
    ((1, 3, 8, 8), (1, 3, 1, 1), (2, 0, 1, 1)),  # parts that see nothing
    ((1, 2, 4, 5, 6), (3, 2, 2, 3, 2), ((2, 1, 2), 1, 1, 1)),
    ((3, 40, 7, 8), (136, 40, 1, 1), (1, 0, 1, 1)),  # several tiles along both sides
]


def all_products(host, geo, last, tile):
    """y, dx with an offset, dw by tensor cores."""
    x, w, bias, dy = [on_device(a, last) for a in host]
    offset = on_device(np.arange(host[0].shape[1]).astype(host[0].dtype), False)
    return (
        tensor_cores.output(x, w, bias, geo, tile=tile),
        tensor_cores.input_gradient(dy, w, offset, geo, tile),
        tensor_cores.weight_gradient(dy, x, geo, last, tile.BN),
    )


def check_digits(host, geo, found, dtype):
    for mine, exact, absolute in zip(found, *exact_products(host, geo), strict=True):
        n = math.prod(geo.kernel) * max(host[1].shape[:2]) + host[0].shape[0] * math.prod(geo.out)
        unit = 1.01 * OPERANDS[dtype] + (4 + math.log2(n)) * 2.0**-24
        error = np.abs(backend.asnumpy(mine).astype(np.float64) - exact)
        assert mine.shape == exact.shape
        assert (error <= unit * absolute + 1.001 * EPS[dtype] * np.abs(exact)).all()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(("dtype", "tile"), BUILDS)
def test_digits(shapes, dtype, tile, last):
    host, geo = arrays(*shapes, dtype)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last, tiles.choices()[tile]), dtype)


@pytest.mark.parametrize("shapes", SHAPES[:4], ids=str)
@pytest.mark.parametrize(("dtype", "tile"), BUILDS[:3])
def test_faults_and_orders(shapes, dtype, tile):
    host, geo = arrays(*shapes, dtype)
    check_kernels(lambda: all_products(host, geo, True, tiles.choices()[tile]), orders=2)


@pytest.mark.parametrize(("dtype", "tile"), BUILDS[:3])
def test_epilogue(dtype, tile):
    host, geo = arrays((2, 8, 5, 5), (11, 8, 3, 3), (1, 1, 1, 1), dtype)
    residual = arrays((2, 11, 5, 5), (1, 11, 1, 1), (1, 0, 1, 1), dtype, seed=1)[0][0]
    with emulator.enable():
        x, w, bias, more = [on_device(a, True) for a in (*host[:3], residual)]
        choice = tiles.choices()[tile]
        y = tensor_cores.output(x, w, bias, geo, relu=True, residual=more, tile=choice)
        plain = tensor_cores.output(x, w, None, geo, tile=choice).get().astype(np.float64)
        expected = np.maximum(plain + host[2].astype(np.float64)[:, None, None] + residual.astype(np.float64), 0)
        np.testing.assert_allclose(y.get().astype(np.float64), expected, rtol=3 * EPS[dtype], atol=20 * EPS[dtype])
        assert (y.get() == 0).any()


def test_relu_keeps_nan():
    host, geo = arrays((1, 4, 3, 3), (2, 4, 1, 1), (1, 0, 1, 1), "float32")
    host[0][0, 0, 1, 1] = np.nan
    with emulator.enable():
        y = tensor_cores.output(*[on_device(a, True) for a in host[:2]], None, geo, relu=True).get()
    assert np.isnan(y[0, :, 1, 1]).all() and np.isnan(y).sum() == 2


@pytest.mark.parametrize(("dtype", "tile"), BUILDS[:3])
@pytest.mark.parametrize("k", [7, 70])
def test_statistics(dtype, tile, k):
    """The sums of deviations and squares of each tile's rows, of the values as they were stored."""
    host, geo = arrays((3, 8, 7, 7), (k, 8, 3, 3), (1, 1, 1, 1), dtype)
    shift = np.linspace(-1, 1, k).astype(np.float32)
    choice = tiles.choices()[tile]

    def run():
        x, w, bias = [on_device(a, True) for a in host[:3]]
        return tensor_cores.with_statistics(x, w, bias, on_device(shift, False), geo, choice)

    check_kernels(run, orders=1)
    with emulator.enable():
        y, statistics = [a.get().astype(np.float64) for a in run()]
    rows = y.transpose(0, 2, 3, 1).reshape(-1, k) - shift
    for i, start in enumerate(range(0, len(rows), choice.BM)):
        part = rows[start : start + choice.BM]
        np.testing.assert_allclose(statistics[i, 0], part.sum(0), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(statistics[i, 1], (part**2).sum(0), rtol=1e-5, atol=1e-4)
    assert len(statistics) == i + 1


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 7), (1, 40, 6, 6), (3, 4, 2), (2, 8, 3, 3), (2, 5, 2, 2, 2), (2, 16, 1, 1)]
)
def test_packing(shape, dtype):
    x = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    chunk = 16 // x.itemsize
    wanted = np.moveaxis(x, 1, -1)
    for last in (False, True):
        with emulator.enable():
            found = tensor_cores.packed(on_device(x, last)).get()
        assert found.shape[-1] == shape[1] + -shape[1] % chunk
        assert np.array_equal(found[..., : shape[1]], wanted) and not found[..., shape[1] :].any()


def test_packing_of_a_slice_that_is_not_aligned():
    with emulator.enable():
        memory = backend.cuda_module().arange(1 + 2 * 3 * 3 * 4, dtype="float32")
        x = memory[1:].reshape(2, 3, 3, 4).transpose(0, 3, 1, 2)
        found = tensor_cores.packed(x)
        assert found.data.ptr % 16 == 0 and np.array_equal(found.get(), np.moveaxis(x.get(), 1, -1))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_packed_filters(last, transposed):
    w = np.arange(6 * 5 * 2 * 3).reshape(6, 5, 2, 3).astype(np.float32)
    with emulator.enable():
        found = tensor_cores.packed_filter(on_device(w, last), 1 if transposed else 2, transposed).get()
    if transposed:
        assert np.array_equal(found[0, :, :, :6], w.reshape(6, 5, 6).transpose(1, 2, 0))
        assert not found[0, :, :, 6:].any()
    else:
        assert np.array_equal(found[..., :5], w.reshape(2, 3, 5, 6).swapaxes(2, 3)) and not found[..., 5:].any()


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("number", range(0, len(CASES), 8))
@pytest.mark.parametrize("tile", range(4))
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_case(dtype, tile, number, last):
    x, w, settings = CASES[number]
    host, geo = arrays((x[0], w[1], *x[2:]), w, (*settings[:3], 1), dtype)  # groups need whole chunks
    check_kernels(lambda: all_products(host, geo, last, tiles.choices()[tile]), orders=3)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last, tiles.choices()[tile]), dtype)


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_many_orders(dtype, last):
    host, geo = arrays((1, 4, 5, 4), (5, 4, 2, 3), ((2, 1), 1, 1, 1), dtype)
    check_kernels(lambda: all_products(host, geo, last, tiles.choices()[0]), orders=MANY)
