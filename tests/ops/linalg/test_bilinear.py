import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op


def reference(a, b, weight, bias=None):
    y = np.einsum("...i,kij,...j->...k", a, weight, b)
    return y if bias is None else y + bias


@pytest.mark.parametrize("batch", [(), (4,), (2, 3), (0,)])
@pytest.mark.parametrize("biased", [False, True])
def test_bilinear(batch, biased, device):
    shapes = [(*batch, 3), (*batch, 2), (5, 3, 2), *[(5,)] * biased]
    check_op(F.bilinear, reference, shapes, device)
    check_dtypes(gp.bilinear, reference, shapes, device, factor=2)


def test_integers(device):
    a, b = gp.tensor([[1, 2]], device=device), gp.tensor([[3, 4]], device=device)
    weight = gp.tensor([[[1, 0], [0, 1]], [[0, 1], [-1, 0]]], device=device)
    assert F.bilinear(a, b, weight).tolist() == [[11, -2]]


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(2, 3), (3, 2), (5, 3, 2)], r"do not match: got \(2, 3\) and \(3, 2\)"),
        ([(3,), (2, 2), (5, 3, 2)], "do not match"),
        ([(), (2,), (5, 3, 2)], "do not match"),
        ([(2, 3), (2, 2), (5, 2, 3)], r"expected a weight \(out, 3, 2\) .* got weight \(5, 2, 3\)"),
        ([(2, 3), (2, 2), (3, 2)], "expected a weight"),
        ([(2, 3), (2, 2), (5, 3, 2), (4,)], r"got bias \(4,\) and weight \(5, 3, 2\)"),
    ],
)
def test_errors(shapes, words):
    with pytest.raises(RuntimeError, match=words):
        F.bilinear(*map(gp.ones, shapes))
