"""The products of a convolution, in blocks and for any number of axes."""

import itertools
import platform
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from gpunn.ops.conv import differentiable as family
from gpunn.ops.conv import products
from gpunn.ops.conv.columns import Layout, boxes, columns
from gpunn.ops.conv.geometry import Geometry, convolution
from tests.harness import check_op, distinct
from tests.ops.test_conv import reference, with_options


@pytest.mark.parametrize("block", [1, 300, 2_000])
@pytest.mark.parametrize(
    "options", [{"padding": 1}, {"stride": 2, "padding": 2, "dilation": (2, 1)}, {"groups": 2}, {"padding": (8, 0)}]
)
@pytest.mark.parametrize("layout", ["contiguous_format", "channels_last"])
def test_the_size_of_the_blocks_changes_nothing(block, options, layout, device, monkeypatch):
    monkeypatch.setattr(family, "CPU", products.Budget(block))
    monkeypatch.setattr(family, "GPU", products.Budget(block))

    def op(x, w, b):
        return F.conv2d(x.contiguous(memory_format=getattr(gp, layout)), w, b, **options)

    inputs = [(2, 4, 6, 5), (2, 4 // options.get("groups", 1), 3, 3), (2,)]
    check_op(op, with_options(reference, options), inputs, device)


def test_boxes_cover_every_position_once():
    for shape, limit in itertools.product([(3, 4, 5), (1, 7, 3), (5, 2), (2, 3, 2, 2)], [1, 10, 31, 50, 10**6]):
        seen = np.zeros(shape, int)
        for box in boxes(shape, 2, limit):
            part = seen[tuple(slice(a, b) for a, b in box)]
            part += 1
            assert part.size == 1 or 2 * part.size <= limit
            assert part.flags.c_contiguous  # one run of memory
        assert (seen == 1).all()
    assert list(boxes((0, 3), 2, 10)) == []


WIDE = [  # x, weight, arguments: the columns of the image, or what lies between two windows, take far more than a block
    ((1, 8, 512, 512), (8, 8, 3, 3), {"padding": 1}),
    ((1, 8, 512, 512), (8, 8, 3, 3), {"padding": 1, "stride": 2}),
    ((1, 8, 512, 512), (8, 8, 3, 3), {"padding": 100, "dilation": 100}),
    ((1, 8, 512, 512), (8, 8, 3, 3), {"padding": 90, "dilation": 90, "stride": 2}),
    ((1, 8, 512, 512), (8, 8, 1, 1), {"padding": 1, "stride": 9}),
    ((1, 8, 512, 512), (8, 4, 3, 3), {"padding": 1, "groups": 2}),
    ((1, 8, 512, 512), (8, 1, 3, 3), {"padding": 1, "groups": 8}),
    ((1, 8, 512, 512), (8, 1, 3, 3), {"padding": 100, "dilation": 100, "groups": 8}),
    ((1, 64, 4, 20_000), (8, 64, 3, 3), {"padding": 1}),
    ((1, 2, 200, 200), (3, 2, 31, 31), {"padding": 15}),
]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("x", "w", "options"), WIDE, ids=str)
def test_the_workspace_is_bounded(x, w, options, channels_last, dtype):
    x, w = np.zeros(x, dtype), np.zeros(w, dtype)
    if channels_last:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    settings = [options.get(*o) for o in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1))]
    geo = convolution("conv2d", x, w, None, settings, 2)
    y = traced(lambda: products.output(x, w, None, geo, products.CPU), 0)
    traced(lambda: products.weight_gradient(y, x, geo, products.CPU), 0)
    in_float32 = 2 * x.nbytes if dtype == "float16" and max(geo.stride) > 1 else 0  # one image
    traced(lambda: products.input_gradient(y, w, None, geo, products.CPU), in_float32)


def traced(f, more):
    """The result of f, which may take five blocks of memory besides, and `more` bytes."""
    tracemalloc.start()
    try:
        result = f()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < result.nbytes + more + 5 * products.CPU.block
    return result


FAULTS = """
import resource
import gpunn as gp
w = gp.ones(6, 1, 5, 5)
x = gp.ones(64, 1, 32, 32, requires_grad=True)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        gp.conv2d(x, w).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's malloc")
def test_memory_is_not_fetched_anew_for_each_convolution():
    out = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout
    assert int(out) < 1000  # 10,000 or more if blocks of this size go back to the system


def test_a_kernel_of_one_element_copies_nothing():
    x = np.ones((2, 3, 4, 5), np.float32)
    geo = convolution("conv2d", x, np.ones((2, 3, 1, 1)), None, (1, 0, 1, 1), 2)
    for by_pixels, array in [(False, x), (True, np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))]:
        found = columns(array, ((0, 2), (0, 4), (0, 5)), geo, Layout(np.dtype(np.float32), by_pixels, False))
        assert np.shares_memory(found, array)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rank", [1, 3])
def test_products_of_other_ranks(rank, stride):
    """A convolution of rank 1 is one of rank 2 with an axis of length 1; one of rank 3 adds up rank 2 over depth."""
    rng = np.random.default_rng(0)
    if rank == 1:
        x, w = distinct((2, 3, 7), rng), distinct((4, 3, 3), rng)
        expected = reference(x[:, :, None], w[:, :, None], stride=(1, stride), padding=(0, 1))[:, :, 0]
    else:
        x, w = distinct((2, 3, 4, 5, 6), rng), distinct((4, 3, 2, 3, 3), rng)
        deep = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0), (0, 0)])
        slices = [
            sum(reference(deep[:, :, p * stride + r], w[:, :, r], stride=stride, padding=1) for r in range(2))
            for p in range((6 - 2) // stride + 1)
        ]
        expected = np.stack(slices, 2)
    geo = convolution("conv", x, w, None, (stride, 1, 1, 1), rank)
    assert isinstance(geo, Geometry)
    y = products.output(x, w, None, geo, products.CPU)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    g, v, u = distinct(y.shape, rng), distinct(x.shape, rng), distinct(w.shape, rng)
    dx, dw = products.input_gradient(g, w, None, geo, products.CPU), products.weight_gradient(g, x, geo, products.CPU)
    np.testing.assert_allclose((dx * v).sum(), (g * products.output(v, w, None, geo, products.CPU)).sum(), rtol=1e-12)
    np.testing.assert_allclose((dw * u).sum(), (g * products.output(x, u, None, geo, products.CPU)).sum(), rtol=1e-12)
