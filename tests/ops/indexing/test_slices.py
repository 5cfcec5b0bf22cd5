import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op


def filled(index):
    def reference(a, s):
        a[index] = s
        return a

    return reference


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x, s: gp.select_scatter(x, s, 1, -1), filled((slice(None), -1)), (3,)),
        (lambda x, s: gp.slice_scatter(x, s, 0, 1, 9), filled(slice(1, 9)), (2, 4)),
        (lambda x, s: gp.slice_scatter(x, s, -1, None, -1, 2), filled((slice(None), slice(0, -1, 2))), (3, 2)),
        (lambda x, s: gp.slice_scatter(x, s), filled(...), (3, 4)),
        (lambda x, s: gp.diagonal_scatter(x, s, 1), filled((np.arange(3), np.arange(1, 4))), (3,)),
        (lambda x, s: gp.diagonal_scatter(x, s, -1, 1, 0), filled((np.arange(3), np.arange(1, 4))), (3,)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [(3, 4), shape], device)


def test_the_source_is_cast(device):
    x = gp.zeros(2, dtype=gp.int64, device=device)
    assert x.select_scatter(gp.tensor(2.7, device=device), 0, 1).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.select_scatter(x[0], 1, 0), RuntimeError, r"src size = \(4,\), slice size = \(3,\)"),
        (lambda x: x.select_scatter(x[0], 0, 3), IndexError, "index 3 .* out of bounds for dimension 0 with size 3"),
        (lambda x: x.slice_scatter(x, 0, 1), RuntimeError, r"src size = \(3, 4\), slice size = \(2, 4\)"),
        (lambda x: x.slice_scatter(x, 0, step=0), RuntimeError, "slice step must be positive, got 0"),
        (lambda x: x.diagonal_scatter(x[0]), RuntimeError, r"slice size = \(3,\)"),
        (lambda x: x.diagonal_scatter(x[0], 0, 1, 1), RuntimeError, "cannot be identical"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(gp.zeros(3, 4))
