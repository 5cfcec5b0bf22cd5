import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from gpunn.ops.shape.permutation import inverse
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.permute(x, (2, 0, 1)), lambda a: a.transpose(2, 0, 1), (2, 3, 4)),
        (lambda x: gp.permute(x, (-1, 0, 1)), lambda a: a.transpose(2, 0, 1), (2, 3, 4)),
        (lambda x: gp.transpose(x, 0, -1), lambda a: a.swapaxes(0, 2), (2, 3, 4)),
        (lambda x: gp.transpose(x, 0, -1), lambda a: a, ()),
        (lambda x: gp.swapaxes(x, 0, 1), lambda a: a.swapaxes(0, 1), (2, 3, 4)),
        (lambda x: gp.swapdims(x, 0, 1), lambda a: a.swapaxes(0, 1), (2, 3, 4)),
        (lambda x: gp.t(x), np.transpose, (2, 3)),
        (lambda x: gp.t(x), lambda a: a, (3,)),
        (lambda x: gp.adjoint(x), lambda a: a.swapaxes(1, 2), (2, 3, 4)),
        (lambda x: gp.movedim(x, 0, -1), lambda a: np.moveaxis(a, 0, -1), (2, 3, 4)),
        (lambda x: gp.moveaxis(x, (0, 1), (2, 0)), lambda a: np.moveaxis(a, (0, 1), (2, 0)), (2, 3, 4)),
        (lambda x: gp.movedim(x, 0, 0), lambda a: a, ()),
        (lambda x: gp.permute(x, ()), lambda a: a, ()),
        (lambda x: gp.transpose(x, 0, 1), np.transpose, (0, 3)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_share_memory(device):
    x = counted(2, 3, device=device)
    for y in (x.permute(1, 0), x.t(), x.transpose(0, 1), x.movedim(0, 1), x.T, x.mT, x.swapaxes(0, 1)):
        assert is_view(y, x)
        assert y.stride() == (1, 3)


@given(st.data())
def test_movedim_agrees_with_numpy(data):
    rank = data.draw(st.integers(1, 5))
    count = data.draw(st.integers(1, rank))
    source, places = (data.draw(st.permutations(range(-rank, 0)))[:count] for _ in range(2))
    x = counted(*range(1, rank + 1))
    np.testing.assert_array_equal(gp.movedim(x, source, places).array, np.moveaxis(x.array, source, places))


def test_inverse():
    assert inverse((2, 0, 1)) == (1, 2, 0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.permute(0, 1), RuntimeError, "is not equal to len"),
        (lambda x: x.permute(0, 0, 1), RuntimeError, "duplicate dims are not allowed"),
        (lambda x: x.permute(0, 1, 3), IndexError, "Dimension out of range"),
        (lambda x: x.transpose(0, 3), IndexError, "transpose: Dimension out of range"),
        (lambda x: x.t(), RuntimeError, "expects a tensor with <= 2 dimensions, but self is 3D"),
        (lambda x: gp.zeros(3).mT, RuntimeError, "only supported on matrices"),
        (lambda x: x.movedim((0, 1), (1,)), RuntimeError, "Invalid source or destination dims"),
        (lambda x: x.movedim((0, 0), (1, 2)), RuntimeError, "repeated dim in `source`"),
        (lambda x: x.movedim((0, 1), (1, -2)), RuntimeError, "repeated dim in `destination`"),
        (lambda x: x.movedim(0, 3), IndexError, "Dimension out of range"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(2, 3, 4))
