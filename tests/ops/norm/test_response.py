import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.norm.formulas import check_gradients

SHAPES = [((2, 5, 3), 3), ((1, 4, 2, 3), 2), ((2, 3, 2, 2, 2), 5), ((2, 1, 4), 4), ((1, 7, 3), 1)]


def response(size):
    return lambda x: F.local_response_norm(x, size, 0.7, 0.6, 1.5)


def reference(size):
    def formula(x):
        means = np.zeros_like(x)
        for c in range(x.shape[1]):
            start, stop = max(0, c - size // 2), c + (size - 1) // 2 + 1
            means[:, c] = (x[:, start:stop] ** 2).sum(1) / size
        return x / (1.5 + 0.7 * means) ** 0.6

    return formula


@pytest.mark.parametrize(("shape", "size"), SHAPES, ids=str)
def test_values_and_derivatives(shape, size, device):
    check_op(response(size), reference(size), [shape], device)


@pytest.mark.parametrize("size", [2, 3])
def test_channels_last(size, device):
    def op(x):
        y = response(size)(x.contiguous(memory_format=gp.channels_last))
        assert y.is_contiguous(memory_format=gp.channels_last)
        return y

    check_op(op, reference(size), [(2, 5, 3, 2)], device)
    check_gradients(response(size), [(2, 5, 3, 2)], device, channels_last=True)


def test_dtypes(device):
    check_dtypes(response(3), reference(3), [(2, 5, 7)], device, factor=2)
    check_gradients(response(3), [(2, 5, 7)], device)


def test_a_window_of_all_channels(device):
    """More than 256 elements are added in double."""
    x = np.random.default_rng(0).standard_normal((1, 600, 2)).astype(np.float32)
    y = response(1001)(gp.tensor(x, device=device)).cpu().numpy()
    np.testing.assert_allclose(y, reference(1001)(x.astype(np.float64)), rtol=2e-6)


def test_special_values(device):
    x = distinct((1, 5, 2), np.random.default_rng(0)).astype(np.float32)
    x[0, 1, 0], x[0, 4, 1] = np.nan, np.inf
    y = F.local_response_norm(gp.tensor(x, device=device), 3).cpu().numpy()
    assert np.array_equal(np.isnan(y[0]), [[1, 0], [1, 0], [1, 0], [0, 0], [0, 1]])
    assert y[0, 3, 1] == 0  # beside the infinite one


def test_whole_numbers(device):
    """The mean of squares is rounded down, as in PyTorch."""
    x = np.arange(8).reshape(1, 4, 2)
    y = F.local_response_norm(gp.tensor(x, device=device), 2, 1.0, 1.0, 2.0)
    assert y.dtype is gp.float32
    squares = x**2
    wanted = (squares + np.concatenate([np.zeros((1, 1, 2), int), squares[:, :-1]], 1)) // 2
    np.testing.assert_allclose(y.cpu().numpy(), x / (wanted + 2.0), rtol=1e-6)


def test_nothing_to_normalise(device):
    assert F.local_response_norm(gp.ones(2, 0, 3, device=device), 2).shape == (2, 0, 3)


def test_errors():
    with pytest.raises(ValueError, match="local_response_norm: Expected 3D or higher"):
        F.local_response_norm(gp.ones(2, 3), 2)
    for size in (0, -1, 2**40):
        with pytest.raises(RuntimeError, match="local_response_norm: size should be greater than zero"):
            F.local_response_norm(gp.ones(2, 3, 4), size)
    with pytest.raises(RuntimeError, match="not for gpunn"):
        F.local_response_norm(gp.ones(2, 3, 4).int(), 2)
