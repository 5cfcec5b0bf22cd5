import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.penalty import PowerSum
from tests.conftest import computing_on
from tests.harness import check_dtypes, check_op


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_values_and_derivatives(p, device):
    def reference(*xs):
        return np.asarray(sum((np.abs(x) ** p).sum() for x in xs))

    check_op(lambda *xs: PowerSum(p, 3)(*xs), reference, [(3, 4), (5,), (2, 1, 3)], device, rtol=1e-11)
    check_dtypes(lambda *xs: PowerSum(p, 2)(*xs), reference, [(3, 4), (5,)], device, factor=2)


def test_derivatives_at_zero(device):
    x = gp.zeros(3, dtype=gp.float64, device=device, requires_grad=True)
    for p, second in ((1.0, 0.0), (2.0, 2.0)):
        (slope,) = gp.autograd.grad(PowerSum(p, 1)(x), x, create_graph=True)
        (curve,) = gp.autograd.grad(slope.sum(), x)
        assert slope.tolist() == [0.0] * 3 and curve.tolist() == [second] * 3


def test_several_dtypes_and_constants(device):
    x = gp.tensor([1.5, -2.0], dtype=gp.float16, device=device, requires_grad=True)
    y = gp.tensor([[3.0]], dtype=gp.float64, device=device)
    total = PowerSum(2.0, 2)(x, y)
    total.backward()
    assert total.dtype is gp.float64 and total.item() == pytest.approx(15.25, rel=1e-14)
    assert x.grad.dtype is gp.float16 and x.grad.tolist() == [3.0, -4.0] and y.grad is None


def test_one_pass_for_all(launches):
    with computing_on("emulated"):
        xs = [gp.ones(n, device="cuda") for n in (3, 4, 5)]
        launches.clear()
        assert PowerSum(1.0, 3)(*xs).item() == 12.0
    assert launches == ["norm_partials", "clip_by_norm"]
