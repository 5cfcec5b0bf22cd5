import colorsys

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ShapeError
from gpunn.vision.transforms import functional as T
from tests.harness import check_op
from tests.vision.transforms.test_geometry import TYPES, host, pictures

LIMIT = {"uint8": 1.01, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1.6e-2, "float64": 1e-12}
GRAY = np.array([0.2989, 0.587, 0.114])[:, None, None]


def blended(x, factors, other, most):
    return (factors[:, None, None, None] * x + (1 - factors[:, None, None, None]) * other).clip(0, most)


@pytest.mark.parametrize("dtype", TYPES)
def test_blends(dtype, device):
    x, t = pictures(dtype=dtype, device=device)
    x, factors, most = x.astype(np.float64), np.array([0.0, 0.6, 1.7]), 255 if dtype == "uint8" else 1
    gray = (x * GRAY).sum(1, keepdims=True)
    gray = np.floor(gray) if dtype == "uint8" else gray
    for op, other in (
        (T.adjust_brightness, 0.0),
        (T.adjust_contrast, gray.mean((2, 3), keepdims=True)),
        (T.adjust_saturation, gray),
    ):
        y = op(t, factors)
        assert y.dtype is t.dtype
        np.testing.assert_allclose(host(y), blended(x, factors, other, most), atol=LIMIT[dtype])


def test_bytes_are_torchvisions(device):
    """The factors 1.7 and -0.7 are rounded to float32, not -0.7 as a difference of the first from 1."""
    x, t = pictures((2, 3, 40, 40), device=device)
    red, green, blue = (
        np.float32(share) * x[:, c].astype(np.float32) for c, share in enumerate((0.2989, 0.587, 0.114))
    )
    gray = np.floor(red + green + blue)[:, None]
    wanted = (np.float32(1.7) * x.astype(np.float32) + np.float32(1 - 1.7) * gray).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(T.adjust_saturation(t, 1.7).numpy(force=True), wanted)


def test_bytes_are_the_same_everywhere(device):
    """To the last bit: the arithmetic is rounded step by step."""
    _, t = pictures((2, 3, 9, 7), device="cpu")
    for op, parameter in (
        (T.adjust_brightness, [0.31, 1.9]),
        (T.adjust_contrast, [0.31, 1.9]),
        (T.adjust_saturation, [0.31, 1.9]),
        (T.adjust_hue, [-0.21, 0.43]),
        (lambda x, p: T.gaussian_blur(x, (3, 5), gp.tensor(p)), [0.5, 1.3]),
        (lambda x, p: T.rotate(x, p, "bilinear"), [20.0, -75]),
    ):
        np.testing.assert_array_equal(host(op(t.to(device), parameter)), host(op(t, parameter)))


@pytest.mark.parametrize("dtype", TYPES)
def test_hue(dtype, device):
    x, t = pictures((2, 3, 4, 3), dtype, device)
    most = 255 if dtype == "uint8" else 1
    y, shifts, wanted = host(T.adjust_hue(t, [0.3, -0.45])), (0.3, -0.45), np.zeros(x.shape)
    for n, i, j in np.ndindex(2, 4, 3):
        h, s, v = colorsys.rgb_to_hsv(*(x[n, :, i, j].astype(np.float64) / most))
        wanted[n, :, i, j] = np.array(colorsys.hsv_to_rgb((h + shifts[n]) % 1, s, v)) * most
    np.testing.assert_allclose(y, wanted, atol=LIMIT[dtype])


def test_gray_images(device):
    x, t = pictures((2, 1, 4, 3), device=device)
    assert T.adjust_hue(t, 0.2).tolist() == T.adjust_saturation(t, 0.2).tolist() == t.tolist()
    y = host(T.adjust_contrast(t[0], 0.0))
    np.testing.assert_allclose(y, np.full((1, 4, 3), np.floor(x[0].mean())))


def test_one_changes_nothing(device):
    _, t = pictures(device=device)
    for op in (T.adjust_brightness, T.adjust_contrast, T.adjust_saturation):
        assert op(t, 1.0).tolist() == t.tolist()
    assert T.adjust_hue(t, 0.0).shape == t.shape


@pytest.mark.parametrize("dtype", TYPES)
def test_grayscale(dtype, device):
    x, t = pictures(dtype=dtype, device=device)
    y = T.rgb_to_grayscale(t)
    assert y.shape == (3, 1, 5, 6) and y.dtype is t.dtype
    np.testing.assert_allclose(host(y), (x.astype(np.float64) * GRAY).sum(1, keepdims=True), atol=LIMIT[dtype])
    assert T.rgb_to_grayscale(t[0], 3).tolist() == [y[0, 0].tolist()] * 3
    assert T.rgb_to_grayscale(t[:, :1], 3).shape == t.shape
    with pytest.raises(ArgumentError, match="either 1 or 3"):
        T.rgb_to_grayscale(t, 2)
    with pytest.raises(ShapeError, match="1 or 3 channels"):
        T.rgb_to_grayscale(t[:, :2])


def positive(shape, seed=0):
    """Distinct values from 0.1 to 0.9, so that no pixel is gray or has two largest channels."""
    size = int(np.prod(shape))
    return 0.1 + 0.8 * np.random.default_rng(seed).permutation(size).reshape(shape) / size


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["black", "mean", "gray"])
def test_gradients_of_blends(name, channels, device):
    op = {"black": T.adjust_brightness, "mean": T.adjust_contrast, "gray": T.adjust_saturation}[name]
    factors, x = np.array([0.4, 1.9]), positive((2, channels, 3, 4))

    def reference(x):
        gray = (x * GRAY).sum(1, keepdims=True) if channels == 3 else x
        other = {"black": 0.0, "mean": gray.mean((1, 2, 3), keepdims=True), "gray": gray}[name]
        return blended(x, factors, other, 1)

    assert name == "gray" or np.isin(reference(x), (0, 1)).any()  # some are bounded, and have no gradient
    check_op(lambda x: op(x, factors), reference, [x], device)


def test_gradients_of_hue(device):
    shifts = (0.3, -0.2)

    def reference(x):
        y = np.empty(x.shape)
        for n, i, j in np.ndindex(2, 3, 4):
            h, s, v = colorsys.rgb_to_hsv(*x[n, :, i, j])
            y[n, :, i, j] = colorsys.hsv_to_rgb((h + shifts[n]) % 1, s, v)
        return y

    check_op(lambda x: T.adjust_hue(x, shifts), reference, [positive((2, 3, 3, 4))], device)
    gray = gp.full((1, 3, 1, 1), 0.5, device=device, requires_grad=True)
    T.adjust_hue(gray, 0.1).sum().backward()
    assert gray.grad.sum().item() == 3


def test_errors():
    t = pictures()[1]
    with pytest.raises(ArgumentError, match="must not be negative"):
        T.adjust_brightness(t, -1)
    for factor in (np.inf, np.nan):
        with pytest.raises(ArgumentError, match="must be finite"):
            T.adjust_contrast(t, factor)
    with pytest.raises(ArgumentError, match="hue_factor must be from"):
        T.adjust_hue(t, 0.6)
    for change in (lambda img: T.adjust_contrast(img, 1), T.rgb_to_grayscale):
        for error in (ShapeError, TypeError):
            with pytest.raises(error, match="1 or 3 channels"):
                change(gp.zeros(1, 2, 3, 3))
