from functools import partial

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op


@pytest.mark.parametrize("count", [None, 0, 1, 2, 5])
def test_vander(count, device):
    for increasing in (False, True):
        check_op(
            partial(gp.vander, N=count, increasing=increasing),
            partial(np.vander, N=count, increasing=increasing),
            [(3,)],
            device,
        )
    if count is None or count > 1:
        check_op(
            lambda x: gp.linalg.vander(x, N=count),
            lambda x: np.stack([np.vander(row, count, increasing=True) for row in x]),
            [(2, 3)],
            device,
        )


def test_integers_and_shapes(device):
    x = gp.tensor([2, 3], dtype=gp.int32, device=device)
    assert gp.vander(x, 3).tolist() == [[4, 2, 1], [9, 3, 1]] and gp.vander(x).dtype is gp.int64
    assert gp.vander(gp.tensor([True], device=device), 2).dtype is gp.int64
    assert gp.linalg.vander(gp.tensor(2.0), N=3).tolist() == [[1, 2, 4]]
    assert gp.vander(gp.ones(0)).shape == (0, 0)


def test_errors():
    with pytest.raises(RuntimeError, match="one-dimensional"):
        gp.vander(gp.ones(2, 2))
    with pytest.raises(ValueError, match="non-negative"):
        gp.vander(gp.ones(2), -1)
    with pytest.raises(ValueError, match="greater than 1"):
        gp.linalg.vander(gp.ones(2), N=1)
    for dtype in (gp.bool, gp.float16):
        with pytest.raises(RuntimeError, match="supports floating point and integer"):
            gp.linalg.vander(gp.ones(3, dtype=dtype))
