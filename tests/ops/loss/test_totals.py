import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.loss.totals import DIRECT, total


@pytest.mark.parametrize("n", [0, 1, 1000, DIRECT, DIRECT + 1, 3 * DIRECT + 77])
@pytest.mark.parametrize("divisor", [None, 2.0])
def test_sum_over_divisor(n, divisor, device):
    if device == "cpu":
        pytest.skip("kernels only")
    rows = np.random.default_rng(0).uniform(1, 2, (2, n))
    loss, factor = total(gp.tensor(rows, device=device).array, np.float32, divisor)
    by = rows[1].sum() if divisor is None else divisor
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(loss.get(), np.float64(rows[0].sum()) / by, rtol=1e-7)
    np.testing.assert_allclose(factor.get(), 1 / by if by else 0, rtol=1e-13)
