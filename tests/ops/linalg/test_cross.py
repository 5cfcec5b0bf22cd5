import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.linalg.cross import linalg_cross
from tests.harness import check_dtypes, check_op


@pytest.mark.parametrize(
    ("shapes", "dim"),
    [
        ([(3,), (3,)], -1),
        ([(2, 3), (2, 3)], 1),
        ([(3, 4), (3, 4)], 0),
        ([(2, 3, 4), (2, 3, 4)], -2),
        ([(1, 3), (2, 3)], -1),
        ([(5, 1, 3), (1, 4, 3)], 2),
        ([(0, 3), (0, 3)], 1),
    ],
)
def test_cross(shapes, dim, device):
    def reference(a, b):
        return np.cross(a, b, axis=dim)

    check_op(lambda a, b: gp.cross(a, b, dim=dim), reference, shapes, device)
    check_op(lambda a, b: linalg_cross(a, b, dim=dim), reference, shapes, device, derivatives=0)
    check_dtypes(lambda a, b: gp.cross(a, b, dim=dim), reference, shapes, device, factor=3)


def test_cross_finds_its_dimension_with_a_warning(device):
    a, b = (gp.tensor(np.arange(i, 12 + i).reshape(2, 3, 2), device=device) for i in (0, 5))
    with pytest.warns(UserWarning, match="using dim=1"):
        found = gp.cross(a, b)
    assert found.tolist() == gp.cross(a, b, 1).tolist()
    assert found.dtype is gp.int64
    assert linalg_cross(gp.tensor([1, 0, 0]), gp.tensor([0, 1, 0])).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("shapes", "dim", "words"),
    [
        ([(2, 4), (2, 4)], None, r"no dimension of size 3 in input of shape \(2, 4\)"),
        ([(3, 4), (3, 4)], 1, r"dimension 1 must have length 3. Got shapes \(3, 4\) and \(3, 4\)"),
        ([(3,), (2, 3)], -1, "same number of dimensions"),
        ([(2, 3), (4, 3)], 1, "do not broadcast"),
        ([(), ()], 0, "must have length 3"),
    ],
)
def test_cross_errors(shapes, dim, words):
    with pytest.raises(RuntimeError, match=words):
        gp.cross(*(gp.ones(s) for s in shapes), dim)


def test_cross_dtype_errors():
    with pytest.raises(RuntimeError, match="same dtype"):
        linalg_cross(gp.ones(3), gp.ones(3).long())
    with pytest.raises(NotImplementedError, match="not implemented for bool"):
        linalg_cross(gp.ones(3) > 0, gp.ones(3) > 0)
    with pytest.raises(TypeError, match="cross: expected a Tensor, got int"):
        gp.cross(gp.ones(2), 3)


@pytest.mark.parametrize("shapes", [[(2, 3), (4, 5)], [(3,), (2,)], [(2, 3), (3,)], [(3,), (2, 3, 2)], [(), (2, 3)]])
def test_kron(shapes, device):
    check_op(gp.kron, np.kron, shapes, device)
    check_dtypes(gp.kron, np.kron, shapes, device)


def test_kron_promotes(device):
    assert gp.kron(gp.tensor([1, 2], device=device), gp.tensor([0.5], device=device)).tolist() == [0.5, 1]
