import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from tests.harness import check_op

RNG = np.random.default_rng(10)


@pytest.mark.parametrize(
    "shapes", [((5, 3), (5, 2)), ((3, 5), (3, 1)), ((4, 4), (4,)), ((2, 5, 3), (2, 5)), ((2, 3, 2), (1, 3, 4))]
)
def test_solution(shapes, device):
    arrays = [RNG.standard_normal(shape) for shape in shapes]

    def reference(a, b):
        is_vector = b.ndim == a.ndim - 1
        found = np.linalg.pinv(a) @ (b[..., None] if is_vector else b)
        return found[..., 0] if is_vector else found

    check_op(lambda a, b: gp.linalg.lstsq(a, b).solution, reference, arrays, device, rtol=1e-10, gradient_rtol=1e-4)


def test_residuals(device):
    a, b = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 2))
    check_op(
        lambda x, y: gp.linalg.lstsq(x, y, driver="gels").residuals,
        lambda x, y: np.linalg.lstsq(x, y)[1],
        [a, b],
        device,
        gradient_rtol=1e-5,
    )


def test_dependent_columns(device):
    """The shortest of the solutions, the rank, and no residuals, as in NumPy."""
    a = RNG.standard_normal((5, 2)) @ RNG.standard_normal((2, 3))
    b = RNG.standard_normal((5, 2))
    found = gp.linalg.lstsq(gp.tensor(a, device=device), gp.tensor(b, device=device))
    np.testing.assert_allclose(found.solution.cpu().numpy(), np.linalg.lstsq(a, b)[0], rtol=1e-9, atol=1e-12)
    if device == "cpu":
        assert found.residuals.shape == (0,) and found.rank.item() == 2


@pytest.mark.parametrize(
    ("driver", "shapes"),
    [("gelsy", ((0,), (2,), (0,))), ("gels", ((2, 1), (0,), (0,))), ("gelsd", ((2, 1), (2,), (2, 3))),
     ("gelss", ((2, 1), (2,), (2, 3))), (None, ((0,), (2,), (0,)))],
)  # fmt: skip
def test_which_results_there_are(driver, shapes):
    found = gp.linalg.lstsq(gp.randn(2, 5, 3), gp.randn(2, 5, 1), driver=driver)
    assert tuple(tuple(x.shape) for x in found[1:]) == shapes
    assert found._fields == ("solution", "residuals", "rank", "singular_values")


def test_small_singular_values(device):
    a, b = gp.tensor([[1.0, 0.0], [0.0, 1e-3]], device=device), gp.ones(2, 1, device=device)
    np.testing.assert_allclose(gp.linalg.lstsq(a, b).solution.tolist(), [[1], [1e3]], rtol=1e-5)
    assert gp.linalg.lstsq(a, b, rcond=0.01).solution.tolist() == [[1], [0]]


def test_errors():
    a = gp.ones(3, 2)
    with pytest.raises(ArgumentError, match=r"`driver` should be one of .*got 'qr'"):
        gp.linalg.lstsq(a, gp.ones(3, 1), driver="qr")
    with pytest.raises(ShapeError, match="equally many rows"):
        gp.linalg.lstsq(a, gp.ones(2, 1))
    with pytest.raises(ShapeError, match="at least 1 dimension"):
        gp.linalg.lstsq(a, gp.tensor(1.0))
    with pytest.raises(ShapeError, match="or one less"):
        gp.linalg.lstsq(gp.ones(2, 3, 2), gp.ones(3))
    with pytest.raises(ShapeError, match="do not broadcast"):
        gp.linalg.lstsq(gp.ones(2, 3, 2), gp.ones(4, 3, 1))
    with pytest.raises(DtypeError):
        gp.linalg.lstsq(a, gp.ones(3, 1).double())
    with pytest.raises(gp.linalg.LinAlgError, match="non-finite"):
        gp.linalg.lstsq(a * float("nan"), gp.ones(3, 1))
