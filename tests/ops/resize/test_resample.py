import numpy as np

import gpunn as gp
from gpunn import backend
from gpunn.ops.resize.resample import Resample
from gpunn.ops.resize.taps import Axis
from tests.harness import check_op, distinct

AXES = (Axis(5, 3, "linear"), Axis(4, 9, "cubic"))


def test_it_is_its_own_second_derivative(device):
    """Resample is linear: its gradient is the transpose, the gradient of which is Resample."""
    x = gp.tensor(distinct((2, 3, 5, 4), np.random.default_rng(0)), device=device)
    y = Resample(AXES)(x)
    g = gp.tensor(distinct((2, 3, 3, 9), np.random.default_rng(1)), device=device)
    back = Resample(AXES, True)(g)
    assert back.shape == x.shape
    np.testing.assert_allclose((y * g).sum().item(), (x * back).sum().item(), rtol=1e-12)
    check_op(Resample(AXES, True), lambda g: transposed(g), [(1, 2, 3, 9)], device)


def transposed(g):
    """By the definition: Σ g · R(unit array) for each element."""
    found = np.zeros((1, 2, 5, 4))
    for where in np.ndindex(5, 4):
        unit = np.zeros((1, 1, 5, 4))
        unit[(0, 0, *where)] = 1
        found[(..., *where)] = (g * backend.asnumpy(Resample(AXES)(gp.tensor(unit)).array)).sum((2, 3))
    return found
