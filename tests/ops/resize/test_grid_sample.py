import itertools

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct

MODES = ("bilinear", "nearest", "bicubic")
OUTSIDE = ("zeros", "border", "reflection")


def cubic(t):
    t = abs(t)
    return 1.25 * t**3 - 2.25 * t**2 + 1 if t <= 1 else -0.75 * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def mirrored(at, low, high):
    while low < high and not low <= at <= high:
        at = 2 * low - at if at < low else 2 * high - at
    return at if low < high else 0.0


def inside(at, size, outside, corners):
    if outside == "reflection":
        at = mirrored(at, 0, size - 1) if corners else mirrored(at, -0.5, size - 0.5)
    return at if outside == "zeros" else min(max(at, 0), size - 1)


def taps(point, size, mode, outside, corners):
    """The elements along an axis that a point sees, and their weights."""
    at = (point + 1) / 2 * (size - 1) if corners else ((point + 1) * size - 1) / 2
    if mode == "bicubic":
        near = [(k, cubic(at - k)) for k in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3)]
        near = [(int(inside(k, size, outside, corners)), w) for k, w in near]
    else:
        at = inside(at, size, outside, corners)
        base = int(np.floor(at))
        near = [(base, 1 - (at - base)), (base + 1, at - base)] if mode == "bilinear" else [(int(np.rint(at)), 1.0)]
    return [(k, w) for k, w in near if 0 <= k < size]


