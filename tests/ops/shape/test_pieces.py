"""Cat and Split, Stack and Unbind are each other's backward; the public functions are tested in their own files."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
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


def test_many_pieces_in_a_captured_step():
    """Of more than eight CuPy would send a table of their addresses, which it refuses then."""
    with emulator.enable():
        x = gp.tensor([[1.0, 2.0], [3.0, 4.0]], device="cuda")
        images = gp.ones(1, 2, 3, 3, device="cuda").contiguous(memory_format=gp.channels_last)

        @gp.compile
        def step(x, images):
            rows = [x[0] * i for i in range(9)]
            several = gp.cat([images] * 9, 1)
            return gp.stack(rows, 1), gp.cat([*rows, x[1]]), several, gp.stack((x.repeat(5, 1) * 2).unbind(0))

        found = [step(x, images) for _ in range(4)]
        for first, later in zip(found[0], found[-1], strict=True):
            assert first.tolist() == later.tolist() and first.stride() == later.stride()
        assert found[-1][0].tolist() == [[i * n for i in range(9)] for n in (1, 2)]
