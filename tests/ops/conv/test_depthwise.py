"""Depthwise convolutions on the CPU, against the same as products of matrices."""

import numpy as np
import pytest

from gpunn.ops.conv import depthwise, products
from gpunn.ops.conv.geometry import convolution

CASES = [  # x, elements of the kernel, filters of each channel, arguments
    ((3, 5, 9, 8), (3, 3), 1, {"padding": 1}),
    ((3, 5, 9, 8), (3, 3), 2, {"padding": (0, 2)}),
    ((3, 5, 9, 8), (3, 2), 1, {"padding": 2, "stride": (1, 2)}),
    ((3, 5, 9, 8), (2, 3), 1, {"padding": 1, "stride": 2}),
    ((2, 4, 13, 7), (3, 3), 1, {"padding": 2, "dilation": 2}),
    ((2, 4, 4, 6), (3, 3), 2, {"padding": 3, "dilation": 3}),
    ((2, 4, 2, 6), (1, 1), 1, {}),
    ((2, 2, 5, 6), (2, 2), 1, {"padding": 6}),
    ((2, 3, 11), (4,), 2, {"padding": 2}),
    ((2, 3, 11), (3,), 1, {"stride": 3, "dilation": 2}),
    ((2, 3, 6, 5, 4), (3, 2, 2), 1, {"padding": 1}),
    ((2, 3, 6, 5, 4), (2, 2, 2), 1, {"padding": 1, "stride": (1, 2, 1)}),
    ((2, 3, 6, 5, 4), (2, 2, 2), 2, {"padding": 1, "stride": 2}),
]


def made(x, kernel, many, options, dtype):
    rng = np.random.default_rng(0)
    images = rng.standard_normal(x).astype(dtype) if dtype != "int64" else rng.integers(-9, 9, x)
    weight = (rng.standard_normal((x[1] * many, 1, *kernel)) * 8).astype(dtype)
    bias = np.arange(x[1] * many).astype(dtype)
    settings = [options.get(*o) for o in (("stride", 1), ("padding", 0), ("dilation", 1))]
    return images, weight, bias, convolution("conv", images, weight, bias, [*settings, x[1]], len(kernel))


def both(monkeypatch, f):
    """What `f` gives by runs and by products of matrices."""
    asked = []
    plan_of = depthwise.plan_of
    with monkeypatch.context() as m:
        m.setattr(depthwise, "plan_of", lambda *args: asked.append(plan_of(*args)) or asked[-1])
        found = f()
    assert asked[-1] is not None
    with monkeypatch.context() as m:
        m.setattr(depthwise, "plan_of", lambda *args: None)
        return found, f()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize(("block", "run"), [(2**21, 2**12), (2**21, 1), (2000, 1), (2000, 100), (700, 1)])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_runs_give_what_products_of_matrices_give(case, block, run, dtype, monkeypatch):
    x, w, bias, geo = made(*case, dtype)
    if dtype in ("float64", "int64"):
        block *= 2
    monkeypatch.setattr(depthwise, "BLOCK", block)
    monkeypatch.setattr(depthwise, "RUN", run)
    close = {"float32": 1e-5, "float64": 1e-13, "float16": 2e-3, "int64": 0}[dtype]
    if block < 2000 and depthwise.plan_of(x, geo, len(w)) is None:
        pytest.skip("a row is longer than such a block")
    y, expected = both(monkeypatch, lambda: products.output(x, w, bias, geo, products.CPU))
    np.testing.assert_allclose(y, expected, rtol=close, atol=30 * close)
    assert y.dtype == dtype
    dw, expected = both(monkeypatch, lambda: products.weight_gradient(y, x, geo, products.CPU))
    np.testing.assert_allclose(dw, expected, rtol=close, atol=abs(expected).max() * close)


def test_an_infinite_number_reaches_the_weights_that_see_it():
    x, _, _, geo = made((2, 2, 6, 6), (3, 3), 1, {"padding": 1}, "float32")
    x[0, 0, 5, 0] = np.inf  # the last row is not seen by the kernel's first, the first column not by its last
    g = np.ones((2, 2, 6, 6), np.float32)
    dw = products.weight_gradient(g, x, geo, products.CPU)
    assert (np.isinf(dw[0, 0]) == [[False, False, False], [True, True, False], [True, True, False]]).all()
    assert not np.isnan(dw).any() and np.isfinite(dw[1]).all()


@pytest.mark.parametrize(
    ("x", "kernel", "options", "why"),
    [
        ((1, 1, 8, 8), (3, 3), {}, "one channel: BLAS has one matrix"),
        ((1, 2, 2, 300_000), (3, 3), {"padding": 1}, "rows beyond a block"),
        ((0, 2, 8, 8), (3, 3), {}, "no image"),
    ],
)
def test_what_is_left_to_products_of_matrices(x, kernel, options, why):
    images, w, _, geo = made(x, kernel, 1, options, "float32")
    assert depthwise.plan_of(images, geo, len(w)) is None, why


def test_many_filters_of_a_channel_are_products_of_matrices():
    x, w, _, geo = made((1, 2, 8, 8), (3, 3), 3, {}, "float32")
    assert depthwise.plan_of(x, geo, len(w)) is None
