"""The errors of float32 results: over PyTorch's samples none is larger than PyTorch's largest, or than two units.

Of elementwise functions, reductions and scans, in units in the last place of the result in float64. What has a reason
to be further away has a line in exceptions.txt: `4ulp` allows four units, `skip` leaves samples out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, UnaryUfuncInfo

import gpunn as gp
from gpunn import backend
from tests.oracle import bridge, checks, test_ops
from tests.oracle.compare import flat
from tests.oracle.scores import Tally

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]
KINDS = (UnaryUfuncInfo, BinaryUfuncInfo, ReductionOpInfo)
# Operations of these kinds of which the database has no more than an OpInfo.
FURTHER = (
    "addcdiv",
    "addcmul",
    "clamp",
    "cumprod",
    "cumsum",
    "dist",
    "lerp",
    "log_softmax",
    "logcumsumexp",
    "logsumexp",
)
FURTHER += ("norm", "renorm", "softmax", "std_mean", "var_mean")
UNITS = 2.0
LARGEST, SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
IN_PYTORCH = (RuntimeError, ValueError, TypeError, IndexError)


def cases() -> list[test_ops.Case]:
    """Each OpInfo that judges a promised name, once."""
    found = {}
    for promise in test_ops.OPERATIONS:
        for name in promise.infos:
            info = test_ops.INFOS[name]
            is_counted = isinstance(info, KINDS) or info.name in FURTHER
            if is_counted and torch.float32 in info.dtypes and not test_ops.is_alias(promise, info):
                found[name] = test_ops.Case(promise, info, "accuracy", "float32")
    return list(found.values())


def units(result: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> float:
    """The largest error of `result` in units in the last place of the numbers in `exact` that float32 holds."""
    held = np.isfinite(exact) & (abs(exact) < LARGEST)
    if not held.any():
        return 0.0
    true, given = exact[held], result[held].astype(np.float64)
    unit = np.spacing(np.maximum(abs(true), SMALLEST).astype(np.float32)).astype(np.float64)
    return float(np.nan_to_num(abs(given - true) / unit, nan=np.inf).max())


def errors(case: test_ops.Case, theirs: Any, mine: Any, sample: Any) -> list[tuple[float, float]]:
    """gpunn's error and PyTorch's, of each result that is of float32; none where PyTorch refuses the sample."""
    try:
        with torch.no_grad():
            expected = flat(bridge.call(theirs, sample))
    except IN_PYTORCH:
        return []
    with gp.no_grad():
        found = flat(bridge.Twins().call(mine, sample))
    pairs = []
    for i, (ours, wanted) in enumerate(zip(found, expected, strict=True)):
        if (
            getattr(wanted, "dtype", None) is torch.float32
            and (exact := checks.in_float64(theirs, sample, i)) is not None
        ):
            with np.errstate(all="ignore"):
                pairs.append((units(backend.asnumpy(ours.array), exact), units(wanted.numpy(), exact)))
    return pairs


@pytest.mark.parametrize("case", cases(), ids=str)
def test_accuracy(case: test_ops.Case, tally: Tally, request: pytest.FixtureRequest) -> None:
    """Over all samples but those that exceptions.txt leaves out of the comparison of values, or out of this one."""
    worst, place, theirs_worst, limit, compared = 0.0, "", 0.0, UNITS, 0
    for theirs, mine in test_ops.functions(case):
        for sample in test_ops.samples(case._replace(check="value"), request.config.getoption("--every")):
            text = f"float32: {bridge.describe_sample(sample)}"
            excuse = test_ops.excuse_for(case, text)
            if excuse == "skip" or test_ops.excuse_for(case._replace(check="value"), text) in ("skip", "shape"):
                continue
            limit = 4.0 if excuse == "4ulp" else limit
            for ours, torchs in errors(case, theirs, mine, sample):
                worst, place = (ours, text) if ours > worst else (worst, place)
                theirs_worst, compared = max(theirs_worst, torchs), compared + 1
    with tally.about(case.promise.family, case.promise.name, "accuracy"):
        tally.skipped += not compared
        good = worst <= max(theirs_worst, limit)
        tally.add(None if good else f"{worst:.2f} units in the last place, PyTorch {theirs_worst:.2f}", place)


def test_the_measure() -> None:
    exact = np.array([1.0, 2.0, 0.0, np.inf, 1e300])
    with np.errstate(all="ignore"):
        assert units(exact.astype(np.float32), exact) == 0
        assert units(np.array([1 + 2**-22, 2, 0, 0, 0], np.float32), exact) == 2
        assert units(np.array([1, 2 - 2**-22, 0, 0, 0], np.float32), exact) == 1
        assert units(np.array([1, np.nan, 0, 0, 0], np.float32), exact) == np.inf
        assert units(np.array([1, 2, 2**-149, 0, 0], np.float32), exact) == 1
    assert len(cases()) > 150
