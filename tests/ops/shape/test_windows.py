"""Windows along a dimension, as views."""

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op
from tests.ops.shape.test_views import counted

CASES = [
    ((6,), 0, 3, 1),
    ((7,), 0, 2, 3),
    ((2, 5, 3), 1, 2, 2),
    ((2, 5, 3), -1, 3, 1),
    ((4, 6), 0, 4, 1),
    ((5,), 0, 0, 2),
]


def windows(x, axis, size, step):
    if size == 0:
        return np.moveaxis(np.zeros(((x.shape[axis] // step + 1), *np.delete(x.shape, axis), 0)), 0, axis)
    slid = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    return np.take(slid, range(0, slid.shape[axis], step), axis)


@pytest.mark.parametrize(("shape", "axis", "size", "step"), CASES)
def test_values_and_gradients(shape, axis, size, step, device):
    axis = axis % len(shape)
    check_op(
        lambda x: x.unfold(axis, size, step), lambda x: windows(x, axis, size, step), [counted(shape)], device=device
    )


def test_it_is_a_view(device):
    x = gp.tensor(counted((2, 6)), device=device)
    y = x.unfold(1, 4, 2)
    assert y.shape == (2, 2, 4)
    x[0, 2] = 100.0
    assert y[0, 0, 2].item() == y[0, 1, 0].item() == 100.0


def test_changes_in_place_are_recorded(device):
    x = gp.ones(4, device=device, requires_grad=True)
    y = x * 1
    y.unfold(0, 2, 2)[1].mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 3, 3]


def test_of_a_single_number():
    x = gp.tensor(3.0)
    assert x.unfold(0, 1, 1).tolist() == [3.0]
    assert x.unfold(0, 0, 1).shape == (0,)


def test_errors():
    x = gp.zeros(2, 5)
    with pytest.raises(RuntimeError, match="maximum size for tensor at dimension 1 is 5 but size is 6"):
        x.unfold(1, 6, 1)
    with pytest.raises(RuntimeError, match="step is 0 but must be > 0"):
        x.unfold(1, 2, 0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        x.unfold(2, 1, 1)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
def test_gradients_of_half_types_add_up_in_float32(dtype, device):
    grad = gp.randn(61, 40, dtype=dtype, device=device, generator=gp.Generator(device).manual_seed(1))
    sums = []
    for to in (dtype, gp.float32):
        x = gp.zeros(100, dtype=to, device=device, requires_grad=True)
        x.unfold(0, 40, 1).backward(grad.to(to))
        sums.append(x.grad.to(dtype).tolist())
    assert sums[0] == sums[1]


def test_one_window_needs_no_memory_for_a_step(device):
    x = gp.zeros(3, device=device, requires_grad=True)
    y = x.unfold(0, 2, 1 << 50)
    y.backward(gp.ones(1, 2, device=device))
    assert y.shape == (1, 2) and x.grad.tolist() == [1.0, 1.0, 0.0]
