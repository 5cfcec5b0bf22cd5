"""AdaptiveLogSoftmaxWithLoss: PyTorch's numbers, gradients and errors with its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import gpunn as gp
from tests.oracle.bridge import Twins
from tests.oracle.compare import Tolerance, difference

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch")  # of clusters whose projection is empty
LIMIT = Tolerance(1e-11, 1e-13, 0)
SETTINGS: list[dict[str, Any]] = [
    {"cutoffs": [4, 9]},
    {"cutoffs": [1, 2, 19], "div_value": 2.0, "head_bias": True},
    {"cutoffs": [10], "div_value": 1.5},
]
TARGETS = [[0, 3, 4, 8, 9, 19, 2], [0, 0, 1, 0, 1, 1, 0], [19, 18, 17, 16, 15, 14, 13], [20, 0, 0, 0, 0, 0, 0], [1]]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("targets", TARGETS, ids=str)
def test_as_pytorch(settings: dict[str, Any], targets: list[int]) -> None:
    torch.manual_seed(0)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(6, 20, **settings, dtype=torch.float64)
    mine = gp.nn.AdaptiveLogSoftmaxWithLoss(6, 20, **settings, dtype=gp.float64, device=Twins.device)
    mine.load_state_dict({name: Twins().of(p.detach()) for name, p in theirs.state_dict().items()})
    x, target = torch.randn(7, 6, dtype=torch.float64, requires_grad=True), torch.tensor(targets)
    twins = Twins()
    my_x, my_target = twins.of(x), twins.of(target)
    assert difference(mine.log_prob(my_x), theirs.log_prob(x), tolerance=LIMIT) is None
    assert mine.predict(my_x).tolist() == theirs.predict(x).tolist()
    try:
        expected = theirs(x, target)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            mine(my_x, my_target)
        return
    found = mine(my_x, my_target)
    assert found._fields == expected._fields and repr(mine) == repr(theirs)
    for a, b in zip(found, expected, strict=True):
        assert difference(a, b, tolerance=LIMIT) is None
    expected.loss.backward()
    found.loss.backward()
    assert difference(my_x.grad, x.grad, tolerance=LIMIT) is None
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        ours, wanted = (0 if p.grad is None else p.grad.cpu().numpy() for p in (a, b))
        np.testing.assert_allclose(ours, wanted, rtol=1e-11, atol=1e-13)
