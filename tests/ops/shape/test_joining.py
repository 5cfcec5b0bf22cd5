import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

THREE = [(2, 3), (2, 3), (2, 3)]


@pytest.mark.parametrize(
    ("op", "reference", "shapes"),
    [
        (gp.cat, np.concatenate, [(2, 3), (1, 3), (0, 3)]),
        (lambda x: gp.cat(x, -1), lambda a: np.concatenate(a, -1), [(2, 3), (2, 1)]),
        (lambda x: gp.cat(x, axis=1), lambda a: np.concatenate(a, 1), [(2, 3), (2, 1)]),
        (gp.concat, np.concatenate, THREE),
        (gp.concatenate, np.concatenate, THREE),
        (gp.stack, np.stack, THREE),
        (lambda x: gp.stack(x, -1), lambda a: np.stack(a, -1), THREE),
        (lambda x: gp.stack(x, dim=1), lambda a: np.stack(a, 1), THREE),
        (gp.stack, np.stack, [(), ()]),
        (gp.hstack, np.hstack, THREE),
        (gp.hstack, np.hstack, [(2,), ()]),
        (gp.vstack, np.vstack, [(3,), (2, 3)]),
        (gp.dstack, np.dstack, [(3,), (1, 3)]),
        (gp.column_stack, np.column_stack, [(2,), (2, 3)]),
    ],
)
def test_values_and_gradients(op, reference, shapes, device):
    check_op(lambda *x: op(x), lambda *a: reference(a), shapes, device)
    check_dtypes(lambda *x: op(x), lambda *a: reference(a), shapes, device)


def test_non_contiguous(device):
    check_op(lambda a, b: gp.cat((a.t(), b)), lambda a, b: np.concatenate((a.T, b)), [(3, 2), (4, 3)], device)


def test_dtypes_are_promoted(device):
    half, whole, truth = (gp.ones(2, dtype=d, device=device) for d in (gp.float16, gp.int64, gp.bool))
    assert gp.cat((whole, half)).dtype is gp.float16
    assert gp.stack((truth, whole)).dtype is gp.int64
    assert gp.cat((half, gp.ones(2, dtype=gp.bfloat16, device=device))).dtype is gp.float32
    x = gp.ones(2, dtype=gp.float16, requires_grad=True)
    gp.cat((x, gp.ones(2, dtype=gp.float64))).sum().backward()
    assert x.grad.dtype is gp.float16


def test_legacy_empty_tensors_fit_anything(device):
    e, x = gp.zeros(0, device=device, requires_grad=True), gp.ones(2, 3, device=device, requires_grad=True)
    both = gp.cat((e, x, e), 1)
    assert both.shape == (2, 3)
    both.sum().backward()
    assert e.grad.shape == (0,) and x.grad.sum() == 6
    assert gp.cat((e, e)).shape == (0,)
    assert gp.cat((gp.zeros(0, dtype=gp.float64), gp.ones(2, 2))).dtype is gp.float64


def test_result_is_a_copy():
    x = gp.zeros(2)
    gp.cat((x,)).fill_(1)
    gp.hstack((x,)).fill_(1)
    assert x.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gp.cat([]), ValueError, "expected a non-empty list of Tensors"),
        (lambda: gp.stack([]), RuntimeError, "non-empty list"),
        (lambda: gp.cat(gp.zeros(2)), TypeError, "not Tensor"),
        (lambda: gp.cat(3), TypeError, "not int"),
        (lambda: gp.cat((gp.zeros(2), 3)), TypeError, "expected Tensor as element 1, but got int"),
        (lambda: gp.cat((gp.zeros(2), gp.tensor(1.0))), RuntimeError, r"zero-dimensional tensor \(at position 1\)"),
        (lambda: gp.cat((gp.zeros(2, 3), gp.zeros(2, 2))), RuntimeError, "Expected size 3 but got size 2 for tensor"),
        (lambda: gp.cat((gp.zeros(2, 3), gp.zeros(3))), RuntimeError, "same number of dimensions: got 2 and 1"),
        (lambda: gp.cat((gp.zeros(2), gp.zeros(2)), 1), IndexError, "Dimension out of range"),
        (lambda: gp.stack((gp.zeros(2), gp.zeros(3))), RuntimeError, r"\[2\] at entry 0 and \[3\] at entry 1"),
        (lambda: gp.stack((gp.zeros(2),), 2), IndexError, "Dimension out of range"),
        (lambda: gp.cat((gp.zeros(2),), dim=0, axis=0), TypeError, "axis"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
