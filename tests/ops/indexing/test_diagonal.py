import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op
from tests.ops.shape.test_views import is_view


@pytest.mark.parametrize(
    ("offset", "dim1", "dim2"), [(0, 0, 1), (1, 0, 1), (-1, 1, 2), (0, -1, 0), (2, 2, 1), (9, 0, 2), (-9, 0, 1)]
)
def test_diagonal(offset, dim1, dim2, device):
    def op(x):
        return gp.diagonal(x, offset, dim1, dim2)

    check_op(op, lambda a: a.diagonal(offset, dim1, dim2), [(2, 3, 4)], device)
    check_op(lambda x: op(x.transpose(0, 2)), lambda a: a.T.diagonal(offset, dim1, dim2), [(4, 3, 2)], device)
    x = gp.zeros(2, 3, 4, device=device)
    assert is_view(op(x), x)


def test_written_through_the_diagonal(device):
    x = gp.ones(3, 3, device=device, requires_grad=True)
    y = x * 1
    y.diagonal(1).mul_(5)
    y.diagonal()[1] = 7
    assert y.tolist() == [[1, 5, 1], [1, 7, 5], [1, 1, 1]]
    y.sum().backward()
    assert x.grad.tolist() == [[1, 5, 1], [1, 0, 5], [1, 1, 1]]


@pytest.mark.parametrize("k", [0, 1, -2, 5])
def test_diag(k, device):
    check_op(lambda x: gp.diag(x, k), lambda a: np.diag(a, k), [(3, 4)], device)
    check_op(lambda x: gp.diag(x, k), lambda a: np.diag(a, k), [(3,)], device)
    x = gp.zeros(3, 4, device=device)
    assert not is_view(gp.diag(x), x)


@pytest.mark.parametrize(("offset", "dim1", "dim2"), [(0, -2, -1), (1, 0, 2), (-2, -1, 0), (1, 1, 0)])
def test_diag_embed(offset, dim1, dim2, device):
    def reference(a):
        size = a.shape[-1] + abs(offset)
        lines = a.reshape(-1, a.shape[-1])
        return np.moveaxis(
            np.stack([np.diag(line, offset) for line in lines]).reshape(*a.shape[:-1], size, size),
            (-2, -1),
            (dim1, dim2),
        )

    check_op(lambda x: gp.diag_embed(x, offset, dim1, dim2), reference, [(2, 3)], device)
    check_dtypes(lambda x: gp.diag_embed(x, offset, dim1, dim2), reference, [(2, 3)], device)
    assert gp.diag_embed(gp.zeros(2, 0, device=device), offset).shape == (2, abs(offset), abs(offset))


def test_trace(device):
    for shape in ((3, 3), (2, 5), (4, 2), (0, 3)):
        check_op(gp.trace, np.trace, [shape], device)
        check_dtypes(gp.trace, np.trace, [shape], device)
    ints = gp.trace(gp.tensor([[100, 0], [0, 100]], dtype=gp.int8, device=device))
    assert (ints.dtype, ints.item()) == (gp.int64, 200)


@pytest.mark.parametrize(
    ("shape", "wrap"), [((3, 3), False), ((2, 5), True), ((7, 2), False), ((7, 2), True), ((3, 3, 3), False)]
)
def test_fill_diagonal(shape, wrap, device):
    def op(x):
        return (x * 1).fill_diagonal_(2.5, wrap)

    def reference(a):
        np.fill_diagonal(a, 2.5, wrap)
        return a

    check_op(op, reference, [shape], device)
    assert gp.zeros(2, 2, dtype=gp.int8, device=device).fill_diagonal_(gp.tensor(3.5)).tolist() == [[3, 0], [0, 3]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.diagonal(0, 1, 1), RuntimeError, "diagonal dimensions cannot be identical 1, 1"),
        (lambda x: x[0].diagonal(), IndexError, "Dimension out of range"),
        (lambda x: x[None].diag(), RuntimeError, r"Supports 1D or 2D tensors. Got shape \(1, 2, 3\)"),
        (lambda x: x.diag_embed(0, 0, 0), RuntimeError, "cannot be identical 0, 0"),
        (lambda x: x[0, 0].diag_embed(), IndexError, "Dimension out of range"),
        (lambda x: x[0].trace(), RuntimeError, "expected a matrix, but got tensor with dim 1"),
        (lambda x: (x > 0).trace(), NotImplementedError, "trace: not implemented for bool"),
        (lambda x: x[0].fill_diagonal_(1), RuntimeError, "dimensions must larger than 1"),
        (lambda x: x[None].fill_diagonal_(1), RuntimeError, r"must be of equal length, got shape \(1, 2, 3\)"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(gp.zeros(2, 3))


def test_diagonals_far_outside_are_empty(device):
    x = gp.zeros(3, 4, device=device, requires_grad=True)
    for offset in (2**40, -(2**40), 4, -3):
        y = x.diagonal(offset)
        assert y.shape == (0,)
        (grad,) = gp.autograd.grad(y.sum(), x)
        assert grad.tolist() == gp.zeros(3, 4).tolist()


def test_diagonals_of_matrices_are_those_of_the_last_two_dimensions():
    x = gp.arange(24).reshape(2, 3, 4)
    assert gp.equal(gp.linalg.diagonal(x), x.diagonal(0, -2, -1))
    assert gp.equal(gp.linalg.diagonal(x, offset=1, dim1=0, dim2=2), x.diagonal(1, 0, 2))


def test_diagflat(device):
    x = gp.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    assert gp.diagflat(x).tolist() == np.diagflat(x.cpu().numpy()).tolist()
    assert x.diagflat(-1).tolist() == np.diagflat(x.cpu().numpy(), -1).tolist()
