import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, UnsupportedError
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct

ROWS = [  # shape, arguments
    ((2, 3, 5), {"size": 8}),
    ((2, 3, 5, 4), {"scale_factor": 2}),
    ((1, 2, 7, 5), {"size": (3, 8)}),
    ((1, 2, 3, 2, 4), {"scale_factor": (2, 1.5, 0.5)}),
    ((1, 2, 7, 5), {"size": (3, 8), "mode": "nearest-exact"}),
    ((2, 3, 5), {"size": 8, "mode": "linear"}),
    ((2, 3, 5), {"size": 1, "mode": "linear", "align_corners": True}),
    ((1, 2, 5, 4), {"scale_factor": 2, "mode": "bilinear"}),
    ((1, 2, 5, 4), {"size": (3, 9), "mode": "bilinear", "align_corners": True}),
    ((1, 2, 5, 4), {"scale_factor": 1.7, "mode": "bilinear"}),
    ((1, 2, 5, 4), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
    ((1, 2, 5, 4), {"size": (5, 4), "mode": "bilinear"}),
    ((0, 2, 5, 4), {"size": (3, 4), "mode": "bilinear"}),
    ((1, 2, 5, 4), {"size": (7, 3), "mode": "bicubic"}),
    ((1, 2, 5, 1), {"size": (4, 3), "mode": "bicubic", "align_corners": True}),
    ((1, 1, 3, 2, 4), {"size": (5, 3, 3), "mode": "trilinear"}),
]


def cubic(t):
    """Keys' kernel with a = -3/4."""
    t = abs(t)
    return 1.25 * t**3 - 2.25 * t**2 + 1 if t <= 1 else -0.75 * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def matrix(size, out, mode, align, factor):
    """The weights (out, size), one place after the other."""
    weights = np.zeros((out, size))
    step = (size - 1) / (out - 1) if align and out > 1 else 0.0 if align else 1 / factor if factor else size / out
    for o in range(out):
        if "nearest" in mode:
            weights[o, min(int((o + (0.5 if "exact" in mode else 0)) * step), size - 1)] = 1
            continue
        at = o * step if align else (o + 0.5) * step - 0.5
        if "linear" in mode:
            at = max(at, 0)
        base = int(np.floor(at))
        for near in range(base - 1, base + 3):
            weight = cubic(at - near) if "cubic" in mode else max(0, 1 - abs(at - near))
            weights[o, min(max(near, 0), size - 1)] += weight
    return weights


def reference(x, size=None, scale_factor=None, mode="nearest", align_corners=False, recompute_scale_factor=False):
    rank = x.ndim - 2
    per_axis = [v if isinstance(v, tuple) else (v,) * rank for v in (size, scale_factor)]
    for axis in range(rank):
        factor = per_axis[1][axis]
        n = x.shape[axis + 2]
        out = per_axis[0][axis] if factor is None else int(n * factor)
        weights = matrix(n, out, mode, align_corners, None if recompute_scale_factor else factor)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis + 2)), 0, axis + 2)
    return x


