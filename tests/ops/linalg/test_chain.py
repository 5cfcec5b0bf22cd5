import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops.linalg.chain import _splits
from tests.harness import check_op

RNG = np.random.default_rng(6)


@pytest.mark.parametrize(
    "shapes",
    [[(2, 3), (3, 4)], [(2, 5), (5, 1), (1, 4), (4, 3)], [(3,), (3, 2), (2,)], [(3,), (3, 2)], [(2, 0), (0, 3)]],
)
def test_multi_dot(shapes, device):
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    check_op(lambda *x: gp.linalg.multi_dot(x), lambda *x: np.linalg.multi_dot(x), arrays, device)


def test_the_order_takes_the_fewest_multiplications():
    """The example of Cormen et al., fig. 15.5: 15,125 multiplications, split after the third matrix."""
    split = _splits([30, 35, 15, 5, 10, 20, 25])
    assert split[0, 5] == 2 and split[0, 2] == 0 and split[3, 5] == 4


def test_errors():
    a = gp.ones(2, 2)
    with pytest.raises(ArgumentTypeError, match="expected a list of Tensors, got Tensor"):
        gp.linalg.multi_dot(a)
    with pytest.raises(ArgumentError, match="at least 2 tensors but got 1"):
        gp.linalg.multi_dot([a])
    with pytest.raises(DtypeError, match=r"tensor 0 is gpunn\.float32 and tensor 1 gpunn\.float64"):
        gp.linalg.multi_dot([a, a.double()])
    with pytest.raises(ShapeError, match="tensor 1 must be 2D but got 1D"):
        gp.linalg.multi_dot([a, a[0], a])
    with pytest.raises(ShapeError, match=r"tensors 0 and 1 with shapes \(2, 2\) and \(3, 2\) cannot be multiplied"):
        gp.linalg.multi_dot([a, gp.ones(3, 2)])
