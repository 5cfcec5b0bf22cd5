import numpy as np

import gpunn as gp
from gpunn.ops.reduction.subgradient import ratio
from tests.harness import check_op


def test_ratio(device):
    check_op(ratio, np.divide, [(3, 4), (3, 4)], device)


def test_ratio_is_zero_where_the_divisor_is(device):
    a = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    b = gp.tensor([0.0, 4.0], device=device, requires_grad=True)
    y = ratio(a, b)
    assert y.tolist() == [0, 0.5]
    slopes = gp.autograd.grad(y.sum(), [a, b], create_graph=True)
    assert slopes[0].tolist() == [0, 0.25]
    assert slopes[1].tolist() == [0, -0.125]
    slopes[1].sum().backward()
    assert b.grad.tolist() == [0, 2 * 2 / 4**3]
