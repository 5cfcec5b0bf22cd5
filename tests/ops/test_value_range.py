"""The numbers of a tensor must lie in a range: an error at once on the CPU, at the next wait on a GPU."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.errors import ArgumentError
from gpunn.ops.value_range import check_range

F = gp.nn.functional


def error_of(values, *limits, device, dtype=gp.float32, **options):
    """The text of the error, or None."""
    x = gp.tensor(values, device=device, dtype=dtype)
    try:
        check_range("op: no", x.array, *limits, **options)
        backend.synchronize()
    except ArgumentError as error:
        return str(error)
    return None


@pytest.mark.parametrize("dtype", [gp.float32, gp.float64, gp.float16, gp.bfloat16, gp.int64])
def test_the_first_offender_is_named(dtype, device):
    assert error_of([0, 1, 0.5], 0.0, 1.0, device=device, dtype=dtype) is None
    assert error_of([0, 2, -3], 0.0, 1.0, device=device, dtype=dtype) == "op: no; got 2.0 at position 1"
    assert error_of([[1, 0], [0, -3]], 0.0, 1.0, device=device, dtype=dtype) == "op: no; got -3.0 at position (1, 1)"
    assert error_of(-1, device=device, dtype=dtype) == "op: no; got -1.0"
    assert error_of(np.zeros((0, 3)), device=device, dtype=dtype) is None


def test_limits_infinities_and_nan(device):
    assert error_of([-0.0, 1e-45, math.inf], device=device) is None
    assert error_of([1.0, -math.inf], device=device) == "op: no; got -inf at position 1"
    assert error_of([1.0, math.nan], device=device) == "op: no; got nan at position 1"
    assert error_of([1.0, math.nan], device=device, or_nan=True) is None
    assert error_of([math.nan, -1.0], device=device, or_nan=True) == "op: no; got -1.0 at position 1"
    assert error_of([np.nextafter(1, 2)], 0.0, 1.0, device=device, dtype=gp.float64) is not None


def test_views(device):
    x = gp.tensor(np.arange(12.0).reshape(3, 4), device=device).mT
    with pytest.raises(ArgumentError, match=r"no; got 9.0 at position \(1, 2\)"):
        check_range("no", x.array, 0.0, 8.0)
        backend.synchronize()


def test_no_gpu_is_waited_for():
    with emulator.enable():
        p, t = gp.full((3,), 0.5, device="cuda", requires_grad=True), gp.ones(3, device="cuda")
        before = emulator.synchronisations.count
        F.binary_cross_entropy(p, t).backward()
        F.gaussian_nll_loss(t, t, p).backward()
        gp.bernoulli(p)
        gp.empty(3, device="cuda").bernoulli_(p)
        gp.normal(t, p)
        assert emulator.synchronisations.count == before
