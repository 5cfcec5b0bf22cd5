"""Elementwise kernels follow the order of their arrays in memory."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.kernels import elementwise

SHAPES = [(5,), (2, 3, 4, 5), (1, 3, 1, 2), (3, 0, 2), ()]


@pytest.mark.parametrize("shape", SHAPES)
def test_memory_order_of_any_permutation(shape):
    rng = np.random.default_rng(0)
    for _ in range(8):
        axes = rng.permutation(len(shape))
        x = np.zeros(shape).transpose(axes)
        assert x.transpose(elementwise.memory_order(x)).flags.c_contiguous


def numbers(device, shape):
    return gp.tensor(np.random.default_rng(1).standard_normal(shape), device=device).array


@pytest.fixture
def cuda(device):
    if device == "cpu":
        pytest.skip("kernels run on a GPU or on the emulator")
    return device


def relu(*arrays):
    name = "relu_forward" if len(arrays) == 1 else "relu_backward"
    return elementwise.apply("activation/piecewise", name, arrays)


def test_the_result_lies_as_the_first_input_does(cuda):
    x = numbers(cuda, (2, 3, 4, 5)).transpose(0, 3, 1, 2)
    y = relu(x)
    assert (y.shape, y.strides) == (x.shape, x.strides)
    np.testing.assert_array_equal(y.get(), np.maximum(x.get(), 0))


def test_inputs_in_different_orders(cuda):
    grad, y = numbers(cuda, (2, 3, 4)), numbers(cuda, (4, 2, 3)).transpose(1, 2, 0)
    dx = relu(grad, y)
    np.testing.assert_array_equal(dx.get(), np.where(y.get() > 0, grad.get(), 0))


def test_inputs_with_gaps_and_repeats(cuda):
    x = numbers(cuda, (6, 10))[::2, 1::3]
    np.testing.assert_array_equal(relu(x).get(), np.maximum(x.get(), 0))
    wide = elementwise.array_module(x).broadcast_to(numbers(cuda, (3, 1)), (3, 7))
    np.testing.assert_array_equal(relu(wide).get(), np.maximum(wide.get(), 0))


@pytest.mark.parametrize("start", range(5))
def test_slices_that_are_not_aligned(cuda, start):
    x = numbers(cuda, (1000,))[start:]
    np.testing.assert_array_equal(relu(x).get(), np.maximum(x.get(), 0))


def test_nothing(cuda):
    assert relu(numbers(cuda, (0, 3))).shape == (0, 3)
