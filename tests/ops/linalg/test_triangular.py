import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import DtypeError, ShapeError
from gpunn.ops.linalg import triangular
from tests.harness import check_op

RNG = np.random.default_rng(8)
CASES = [((3, 3), (3, 2)), ((1, 1), (1, 1)), ((2, 4, 4), (4, 3)), ((5, 5), (2, 1, 5, 2)), ((0, 0), (0, 2))]


def reference(a, b, upper, left, unit):
    a = np.triu(a) if upper else np.tril(a)
    if unit:
        a = a - a * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return np.linalg.inv(a) @ b if left else b @ np.linalg.inv(a)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("shapes", CASES)
def test_solve_triangular(shapes, left, upper, unit, device):
    n = shapes[0][-1]
    a = RNG.standard_normal(shapes[0]) + 3 * np.eye(n)
    b = RNG.standard_normal(shapes[1])
    b = b if left else b.swapaxes(-1, -2)
    options = {"upper": upper, "left": left, "unitriangular": unit}
    check_op(
        lambda x, y: gp.linalg.solve_triangular(x, y, **options),
        lambda x, y: reference(x, y, upper, left, unit),
        [a, b],
        device,
        rtol=1e-9,
        gradient_rtol=1e-5,
    )


@pytest.mark.parametrize("upper", [False, True])
def test_in_halves(upper, device):
    n = 3 * triangular.SMALL + 1
    a = RNG.standard_normal((n, n)) + 2 * n**0.5 * np.eye(n)
    b = RNG.standard_normal((n, 2))
    x = gp.linalg.solve_triangular(gp.tensor(a, device=device), gp.tensor(b, device=device), upper=upper)
    np.testing.assert_allclose((np.triu(a) if upper else np.tril(a)) @ x.cpu().numpy(), b, rtol=1e-11, atol=1e-11)


def test_zero_on_the_diagonal(device):
    a = gp.tensor([[1.0, 1.0], [0.0, 0.0]], device=device)
    x = gp.linalg.solve_triangular(a, gp.ones(2, 1, device=device), upper=True)
    assert x.tolist() == [[-np.inf], [np.inf]]


def test_errors():
    a, b = gp.ones(2, 2), gp.ones(2, 1)
    with pytest.raises(ShapeError, match="batches of square matrices"):
        gp.linalg.solve_triangular(gp.ones(2, 3), b, upper=True)
    with pytest.raises(ShapeError, match="must have at least 2 dimensions"):
        gp.linalg.solve_triangular(a, gp.ones(2), upper=True)
    with pytest.raises(ShapeError, match=r"B needs 2 rows"):
        gp.linalg.solve_triangular(a, gp.ones(3, 1), upper=True)
    with pytest.raises(ShapeError, match="do not broadcast"):
        gp.linalg.solve_triangular(gp.ones(2, 2, 2), gp.ones(3, 2, 1), upper=True)
    with pytest.raises(DtypeError):
        gp.linalg.solve_triangular(a, b.double(), upper=True)
