"""Products of matrices by our own kernels, as captured steps compute them."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, blas, capture, emulator
from gpunn.kernels.settings import settings
from gpunn.ops.linalg import gemm
from gpunn.ops.linalg.linear import linear, linear_relu
from tests.harness import check_dtypes, check_op
from tests.ops.linalg.test_products import SHAPES
from tests.test_blas import Imitation


@pytest.mark.parametrize("shapes", SHAPES)
def test_products_of_captured_steps(shapes, device):
    with capture.noting(None):
        check_op(gp.matmul, np.matmul, shapes, device)
        check_dtypes(gp.matmul, np.matmul, shapes, device, factor=2)


@pytest.mark.parametrize("shapes", [((70, 33), (33, 65)), ((2, 65, 40), (2, 40, 3)), ((8, 8, 2), (8, 2, 130))])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_larger_than_a_tile(shapes, dtype, device):
    if device == "cpu":
        pytest.skip("only GPUs have other products in captured steps")
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(dtype) for s in shapes)
    on = [backend.to_device(x, backend.device(device)) for x in (a, b)]
    found = backend.asnumpy(gemm.product(*on))
    wanted = a.astype(float) @ b.astype(float)
    assert found.dtype == dtype and found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=20 * np.finfo(dtype).eps * np.sqrt(shapes[0][-1]))


@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 5, 3), (1, 3), (4, 1), (70, 33), (0, 3), (4, 0)])
@pytest.mark.parametrize("rows", [1, 65])
def test_linear_layers(shape, rows, device):
    with capture.noting(None):
        shapes = [shape, (rows, shape[-1]), (rows,)]
        check_op(linear, lambda x, w, b: x @ w.T + b, shapes, device)
        check_op(linear, lambda x, w: x @ w.T, shapes[:2], device)
        check_dtypes(linear, lambda x, w, b: x @ w.T + b, shapes, device, factor=2)


@pytest.mark.parametrize("shape", [(2, 3), (2, 5, 3), (0, 3), (4, 0)])
def test_linear_layers_with_relu(shape, device):
    with capture.noting(None):
        shapes = [shape, (5, shape[-1]), (5,)]
        check_op(linear_relu, lambda x, w, b: np.maximum(x @ w.T + b, 0), shapes, device)
        check_op(linear_relu, lambda x, w: np.maximum(x @ w.T, 0), shapes[:2], device)
        check_op(linear_relu, lambda x, w, b: np.maximum(x @ w.T + b, 0), [*shapes[:2], (1,)], device)


def test_a_linear_layer_is_one_launch(launches):
    """The product with its bias, of arrays as they lie: nothing is copied, nothing added afterwards."""
    with emulator.enable(), capture.noting(None):
        x, w, b = (gp.ones(s, device="cuda") for s in ((2, 6, 40), (24, 40), (24,)))
        assert linear(x, w, b).shape == (2, 6, 24)
        assert launches == ["correlate"]
        launches.clear()
        wide = [gp.ones(s, device="cuda", dtype=gp.bfloat16) for s in ((512, 128), (128, 128), (128,))]
        assert linear(*wide).max().item() == 129
        assert launches == ["pointwise_tensor"]


def test_views_and_transposes(device):
    if device == "cpu":
        pytest.skip("only GPUs have other products in captured steps")
    a, b = (np.arange(12.0).reshape(4, 3), np.arange(20.0).reshape(5, 4))
    x, y = (backend.to_device(x, backend.device(device)) for x in (a, b))
    np.testing.assert_array_equal(backend.asnumpy(gemm.product(x.T, y.T)), a.T @ b.T)
    np.testing.assert_array_equal(backend.asnumpy(gemm.product(x[::2, 0], y.T[::2])), a[::2, 0] @ b.T[::2])


def test_by_the_library_where_that_is_wanted(monkeypatch):
    """cuBLASLt computes what it can, here its imitation; the rest, and all where it is not there, are our kernels'."""
    with emulator.enable(), capture.noting(None):
        imitation = Imitation()
        made = blas.Library(imitation)
        monkeypatch.setattr(settings, "library_products", True)
        monkeypatch.setattr(blas, "library", lambda: made)
        a, b = gp.ones(2, 3, 4, device="cuda"), gp.full((4, 5), 2.0, device="cuda")
        np.testing.assert_array_equal((a @ b).tolist(), np.full((2, 3, 5), 8.0))
        np.testing.assert_array_equal(gp.bmm(a, a.mT).tolist(), np.full((2, 3, 3), 4.0))
        assert len(imitation.calls) == 2
        x, w, b = gp.ones(2, 3, 4, device="cuda"), gp.full((5, 4), 2.0, device="cuda"), gp.arange(5.0, device="cuda")
        np.testing.assert_array_equal(linear(x, w, b).tolist(), np.broadcast_to(8.0 + np.arange(5), (2, 3, 5)))
        assert len(imitation.calls) == 3
        np.testing.assert_array_equal(linear_relu(-x, w, b + 7).tolist(), linear(-x, w, b + 7).relu().tolist())
        assert len(imitation.calls) == 5 and linear_relu(-x, w, b + 7).min().item() == 0
        imitation.calls = imitation.calls[:2]
        imitation.found = 0
        np.testing.assert_array_equal((a @ a[0, 0]).tolist(), np.full((2, 3), 4.0))
        assert len(imitation.calls) == 2


def test_when_they_are_wanted():
    floats, ints = np.ones(2, np.float32), np.ones(2, np.int64)
    assert not gemm.is_wanted(floats)
    with capture.noting(None):
        assert gemm.is_wanted(floats) and gemm.is_wanted(floats.astype(np.float16))
        assert not gemm.is_wanted(ints)
    assert not gemm.is_wanted(floats)
