import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from gpunn.errors import GraphError
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.split(x, 2), lambda a: (a[:2], a[2:4], a[4:]), (5, 3)),
        (lambda x: gp.split(x, [1, 0, 4]), lambda a: (a[:1], a[1:1], a[1:]), (5, 3)),
        (lambda x: gp.split(x, 2, dim=-1), lambda a: (a[:, :2], a[:, 2:]), (5, 3)),
        (lambda x: gp.split_with_sizes(x, (3, 2)), lambda a: (a[:3], a[3:]), (5, 3)),
        (lambda x: gp.chunk(x, 2, axis=1), lambda a: (a[:, :2], a[:, 2:]), (5, 3)),
        (lambda x: gp.tensor_split(x, 2), lambda a: (a[:3], a[3:]), (5, 3)),
        (lambda x: gp.tensor_split(x, (1, 4)), lambda a: (a[:1], a[1:4], a[4:]), (5, 3)),
        (lambda x: gp.unbind(x, 1), lambda a: tuple(a.T), (5, 3)),
        (lambda x: gp.hsplit(x, 3), lambda a: tuple(np.hsplit(a, 3)), (5, 3)),
        (lambda x: gp.vsplit(x, (2,)), lambda a: tuple(np.vsplit(a, (2,))), (5, 3)),
        (lambda x: gp.dsplit(x, 2), lambda a: tuple(np.dsplit(a, 2)), (2, 3, 4)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_lengths():
    assert [len(x) for x in gp.arange(7).chunk(4)] == [2, 2, 2, 1]
    assert [len(x) for x in gp.arange(7).chunk(5)] == [2, 2, 2, 1]
    assert [len(x) for x in gp.arange(7).tensor_split(3)] == [3, 2, 2]
    assert [len(x) for x in gp.zeros(0, 3).chunk(4)] == [0, 0, 0, 0]
    assert [len(x) for x in gp.zeros(0, 3).split(2)] == [0]
    assert [len(x) for x in gp.zeros(0, 3).split(0)] == [0]
    assert gp.zeros(0, 3).unbind() == ()
    assert gp.zeros(2, 0).split([], dim=1) == ()


@given(st.integers(0, 9), st.lists(st.integers(-11, 11), max_size=4))
def test_tensor_split_agrees_with_numpy(n, cuts):
    mine = [x.tolist() for x in gp.arange(n).tensor_split(cuts)]
    assert mine == [a.tolist() for a in np.array_split(np.arange(n), cuts)]


def test_tensor_split_takes_tensors():
    x = gp.arange(7)
    assert [len(p) for p in x.tensor_split(gp.tensor(2))] == [4, 3]
    assert [len(p) for p in x.tensor_split(gp.tensor([2, 3]))] == [2, 1, 4]


def test_pieces_are_views(device):
    x = counted(4, 3, device=device)
    pieces = [*x.split(2), *x.chunk(2), *x.unbind(), *x.tensor_split(2), *x.hsplit(3), *x.split([1, 3])]
    assert all(is_view(p, x) for p in pieces)
    x.split(2)[1].fill_(7)
    assert x.select(0, 2).tolist() == [7, 7, 7]


def test_only_some_pieces_are_used(device):
    """The gradients of the others are zeros."""
    x = gp.tensor(np.arange(6.0), device=device, requires_grad=True)
    _, b, _ = x.split(2)
    (b * b).sum().backward()
    assert x.grad.tolist() == [0, 0, 4, 6, 0, 0]
    x.grad = None
    x.unbind()[5].backward()
    assert x.grad.tolist() == [0, 0, 0, 0, 0, 1]


def test_backward_takes_linear_time():
    """One node for all pieces; each gradient is copied once."""
    n = 3000
    x = gp.zeros(n, 8, requires_grad=True)
    rows = x.unbind()
    assert len({id(row.grad_fn) for row in rows}) == 1
    gp.stack(rows).sum().backward()
    assert x.grad.sum().item() == 8 * n


def test_pieces_of_one_operation_are_not_changed_in_place():
    """As in PyTorch: multi-output views refuse, pieces of tensor_split do not."""
    y = gp.ones(4, requires_grad=True) * 1
    for piece in (y.split(4)[0], y.chunk(2)[0], y.unbind()[0]):
        with pytest.raises(GraphError, match="returns multiple views is being modified inplace"):
            piece.mul_(2)
    assert y.tolist() == [1, 1, 1, 1] and y._version == [0]
    y.tensor_split(2)[1].mul_(2)
    assert y.tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.split(-1), RuntimeError, "split_size be non-negative"),
        (lambda x: x.split(0), RuntimeError, "can only be 0 if dimension size is 0"),
        (lambda x: x.split([1, 2]), RuntimeError, r"sum exactly to 4 .* got split_sizes=\[1, 2\]"),
        (lambda x: x.split([5, -1]), RuntimeError, "only non-negative entries"),
        (lambda x: x.split(1.5), TypeError, "split_size must be ints"),
        (lambda x: x.split(1, 2), IndexError, "Dimension out of range"),
        (lambda x: gp.split([1, 2], 1), TypeError, "split: expected a Tensor, got list"),
        (lambda x: x.split_with_sizes(4), TypeError, "split_sizes must be ints"),
        (lambda x: x.chunk(0), RuntimeError, "greater than 0, got: 0"),
        (lambda x: x.tensor_split(0), RuntimeError, "larger than 0, got 0"),
        (lambda x: x.tensor_split(gp.tensor([2.0])), RuntimeError, "dtype of int64"),
        (lambda x: x.tensor_split(gp.tensor([[2]])), RuntimeError, "zero-dimensional or one-dimensional"),
        (lambda x: gp.tensor(1.0).split(1), RuntimeError, "at least a 1-dimensional tensor"),
        (lambda x: gp.tensor(1.0).unbind(), IndexError, "no dimensions"),
        (lambda x: gp.tensor(1.0).hsplit(1), RuntimeError, "hsplit requires a tensor with at least 1"),
        (lambda x: gp.zeros(4).vsplit(2), RuntimeError, "vsplit requires a tensor with at least 2"),
        (lambda x: x.dsplit(2), RuntimeError, "dsplit requires a tensor with at least 3"),
        (lambda x: x.hsplit(2), RuntimeError, "3 is not divisible by the split_size 2"),
        (lambda x: x.vsplit(0), RuntimeError, "not divisible by the split_size 0"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(4, 3))


@pytest.mark.parametrize("op", [gp.tensor_split, gp.hsplit, gp.vsplit, gp.dsplit])
def test_indices_and_sections_have_names(op):
    x = gp.tensor(counted((4, 4, 4)))
    for name in ("sections", "indices_or_sections"):
        assert [p.tolist() for p in op(x, **{name: 2})] == [p.tolist() for p in op(x, 2)]
    assert [p.tolist() for p in op(x, indices=(1, 3))] == [p.tolist() for p in op(x, (1, 3))]
    with pytest.raises(TypeError, match="got 0"):
        op(x)
    with pytest.raises(TypeError, match="got 2"):
        op(x, 2, sections=2)


def test_the_method_calls_its_sizes_split_size():
    x = gp.tensor(counted((5, 2)))
    for size in (2, [1, 4]):
        assert [p.tolist() for p in x.split(split_size=size, dim=0)] == [p.tolist() for p in gp.split(x, size)]
