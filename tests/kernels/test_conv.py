"""The kernels of convolutions in full precision: no faults, the same bits in any order, the digits they promise."""

import itertools
import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.ops.conv import full_precision, products
from gpunn.ops.conv.geometry import Geometry, convolution
from tests.kernels.orders import MANY, check_kernels

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
KERNELS = {  # constants that make these kernels the choice for any small shape
    "tiles": {"FEW": 0, "SMALL": -1},
    "high tiles": {"FEW": 0, "SMALL": -1, "BLOCKS": 0},
    "small": {"FEW": 0},
    "depthwise": {"FEW": 99},
}


def case(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...], tuple[object, ...]]:
    """Shapes of x and weight, and settings (stride, padding, dilation, groups) that fit each other."""
    groups, rank = int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 2, 2, 2, 3]))
    c, k = int(rng.choice([1, 3, 5, 8])), int(rng.choice([1, 6, 10, 16]))
    kernel = [int(n) for n in rng.integers(1, 5 - (rank == 3), rank)]
    stride, dilation = [tuple(map(int, rng.integers(1, high, rank))) for high in (4, 3)]
    padding = tuple(map(int, rng.integers(0, 4, rank)))
    least = [max(1, d * (n - 1) + 1 - 2 * p) for n, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [n + int(rng.integers(0, 5)) for n in least]
    images = int(rng.integers(1, 4))
    return (images, groups * c, *size), (groups * k, c, *kernel), (stride, padding, dilation, groups)


CASES = [case(np.random.default_rng(seed)) for seed in range(60)]
CHOSEN = [*itertools.product(["tiles", "small"], range(0, 8)), ("high tiles", 9), ("high tiles", 12)]
DEPTHWISE = [
    ((2, 4, 6, 5), (4, 1, 3, 3), (1, 1, 1, 4)),
    ((1, 6, 7, 6), (12, 2, 2, 3), ((2, 1), (0, 2), (1, 2), 3)),
    ((2, 36, 4, 4), (36, 1, 2, 5), (1, 2, 1, 36)),  # more channels than lanes, more taps than a block takes
    ((1, 2, 3, 4, 3), (2, 1, 2, 2, 2), (2, 1, 1, 2)),
]

ONE_ELEMENT = [  # filters of one element: more products than a step takes, several tiles, images shorter than a step
    ((3, 20, 5, 13), (70, 20, 1, 1), (1, 0, 1, 1)),
    ((5, 3, 7), (9, 3, 1), (1, 0, 4, 1)),
    ((2, 33, 2, 3, 3), (5, 33, 1, 1, 1), (1, 0, 1, 1)),
    ((2, 3, 1, 1), (2, 3, 1, 1), (1, 0, 1, 1)),
]


def arrays(x, w, settings, dtype, seed=0):
    """x, weight, bias, dy and the geometry, on the host."""
    rng = np.random.default_rng(seed)
    geo = convolution("conv", np.empty(x), np.empty(w), None, settings, len(x) - 2)
    shapes = x, w, w[:1], (x[0], w[0], *geo.out)
    return [rng.standard_normal(s).astype(getattr(gp, dtype).numpy) for s in shapes], geo


def on_device(array, last):
    """`array` (N, C, *positions) on the GPU, in memory with channels last if `last`."""
    cupy = backend.cuda_module()
    if not last or array.ndim < 4:
        return cupy.asarray(array)
    memory = np.ascontiguousarray(array.transpose(0, *range(2, array.ndim), 1))
    return cupy.asarray(memory).transpose(0, array.ndim - 1, *range(1, array.ndim - 1))


def all_products(host, geo: Geometry, last: bool):
    """y, dx with an offset, dw by kernels."""
    x, w, bias, dy = [on_device(a, last) for a in host]
    offset = on_device(np.arange(host[0].shape[1]).astype(host[0].dtype), False)
    return (
        full_precision.output(x, w, bias, geo),
        full_precision.input_gradient(dy, w, offset, geo),
        full_precision.weight_gradient(dy, x, geo, last),
    )


def exact_products(host, geo: Geometry):
    """The same by NumPy in float64, and the sums of the absolute products."""
    x, w, bias, dy = [a.astype(np.float64) for a in host]
    offset = np.arange(x.shape[1], dtype=np.float64)
    results = []
    for f in (lambda a: a, np.abs):
        results.append(
            (
                products.output(f(x), f(w), f(bias), geo, products.CPU),
                products.input_gradient(f(dy), f(w), offset, geo, products.CPU),
                products.weight_gradient(f(dy), f(x), geo, products.CPU),
            )
        )
    return results


def check_digits(host, geo, found, dtype):
    """Each result is within (4 + log2 n) units of the sum of its n absolute products, and rounded once."""
    unit = EPS["float32" if dtype in ("float16", "bfloat16") else dtype]
    numbers = math.prod(geo.kernel) * host[1].shape[1], math.prod(geo.kernel) * host[1].shape[0] // geo.groups
    sums = (*numbers, host[0].shape[0] * math.prod(geo.out))
    for mine, exact, absolute, n in zip(found, *exact_products(host, geo), sums, strict=True):
        limit = (4 + math.log2(n + 1)) * unit * absolute + EPS[dtype] * np.abs(exact) * 1.001
        error = np.abs(backend.asnumpy(mine).astype(np.float64) - exact)
        assert mine.shape == exact.shape
        assert (error <= limit).all(), float((error / np.maximum(limit, 1e-300)).max())


def choose(monkeypatch, name):
    for constant, value in KERNELS[name].items():
        monkeypatch.setattr(full_precision, constant, value)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("name", "number"), CHOSEN)
