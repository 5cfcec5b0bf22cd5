import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn import functional as F
from gpunn.vision.transforms import functional as T
from tests.harness import check_op
from tests.vision.transforms.test_geometry import TYPES, host, pictures


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_quarter_turns_are_exact(turns, interpolation, device):
    x, t = pictures((2, 3, 5, 5), device=device)
    y = host(T.rotate(t, 90.0 * turns, interpolation))
    np.testing.assert_allclose(y, np.rot90(x, turns, (2, 3)), atol=0 if interpolation == "nearest" else 1)


def test_affine_moves_and_scales(device):
    x, t = pictures(device=device)
    moved = host(T.affine(t, 0, ([0, 2, -1], 1), 1.0, 0, fill=(1, 2, 3)))
    wanted = np.empty(x.shape)
    wanted[:] = np.array([1, 2, 3])[:, None, None]
    wanted[0, :, 1:] = x[0, :, :-1]
    wanted[1, :, 1:, 2:] = x[1, :, :-1, :-2]
    wanted[2, :, 1:, :-1] = x[2, :, :-1, 1:]
    np.testing.assert_array_equal(moved, wanted)
    ramp = gp.arange(9.0, device=device).expand(1, 1, 9, 9).contiguous()
    twice = host(T.affine(ramp, 0, (0, 0), 2.0, 0, "bilinear"))
    np.testing.assert_allclose(twice[0, 0, 4], np.linspace(2, 6, 9), rtol=1e-6)
    sheared = host(T.affine(ramp, 0, (0, 0), 1.0, (45.0, 0), "bilinear"))
    np.testing.assert_allclose(sheared[0, 0, 3:6, 4], [3, 4, 5], rtol=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_affine_is_grid_sample(dtype, device):
    """In any direction, for each image its own, inside of the image."""
    x, t = pictures((3, 2, 7, 6), dtype, device)
    angles, scales = np.array([10.0, -33, 140]), np.array([1.0, 0.7, 1.6])
    y = host(T.affine(t, angles, (1.5, -0.5), scales, 0, "bilinear"))
    theta = np.zeros((3, 2, 3))
    for n, (angle, scale) in enumerate(zip(np.radians(angles), scales, strict=True)):
        inverse = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
        size = np.array([6, 7])
        theta[n, :, :2] = inverse * size[None] / size[:, None]
        theta[n, :, 2] = (inverse @ [-1.5, 0.5]) * 2 / size
    grid = F.affine_grid(gp.tensor(theta), x.shape, False)
    wanted = F.grid_sample(gp.tensor(x.astype(np.float64)), grid, align_corners=False).numpy()
    limit = {"uint8": 0.51, "float32": 1e-5, "float16": 1e-3, "bfloat16": 8e-3, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(y, wanted, atol=limit)


def test_the_edge_as_in_torchvision(device):
    """Moved by a quarter of a pixel, 3/4 of the first is inside: with a fill that share counts twice."""
    x = gp.tensor([[[8.0, 16.0]]], dtype=gp.float64, device=device)
    moved = (0.25, 0)
    assert T.affine(x, 0, moved, 1.0, 0, "bilinear").tolist() == [[[6, 14]]]
    assert T.affine(x, 0, moved, 1.0, 0, "bilinear", fill=100).tolist() == [[[6 * 0.75 + 25, 14]]]
    assert T.affine(x, 0, moved, 1.0, 0, "bilinear", fill=0).tolist() == [[[6 * 0.75, 14]]]
    assert T.affine(x, 0, (1, 0), 1.0, 0, "nearest", fill=100).tolist() == [[[100, 8]]]


def test_expand(device):
    """The whole image is to be seen: turned by a quarter it is as wide as it was high.

    Sizes are counted from a corner of the image that is turned, so 4 by 7, whose corners end up between pixels, needs
    one more; torchvision gives the same.
    """
    x, t = pictures((2, 3, 4, 6), device=device)
    np.testing.assert_array_equal(host(T.rotate(t, 90, expand=True)), np.rot90(x, 1, (2, 3)))
    assert T.rotate(t, 45, expand=True).shape == (2, 3, 8, 8)  # (4 + 6) / √2 = 7.07
    assert T.rotate(t, [90, 270], expand=True).shape == (2, 3, 6, 4)
    assert T.rotate(pictures((1, 3, 4, 7), device=device)[1], 90, expand=True).shape == (1, 3, 8, 5)
    with pytest.raises(ArgumentError, match="different sizes"):
        T.rotate(t, [90, 45], expand=True)


def test_a_quarter_turn_about_a_corner(device):
    x, t = pictures((1, 1, 4, 4), device=device)
    y = host(T.rotate(t, 90, center=(4, 0)))
    np.testing.assert_array_equal(y, np.zeros_like(y))
    y = host(T.affine(t, 180, (0, 0), 1.0, 0, center=(3, 2)))
    wanted = np.zeros_like(y)
    wanted[..., 2:] = x[..., ::-1, ::-1][..., :2]
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("fill", [None, 0.25])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_gradients_of_affine(interpolation, fill, device):
    """Linear in the image: the response to each pixel is the reference."""

    def moved(x, where=device):
        return T.affine(x.to(where), [20.0, -50], (0.5, [1, 0]), [0.8, 1.3], 5, interpolation, fill)

    units = gp.tensor(np.eye(20).reshape(20, 1, 1, 4, 5))
    base = moved(gp.zeros(2, 1, 4, 5, dtype=gp.float64), "cpu")
    matrix = np.stack([(moved(unit.expand(2, 1, 4, 5), "cpu") - base).numpy() for unit in units])

    def reference(x):
        return base.numpy() + np.einsum("np,pncij->ncij", x.reshape(2, 20), matrix)

    check_op(moved, reference, [(2, 1, 4, 5)], device)
    check_op(
        lambda x: T.rotate(x, 90, interpolation, expand=True), lambda x: np.rot90(x, 1, (1, 2)), [(2, 4, 6)], device
    )


def test_masks(device):
    x, t = pictures((5, 6), device=device)
    for dtype in (gp.int64, gp.int16):
        labels = t.to(dtype)
        for interpolation, steps in (("nearest", 0), ("bilinear", 1)):  # halves are rounded to even, those of bytes up
            found, wanted = (T.rotate(seen, 90, interpolation, True, fill=9) for seen in (labels, t[None, None]))
            assert found.dtype is dtype and np.abs(host(found) - host(wanted[0, 0])).max() <= steps
    found = T.affine(t[None] > 127, 0, [1, 0], 1.0, 0.0)
    assert found.dtype is gp.bool and found[0, :, 1:].tolist() == (x[:, :-1] > 127).tolist()


def test_nothing(device):
    assert T.rotate(gp.zeros(0, 3, 4, 5, device=device), 30).shape == (0, 3, 4, 5)
    assert T.rotate(gp.zeros(0, 3, 4, 6, device=device), 90, expand=True).shape == (0, 3, 4, 6)
    assert T.affine(gp.zeros(1, 1, 0, 3, device=device), 9, (0, 0), 1, 0, fill=2).shape == (1, 1, 0, 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda t: T.rotate(t, 3, "cubic"), ArgumentError, "interpolation must be"),
        (lambda t: T.affine(t, 3, (0, 0), 0.0, 0), ArgumentError, "scale must be positive"),
        (lambda t: T.rotate(t, float("nan")), ArgumentError, "must be finite, got"),
        (lambda t: T.affine(t, 0, (float("inf"), 0), 1.0, 0), ArgumentError, "must be finite, got"),
        (lambda t: T.rotate(t, None), ArgumentTypeError, "angle must be a number or one for each image, got None"),
        (lambda t: T.rotate(t, 3, fill=(1, 2)), ArgumentError, "each of 3 channels"),
        (lambda t: T.rotate(t, 3, "bicubic"), ArgumentError, "nearest, bilinear for tensors"),
        (lambda t: T.affine(t, 3, 1, 1.0, 0), ArgumentTypeError, r"translate must be \(right, down\)"),
        (lambda t: T.affine(t, 3, (0, 0), 1.0, (1, 2, 3)), ArgumentError, "shear must be"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(pictures()[1])
