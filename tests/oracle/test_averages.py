"""AveragedModel beside PyTorch's, with the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import gpunn as gp
from tests.oracle.bridge import Twins
from tests.oracle.compare import Tolerance, difference

LIMIT = Tolerance(1e-12, 1e-14, 0)
KINDS: dict[str, Any] = {
    "default": lambda lib: {},
    "ema": lambda lib: {"avg_fn": lib.optim.swa_utils.get_ema_avg_fn(0.9)},
    "multi ema": lambda lib: {"multi_avg_fn": lib.optim.swa_utils.get_ema_multi_avg_fn(0.9)},
    "swa": lambda lib: {"avg_fn": lib.optim.swa_utils.get_swa_avg_fn()},
    "multi swa": lambda lib: {"multi_avg_fn": lib.optim.swa_utils.get_swa_multi_avg_fn()},
}


def model(lib: Any) -> Any:
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4)).to(dtype=lib.float64)


CASES = [(kind, use) for kind in KINDS for use in (False, True)]
CASES.remove(("multi swa", True))  # PyTorch cannot divide the integers among the buffers


@pytest.mark.parametrize(("kind", "use_buffers"), CASES)
def test_averages(kind: str, use_buffers: bool) -> None:
    torch.manual_seed(0)
    theirs, ours = model(torch), model(gp)
    averages = [lib.optim.swa_utils.AveragedModel(m, use_buffers=use_buffers, **KINDS[kind](lib))
                for lib, m in ((torch, theirs), (gp, ours))]  # fmt: skip
    for _ in range(5):
        for p in theirs.state_dict().values():
            p.copy_(torch.randn(p.shape) * 10)
        ours.load_state_dict(Twins().of(dict(theirs.state_dict())))
        for average, m in zip(averages, (theirs, ours), strict=True):
            average.update_parameters(m)
    states = [average.state_dict() for average in averages]
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        assert difference(states[1][key], value, tolerance=LIMIT) is None, key


def test_update_bn() -> None:
    torch.manual_seed(0)
    theirs, ours = model(torch), model(gp)
    ours.load_state_dict(Twins().of(dict(theirs.state_dict())))
    batches = [torch.randn(6, 3, dtype=torch.float64) for _ in range(3)]
    torch.optim.swa_utils.update_bn(batches, theirs)
    gp.optim.swa_utils.update_bn(Twins().of(batches), ours)
    for key, value in theirs.state_dict().items():
        assert difference(ours.state_dict()[key], value, tolerance=Tolerance(1e-12, 1e-13, 0)) is None, key
