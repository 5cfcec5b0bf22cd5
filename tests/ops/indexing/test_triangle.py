import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from tests.harness import check_dtypes, check_op


@pytest.mark.parametrize("k", [0, 1, -2, 7, -7])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (5, 2), (2, 3, 4), (0, 3), (2, 0, 3)])
@pytest.mark.parametrize(("op", "reference"), [(gp.tril, np.tril), (gp.triu, np.triu)])
def test_triangles(op, reference, shape, k, device):
    check_op(lambda x: op(x, k), lambda a: reference(a, k), [shape], device)


@pytest.mark.parametrize(("op", "reference"), [(gp.tril, np.tril), (gp.triu, np.triu)])
def test_dtypes(op, reference, device):
    check_dtypes(op, reference, [(3, 4)], device)
    for dtype in (gp.bool, gp.uint8, gp.int64):
        x = gp.ones(3, 4, dtype=dtype, device=device)
        assert op(x).dtype is dtype
        np.testing.assert_array_equal(backend.asnumpy(op(x).array), reference(np.ones((3, 4))))
        np.testing.assert_array_equal(backend.asnumpy(op(x.t()).array), reference(np.ones((4, 3))))


def test_nan_is_cut_off(device):
    x = gp.full((2, 2), float("nan"), device=device)
    assert x.tril().tolist()[0][1] == 0
    assert x.triu(1).tolist()[0][0] == 0


def test_in_place(device):
    x = gp.ones(2, 2, device=device, requires_grad=True)
    y = x * 2
    assert y.tril_() is y
    y.triu_(-1)
    assert y.tolist() == [[2, 0], [2, 2]]
    y.sum().backward()
    assert x.grad.tolist() == [[2, 0], [2, 2]]


def test_errors():
    for op in (gp.tril, gp.triu):
        with pytest.raises(RuntimeError, match=r"at least 2 dimensions, got shape \(3,\)"):
            op(gp.ones(3))
