"""The kernel of kernels/value_range.cu: no faults, and the same offender in any order of threads."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.errors import ArgumentError
from gpunn.ops.value_range import check_range
from tests.kernels.orders import MANY, check_kernels

VALUES = np.random.default_rng(0).uniform(-1, 1, 5001)
VALUES[[70, 4000]] = 3, math.nan


def noted():
    """The first offenders among many numbers, as bytes: they lie between two limits, at one of them, or are NaN."""
    found = []
    limits = [(-1.0, 3.0, True), (-1.0, 3.0, False), (-1.0, 2.0, True), (-0.999, 3.0, True), (-9.0, -8.0, False)]
    for dtype in (gp.float32, gp.float64, gp.float16):
        x = gp.tensor(VALUES, dtype=dtype, device="cuda")
        for low, high, or_nan in limits:
            text = "none"
            try:
                check_range("no", x.array, low, high, or_nan)
                gp.cuda.synchronize()
            except ArgumentError as error:
                text = str(error)
            found.append(np.frombuffer(text.encode(), np.uint8))
    return found


def test_no_faults_and_no_order():
    check_kernels(noted)


@pytest.mark.sweep
def test_many_orders():
    check_kernels(noted, MANY)


@pytest.mark.parametrize("kind", range(3))
def test_offenders(kind):
    with emulator.enable():
        texts = [x.tobytes().decode() for x in noted()][5 * kind : 5 * kind + 5]
    assert texts[:3] == ["none", "no; got nan at position 4000", "no; got 3.0 at position 70"]
    assert texts[3].endswith(f"at position {np.flatnonzero(VALUES < -0.999)[0]}")
    assert texts[4].endswith("at position 0")
