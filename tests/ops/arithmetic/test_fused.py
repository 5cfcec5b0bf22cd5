import numpy as np
import pytest

import gpunn as gp

RNG = np.random.default_rng(11)
inf, nan = np.inf, np.nan
A, B = [1.0, 2.0, 3.0, inf, nan, -inf, 2.0], [2.0, 2.0, -1.0, inf, 1.0, -inf, nan]


def gradients(op, a, b, dtype, device):
    """Both gradients, by kernels and by operations that are differentiable again."""
    x, y = (gp.tensor(v, dtype=dtype, device=device, requires_grad=True) for v in (a, b))
    result = op(x, y)
    weight = gp.tensor(np.linspace(0.5, 1, result.numel()).reshape(result.shape), dtype=dtype, device=device)
    for create_graph in (False, True):
        found = gp.autograd.grad(result, (x, y), weight, create_graph=create_graph, retain_graph=True)
        yield [g.detach().cpu().double().numpy() for g in found]


@pytest.mark.parametrize("op", [gp.div, gp.maximum, gp.minimum, gp.logaddexp])
@pytest.mark.parametrize(("dtype", "limit"), [(gp.float64, 1e-13), (gp.float32, 1e-6), (gp.bfloat16, 2e-2)])
@pytest.mark.parametrize("shapes", [((4, 3), (4, 3)), ((4, 3), (4, 1)), ((3,), (4, 3)), ((), (2, 2)), ((0, 3), (1, 3))])
def test_gradients_by_kernels_are_those_of_operations(op, dtype, limit, shapes, device):
    a, b = (RNG.uniform(0.5, 2, shape) for shape in shapes)
    for mine, theirs in zip(*gradients(op, a, b, dtype, device), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=limit, atol=limit)


@pytest.mark.parametrize("op", [gp.div, gp.maximum, gp.minimum, gp.logaddexp])
def test_what_is_equal_or_not_finite(op, device):
    for mine, theirs in zip(*gradients(op, A, B, gp.float32, device), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_logaddexp_of_infinities(device):
    found = gp.logaddexp(gp.tensor(A, device=device), gp.tensor(B, device=device)).cpu().numpy()
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found, np.logaddexp(A, B), rtol=1e-6)


def test_one_gradient_alone(device):
    for given in ((True, False), (False, True)):
        a, b = (gp.tensor([2.0, 4.0], device=device, requires_grad=needed) for needed in given)
        (a / b).sum().backward()
        wanted = [0.5, 0.25] if given[0] else [-0.5, -0.25]
        assert (a if given[0] else b).grad.tolist() == wanted


def test_limits_are_rounded_as_the_numbers_are(device):
    """float32(0.7) is below 0.7, and float16(0.3) too: a number at its limit has its gradient."""
    for dtype, low, high in ((gp.float32, 0.7, 0.9), (gp.float16, 0.3, 0.7), (gp.bfloat16, 0.1, 0.7)):
        x = gp.tensor([low, high, low / 2, 2 * high], dtype=dtype, device=device, requires_grad=True)
        x.clamp(low, high).sum().backward()
        assert x.grad.tolist() == [1, 1, 0, 0]


def test_slopes_of_signs_and_limits_have_none(device):
    x = gp.tensor([-1.5, 0.25, nan], device=device, requires_grad=True)
    for op, wanted in ((gp.abs, [-1, 1, 0]), (lambda x: x.clamp(-1, 1), [0, 1, 0])):
        (grad,) = gp.autograd.grad(op(x).sum(), x, create_graph=True)
        assert grad.tolist() == wanted
        (second,) = gp.autograd.grad(grad.sum(), x)
        assert second.tolist() == [0, 0, 0]


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_lerp_is_exact_at_its_ends(weight, device):
    a, b = gp.tensor([0.1, 1e8], device=device), gp.tensor([[0.3, -0.7]], device=device)
    found = gp.lerp(a, b, weight).cpu().double().numpy()
    x, y = a.cpu().double().numpy(), b.cpu().double().numpy()
    np.testing.assert_allclose(found, x + weight * (y - x), rtol=1e-6)
    if weight in (0, 1):
        np.testing.assert_array_equal(found, np.broadcast_to(y if weight else x, (1, 2)))
