import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from tests.harness import check_dtypes, check_op


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize(("shape", "dim"), [((5,), 0), ((5, 3), 0), ((3, 5), -1), ((2, 4, 3), 1)])
def test_diff(shape, dim, n, device):
    check_op(lambda x: gp.diff(x, n, dim), lambda x: np.diff(x, n, dim), [shape], device)


def test_diff_with_ends(device):
    check_op(
        lambda x, a, b: gp.diff(x, 2, 0, a, b),
        lambda x, a, b: np.diff(x, 2, 0, a, b),
        [(4, 3), (1, 3), (2, 3)],
        device,
    )
    x, end = gp.tensor([1, 4], device=device), gp.tensor([6], device=device)
    assert gp.diff(x, prepend=end).tolist() == [-5, 3]
    assert gp.diff(x, append=end).tolist() == [3, 2]


def test_diff_of_nothing(device):
    x = gp.tensor([1, 4, 2], device=device)
    assert gp.diff(x, n=5).tolist() == []
    assert gp.diff(gp.zeros(0, device=device)).shape == (0,)
    assert gp.diff(gp.zeros(3, 1, device=device)).shape == (3, 0)


def test_diff_of_booleans(device):
    found = gp.diff(gp.tensor([True, False, False], device=device))
    assert found.dtype is gp.bool
    assert found.tolist() == [True, False]


def test_diff_of_order_0_is_a_copy(device):
    x = gp.zeros(2, device=device)
    gp.diff(x, 0).add_(1)
    assert x.tolist() == [0, 0]


def test_diff_errors(device):
    x = gp.zeros(2, 2, device=device)
    with pytest.raises(ShapeError, match="diff expects input to be at least one-dimensional"):
        gp.diff(gp.tensor(1, device=device))
    with pytest.raises(ArgumentError, match="diff: order must be non-negative but got -1"):
        gp.diff(x, -1)
    for ends in ({"prepend": x[0]}, {"append": x[0]}):
        with pytest.raises(ShapeError, match=r"prepend or append .* got shapes \(2,\) and \(2, 2\)"):
            gp.diff(x, **ends)
    with pytest.raises(IndexRangeError, match="diff: Dimension out of range"):
        gp.diff(x, dim=2)


@pytest.mark.parametrize(("shape", "dim"), [((5,), 0), ((5, 3), 0), ((3, 5), -1), ((2, 4, 3), 1), ((3, 1), 1)])
def test_trapezoid(shape, dim, device):
    check_op(lambda y: gp.trapezoid(y, dim=dim), lambda y: np.trapezoid(y, axis=dim), [shape], device)
    check_op(lambda y: gp.trapezoid(y, dx=0.5, dim=dim), lambda y: np.trapezoid(y, dx=0.5, axis=dim), [shape], device)
    check_op(
        lambda y, x: gp.trapezoid(y, x, dim=dim),
        lambda y, x: np.trapezoid(y, x, axis=dim),
        [shape, (shape[dim],)],
        device,
    )
    check_op(
        lambda y, x: gp.trapezoid(y, x, dim=dim), lambda y, x: np.trapezoid(y, x, axis=dim), [shape, shape], device
    )


def test_places_with_fewer_dimensions(device):
    check_op(
        lambda y, x: gp.trapezoid(y, x),
        lambda y, x: np.trapezoid(y, x[None], axis=-1),
        [(2, 3, 4), (3, 4)],
        device,
    )


def test_trapezoid_half_types(device):
    check_dtypes(gp.trapezoid, np.trapezoid, [(8,)], device, factor=4)


def test_trapezoid_of_integers_and_nothing(device):
    assert gp.trapezoid(gp.tensor([1, 2], device=device)).item() == 1.5
    assert gp.trapezoid(gp.ones(2, 0, device=device)).tolist() == [0, 0]
    assert gp.trapezoid(gp.ones(3, device=device), dx=gp.tensor(2.0, device=device)).item() == 4


def test_trapezoid_errors(device):
    y = gp.ones(3, device=device)
    with pytest.raises(ShapeError, match="There must be one `x` value for each sample point, got 2 for 3"):
        gp.trapezoid(y, y[:2])
    with pytest.raises(IndexRangeError, match="trapezoid: Dimension specified as -1 but tensor has no dim"):
        gp.trapezoid(gp.tensor(1.0, device=device))
    with pytest.raises(DtypeError, match="trapezoid: received a bool input for `y`"):
        gp.trapezoid(y.bool())
    with pytest.raises(DtypeError, match="trapezoid: received a bool input for `x`"):
        gp.trapezoid(y, y.bool())


def test_trapz_is_trapezoid():
    y = gp.tensor([1.0, 2.0, 4.0])
    assert gp.trapz(y).item() == 4.5 and gp.trapz(y, dx=2).item() == 9
    assert gp.trapz(y, gp.tensor([0.0, 1.0, 3.0])).item() == 7.5
