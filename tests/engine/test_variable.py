import numpy as np
import pytest

import gpunn as gp


def test_requires_grad_is_for_floating_leaves():
    x = gp.tensor([1, 2])
    with pytest.raises(RuntimeError, match="floating point"):
        x.requires_grad = True
    y = gp.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad = False
    y.requires_grad = True
    assert not y.is_leaf


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (np.ones(2), TypeError, "expected a Tensor"),
        (gp.ones(3), RuntimeError, r"expected shape \(2,\).*got \(3,\)"),
        (gp.ones(2, dtype=gp.float64), RuntimeError, "expected dtype float32"),
    ],
)
def test_assigned_gradients_are_checked(value, error, text):
    x = gp.ones(2)
    with pytest.raises(error, match=text):
        x.grad = value
    assert x.grad is None


def test_a_tensor_is_not_its_own_gradient():
    x = gp.ones(2)
    with pytest.raises(RuntimeError, match="own gradient"):
        x.grad = x


def test_attributes_can_be_set():
    x = gp.ones(2)
    x.note = "mine"
    assert x.note == "mine"
