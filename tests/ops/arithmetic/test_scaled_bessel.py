import numpy as np
import pytest
from scipy import special as exact

import gpunn as gp
from tests.harness import check_dtypes, check_op

TABLE = [(gp.special.i0e, exact.i0e), (gp.special.i1e, exact.i1e)]


@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_values_and_derivatives(op, reference, device):
    near, far = np.linspace(-3, 3.1, 12).reshape(3, 4), np.array([-700.0, -12, 8, 8.5, 20, 1e5])
    for x in (near, near[0, 0], near[:0], far):
        check_op(op, reference, [x], device, rtol=1e-13, gradient_rtol=1e-5)
    check_dtypes(op, reference, [near], device)
    ends = op(gp.tensor([np.inf, -np.inf, np.nan, 0.0], device=device)).tolist()
    assert ends[:2] == [0, 0] and np.isnan(ends[2]) and ends[3] == reference(0)
    with pytest.raises(TypeError, match=f"{op.__name__}: expected a Tensor, got float"):
        op(2.0)


def test_slope_at_zero(device):
    x = gp.zeros(1, device=device, requires_grad=True)
    assert gp.autograd.grad(gp.special.i1e(x), x)[0].item() == 0.5
    assert gp.autograd.grad(gp.special.i0e(x), x)[0].item() == 0
