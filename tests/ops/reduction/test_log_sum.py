import math

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op


def log_sum(axes, keepdims=False):
    return lambda x: np.log(np.exp(x).sum(axis=axes, keepdims=keepdims))


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("axes", [1, -1, (0, 2), (0, 1, 2)])
def test_axes(axes, keepdim, device):
    check_op(lambda x: gp.logsumexp(x, axes, keepdim), log_sum(axes, keepdim), [(3, 4, 2)], device)
    check_dtypes(lambda x: gp.logsumexp(x, axes, keepdim), log_sum(axes, keepdim), [(3, 4, 2)], device)


def test_other_orders_of_memory(device):
    check_op(lambda x: gp.logsumexp(x.permute(2, 0, 1), 1), lambda x: log_sum(0)(x).T, [(3, 4, 2)], device)
    check_op(lambda x: gp.logsumexp(x[:, ::2], (0, 2)), lambda x: log_sum((0, 2))(x[:, ::2]), [(3, 4, 2)], device)


def test_logsumexp_does_not_overflow(device):
    x = gp.tensor([[1000.0, 1000.0], [-1000.0, -1000.0]], device=device)
    np.testing.assert_allclose(gp.logsumexp(x, 1).cpu().numpy(), [1000 + math.log(2), -1000 + math.log(2)])
    both = gp.logsumexp(gp.tensor([-math.inf, -math.inf], device=device), 0)
    assert both.item() == -math.inf
