import numpy as np
import pytest
from scipy import linalg as exact

import gpunn as gp
from tests.harness import check_op

RNG = np.random.default_rng(5)
SHAPES = [(3, 3), (2, 4, 4), (3, 5), (5, 3), (40, 40), (2, 33, 50), (50, 20), (1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_factors_are_lapacks(shape, device):
    a = RNG.standard_normal(shape)
    found = gp.linalg.lu_factor(gp.tensor(a, device=device))
    for packed, pivots, one in zip(found.LU.reshape(-1, *shape[-2:]), found.pivots.reshape(-1, min(shape[-2:])),
                                   a.reshape(-1, *shape[-2:]), strict=True):  # fmt: skip
        wanted, places = exact.lu_factor(one)
        np.testing.assert_allclose(packed.cpu().numpy(), wanted, rtol=1e-10, atol=1e-12)
        assert pivots.cpu().tolist() == [p + 1 for p in places]
    assert found.pivots.dtype is gp.int32 and not found.pivots.requires_grad
    p, lower, upper = gp.linalg.lu(gp.tensor(a, device=device))
    np.testing.assert_allclose((p @ lower @ upper).cpu().numpy(), a, atol=1e-13)
    again = gp.lu_unpack(*found)
    assert all(gp.equal(x, y) for x, y in zip(again, (p, lower, upper), strict=True))
    assert again._fields == ("P", "L", "U") and gp.lu_unpack(*found, unpack_data=False).L.shape == (0,)
    assert gp.lu_unpack(*found, unpack_pivots=False).P.shape == (0,)


@pytest.mark.parametrize("shape", SHAPES[:4])
def test_derivatives(shape, device):
    a = RNG.standard_normal(shape) + 3 * np.eye(*shape[-2:])
    check_op(lambda x: gp.linalg.lu(x)[1:], lambda x: unpacked(x)[1:], [a], device, gradient_rtol=1e-5)


def unpacked(a):
    if a.ndim == 2:
        return exact.lu(a)
    return tuple(np.stack(parts) for parts in zip(*map(exact.lu, a), strict=True))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_lu_solve(left, adjoint, device):
    a, b = RNG.standard_normal((2, 4, 4)) + 2 * np.eye(4), RNG.standard_normal((4, 3) if left else (3, 4))
    matrix = a.mT if adjoint else a

    def solved(a, b):
        return gp.linalg.lu_solve(*gp.linalg.lu_factor(a), b, left=left, adjoint=adjoint)

    wide = np.broadcast_to(b, (2, *b.shape))
    wanted = np.linalg.solve(matrix, wide) if left else wide @ np.linalg.inv(matrix)
    check_op(solved, lambda a, b: wanted, [a, b], device, rtol=1e-10, gradient_rtol=1e-4)


def test_matrices_without_inverse(device):
    x = gp.tensor([[[1.0, 2], [3, 4]], [[1, 1], [1, 1]]], device=device)
    assert gp.linalg.lu_factor_ex(x).info.tolist() == [0, 2]
    assert gp.linalg.lu_factor_ex(x[:0]).info.shape == (0,)
    assert gp.linalg.lu(gp.zeros(2, 2, device=device)).U.tolist() == [[0, 0], [0, 0]]
    for call in (gp.linalg.lu_factor, lambda x: gp.linalg.lu_factor_ex(x, check_errors=True)):
        with pytest.raises(gp.linalg.LinAlgError, match=r"Batch element 1.*zero on its diagonal"):
            call(x)
    for shape in ((0, 3), (3, 0), (0, 2, 2)):
        assert gp.linalg.lu(gp.zeros(shape, device=device)).L.shape == (*shape[:-1], min(shape[-2:]))


def test_without_pivots(device):
    x = gp.tensor([[1.0, 2], [3, 4]], device=device)
    if x.is_cuda:
        p, lower, upper = gp.linalg.lu(x, pivot=False)
        assert p.shape == (0,) and lower.tolist() == [[1, 0], [3, 1]] and upper.tolist() == [[1, 2], [0, -2]]
        assert gp.linalg.lu_factor(x, pivot=False).pivots.tolist() == [1, 2]
    else:
        with pytest.raises(RuntimeError, match="not implemented on the CPU"):
            gp.linalg.lu(x, pivot=False)


def test_errors():
    packed, pivots = gp.linalg.lu_factor(gp.eye(3))
    for arguments, text in (
        ((packed, pivots, gp.ones(2, 3)), "Incompatible shapes"),
        ((packed, pivots.long(), gp.ones(3, 1)), "gpunn.int32"),
        ((packed, pivots[:2], gp.ones(3, 1)), "Number of pivots"),
        ((packed[:2], pivots, gp.ones(3, 1)), "square"),
        ((packed, pivots, gp.ones(3)), "at least 2 dimensions"),
    ):
        with pytest.raises(RuntimeError, match=text):
            gp.linalg.lu_solve(*arguments)
    with pytest.raises(ValueError, match="between 1 and 3"):
        gp.linalg.lu_solve(packed, pivots + 1, gp.ones(3, 1))
