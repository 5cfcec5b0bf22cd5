import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

RNG = np.random.default_rng(0)


def gathered(dim, index):
    return lambda x: gp.gather(x, dim, gp.tensor(index, device=x.device))


@pytest.mark.parametrize(
    ("dim", "index"),
    [
        (0, RNG.integers(0, 2, (2, 3, 4))),
        (1, RNG.integers(0, 3, (2, 7, 4))),
        (-1, RNG.integers(0, 4, (2, 3, 4)).astype(np.int32)),
        (1, RNG.integers(0, 3, (1, 2, 3))),
        (2, np.zeros((2, 3, 0), int)),
    ],
)
def test_gather(dim, index, device):
    def reference(a):
        corner = [slice(n) for n in index.shape]
        corner[dim] = slice(None)
        return np.take_along_axis(a[tuple(corner)], index, dim)

    check_op(gathered(dim, index), reference, [(2, 3, 4)], device)
    check_dtypes(gathered(dim, index), reference, [(2, 3, 4)], device)
    check_op(
        lambda x: gathered(dim, index)(x.transpose(0, 2)), lambda a: reference(a.swapaxes(0, 2)), [(4, 3, 2)], device
    )


def test_0d_tensors(device):
    check_op(gathered(0, np.array(0)), lambda a: a, [()], device)
    check_op(gathered(0, np.array([0, 0])), lambda a: np.array([a, a]), [()], device)
    check_op(gathered(0, np.array(1)), lambda a: a[1], [(3,)], device)


def test_an_empty_index_may_have_any_shape_and_type(device):
    assert gp.gather(gp.zeros(3), 0, gp.zeros(2, 0, dtype=gp.uint8)).shape == (2, 0)


def test_gradients_add_up(device):
    x = gp.zeros(1, 3, dtype=gp.float16, device=device, requires_grad=True)
    x.gather(1, gp.ones(1, 3000, dtype=gp.int64, device=device)).sum().backward()
    assert x.grad.tolist() == [[0, 3000, 0]]


@pytest.mark.parametrize(
    ("dim", "index", "error", "words"),
    [
        (
            1,
            [[0], [3]],
            IndexError,
            r"gather: index 3 at position \(1, 0\) is out of bounds for dimension 1 with size 3",
        ),
        (1, [[-1]], RuntimeError, r"index -1 at position \(0, 0\)"),
        (2, [[0]], IndexError, "Dimension out of range"),
        (0, [0], RuntimeError, "same number of dimensions as input tensor"),
        (
            1,
            [[0], [0], [0]],
            RuntimeError,
            r"\(3, 1\) to be no larger than input of shape \(2, 3\) apart from dimension 1",
        ),
        (1, [[0.0]], RuntimeError, "Expected dtype int32/int64 for index, got float32"),
    ],
)
def test_errors(dim, index, error, words):
    with pytest.raises(error, match=words):
        gp.zeros(2, 3).gather(dim, gp.tensor(index))


@pytest.mark.parametrize(
    ("shape", "index", "dim"),
    [
        ((2, 3), RNG.integers(-3, 3, (2, 5)), 1),
        ((1, 3), RNG.integers(0, 3, (4, 2)), -1),
        ((4, 3), RNG.integers(-4, 4, (2, 1)), 0),
    ],
)
def test_take_along_dim(shape, index, dim, device):
    def reference(a):
        rest = np.broadcast_shapes(*(tuple(np.delete(s, dim)) for s in (a.shape, index.shape)))
        full = [tuple(np.insert(rest, dim % 2, s[dim])) for s in (a.shape, index.shape)]
        return np.take_along_axis(np.broadcast_to(a, full[0]), np.broadcast_to(index, full[1]), dim)

    check_op(lambda x: gp.take_along_dim(x, gp.tensor(index, device=x.device), dim), reference, [shape], device)


def test_take_along_dim_without_a_dim(device):
    x = gp.tensor([[10, 20], [30, 40]], device=device)
    assert gp.take_along_dim(x, gp.tensor([[3, 0]], device=device)).tolist() == [40, 10]


@pytest.mark.parametrize(
    ("indices", "dim", "error", "words"),
    [
        (gp.tensor([0]), 0, RuntimeError, "same number of dimensions"),
        (gp.tensor([[0], [3]]), 1, IndexError, r"take_along_dim: index 3 at position \(1, 0\)"),
        (gp.tensor([[0]], dtype=gp.int32), 1, RuntimeError, "Expected dtype int64"),
        (gp.zeros(4, 1, dtype=gp.int64), 1, RuntimeError, r"shapes \(2, 3\) and \(4, 1\) must match"),
        ([0], 1, TypeError, "indices must be a Tensor, got list"),
    ],
)
def test_take_along_dim_errors(indices, dim, error, words):
    with pytest.raises(error, match=words):
        gp.zeros(2, 3).take_along_dim(indices, dim)
