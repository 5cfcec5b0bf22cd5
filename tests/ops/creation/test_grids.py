import itertools

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ShapeError
from tests.harness import check_op


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_meshgrid(indexing, device):
    check_op(
        lambda *x: gp.meshgrid(*x, indexing=indexing),
        lambda *a: np.meshgrid(*a, indexing=indexing),
        [(2,), (3,), (4,)],
        device,
    )


def test_meshgrid_of_few():
    assert [x.tolist() for x in gp.meshgrid([gp.arange(2), gp.tensor(5)])] == [[[0], [1]], [[5], [5]]]
    assert gp.meshgrid(gp.arange(2), indexing="xy")[0].tolist() == [0, 1]
    rows, _ = gp.meshgrid(gp.arange(2), gp.arange(3))
    assert rows.stride() == (1, 0)


def test_cartesian_prod(device):
    check_op(
        lambda *x: gp.cartesian_prod(*x),
        lambda *a: np.array(list(itertools.product(*a))),
        [(2,), (3,), (2,)],
        device,
    )
    assert gp.cartesian_prod(gp.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("row", "col"), [(3, 3), (2, 4), (4, 2), (0, 3), (0, 0)])
@pytest.mark.parametrize("offset", [-2, 0, 1])
def test_triangles(row, col, offset, device):
    lower = gp.tril_indices(row, col, offset, device=device)
    upper = gp.triu_indices(row, col, offset=offset, dtype=gp.int32, device=device)
    np.testing.assert_array_equal(lower.cpu().array, np.tril_indices(row, offset, col))
    np.testing.assert_array_equal(upper.cpu().array, np.triu_indices(row, offset, col))
    assert lower.dtype is gp.int64 and upper.dtype is gp.int32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gp.meshgrid(), RuntimeError, "non-empty list"),
        (lambda: gp.meshgrid(gp.zeros(2, 2)), RuntimeError, "Expected 0D or 1D tensor"),
        (lambda: gp.meshgrid(gp.arange(2), gp.arange(2.0)), RuntimeError, "same dtype, got int64 and float32"),
        (lambda: gp.meshgrid(gp.arange(2), indexing="ab"), RuntimeError, 'one of "xy" or "ij"'),
        (lambda: gp.meshgrid(gp.arange(2), 3), TypeError, "expected Tensors, got int"),
        (lambda: gp.cartesian_prod(gp.tensor(1)), RuntimeError, "Expect a 1D vector"),
        (lambda: gp.tril_indices(-1, 2), RuntimeError, "row must be non-negative, got -1"),
        (lambda: gp.triu_indices(1, 2, dtype=gp.float32), NotImplementedError, "float32"),
        (lambda: gp.triu_indices(1.5, 2), TypeError, "row must be ints"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("r", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("again", [False, True])
def test_combinations(r, again, device):
    x = np.array([4.0, 5, 6, 7])
    choose = itertools.combinations_with_replacement if again else itertools.combinations
    wanted = np.array(list(choose(x, r))).reshape(-1, r) if r else np.zeros(0)
    check_op(lambda v: gp.combinations(v, r, again), lambda v: wanted, [x], device, derivatives=0)


def test_gradient_of_combinations(device):
    check_op(gp.combinations, lambda x: np.array(list(itertools.combinations(x, 2))), [(4,)], device)
    with pytest.raises(ShapeError, match="Expect a 1D vector, but got shape"):
        gp.combinations(gp.ones(2, 2))
    with pytest.raises(ArgumentError, match="Expect a non-negative number, but got -1"):
        gp.combinations(gp.ones(2), -1)
