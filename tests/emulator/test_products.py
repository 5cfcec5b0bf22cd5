"""What cuBLAS may round the operands of products to."""

import ml_dtypes
import numpy as np
import pytest

from gpunn.emulator import products
from gpunn.emulator.namespace import cupy

choice = cupy._core._routines_linalg


@pytest.fixture(autouse=True)
def restored():
    before = dict(products._chosen)
    products._chosen.clear()
    yield
    products._chosen.clear()
    products._chosen.update(before)


def test_choices():
    for dtype in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16):
        assert choice.get_compute_type(dtype) == choice.COMPUTE_TYPE_DEFAULT
    choice.set_compute_type(np.float32, choice.COMPUTE_TYPE_TF32)
    assert choice.get_compute_type("complex64") == choice.COMPUTE_TYPE_TF32 == 7
    assert choice.get_compute_type(np.float64) == choice.COMPUTE_TYPE_DEFAULT == 1
    with pytest.raises(ValueError, match="Unknown compute type: 8"):
        choice.set_compute_type(np.float32, 8)
    with pytest.raises(TypeError, match="dtype is not supported: int64"):
        choice.get_compute_type(np.int64)


def test_rounding():
    x = np.float32([1, 1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -1 - 2**-11, 0, np.inf, -np.inf, np.nan, 3e-39])
    wanted = np.float32([1, 1 + 2**-10, 1 + 2**-10, 1, -1 - 2**-10, 0, np.inf, -np.inf, np.nan, 3e-39])
    np.testing.assert_allclose(products.to_tf32(x), wanted, rtol=0, atol=1e-41)
    assert products.to_tf32(np.float32(1 + 2**-12)).shape == ()
    assert np.array_equal(products.to_tf32(x[:6:2]), wanted[:6:2])


def test_products_read_the_choice():
    a, b = cupy.full((2, 2), 1 + 2**-12, np.float32), cupy.eye(2, dtype=np.float32)
    choice.set_compute_type(np.float32, choice.COMPUTE_TYPE_TF32)
    for found in (a @ b, cupy.matmul(a, b), cupy.dot(a, b), cupy.tensordot(a, b, 1), cupy.einsum("ij,jk", a, b)):
        assert np.array_equal(found.get(), np.ones((2, 2)))
    wide = a.astype(np.float64)
    assert np.array_equal((wide @ b.astype(np.float64)).get(), wide.get())
    assert (a[0] @ b[0]).item() == 1 + 2**-12, "CuPy adds up one sum without cuBLAS"
