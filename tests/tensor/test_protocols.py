import ctypes

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator


def test_numpy_shares_memory_both_ways():
    x = gp.arange(4.0)
    a = np.asarray(x)
    a[0] = 9
    assert x[0].item() == 9.0 and x.numpy() is not None
    y = gp.from_numpy(a)
    y[1] = 7
    assert x.tolist() == [9.0, 7.0, 2.0, 3.0]
    assert np.asarray(x, dtype=np.int64).dtype == np.int64 and np.array(x, copy=True).base is None


def test_numpy_is_refused_where_a_gradient_or_a_copy_would_be_lost():
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(gp.ones(2, requires_grad=True))
    with emulator.enable(), pytest.raises(TypeError, match=r"Tensor.cpu\(\)"):
        np.asarray(gp.ones(2, device="cuda"))


def test_dlpack_both_ways():
    x = gp.arange(3.0)
    a = np.from_dlpack(x)
    a[0] = 5
    assert x[0].item() == 5.0 and x.__dlpack_device__() == (1, 0)
    b = np.arange(3.0)
    y = gp.from_dlpack(b)
    b[1] = 8
    assert y.tolist() == [0.0, 8.0, 2.0]
    with pytest.raises(BufferError, match="require gradient"):
        gp.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError, match="bfloat16"):
        gp.ones(2, dtype=gp.bfloat16).__dlpack__()


def test_cuda_array_interface():
    assert not hasattr(gp.ones(2), "__cuda_array_interface__")
    with emulator.enable():
        x = gp.arange(3.0, device="cuda")
        found = x.__cuda_array_interface__
        assert found["shape"] == (3,) and found["typestr"] == "<f4"
        values = (ctypes.c_float * 3).from_address(found["data"][0])
        assert list(values) == [0.0, 1.0, 2.0]
        with pytest.raises(RuntimeError, match="requires grad"):
            _ = x.requires_grad_().__cuda_array_interface__


def test_ufuncs_differentiate(device):
    x = gp.tensor([0.5, 2.0], device=device, requires_grad=True)
    y = np.exp(np.multiply(x, 2.0)) + np.power(x, 2)
    assert isinstance(y, gp.Tensor) and y.device == x.device
    y.sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), 2 * np.exp([1.0, 4.0]) + [1.0, 4.0], rtol=1e-6)


def test_numpy_arrays_on_the_left_give_tensors():
    x = gp.tensor([1.0, 2.0], dtype=gp.float64, requires_grad=True)
    y = np.array([3.0, 4.0]) * x
    assert isinstance(y, gp.Tensor) and y.requires_grad and y.tolist() == [3.0, 8.0]
    assert (np.float64(2.0) * x).tolist() == [2.0, 4.0]
    assert (np.array([1.0, 3.0]) < x).tolist() == [False, False]


def test_an_array_of_another_dtype_cannot_be_made_without_a_copy():
    x = gp.tensor([1.0, 2.0])
    same = np.array(x, copy=False)
    same[0] = 5.0
    assert x.tolist() == [5.0, 2.0]
    with pytest.raises(ValueError, match="Unable to avoid copy: float32 is to become float64"):
        np.array(x, dtype=np.float64, copy=False)
