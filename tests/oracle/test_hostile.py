"""Arguments that nobody means: where PyTorch refuses them, so does gpunn, at once and without a trace."""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.testing._internal.opinfo.core import SampleInput

from tests.oracle import bridge, checks, test_ops
from tests.oracle.bridge import Twins
from tests.oracle.scores import Tally
from tests.oracle.test_ops import Case

pytestmark = test_ops.pytestmark

SAMPLES = 4  # of one operation, each with one argument replaced at a time
SECONDS = 2.0  # in which a call must have failed
INTEGERS = (-1, -100, 100, 2**40, 2**63, 2.5, "x")
NUMBERS = (math.nan, -1.0, 2**63, "x")
CASES = [case for case in test_ops.cases() if case.check == "value" and case.dtype in ("float32", "int64", "bool")]


def spoilt(sample: Any) -> Iterator[tuple[Any, str]]:
    """Copies of `sample` in which one argument is another one, and a word on which."""
    everything = [sample.input, *sample.args]
    for i, given in enumerate(everything):
        for other in others(given):
            args = [*everything[:i], other, *everything[i + 1 :]]
            yield SampleInput(args[0], args=tuple(args[1:]), kwargs=sample.kwargs), f"argument {i}"
    for key, given in sample.kwargs.items():
        for other in others(given):
            yield SampleInput(sample.input, args=sample.args, kwargs={**sample.kwargs, key: other}), key


def others(given: Any) -> Iterator[Any]:
    """What to give instead of `given`."""
    if isinstance(given, torch.Tensor):
        yield from (torch.ones(7, 3, 2, dtype=given.dtype), torch.ones(0, dtype=given.dtype), "x", None)
        yield given.to(torch.bool if given.dtype is not torch.bool else torch.float32)
        yield given.to(torch.float64 if not given.is_floating_point() else torch.int64)
    elif isinstance(given, bool):
        return  # a flag may be any truth value, as everywhere in Python
    elif isinstance(given, int):
        yield from INTEGERS
    elif isinstance(given, float):
        yield from NUMBERS
    elif isinstance(given, str):
        yield from ("no such", 3)
    elif isinstance(given, (list, tuple)) and not isinstance(given, torch.Size):
        yield type(given)()
        for i, part in enumerate(given[:4]):
            for other in others(part):
                yield type(given)([*given[:i], other, *given[i + 1 :]])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hostile(case: Case, tally: Tally) -> None:
    with tally.about(case.promise.family, case.promise.name, "hostile"):
        found = test_ops.samples(case, every=False)
        for theirs, mine in test_ops.functions(case):
            for sample in found[:: max(1, len(found) // SAMPLES)][:SAMPLES]:
                for bad, what in spoilt(sample):
                    text = f"{case.dtype}: {bridge.describe_sample(bad)} [{what}]"
                    if test_ops.excuse_for(case._replace(check="hostile"), text) == "skip":
                        tally.skipped += 1
                    elif (error := refusal(theirs, bad)) is not None:
                        tally.add("missing" if mine is None else judge(mine, bad, error), text)


def refusal(theirs: Any, sample: Any) -> Exception | None:
    """The error that torch raises; None if it takes the arguments."""
    try:
        with torch.no_grad():
            bridge.call(theirs, copied(sample))
    except Exception as error:
        return None if re.search("Overflow when unpacking|UInt64", str(error)) else error  # C++'s integers
    return None


def copied(sample: Any) -> Any:
    return sample.transform(lambda x: x.detach().clone() if isinstance(x, torch.Tensor) else x)


class TooSlowError(BaseException):
    """Passes through every `except Exception`."""


def judge(mine: Any, sample: Any, error: Exception) -> str | None:
    def stop(*_: Any) -> None:
        raise TooSlowError

    sample, twins = copied(sample), Twins()
    modes = checks.state()
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        wrong = checks.must_raise(lambda: twins.call(mine, sample), error, twins)
    except TooSlowError:
        wrong = f"no error after {SECONDS} seconds"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return wrong or (None if modes == checks.state() else "a failed call changed the random state or a mode")
