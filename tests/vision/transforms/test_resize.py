import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.vision.transforms import InterpolationMode
from gpunn.vision.transforms import functional as T
from tests.harness import check_op
from tests.vision.transforms.test_geometry import TYPES, host, pictures

MODES = ("nearest", "nearest-exact", "bilinear", "bicubic")


def test_resize(device):
    _, t = pictures(device=device)
    assert T.resize(t, (3, 4), "nearest").tolist() == F.interpolate(t, (3, 4)).tolist()
    assert T.resize(t[0], 10).shape == (3, 10, 12)
    assert T.resize(t, 10, max_size=11).shape == (3, 3, 9, 11)
    wanted = F.interpolate(t, (3, 3), mode="bilinear", antialias=True)
    assert T.resize(t, (3, 3)).tolist() == wanted.tolist()
    assert T.resize(t, (5, 6)) is t


@pytest.mark.parametrize("size", [(7, 9), (40, 31), (13, 60)])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_are_pillows(mode, size, device):
    """Antialiased, rows first; weights of 15 bits, as PyTorch's, may move a few pixels by one step."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    x = np.random.default_rng(0).integers(0, 256, (23, 37, 3), np.uint8)
    filter = image.Resampling[mode.upper()]
    wanted = np.asarray(image.fromarray(x).resize((size[1], 23), filter).resize(size[::-1], filter)).astype(int)
    y = host(T.resize(gp.tensor(x.transpose(2, 0, 1).copy(), device=device), size, InterpolationMode(mode)))
    difference = np.abs(y.transpose(1, 2, 0) - wanted)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01


def weights(size, out, reach):
    """(out, size): the triangle of antialiased bilinear interpolation, in float64."""
    scale = size / out
    stretch = max(scale, 1.0)
    center = (np.arange(out)[:, None] + 0.5) * scale
    share = np.maximum(1 - np.abs((np.arange(size) + 0.5 - center) / (reach * stretch)), 0)
    return share / share.sum(1, keepdims=True)


def test_the_triangle(device):
    x, t = pictures((2, 3, 12, 10), "float32", device)
    wanted = np.einsum("ih,jw,nchw->ncij", weights(12, 5, 1), weights(10, 7, 1), x.astype(np.float64))
    np.testing.assert_allclose(host(T.resize(t, (5, 7))), wanted, atol=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("mode", MODES)
def test_parts_of_many_shapes(mode, dtype, device):
    """As if each image were cut out and resized by itself; rounding to half precision may differ by a step."""
    _, t = pictures((4, 3, 9, 11), dtype, device)
    boxes = np.array([[0, 1, 5, 9], [3, 0, 6, 11], [8, 10, 1, 1], [0, 0, 9, 4]])
    y = T.resized_crop(t, *boxes.T, (4, 6), mode)
    each = [T.resize(T.crop(t[n], *boxes[n].tolist()), (4, 6), mode) for n in range(4)]
    limit = {"uint8": 0, "float64": 1e-15, "float32": 2e-7, "float16": 1e-3, "bfloat16": 8e-3}[dtype]
    assert y.dtype is t.dtype
    np.testing.assert_allclose(host(y), np.stack([host(one) for one in each]), rtol=limit, atol=limit)


def test_gradients(device):
    check_op(
        lambda x: T.resize(x, (3, 4)),
        lambda x: np.einsum("ih,jw,chw->cij", weights(5, 3, 1), weights(6, 4, 1), x),
        [(2, 5, 6)],
        device,
    )
    boxes = [[0, 1], [1, 0], [3, 4], [4, 2]]

    def parts(x):
        one, two = x[0, :, :3, 1:5], x[1, :, 1:5, :2]
        first = np.einsum("ih,jw,chw->cij", weights(3, 2, 1), weights(4, 3, 1), one)
        return np.stack([first, np.einsum("ih,jw,chw->cij", weights(4, 2, 1), weights(2, 3, 1), two)])

    check_op(lambda x: T.resized_crop(x, *boxes, (2, 3)), parts, [(2, 2, 5, 6)], device)


def test_masks(device):
    x, t = pictures((2, 1, 4, 6), device=device)
    for name in ("int16", "int64"):
        large = t.to(getattr(gp, name)) * 100
        found = T.resize(large, (2, 3), InterpolationMode.NEAREST)
        assert found.dtype is large.dtype and found.tolist() == (x[..., ::2, ::2].astype(int) * 100).tolist()
        found = T.resize(large, (2, 3), antialias=False)
        means = x.reshape(2, 1, 2, 2, 3, 2).mean((3, 5)) * 100
        assert found.dtype is large.dtype and np.abs(found.numpy(force=True) - means).max() <= 0.5
    assert (
        T.resize((t > 127)[0, 0], (8, 12), InterpolationMode.NEAREST).tolist()
        == np.kron(x[0, 0] > 127, np.ones((2, 2), bool)).tolist()
    )
    boxes = ([0, 1], [0, 1], [4, 2], [6, 3], (2, 3), InterpolationMode.NEAREST)
    assert T.resized_crop(t.to(gp.int32), *boxes).tolist() == T.resized_crop(t, *boxes).tolist()


def test_without_antialias(device):
    _, t = pictures((2, 3, 9, 11), device=device)
    y = host(T.resized_crop(t, [0, 1], 0, [9, 8], 11, (4, 5), antialias=False))
    wanted = host(F.interpolate(t[:1], (4, 5), mode="bilinear"))
    np.testing.assert_array_equal(y[:1], wanted)
    assert (wanted != host(F.interpolate(t[:1], (4, 5), mode="bilinear", antialias=True))).any()


def test_one_box_for_all(device):
    x, t = pictures((2, 3, 6, 6), device=device)
    np.testing.assert_array_equal(host(T.resized_crop(t, 1, 2, 3, 4, (3, 4))), x[:, :, 1:4, 2:6])
    assert T.resized_crop(t[:0], 1, 2, 3, 4, (5, 4)).shape == (0, 3, 5, 4)


def test_errors():
    _, t = pictures((2, 3, 6, 6))
    with pytest.raises(ArgumentError, match="inside of 6 x 6"):
        T.resized_crop(t, [0, 4], 0, 3, 3, (2, 2))
    with pytest.raises(ArgumentError, match=r"must be \(height, width\)"):
        T.resized_crop(t, [0, 1], 0, 3, 3, 2)
    with pytest.raises(ArgumentError, match="for tensors, got 'lanczos'"):
        T.resize(t, 3, InterpolationMode.LANCZOS)