@pytest.mark.parametrize(("shape", "arguments"), ROWS, ids=str)
def test_interpolate(shape, arguments, device):
    check_op(lambda x: F.interpolate(x, **arguments), lambda x: reference(x, **arguments), [shape], device)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_types_and_layouts(mode, device):
    check_dtypes(
        lambda x: F.interpolate(x, (4, 9), mode=mode), lambda x: reference(x, (4, 9), mode=mode), [(2, 3, 5, 4)], device
    )
    x = distinct((2, 8, 5, 3), np.random.default_rng(0)).astype(np.float32)
    weight = gp.tensor(distinct((2, 8, 4, 6), np.random.default_rng(1)).astype(np.float32), device=device)
    results = []
    for make in (
        lambda t: t,
        lambda t: t.contiguous(memory_format=gp.channels_last),
        lambda t: gp.cat((gp.zeros(1, device=device), t.reshape(-1)))[1:].reshape(t.shape),
    ):
        t = make(gp.tensor(x, device=device)).detach().requires_grad_()
        y = F.interpolate(t, (4, 6), mode=mode)
        is_last = t.is_contiguous(memory_format=gp.channels_last)
        assert y.is_contiguous(memory_format=gp.channels_last) == is_last
        (y * weight).sum().backward()
        results.append((y.numpy(force=True), backend.asnumpy(t.grad.array)))
    for found in results[1:]:
        for a, b in zip(found, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


def test_area_is_adaptive_pooling(device):
    x = gp.rand(2, 3, 5, 7, device=device)
    assert F.interpolate(x, (2, 3), mode="area").tolist() == F.adaptive_avg_pool2d(x, (2, 3)).tolist()
    assert F.interpolate(x, scale_factor=0.5, mode="area").shape == (2, 3, 2, 3)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialias(mode, device):
    """A constant stays one; every element counts; a shrink by 2 has the weights of the stretched filter."""
    ones = F.interpolate(gp.ones(1, 1, 7, 9, device=device), (3, 4), mode=mode, antialias=True)
    np.testing.assert_allclose(ones.numpy(force=True), np.ones((1, 1, 3, 4)), rtol=1e-6)
    x = gp.rand(1, 2, 8, 8, device=device, requires_grad=True)
    F.interpolate(x, 4, mode=mode, antialias=True).sum().backward()
    assert backend.asnumpy(x.grad.array).min() > 0.1
    check_op(
        lambda x: F.interpolate(x, (2, 8), mode=mode, antialias=True),
        lambda x: stretched(stretched(x, 2, 2, mode), 3, 8, mode),
        [(1, 1, 4, 5)],
        device,
    )


def stretched(x, axis, out, mode):
    size = x.shape[axis]
    step = size / out
    stretch = max(step, 1)

    def weight(t):
        t = abs(t)
        if mode == "bilinear":
            return max(0, 1 - t)
        return 1.5 * t**3 - 2.5 * t**2 + 1 if t <= 1 else -0.5 * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0

    weights = np.array([[weight(((o + 0.5) * step - i - 0.5) / stretch) for i in range(size)] for o in range(out)])
    return np.moveaxis(np.tensordot(weights / weights.sum(1, keepdims=True), x, (1, axis)), 0, axis)


def test_bytes(device):
    """Rounded to the nearest, halves up, after each axis."""
    x = gp.tensor([[[[0, 255], [7, 8]]]], dtype=gp.uint8, device=device)
    assert F.interpolate(x, (1, 2), mode="bilinear").tolist() == [[[[4, 132]]]]
    assert F.interpolate(x, 1, mode="bilinear").tolist() == [[[[68]]]]
    assert F.interpolate(x, scale_factor=2).tolist() == x.repeat_interleave(2, 2).repeat_interleave(2, 3).tolist()
    sharp = F.interpolate(x, 6, mode="bicubic").numpy(force=True)
    assert sharp.dtype == np.uint8 and sharp.min() == 0 and sharp.max() == 255


def test_infinities_and_nan_stay_local(device):
    x = gp.tensor([[[1.0, float("inf"), 2.0, float("nan"), 3.0, 4.0, 5.0]]], device=device, requires_grad=True)
    y = F.interpolate(x, 14, mode="linear")
    found = y.numpy(force=True)[0, 0]
    assert np.isfinite(found[9:]).all() and np.isinf(found[[1, 2, 3, 4]]).all()
    g = gp.ones(1, 1, 14, device=device)
    g[0, 0, 0] = float("inf")
    y.backward(g)
    assert np.isfinite(backend.asnumpy(x.grad.array)[0, 0, 2:]).all()


@pytest.mark.parametrize(
    ("shape", "arguments", "error", "text"),
    [
        ((1, 1, 3), {}, ArgumentError, "either size or scale_factor"),
        ((1, 1, 3), {"size": 2, "scale_factor": 2}, ArgumentError, "only one of size or scale_factor"),
        ((1, 1, 3), {"size": (2, 2)}, ShapeError, "same number of spatial dimensions"),
        ((1, 1, 3), {"size": 2.5}, ArgumentTypeError, "size must be a number"),
        ((1, 1, 3), {"size": 2, "align_corners": True}, ArgumentError, "align_corners option"),
        ((1, 1, 3), {"size": 2, "mode": "bilinear"}, UnsupportedError, "Got 3D input, but bilinear mode needs 4D"),
        ((1, 1, 3), {"size": 2, "mode": "cubic"}, UnsupportedError, "Only 3D, 4D and 5D"),
        ((1, 3), {"scale_factor": 2}, UnsupportedError, "Only 3D, 4D and 5D"),
        ((1, 1, 3), {"size": 0}, ShapeError, "greater than 0"),
        ((1, 1, 3), {"size": 2, "recompute_scale_factor": True}, ArgumentError, "not meaningful"),
        ((1, 1, 3, 3), {"size": 2, "antialias": True}, ArgumentError, "Anti-alias"),
        ((1, 1, 3), {"scale_factor": float("nan")}, ArgumentError, "must be finite"),
    ],
)
def test_errors(shape, arguments, error, text):
    with pytest.raises(error, match=text):
        F.interpolate(gp.zeros(shape), **arguments)


def test_integers_are_refused():
    with pytest.raises(DtypeError, match=r"not for gpunn\.int64"):
        F.interpolate(gp.zeros(1, 1, 3, dtype=gp.int64), 2)
