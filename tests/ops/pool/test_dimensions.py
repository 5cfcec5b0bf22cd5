"""Max and average pooling in one and three dimensions, and adaptive pooling. (In two: tests/ops/test_pool.py.)"""

import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.pool.reference import each, largest, mean, mean_inside, parts, place_of_largest, pooled, windows

ROWS = [  # dimensions, shape, arguments
    (1, (2, 3, 12), {"kernel_size": 2}),
    (1, (2, 3, 11), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    (1, (3, 9), {"kernel_size": 4, "stride": 1, "padding": 2}),
    (1, (1, 2, 90), {"kernel_size": 70, "stride": 9}),
    (1, (0, 3, 9), {"kernel_size": 2}),
    (3, (1, 2, 4, 5, 6), {"kernel_size": 2}),
    (3, (1, 2, 5, 4, 6), {"kernel_size": (3, 2, 3), "stride": (2, 1, 2), "padding": (1, 0, 1), "ceil_mode": True}),
    (3, (2, 3, 3, 4), {"kernel_size": (1, 2, 2), "stride": 1}),
]
PARTS = [  # shape, output size
    ((2, 3, 12), (4,)),
    ((2, 3, 7), (3,)),
    ((2, 3, 3), (7,)),
    ((1, 2, 50), (3,)),
    ((3, 7), (1,)),
    ((2, 3, 6, 8), (3, 2)),
    ((2, 3, 7, 5), (3, None)),
    ((1, 2, 5, 7), (8, 3)),
    ((2, 3, 9, 10), (1, 1)),
    ((1, 2, 4, 5, 3), (2, 3, 3)),
    ((2, 2, 3, 2), (2, 2, 1)),
]


def geometry(rank, shape, options):
    return windows(shape, **options | {"kernel_size": each(options["kernel_size"], rank)})


@pytest.mark.parametrize(("rank", "shape", "options"), ROWS, ids=str)
def test_max_pool(rank, shape, options, device):
    op = getattr(F, f"max_pool{rank}d")
    axes = geometry(rank, shape, options)
    check_op(lambda x: op(x, **options), lambda x: pooled(x, axes, largest), [shape], device)
    x = distinct(shape, np.random.default_rng(1))
    _, where = op(gp.tensor(x, device=device), **options, return_indices=True)
    assert np.array_equal(where.cpu().numpy(), pooled(x, axes, place_of_largest))


@pytest.mark.parametrize("rank", [1, 3])
def test_max_pool_dilated(rank, device):
    options = {"kernel_size": 2, "dilation": 2, "padding": 1, "stride": 1}
    shape = (2, 2, 5, 4, 6)[: rank + 2]
    axes = geometry(rank, shape, options)
    op = getattr(F, f"max_pool{rank}d")
    check_op(lambda x: op(x, **options), lambda x: pooled(x, axes, largest), [shape], device)


@pytest.mark.parametrize(("rank", "shape", "options"), ROWS, ids=str)
@pytest.mark.parametrize("include", [True, False])
def test_avg_pool(rank, shape, options, include, device):
    op = getattr(F, f"avg_pool{rank}d")
    axes = geometry(rank, shape, options)
    reference = mean if include else mean_inside
    check_op(
        lambda x: op(x, **options, count_include_pad=include),
        lambda x: pooled(x, axes, reference),
        [shape],
        device,
    )


@pytest.mark.parametrize(("shape", "output_size"), PARTS, ids=str)
def test_adaptive_pool(shape, output_size, device):
    rank, axes = len(output_size), parts(shape, output_size)
    average, maximum = (getattr(F, f"adaptive_{kind}_pool{rank}d") for kind in ("avg", "max"))
    check_op(lambda x: average(x, output_size), lambda x: pooled(x, axes, mean), [shape], device)
    check_op(lambda x: maximum(x, output_size), lambda x: pooled(x, axes, largest), [shape], device)
    x = distinct(shape, np.random.default_rng(1))
    _, where = maximum(gp.tensor(x, device=device), output_size, return_indices=True)
    assert np.array_equal(where.cpu().numpy(), pooled(x, axes, place_of_largest))


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("output_size", [3, 2, 7])
def test_adaptive_pool_of_channels_last(kind, output_size, device):
    op = getattr(F, f"adaptive_{kind}_pool2d")
    axes = parts((2, 4, 6, 5), (output_size,) * 2)
    f = mean if kind == "avg" else largest

    def last(x):
        y = op(x.contiguous(memory_format=gp.channels_last), output_size)
        assert y.is_contiguous(memory_format=gp.channels_last)
        return y

    check_op(last, lambda x: pooled(x, axes, f), [(2, 4, 6, 5)], device)


@pytest.mark.parametrize("op", [F.max_pool3d, F.avg_pool3d])
def test_channels_last_3d(op, device):
    x = gp.tensor(distinct((2, 3, 4, 5, 6), np.random.default_rng(0)), device=device)
    last = x.contiguous(memory_format=gp.channels_last_3d).requires_grad_()
    y = op(last, 3, 2, 1)
    y.backward(gp.ones_like(y))
    assert y.is_contiguous(memory_format=gp.channels_last_3d)
    assert last.grad.is_contiguous(memory_format=gp.channels_last_3d)
    plain = x.detach().requires_grad_()
    z = op(plain, 3, 2, 1)
    z.backward(gp.ones_like(z))
    np.testing.assert_allclose(y.detach().cpu().numpy(), z.detach().cpu().numpy(), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(last.grad.cpu().numpy(), plain.grad.cpu().numpy(), rtol=1e-13, atol=1e-14)


def test_dtypes(device):
    axes = windows((2, 3, 11), (3,), (2,), (1,))
    check_dtypes(lambda x: F.max_pool1d(x, 3, 2, 1), lambda x: pooled(x, axes, largest), [(2, 3, 11)], device)
    check_dtypes(lambda x: F.avg_pool1d(x, 3, 2, 1), lambda x: pooled(x, axes, mean), [(2, 3, 11)], device)
    axes = parts((2, 3, 7, 5), (3, 2))
    check_dtypes(lambda x: F.adaptive_avg_pool2d(x, (3, 2)), lambda x: pooled(x, axes, mean), [(2, 3, 7, 5)], device)


PATHS = [  # shape, arguments: each way that a kernel takes
    ((3, 2, 8, 16), {"kernel_size": 2}),  # pairs of whole vectors
    ((3, 2, 7, 16), {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}),
    ((2, 2, 6, 6), {"kernel_size": 2}),  # pairs, for 16-byte vectors of some dtypes only
    ((2, 8, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 3, 17, 18), {"kernel_size": 9, "stride": 4, "padding": 3, "ceil_mode": True}),  # a warp for each window
    ((1, 2, 20, 3), {"kernel_size": (20, 3)}),
]


@pytest.mark.parametrize("layout", ["plain", "channels_last", "misaligned", "misaligned channels_last"])
@pytest.mark.parametrize(("shape", "options"), PATHS, ids=str)
def test_every_way_of_a_kernel_gives_the_same(shape, options, layout, device):
    """Values and gradients equal those of NumPy, in the layout of the input."""
    for name in ("float32", "float16", "bfloat16", "float64"):
        dtype = getattr(gp, name)
        x = distinct(shape, np.random.default_rng(0)).astype(dtype.numpy)
        for op in (F.max_pool2d, F.avg_pool2d):
            found, wanted = (results(op, options, x, layout, where) for where in (device, "cpu"))
            for mine, theirs in zip(found, wanted, strict=True):
                tolerance = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-6, "float64": 1e-13}[name]
                np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance, err_msg=name)


