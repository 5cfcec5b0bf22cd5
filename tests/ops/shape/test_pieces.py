"""Cat and Split, Stack and Unbind are each other's backward; the public functions are tested in their own files."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.shape.pieces import Cat, Split, Stack, Unbind
from tests.harness import check_op


@pytest.mark.parametrize(
    ("op", "reference", "shapes"),
    [
        (lambda *x: Cat(1)(*x), lambda *a: np.concatenate(a, 1), [(2, 3), (2, 1), (2, 0)]),
        (lambda *x: Stack(1)(*x), lambda *a: np.stack(a, 1), [(2, 3), (2, 3)]),
        (lambda x: Split((1, 0, 2), 1)(x), lambda a: (a[:, :1], a[:, 1:1], a[:, 1:]), [(2, 3)]),
        (lambda x: Unbind(1)(x), lambda a: tuple(a.T), [(2, 3)]),
    ],
)
def test_values_and_gradients(op, reference, shapes, device):
    check_op(op, reference, shapes, device)


def test_cat_gives_gradients_to_those_that_want_one(device):
    a, b = gp.zeros(2, device=device), gp.zeros(3, device=device, requires_grad=True)
    Cat(0)(a, b, a).pow(1).sum().backward()
    assert a.grad is None
    assert b.grad.tolist() == [1, 1, 1]


def test_cat_keeps_channels_last(device):
    x = gp.arange(24.0, device=device).view(1, 2, 3, 4)
    last = x.to(memory_format=gp.channels_last)
    both = Cat(1)(last, last)
    assert both.is_contiguous(memory_format=gp.channels_last)
    assert both.tolist() == Cat(1)(x, x).tolist()
    assert Cat(1)(last, x).shape == (1, 4, 3, 4)
    assert Cat(0)(x, x).is_contiguous()
