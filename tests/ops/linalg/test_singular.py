import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op, run

RNG = np.random.default_rng(13)
SHAPES = [(1, 1), (3, 3), (5, 3), (3, 5), (2, 4, 2), (2, 2, 4)]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_svd(shape, full, device):
    """The vectors are compared by their projections, which know no sign."""
    a, k = RNG.standard_normal(shape), min(shape[-2:])
    weight = np.linspace(0.3, 1, k)
    scale = gp.tensor(weight, device=device)

    def projections(u, s, vh, by):
        u, vh = u[..., :k], vh[..., :k, :]
        return (u * by) @ u.mT, s, (vh.mT * by) @ vh, (u * by) @ vh

    check_op(
        lambda x: projections(*gp.linalg.svd(x, full_matrices=full), scale),
        lambda x: projections(*np.linalg.svd(x, full_matrices=full), weight),
        [a],
        device,
        rtol=1e-11,
        gradient_rtol=1e-5,
    )


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("shape", [(4, 3), (3, 4)])
def test_gradient_of_each_part(part, shape, device):
    a = RNG.standard_normal(shape)
    check_op(
        lambda x: abs(gp.linalg.svd(x, full_matrices=False)[part]),
        lambda x: abs(np.linalg.svd(x, full_matrices=False)[part]),
        [a],
        device,
        rtol=1e-11,
        gradient_rtol=1e-5,
    )


@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (3, 0), (2, 0, 3)])
def test_svd_under_its_old_name(shape, device):
    a = RNG.standard_normal(shape)
    u, s, v = run(gp.svd, [a], device)
    np.testing.assert_allclose((u * s[..., None, :]) @ v.mT, a, atol=1e-13)
    whole = run(lambda x: x.svd(some=False), [a], device)
    assert [whole[0].shape[-1], whole[2].shape[-1]] == list(shape[-2:])
    u, values, v = run(lambda x: gp.svd(x, compute_uv=False), [a], device)
    np.testing.assert_allclose(values, s, rtol=1e-12)
    assert u.shape == whole[0].shape
    assert not u.any()
    assert not v.any()


def test_values_have_a_gradient_where_they_are_equal(device):
    x = gp.eye(3, device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.linalg.svd(x).S.sum(), x)
    np.testing.assert_allclose(grad.cpu().numpy(), np.eye(3), atol=1e-6)


def test_the_choice_of_a_routine_is_for_cuda():
    with pytest.raises(RuntimeError, match=r"`driver=` is only supported on CUDA inputs.*'gesvd' for.*\(2, 2\) on cpu"):
        gp.linalg.svd(gp.eye(2), driver="gesvd")


def test_what_is_no_number_has_no_decomposition(device):
    with pytest.raises(gp.linalg.LinAlgError, match=r"linalg.svd: \(Batch element 1\): .*non-finite"):
        gp.linalg.svd(gp.tensor([[[1.0]], [[np.nan]]], device=device).expand(2, 2, 2))
    with pytest.raises(gp.linalg.LinAlgError, match=r"linalg.pinv: .*non-finite"):
        gp.linalg.pinv(gp.full((2, 3), np.inf, device=device))


@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (2, 3, 0)])
def test_pseudo_inverse(shape, device):
    a = RNG.standard_normal(shape)
    check_op(gp.linalg.pinv, np.linalg.pinv, [a], device, rtol=1e-10, gradient_rtol=1e-5)
    check_op(gp.pinverse, np.linalg.pinv, [a], device, rtol=1e-10, derivatives=0)


@pytest.mark.parametrize("shape", [(4, 2, 3), (3, 2, 4), (3, 1, 3)])
def test_pseudo_inverse_of_low_rank(shape, device):
    m, rank, n = shape
    a, b = RNG.standard_normal((m, rank)), RNG.standard_normal((rank, n))
    check_op(
        lambda x, y: gp.linalg.pinv(x @ y, rtol=1e-8),
        lambda x, y: np.linalg.pinv(x @ y, rcond=1e-8),
        [a, b],
        device,
        rtol=1e-10,
        gradient_rtol=1e-5,
    )


def test_pseudo_inverse_of_symmetric_matrices(device):
    a = RNG.standard_normal((2, 3, 3))
    check_op(
        lambda x: gp.linalg.pinv(x + x.mT, hermitian=True),
        lambda x: np.linalg.pinv(x + x.mT),
        [a],
        device,
        rtol=1e-10,
        gradient_rtol=1e-5,
    )
    with pytest.raises(RuntimeError, match="square matrices"):
        gp.linalg.pinv(gp.ones(2, 3), hermitian=True)


def test_tolerances(device):
    x = gp.tensor(np.diag([100.0, 1.0, 0.01]), device=device)

    def found(**limits):
        return gp.linalg.pinv(x, **limits).diagonal().tolist()

    assert found() == pytest.approx([0.01, 1, 100])
    assert found(atol=0.1) == pytest.approx([0.01, 1, 0])
    assert found(rtol=0.001) == pytest.approx([0.01, 1, 0])
    assert found(rtol=0.1, atol=0.1) == pytest.approx([0.01, 0, 0])
    limits = gp.tensor([0.001, 2.0], device=device)
    both = gp.linalg.pinv(gp.stack([x, x]), atol=limits)
    assert both[1].diagonal().tolist() == pytest.approx([0.01, 0, 0])
    assert both[0].diagonal().tolist() == pytest.approx([0.01, 1, 100])


def test_rcond_is_rtol():
    a = np.diag([1.0, 0.1, 1e-4])
    x = gp.tensor(a)
    for found in (gp.linalg.pinv(x, 1e-3), gp.linalg.pinv(x, 1e-3, True), gp.linalg.pinv(x, rcond=gp.tensor(1e-3))):
        np.testing.assert_allclose(found.numpy(), np.diag([1.0, 10.0, 0.0]), atol=1e-12)
    with pytest.raises(ValueError, match="rcond"):
        gp.linalg.pinv(x, 1e-3, rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_svdvals(shape, device):
    check_op(
        gp.linalg.svdvals,
        lambda a: np.linalg.svd(a, compute_uv=False),
        [RNG.standard_normal(shape)],
        device,
        rtol=1e-11,
        gradient_rtol=1e-5,
    )
