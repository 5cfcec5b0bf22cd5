"""The kernel of the weight's gradient with few channels: no faults, the same bits in any order, the digits it owes."""

import math

import numpy as np
import pytest

from gpunn import backend, emulator
from gpunn.ops.conv import products, small_weight
from tests.kernels.orders import MANY, check_kernels
from tests.kernels.test_conv import CASES, EPS, arrays, on_device

SHAPES = [  # x, weight, (stride, padding, dilation, groups)
    ((3, 1, 13, 14), (6, 1, 5, 5), (1, 2, 1, 1)),  # as LeNet-5's first and second
    ((2, 6, 9, 8), (16, 6, 5, 5), (1, 0, 1, 1)),
    ((1, 3, 17, 15), (20, 3, 7, 7), (2, 3, 1, 1)),  # as the first on coloured images
    ((2, 4, 9, 7), (10, 2, 3, 2), ((3, 2), (0, 3), (1, 2), 2)),
    ((2, 3, 300), (9, 3, 4), (1, 1, 1, 1)),
    ((2, 2, 5, 4, 6), (3, 2, 3, 2, 2), ((1, 2, 1), 1, (2, 1, 1), 1)),
]


def plans(geo, host):
    """The best plan, and others: with the other build, with few positions in a tile, with few lanes."""
    depth, size = host[1].shape[1], 8 if host[0].dtype == np.float64 else 4
    every = list(small_weight._plans(geo, depth, size))
    best = small_weight.best_plan(geo, host[1].shape[0] // geo.groups, depth, size)[1]
    other = next(p for p in every if best.ROWS != p.ROWS)
    small = min(every, key=lambda p: (p.high * p.wide, p.lanes, p.ROWS))
    return [best, other, small]


def gradient(host, geo, last, plan):
    x, dy = on_device(host[0], last), on_device(host[3], last)
    return small_weight.weight_gradient(dy, x, geo, last, plan)


def check_digits(host, geo, found, dtype):
    """Within (8 + log2 n) units of the sum of its n absolute products, and rounded once."""
    dy, x = host[3].astype(np.float64), host[0].astype(np.float64)
    exact, absolute = [products.weight_gradient(f(dy), f(x), geo, products.CPU) for f in (lambda a: a, np.abs)]
    unit = EPS["float64" if dtype == "float64" else "float32"]
    n = host[0].shape[0] * math.prod(geo.out)
    error = np.abs(backend.asnumpy(found).astype(np.float64) - exact)
    assert found.shape == exact.shape
    assert (error <= (8 + math.log2(n + 1)) * unit * absolute + 1.001 * EPS[dtype] * np.abs(exact)).all()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("choice", range(3))
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_kernels(shapes, choice, last):
    host, geo = arrays(*shapes, "float32")
    plan = plans(geo, host)[choice]
    check_kernels(lambda: gradient(host, geo, last, plan), orders=2)
    with emulator.enable():
        check_digits(host, geo, gradient(host, geo, last, plan), "float32")


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("dtype", "choice"), [("float16", 0), ("bfloat16", 1), ("float64", 1)])
def test_dtypes(dtype, choice, last):
    host, geo = arrays(*SHAPES[0], dtype)
    plan = plans(geo, host)[choice]
    check_kernels(lambda: gradient(host, geo, last, plan), orders=1)
    with emulator.enable():
        check_digits(host, geo, gradient(host, geo, last, plan), dtype)


def test_not_a_number_stays_where_it_is_seen():
    """What lies outside of a tile or of the output is not multiplied, not even by zero."""
    host, geo = arrays((1, 1, 9, 9), (2, 1, 3, 3), (2, 0, 1, 1), "float32")
    host[3][:] = 0
    host[3][0, 0, 3, 3] = 1
    host[0][0, 0, 2, 2] = np.nan  # seen by dy of 0 alone
    with emulator.enable():
        for plan in plans(geo, host):
            dw = gradient(host, geo, False, plan).get()
            exact = products.weight_gradient(host[3], host[0], geo, products.CPU)
            assert np.array_equal(np.isnan(dw), np.isnan(exact)) and np.isnan(dw).any()


def test_no_images():
    host, geo = arrays((0, 1, 6, 6), (6, 1, 5, 5), (1, 2, 1, 1), "float32")
    with emulator.enable():
        assert not gradient(host, geo, False, plans(geo, host)[0]).get().any()


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("number", range(0, len(CASES), 4))
def test_every_case(number, last):
    host, geo = arrays(*CASES[number], "float32")
    for plan in plans(geo, host):
        check_kernels(lambda plan=plan: gradient(host, geo, last, plan), orders=3)
        with emulator.enable():
            check_digits(host, geo, gradient(host, geo, last, plan), "float32")


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_dtype(dtype, last):
    host, geo = arrays(*SHAPES[1], dtype)
    for plan in plans(geo, host):
        check_kernels(lambda plan=plan: gradient(host, geo, last, plan), orders=1)
        with emulator.enable():
            check_digits(host, geo, gradient(host, geo, last, plan), dtype)


@pytest.mark.sweep
def test_many_orders():
    host, geo = arrays((2, 2, 5, 6), (5, 2, 3, 3), (1, 1, 1, 1), "float32")
    for plan in plans(geo, host):
        check_kernels(lambda plan=plan: gradient(host, geo, False, plan), orders=MANY)
