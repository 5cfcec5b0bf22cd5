import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.narrow(x, 0, 1, 2), lambda a: a[1:3], (4, 3)),
        (lambda x: gp.narrow(x, 1, -2, 2), lambda a: a[:, 1:3], (4, 3)),
        (lambda x: gp.narrow(x, 0, gp.tensor(1), 1), lambda a: a[1:2], (4, 3)),
        (lambda x: gp.narrow(x, axis=-1, start=3, length=0), lambda a: a[:, 3:], (4, 3)),
        (lambda x: gp.select(x, 0, 1), lambda a: a[1], (4, 3)),
        (lambda x: gp.select(x, -1, -1), lambda a: a[:, -1], (4, 3)),
        (lambda x: gp.select(x, 0, 2), lambda a: a[2], (4,)),
        (lambda x: gp.select(x.t(), 0, 2), lambda a: a[:, 2], (4, 3)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_share_memory(device):
    x = counted(4, 3, device=device)
    for y in (x.narrow(0, 1, 2), x.select(1, 0), x.narrow(1, 3, 0)):
        assert is_view(y, x)
    v = counted(4, device=device)
    single = v.select(0, 2)
    single.fill_(9)
    assert v.tolist() == [0, 1, 9, 3]


def test_gradient_of_a_half_type_stays_one():
    x = gp.ones(4, dtype=gp.bfloat16, requires_grad=True)
    x.narrow(0, 1, 2).sum().backward()
    assert x.grad.dtype is gp.bfloat16
    assert x.grad.tolist() == [0, 1, 1, 0]


def test_in_place_changes_through_narrow_and_select(device):
    x = gp.tensor(np.arange(1.0, 7).reshape(2, 3), device=device, requires_grad=True)
    y = x * 1
    y.narrow(1, 1, 2).mul_(3)
    y.select(0, 0).mul_(y.detach().clone().select(0, 1))
    assert y.tolist() == [[4, 90, 162], [4, 15, 18]]
    y.sum().backward()
    assert x.grad.tolist() == [[4, 45, 54], [1, 3, 3]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.narrow(0, 1, 4), RuntimeError, r"start \(1\) \+ length \(4\) exceeds dimension size \(4\)"),
        (lambda x: x.narrow(0, 5, 0), IndexError, "start out of range"),
        (lambda x: x.narrow(0, -5, 1), IndexError, "start out of range"),
        (lambda x: x.narrow(0, 0, -1), RuntimeError, "length must be non-negative"),
        (lambda x: x.narrow(2, 0, 1), IndexError, "Dimension out of range"),
        (lambda x: x.narrow(0, gp.tensor([1]), 1), RuntimeError, "0-dim integral Tensor"),
        (lambda x: x.narrow(0, gp.tensor(1.0), 1), RuntimeError, "0-dim integral Tensor"),
        (lambda x: gp.tensor(1.0).narrow(0, 0, 1), RuntimeError, "0-dim tensor"),
        (lambda x: x.select(0, 4), IndexError, r"index 4 out of range for tensor of size \[4, 3\] at dimension 0"),
        (lambda x: x.select(0, -5), IndexError, "index -5 out of range"),
        (lambda x: gp.tensor(1.0).select(0, 0), IndexError, "0-dim tensor"),
        (lambda x: x.select(0, 1.0), TypeError, "index must be ints"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(4, 3))
