import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, ShapeError
from tests.harness import check_op


def reference(*blocks):
    blocks = [np.atleast_2d(b) for b in blocks]
    out = np.zeros(np.sum([b.shape for b in blocks], axis=0))
    row = column = 0
    for b in blocks:
        out[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return out


@pytest.mark.parametrize("shapes", [[(2, 3)], [(2, 3), (), (4,), (1, 2)], [(2, 0), (1, 3)], [(0,), (2, 2)]])
def test_block_diag(shapes, device):
    check_op(gp.block_diag, reference, shapes, device)


def test_types(device):
    a, b = gp.tensor([[1, 2]], device=device), gp.tensor([0.5], device=device)
    found = gp.block_diag(a, b)
    assert found.dtype is gp.float32 and found.tolist() == [[1, 2, 0], [0, 0, 0.5]]
    assert gp.block_diag(a).dtype is gp.int64
    assert gp.block_diag().shape == (1, 0)


def test_errors():
    with pytest.raises(ShapeError, match="Input 1 has 3 dimensions"):
        gp.block_diag(gp.ones(2), gp.ones(1, 1, 1))
    with pytest.raises(ArgumentTypeError, match="element 0, but got list"):
        gp.block_diag([gp.ones(2)])