def reference(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """One point after the other."""
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for n, *place in itertools.product(*map(range, grid.shape[:-1])):
        axes = zip(grid[(n, *place)][::-1], x.shape[2:], strict=True)
        near = [taps(p, size, mode, padding_mode, align_corners) for p, size in axes]
        for chosen in itertools.product(*near):
            index, weight = [k for k, _ in chosen], np.prod([w for _, w in chosen])
            y[(n, slice(None), *place)] += weight * x[(n, slice(None), *index)]
    return y


def points(shape, seed=0):
    """Coordinates inside and outside, none close to a kink."""
    return distinct(shape, np.random.default_rng(seed)) * 1.61


ROWS = [
    *[((2, 3, 4, 5), (2, 3, 2, 2), (mode, outside, c)) for mode in MODES for outside in OUTSIDE for c in (False, True)],
    *[((1, 2, 3, 2, 4), (1, 2, 3, 2, 3), (mode, out, True)) for mode in MODES[:2] for out in OUTSIDE],
    ((1, 11, 1, 3), (1, 2, 2, 2), ("bilinear", "reflection", True)),  # no width: mirrors in one place
    ((1, 0, 2, 3), (1, 2, 2, 2), ("bilinear", "zeros", False)),
    ((2, 1, 2, 3), (2, 0, 2, 2), ("bicubic", "zeros", False)),
]


@pytest.mark.parametrize(("shape", "grid", "arguments"), ROWS, ids=str)
def test_grid_sample(shape, grid, arguments, device):
    check_op(
        lambda x, g: F.grid_sample(x, g, *arguments),
        lambda x, g: reference(x, g, *arguments),
        [shape, points(grid)],
        device,
        gradient_rtol=2e-5,
    )


def test_types(device):
    for mode in MODES:
        grid = (np.arange(24).reshape(1, 3, 4, 2) - 11.5) / 8  # exact in half types
        check_dtypes(
            lambda x, g, m=mode: F.grid_sample(x, g, m, align_corners=False),
            lambda x, g, m=mode: reference(x, g, m),
            [(1, 3, 4, 5), grid],
            device,
            factor=2.0,
        )


@pytest.mark.parametrize("mode", MODES)
def test_layouts(mode, device):
    x, results = distinct((2, 11, 3, 4), np.random.default_rng(0)).astype(np.float32), []
    grid = points((2, 5, 3, 2)).astype(np.float32)
    weight = gp.tensor(distinct((2, 11, 5, 3), np.random.default_rng(1)).astype(np.float32), device=device)
    for make in (lambda t: t, lambda t: t.contiguous(memory_format=gp.channels_last)):
        t = make(gp.tensor(x, device=device)).detach().requires_grad_()
        g = gp.tensor(grid, device=device, requires_grad=True)
        y = F.grid_sample(t, g, mode, align_corners=False)
        is_last = t.is_contiguous(memory_format=gp.channels_last)
        assert y.is_contiguous(memory_format=gp.channels_last) == is_last
        (y * weight).sum().backward()
        results.append([y.numpy(force=True), *[backend.asnumpy(a.grad.array) for a in (t, g)]])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_many_points_in_one_place(device):
    """The sum of 5,000 gradients for one element loses no digits."""
    x = gp.zeros(1, 1, 2, 2, device=device, requires_grad=True)
    grid = gp.full((1, 5000, 1, 2), -3.0, device=device)
    F.grid_sample(x, grid, padding_mode="border", align_corners=False).backward(
        gp.full((1, 1, 5000, 1), 0.1, device=device)
    )
    np.testing.assert_allclose(backend.asnumpy(x.grad.array).reshape(-1), [500, 0, 0, 0], rtol=1e-6)


def test_far_and_not_a_number(device):
    """Points far away see nothing, or the border; nothing is read out of bounds."""
    x = gp.arange(1.0, 5.0, device=device).reshape(1, 1, 2, 2).requires_grad_()
    far = np.array([[[[np.nan, 0], [np.inf, 0], [-np.inf, 3], [1e20, 0], [-1e30, -1e30]]]], np.float32)
    grid = gp.tensor(far, device=device, requires_grad=True)
    for mode in MODES:
        for outside in OUTSIDE:
            y = F.grid_sample(x, grid, mode, outside, align_corners=False)
            y.sum().backward()
            last = y.numpy(force=True).reshape(-1)[3:]
            if outside == "zeros" or (outside == "border" and mode != "bicubic"):
                np.testing.assert_allclose(last, [0, 0] if outside == "zeros" else [3 if mode == "bilinear" else 2, 1])


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("mode", MODES)
def test_points_that_are_nan_as_in_pytorch(mode, outside, device):
    """The numbers are those of PyTorch 2.13 on a CPU."""
    x = gp.arange(1.0, 17.0, device=device).reshape(1, 1, 4, 4).requires_grad_()
    grid = gp.tensor([[[[np.nan, 0.1], [0.1, np.nan], [np.inf, 0.1]]]], device=device, requires_grad=True)
    y = F.grid_sample(x, grid, mode, outside, align_corners=False)
    y.sum().backward()
    found, slopes = y.numpy(force=True).reshape(-1), backend.asnumpy(grid.grad.array).reshape(-1)
    first = {"nearest": 9.0, "bilinear": 7.8}  # of the row that the point lies in
    if mode == "bicubic":
        assert np.isnan(found).all() and np.isnan(slopes).all()
    elif outside != "zeros":
        np.testing.assert_allclose(found[0], first[mode], rtol=1e-6)
    elif mode == "bilinear":
        assert np.isnan(found).all()
        np.testing.assert_array_equal(slopes, [0, np.nan, np.nan, 0, 0, np.nan])
    else:
        assert not found.any() and not slopes.any()
    if outside == "zeros":
        assert not backend.asnumpy(x.grad.array).any()


def test_of_a_volume_they_see_nothing(device):
    x = gp.arange(1.0, 9.0, device=device).reshape(1, 1, 2, 2, 2).requires_grad_()
    grid = gp.tensor([[[[[np.nan, 0.25, 0.0], [np.inf, 0.25, 0.0]]]]], device=device, requires_grad=True)
    for create in (False, True):
        y = F.grid_sample(x, grid, align_corners=False)
        found = gp.autograd.grad(y.sum(), (x, grid), create_graph=create)
        assert not any(backend.asnumpy(t.detach().array).any() for t in (y, *found))


@pytest.mark.parametrize(
    ("x", "grid", "arguments", "error", "text"),
    [
        ((1, 1, 2, 2), (1, 2, 2, 3), {}, ShapeError, "size 2 in last dimension"),
        ((2, 1, 2, 2), (1, 2, 2, 2), {}, ShapeError, "same batch size"),
        ((1, 1, 2), (1, 2, 1), {}, ShapeError, "4D or 5D"),
        ((1, 1, 0, 2), (1, 2, 2, 2), {}, ShapeError, "non-empty"),
        ((1, 1, 2, 2, 2), (1, 2, 2, 2, 3), {"mode": "bicubic"}, ShapeError, "only supports 4D"),
        ((1, 1, 2, 2), (1, 2, 2, 2), {"mode": "cubic"}, ArgumentError, "expected mode"),
        ((1, 1, 2, 2), (1, 2, 2, 2), {"padding_mode": "wrap"}, ArgumentError, "expected padding_mode"),
    ],
)
def test_errors(x, grid, arguments, error, text):
    with pytest.raises(error, match=text):
        F.grid_sample(gp.zeros(x), gp.zeros(grid), align_corners=False, **arguments)


def test_wrong_types():
    with pytest.raises(DtypeError, match="same dtype"):
        F.grid_sample(gp.zeros(1, 1, 2, 2), gp.zeros(1, 2, 2, 2, dtype=gp.float64), align_corners=False)
    with pytest.raises(ArgumentTypeError, match="grid must be a Tensor"):
        F.grid_sample(gp.zeros(1, 1, 2, 2), [0.0], align_corners=False)
    with pytest.warns(UserWarning, match="align_corners is False"):
        F.grid_sample(gp.zeros(1, 1, 2, 2), gp.zeros(1, 2, 2, 2))
