import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.shape.expand import Copy
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.expand(x, (4, 3)), lambda a: np.broadcast_to(a, (4, 3)), (3,)),
        (lambda x: gp.expand(x, (2, -1, 3)), lambda a: np.broadcast_to(a, (2, 2, 3)), (2, 1)),
        (lambda x: gp.expand(x, (1, 3)), lambda a: a[None], (3,)),
        (lambda x: gp.expand(x, (2, 0)), lambda a: np.zeros((2, 0)), (2, 1)),
        (lambda x: gp.expand(x, ()), lambda a: a, ()),
        (lambda x: gp.broadcast_to(x, (2, 3)), lambda a: np.broadcast_to(a, (2, 3)), (3,)),
        (lambda x: gp.expand_as(x, gp.zeros(2, 3)), lambda a: np.broadcast_to(a, (2, 3)), (3,)),
        (lambda x: gp.sum_to_size(x, (1, 3)), lambda a: a.sum(0, keepdims=True), (2, 3)),
        (lambda x: gp.sum_to_size(x, ()), np.sum, (2, 3)),
        (lambda x: gp.sum_to_size(x, (3, 1)), lambda a: a.sum(0).sum(1, keepdims=True), (2, 3, 4)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_broadcast_tensors(device):
    check_op(lambda a, b: gp.broadcast_tensors(a, b), lambda a, b: np.broadcast_arrays(a, b), [(2, 1), (3,)], device)
    assert gp.broadcast_tensors([gp.zeros(2)])[0].shape == (2,)
    assert gp.broadcast_tensors() == []


def test_expand_shares_memory(device):
    x = counted(3, device=device)
    y = x.expand(2, 3)
    assert is_view(y, x) and y.stride() == (0, 1)
    y.select(0, 1).fill_(5)
    assert x.tolist() == [5, 5, 5]
    x.expand(1, 3).add_(1)
    assert y.tolist() == [[6, 6, 6], [6, 6, 6]]


def test_in_place_on_stretched_memory_is_refused():
    x = counted(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.expand(2, 3).add_(1)
    assert x.tolist() == [0, 1, 2]


def test_gradient_of_an_in_place_change_through_an_expanded_view(device):
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = x * 1
    y.expand(3, 2).select(0, 1).mul_(5)
    (y * y).sum().backward()
    assert x.grad.tolist() == [50, 100]


def test_long_sums_keep_their_digits(device):
    """float32, along the slow axis: one by one it would lose 3 digits."""
    x = gp.full((100_000, 3), 0.1, device=device)
    assert gp.sum_to_size(x, (3,)).tolist() == pytest.approx([10_000] * 3, rel=1e-6)
    half = gp.ones(5000, 2, dtype=gp.bfloat16, device=device)
    assert gp.sum_to_size(half, (1, 2)).tolist() == [[4992, 4992]]  # 5000 rounded once


def test_copy_has_no_gradient_for_what_it_overwrites(device):
    check_op(lambda a, b: Copy()(a, b) + 0 * a, lambda a, b: np.broadcast_to(b, a.shape), [(2, 3), (3,)], device)
    a, b = gp.ones(2, 3, requires_grad=True), gp.ones(3, requires_grad=True)
    Copy()(a, b).sum().backward()
    assert a.grad.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert b.grad.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.expand(3), RuntimeError, "number of sizes provided .1. must be greater"),
        (lambda x: x.expand(-1, 2, 3), RuntimeError, "isn't allowed in a leading, non-existing dimension 0"),
        (lambda x: x.expand(2, 4), RuntimeError, r"\(4\) must match the existing size \(3\) .* dimension 1"),
        (lambda x: x.expand(2, -2), RuntimeError, r"The expanded size of the tensor \(-2\)"),
        (lambda x: x.expand(2, 3.0), TypeError, "size must be ints"),
        (lambda x: x.broadcast_to(2), RuntimeError, "broadcast_to: the number of sizes"),
        (lambda x: gp.broadcast_tensors(x, gp.zeros(4)), RuntimeError, r"\(3\) must match the size of tensor b \(4\)"),
        (lambda x: gp.broadcast_tensors(x, 3), TypeError, "expected Tensors, got int"),
        (lambda x: x.sum_to_size(3, 3), RuntimeError, "not expandable"),
        (lambda x: x.sum_to_size(1, 2, 3), RuntimeError, "not expandable"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(2, 3))
