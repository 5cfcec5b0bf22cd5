import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ShapeError
from gpunn.vision.transforms import functional as T
from tests.harness import check_op
from tests.vision.transforms.test_geometry import TYPES, host, pictures

LIMIT = {"uint8": 0.501, "float32": 1e-6, "float16": 1e-3, "bfloat16": 8e-3, "float64": 1e-12}


def bell(size, sigma):
    weights = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
    return weights / weights.sum()


@pytest.mark.parametrize("dtype", TYPES)
def test_gaussian_blur(dtype, device):
    x, t = pictures(dtype=dtype, device=device)
    sigmas = [0.5, 1.0, 2.5]
    y = host(T.gaussian_blur(t, (3, 5), np.array(sigmas)))
    wide = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (2, 2), (1, 1)], "reflect")
    for n, sigma in enumerate(sigmas):
        weights = np.outer(bell(5, sigma), bell(3, sigma))
        seen = np.lib.stride_tricks.sliding_window_view(wide[n], (5, 3), (1, 2))
        np.testing.assert_allclose(y[n], (seen * weights).sum((-2, -1)), atol=LIMIT[dtype])


def test_default_sigma(device):
    _, t = pictures(device=device)
    assert T.gaussian_blur(t, 3).tolist() == T.gaussian_blur(t, 3, 0.8).tolist()
    assert T.gaussian_blur(t, 3, (0.8, 0.8)).tolist() == T.gaussian_blur(t[:], 3, [0.8]).tolist()


@pytest.mark.parametrize("dtype", TYPES)
def test_normalize(dtype, device):
    x, t = pictures(dtype=dtype, device=device)
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.4])
    y = T.normalize(t, mean, std)
    assert y.dtype is (gp.float32 if dtype == "uint8" else t.dtype)
    wanted = (x.astype(np.float64) / (255 if dtype == "uint8" else 1) - mean[:, None, None]) / std[:, None, None]
    np.testing.assert_allclose(host(y), wanted, rtol=1e-5, atol=max(4 * LIMIT[dtype], 0) if dtype != "uint8" else 1e-5)
    if dtype == "float32":
        assert T.normalize(t, [0.5], [0.5], inplace=True) is t
        np.testing.assert_allclose(host(t), x * 2.0 - 1, atol=1e-6)


def test_the_gradient_of_normalize(device):
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.4])

    def normalized(x):
        return (x - mean[:, None, None]) / std[:, None, None]

    check_op(lambda x: T.normalize(x, mean, std), normalized, [(2, 3, 2, 3)], device)


def test_the_gradient_of_blur(device):
    def blurred(x):
        wide = np.pad(x, [(0, 0), (0, 0), (2, 2), (1, 1)], "reflect")
        y = np.empty(x.shape)
        for n, sigma in enumerate((0.5, 1.3)):
            seen = np.lib.stride_tricks.sliding_window_view(wide[n], (5, 3), (1, 2))
            y[n] = (seen * np.outer(bell(5, sigma), bell(3, sigma))).sum((-2, -1))
        return y

    check_op(lambda x: T.gaussian_blur(x, (3, 5), np.array([0.5, 1.3])), blurred, [(2, 2, 4, 3)], device)


def test_errors():
    t = pictures()[1]
    for size in (2, (3, 0), (3, 3, 3)):
        with pytest.raises(ArgumentError, match="odd numbers"):
            T.gaussian_blur(t, size)
    with pytest.raises(TypeError, match="should be int or a sequence of integers, got 'a'"):
        T.gaussian_blur(t, "a")
    with pytest.raises(ShapeError, match="too small"):
        T.gaussian_blur(t, 11)
    with pytest.raises(ArgumentError, match="sigma must be positive"):
        T.gaussian_blur(t, 3, 0.0)
    with pytest.raises(ArgumentError, match="mean must be a number or one for each of 3 channels"):
        T.normalize(t, [1, 2], [1, 2])
    with pytest.raises(TypeError, match="mean must be a number or one for each channel, got None"):
        T.normalize(t, None, [1])
    with pytest.raises(TypeError, match="bytes become float32, which inplace=True cannot"):
        T.normalize(pictures(dtype="uint8")[1], [0.5], [0.5], inplace=True)
    with pytest.raises(ArgumentError, match="must not be zero"):
        T.normalize(t, [1], [0])
    with pytest.raises(ArgumentError, match="must not be zero as float32, got \\[1e-50\\]"):
        T.normalize(t.float(), [1], [1e-50])
    assert T.normalize(t.double(), [0], [1e-50]).isfinite().all()
