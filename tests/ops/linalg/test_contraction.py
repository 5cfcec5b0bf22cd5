import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.linalg.contraction import arranged, contract, summed
from tests.harness import check_op


@pytest.mark.parametrize(
    ("shapes", "dims"),
    [
        ([(2, 3, 4), (3, 4, 5)], 2),
        ([(2, 3), (3, 4)], 1),
        ([(2,), (3,)], 0),
        ([(2, 3), (2, 3)], 2),
        ([(2, 3, 4), (4, 3, 2)], ([1, 2], [1, 0])),
        ([(2, 3, 4), (4, 3, 2)], [[0, -1], [2, 0]]),
        ([(3, 2), (3, 2)], ([0], [0])),
        ([(2, 0), (0, 3)], 1),
    ],
)
def test_tensordot(shapes, dims, device):
    check_op(lambda a, b: gp.tensordot(a, b, dims), lambda a, b: np.tensordot(a, b, dims), shapes, device)


def test_tensordot_broadcasts_length_1(device):
    check_op(lambda a, b: gp.tensordot(a, b, ([1], [0])), lambda a, b: a * b.sum(0), [(3, 1), (4, 5)], device)


def test_tensordot_takes_tensors_and_keeps_integers(device):
    a = gp.ones(2, 1, dtype=gp.int8, device=device)
    found = gp.tensordot(a, gp.ones(3, 2, dtype=gp.int8, device=device), gp.tensor([[1], [0]]))
    assert (found.dtype, found.tolist()) == (gp.int8, [[3, 3], [3, 3]])
    assert gp.tensordot(a, a.t(), gp.tensor(1)).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("dims", "error", "words"),
    [
        (([1], [0]), RuntimeError, r"first has size 3 in dim 1 and second has size 4 in dim 0"),
        (([1, 2], [0]), RuntimeError, "same length"),
        (([1, 1], [0, 1]), RuntimeError, "appears multiple times"),
        (([3], [0]), IndexError, "Dimension out of range"),
        (4, RuntimeError, "got dims=4"),
        (-1, RuntimeError, "got dims=-1"),
    ],
)
def test_tensordot_errors(dims, error, words):
    with pytest.raises(error, match=words):
        gp.tensordot(gp.ones(2, 3, 4), gp.ones(4, 3, 2), dims)


@pytest.mark.parametrize(
    ("left", "right", "keep", "wanted"),
    [
        ("ij", "jk", "ik", "ik"),
        ("bij", "bjk", "bik", "bik"),
        ("ij", "ij", "ij", "ij"),
        ("i", "j", "ij", "ij"),
        ("bi", "cb", "bic", "bic"),
        ("ijk", "kj", "i", "i"),
        ("ix", "jy", "ij", "ij"),
        ("ij", "ij", "", ""),
        ("abc", "cbd", "abd", "bad"),
    ],
)
def test_contract(left, right, keep, wanted, device):
    size = dict(a=2, b=3, c=4, d=2, i=2, j=3, k=4, x=2, y=3)
    shapes = [tuple(size[c] for c in term) for term in (left, right)]
    labels = []

    def op(a, b):
        result, found = contract(a, list(left), b, list(right), set(keep))
        labels.append("".join(found))
        return result

    check_op(op, lambda a, b: np.einsum(f"{left},{right}->{wanted}", a, b), shapes, device)
    assert set(labels) == {wanted}


def test_transposed_memory_is_not_moved(device):
    """Both operands lie in memory with the contracted dimension in front: BLAS is told so."""
    a, b = (gp.ones(4, n, device=device, requires_grad=True) for n in (2, 3))
    product, _ = contract(a, ["k", "i"], b, ["j", "k"][::-1], {"i", "j"})
    node = product.grad_fn
    while type(node).__name__ != "MatMulBackward0":
        node = node.next_functions[0][0]
    assert (node.a_t, node.b_t) == (True, False)


def test_summed_and_arranged(device):
    x = gp.tensor(np.arange(24).reshape(2, 3, 4), device=device)
    total, labels = summed(x, ["a", "b", "c"], {"a", "c"})
    assert labels == ["a", "c"]
    assert total.tolist() == x.sum(1).tolist()
    assert arranged(x, ["a", "b", "c"], ["c", "a", "b"]).shape == (4, 2, 3)
    assert arranged(x, ["a", "b", "c"], ["a", "b", "c"]) is x
