import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.flip(x, (0,)), lambda a: np.flip(a, 0), (2, 3)),
        (lambda x: gp.flip(x, (0, -1)), lambda a: np.flip(a, (0, 1)), (2, 3)),
        (lambda x: gp.flip(x, ()), lambda a: a, (2, 3)),
        (lambda x: gp.flip(x, (0,)), lambda a: a, ()),
        (lambda x: gp.fliplr(x), np.fliplr, (2, 3)),
        (lambda x: gp.flipud(x), np.flipud, (3,)),
        (lambda x: gp.roll(x, 1), lambda a: np.roll(a, 1), (2, 3)),
        (lambda x: gp.roll(x, -4, 1), lambda a: np.roll(a, -4, 1), (2, 3)),
        (lambda x: gp.roll(x, (1, 2), (0, 0)), lambda a: np.roll(a, 3, 0), (4, 3)),
        (lambda x: gp.roll(x, (1, 2), (0, -1)), lambda a: np.roll(a, (1, 2), (0, 1)), (2, 3)),
        (lambda x: gp.roll(x.t(), 1), lambda a: np.roll(a.T, 1), (2, 3)),
        (lambda x: gp.roll(x, 1), lambda a: a, ()),
        (lambda x: gp.roll(x, 1, 0), lambda a: a, (0, 3)),
        (lambda x: gp.rot90(x), np.rot90, (2, 3)),
        (lambda x: gp.rot90(x, 2), lambda a: np.rot90(a, 2), (2, 3)),
        (lambda x: gp.rot90(x, -1, (-1, 0)), lambda a: np.rot90(a, -1, (-1, 0)), (2, 3, 4)),
        (lambda x: gp.rot90(x, 8), lambda a: a, (2, 3)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_results_are_copies_with_positive_strides(device):
    x = counted(3, 4, device=device)
    for y in (x.flip(0), x.flip(0, 1), x.flip(()), x.rot90(0), x.rot90(), x.roll(0), x.roll(0, 0)):
        assert not is_view(y, x)
        assert min(y.stride()) > 0
    assert x.t().flip(0).stride() == (1, 4)


@given(st.integers(-9, 9), st.sampled_from([(0, 1), (1, 0), (0, -1), (2, 1)]))
def test_rot90_agrees_with_numpy(k, plane):
    x = counted(2, 3, 4)
    np.testing.assert_array_equal(gp.rot90(x, k, plane).array, np.rot90(x.array, k, plane))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.flip(0, 0), RuntimeError, "appears multiple times"),
        (lambda x: x.flip(2), IndexError, "flip: Dimension out of range"),
        (lambda x: gp.zeros(3).fliplr(), RuntimeError, "must be >= 2-d"),
        (lambda x: gp.tensor(1.0).flipud(), RuntimeError, "must be >= 1-d"),
        (lambda x: x.roll((1, 2)), RuntimeError, r"shifts and dimensions must align. shifts: 2, dims:0"),
        (lambda x: x.roll(1, (0, 1)), RuntimeError, "shifts: 1, dims:2"),
        (lambda x: x.roll(()), RuntimeError, "`shifts` required"),
        (lambda x: x.roll(1.5), TypeError, "shifts must be ints"),
        (lambda x: gp.tensor(1.0).roll(1, 0), IndexError, "no dimensions"),
        (lambda x: x.rot90(1, (0,)), RuntimeError, "rotation dims == 2, but got dims = 1"),
        (lambda x: x.rot90(1, (1, -1)), RuntimeError, "to be different"),
        (lambda x: gp.zeros(3).rot90(), RuntimeError, "total dims = 1"),
        (lambda x: x.rot90(1, (0, 2)), IndexError, "Dimension out of range"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(2, 3))