def results(op, options, x, layout, device):
    """The value and the gradient of the sum of squares, as float64 arrays."""
    is_last = layout.endswith("channels_last")
    memory = x.transpose(0, 2, 3, 1) if is_last else x
    offset = int(layout.startswith("misaligned"))
    t = gp.tensor(np.concatenate([x.reshape(-1)[:offset], memory.reshape(-1)]), device=device)[offset:]
    t = t.reshape(memory.shape).permute(0, 3, 1, 2) if is_last else t.reshape(x.shape)
    t = t.detach().requires_grad_()
    y = op(t, **options)
    y.backward(y.detach())
    return [a.detach().to(gp.float64).cpu().numpy() for a in (y, t.grad)]


def test_nan_wins_at_every_place_of_a_window(device):
    for place in range(9):
        x = np.zeros((1, 1, 3, 3))
        x.reshape(-1)[place] = np.nan
        y, where = F.adaptive_max_pool2d(gp.tensor(x, device=device), 1, return_indices=True)
        assert np.isnan(y.item())
        assert where.item() == place
        assert np.isnan(F.adaptive_avg_pool2d(gp.tensor(x, device=device), 1).item())


def test_a_sum_of_many_loses_no_digits(device):
    x = np.full((1, 1, 40000), 0.1, np.float32)
    y = F.avg_pool1d(gp.tensor(x, device=device), 40000)
    assert abs(y.item() - float(x[0, 0, 0])) < 1e-7
    last = gp.tensor(np.full((1, 4, 100, 100), 0.1, np.float32), device=device)
    y = F.adaptive_avg_pool2d(last.contiguous(memory_format=gp.channels_last), 1)
    assert np.abs(y.cpu().numpy() - x[0, 0, 0]).max() < 1e-7


