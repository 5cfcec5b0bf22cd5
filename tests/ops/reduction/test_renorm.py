import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

A = np.random.default_rng(4).standard_normal((3, 4, 2))


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_renorm(p, dim, device):
    def reference(x):
        rows = np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)
        norms = np.array([np.linalg.norm(row, p) for row in rows])
        scale = np.where(norms > 2.5, 2.5 / (norms + 1e-7), 1)
        return np.moveaxis(np.moveaxis(x, dim, -1) * scale, -1, dim)

    check_op(lambda x: gp.renorm(x, p, dim, 2.5), reference, [A], device, gradient_rtol=1e-5)
    check_dtypes(lambda x: x.renorm(p, dim, 2.5), reference, [A], device, factor=2)


def test_in_place(device):
    x = gp.tensor([[3.0, 4.0], [0.3, 0.4]], device=device)
    assert x.renorm_(2, 0, 1) is x
    np.testing.assert_allclose(x.cpu().numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


def test_errors():
    x = gp.ones(2, 2)
    with pytest.raises(ShapeError, match="at least 2 dimensions, got 1"):
        gp.renorm(x[0], 2, 0, 1)
    with pytest.raises(ArgumentError, match="non-positive-norm not supported, got 0"):
        gp.renorm(x, 0, 0, 1)
    with pytest.raises(ArgumentError, match="expected maxnorm to be >= 0 but got -1"):
        gp.renorm(x, 2, 0, -1)
    with pytest.raises(DtypeError, match="renorm: Expected a floating point tensor"):
        gp.renorm(x.long(), 2, 0, 1)
    with pytest.raises(IndexError):
        gp.renorm(x, 2, 2, 1)