def test_kernels(name, number, last, monkeypatch):
    choose(monkeypatch, name)
    host, geo = arrays(*CASES[number], "float32")
    check_kernels(lambda: all_products(host, geo, last))
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last), "float32")


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shapes", DEPTHWISE, ids=str)
def test_depthwise_kernels(shapes, last, monkeypatch):
    choose(monkeypatch, "depthwise")
    host, geo = arrays(*shapes, "float32")
    check_kernels(lambda: all_products(host, geo, last))
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last), "float32")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize(("name", "number"), [("tiles", 8), ("small", 9), ("depthwise", 10)])
def test_dtypes(name, number, dtype, monkeypatch):
    choose(monkeypatch, name)
    host, geo = arrays(*CASES[number], dtype)
    check_kernels(lambda: all_products(host, geo, False), orders=1)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, True), dtype)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    ("name", "shapes"), [*itertools.product(["tiles"], ONE_ELEMENT), ("high tiles", ONE_ELEMENT[0])], ids=str
)
def test_filters_of_one_element(name, shapes, last, monkeypatch):
    choose(monkeypatch, name)
    host, geo = arrays(*shapes, "float32")
    check_kernels(lambda: all_products(host, geo, last))
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last), "float32")


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_dtypes_of_filters_of_one_element(dtype, monkeypatch):
    choose(monkeypatch, "tiles")
    host, geo = arrays(*ONE_ELEMENT[0], dtype)
    check_kernels(lambda: all_products(host, geo, False), orders=1)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, True), dtype)


def test_filters_of_one_element_look_for_no_windows(monkeypatch):
    """They take the kernels without the arithmetic of windows; a stride, a zero or a group is enough not to."""
    choose(monkeypatch, "tiles")
    taken = set()

    def launch(file, kernel, threads, args, constants=None, shared=0):
        if "POINTWISE" in (constants or {}):
            taken.add((file, constants["POINTWISE"]))

    monkeypatch.setattr(full_precision.kernels, "launch", launch)
    x, w, settings = ONE_ELEMENT[0]
    for change, answer in (({}, 1), ({0: 2}, 0), ({1: 1}, 0), ({2: 3}, 1)):
        taken.clear()
        host, geo = arrays(x, w, tuple(change.get(i, n) for i, n in enumerate(settings)), "float32")
        with emulator.enable():
            all_products(host, geo, False)
        assert taken == {("conv/correlate", answer), ("conv/weight", answer)}


def test_long_sums_keep_their_digits(monkeypatch):
    choose(monkeypatch, "tiles")
    with emulator.enable():
        host, geo = arrays((1, 64, 24, 24), (3, 64, 3, 3), (1, 1, 1, 1), "float32")
        check_digits(host, geo, all_products(host, geo, False), "float32")


def test_the_sum_of_a_weight_is_cut_into_slices():
    assert full_precision.slices_of(10**6, 1, 100) == (1984, 505)  # enough blocks
    assert full_precision.slices_of(10**6, 4000, 10**4) == (4096, 245)  # no sum longer than LONGEST
    assert full_precision.slices_of(10**6, 4000, 2**24) == (10**6, 1)  # no more than the workspace holds
    assert full_precision.slices_of(5, 1, 10) == (32, 1)
    assert full_precision.slices_of(0, 0, 0) == (32, 1)


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("number", range(0, len(CASES), 3))
@pytest.mark.parametrize("name", ["tiles", "high tiles", "small", "depthwise"])
def test_every_case(name, number, last, monkeypatch):
    choose(monkeypatch, name)
    host, geo = arrays(*CASES[number], "float32")
    check_kernels(lambda: all_products(host, geo, last), orders=5)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last), "float32")


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["tiles", "small", "depthwise"])
def test_many_orders(name, monkeypatch):
    choose(monkeypatch, name)
    host, geo = arrays((2, 4, 5, 4), (4, 2, 2, 3), ((2, 1), 1, 1, 2), "float32")
    check_kernels(lambda: all_products(host, geo, False), orders=MANY)