ERRORS = [  # function, shape, arguments, class, words
    ("max_pool1d", (4,), {"kernel_size": 2}, RuntimeError, "Expected 2D or 3D"),
    ("max_pool3d", (1, 2, 4, 4, 4), {"kernel_size": (2, 2)}, RuntimeError, "list of 3 values"),
    (
        "avg_pool3d",
        (1, 2, 4, 4, 4),
        {"kernel_size": 2, "divisor_override": 0},
        RuntimeError,
        "divisor must be not zero",
    ),
    ("adaptive_avg_pool2d", (1, 2, 4, 4), {"output_size": (1, -1)}, RuntimeError, "greater than or equal to 0"),
    ("adaptive_avg_pool2d", (4, 4), {"output_size": 2}, RuntimeError, "Expected 3D or 4D tensor, but got (4, 4)"),
    ("adaptive_avg_pool2d", (2, 2), {"output_size": (2, 2, 2)}, ValueError, "Input dimension should be at least"),
    ("adaptive_max_pool2d", (1, 0, 4, 4), {"output_size": 2}, RuntimeError, "non-zero size"),
    ("adaptive_max_pool1d", (1, 2, 4), {"output_size": None}, TypeError, "output_size must be ints"),
    ("adaptive_max_pool3d", (1, 2, 4, 4, 4), {"output_size": ()}, RuntimeError, "output_size must be 3 numbers"),
]


@pytest.mark.parametrize(("name", "shape", "options", "kind", "words"), ERRORS)
def test_errors(name, shape, options, kind, words, device):
    with pytest.raises(kind) as caught:
        getattr(F, name)(gp.tensor(np.ones(shape), device=device), **options)
    assert str(caught.value).startswith(f"{name}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_adaptive_pooling_takes_floats_only(name):
    with pytest.raises(RuntimeError, match=r"not for gpunn\.int64"):
        getattr(F, name)(gp.ones(1, 1, 4, 4, dtype=gp.int64), 2)


def test_max_pool1d_takes_integers_with_indices_only():
    with pytest.raises(RuntimeError, match=r"max_pool1d: not for gpunn\.int32"):
        F.max_pool1d(gp.ones(1, 1, 4, dtype=gp.int32), 2)


def test_no_parts(device):
    x = gp.ones(2, 3, 4, 4, device=device, requires_grad=True)
    y = F.adaptive_avg_pool2d(x, (0, 2))
    assert y.shape == (2, 3, 0, 2)
    y.sum().backward()
    assert (x.grad.cpu().numpy() == 0).all()
