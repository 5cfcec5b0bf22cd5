import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.linalg.lapack import failure, is_singular, not_finite

NAMES = ("inv", "det", "slogdet", "cholesky", "eigh", "qr", "svd", "pinv")


@pytest.mark.parametrize("name", NAMES)
def test_refused_dtypes(name):
    op = getattr(gp.linalg, name)
    with pytest.raises(
        RuntimeError, match=rf"linalg.{name}: Low precision dtypes not supported. Got gpunn.float16; .*x.float"
    ):
        op(gp.eye(3).half())
    with pytest.raises(
        RuntimeError, match=rf"linalg.{name}: Expected a floating point tensor as input. Got gpunn.int64"
    ):
        op(gp.eye(3).long())


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky", "eigh"])
def test_refused_shapes(name):
    with pytest.raises(RuntimeError, match=rf"{name}: A must be batches of square matrices, .*\(2, 3\)"):
        getattr(gp.linalg, name)(gp.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"square matrices, .*\(3,\)"):
        getattr(gp.linalg, name)(gp.ones(3))


@pytest.mark.parametrize("name", ["qr", "svd", "pinv"])
def test_vectors_are_refused(name):
    with pytest.raises(
        RuntimeError, match=rf"{name}: The input tensor must have at least 2 dimensions, got shape \(3,\)"
    ):
        getattr(gp.linalg, name)(gp.ones(3))


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 3, 3)])
def test_empty(shape, device):
    x = gp.ones(shape, device=device, dtype=gp.float64, requires_grad=True)
    assert gp.linalg.inv(x).shape == shape
    assert gp.linalg.det(x).tolist() == np.linalg.det(np.ones(shape)).tolist()
    assert [tuple(y.shape) for y in gp.linalg.eigh(x)] == [shape[:-1], shape]
    assert [tuple(y.shape) for y in gp.linalg.svd(x)] == [shape, shape[:-1], shape]
    for y in (gp.linalg.inv(x), gp.linalg.det(x), gp.linalg.svd(x)[1], gp.linalg.pinv(x), gp.linalg.cholesky(x)):
        assert gp.autograd.grad(y.sum(), x)[0].shape == shape


def test_a_failure_names_the_matrix():
    a = np.ones((2, 2, 3, 3))
    bad = np.array([[False, False], [True, False]])
    assert "(Batch element (1, 0)): it is odd; the shape is (2, 2, 3, 3)" in str(
        failure("linalg.inv", a, "it is odd", bad)
    )
    assert "(Batch element 1)" in str(failure("linalg.inv", a[0], "it is odd", bad[:, 0]))
    assert "Batch" not in str(failure("linalg.inv", a[0, 0], "it is odd", bad[0, 0]))
    assert is_singular(np.stack([np.eye(2), np.ones((2, 2))])).tolist() == [False, True]
    assert not_finite(np.stack([np.eye(2), np.full((2, 2), np.inf)])).tolist() == [False, True]
