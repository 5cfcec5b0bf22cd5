import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.emulator.storage import synchronisations
from gpunn.nn.utils import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from tests.conftest import computing_on


def params(device="cpu"):
    """Three parameters, one without a gradient; the gradients are 3 and (0, 4)."""
    found = [gp.zeros(n, device=device, requires_grad=True) for n in (1, 2, 5)]
    found[0].grad, found[1].grad = gp.tensor([3.0], device=device), gp.tensor([0.0, 4.0], device=device)
    return found


def test_the_norm_is_returned_and_clipped(device):
    ps = params(device)
    assert clip_grad_norm_(ps, 2.5).item() == 5.0
    np.testing.assert_allclose(ps[0].grad.tolist(), [1.5], rtol=1e-6)
    np.testing.assert_allclose(ps[1].grad.tolist(), [0.0, 2.0], rtol=1e-6)
    assert ps[2].grad is None


@pytest.mark.parametrize(
    ("p", "norm"), [(1, 7.0), (2, 5.0), (3.0, 91 ** (1 / 3)), ("inf", 4.0), (0, 2.0), (-math.inf, 0.0), (-1, 0.0)]
)
def test_kinds_of_norms(p, norm, device):
    ps = params(device)
    np.testing.assert_allclose(get_total_norm([q.grad for q in ps[:2]], p).item(), norm, rtol=1e-6)
    np.testing.assert_allclose(clip_grad_norm_(ps, 1.0, norm_type=p).item(), norm, rtol=1e-6)
    np.testing.assert_allclose(ps[0].grad.item(), 3.0 * min(1.0, 1 / (norm + 1e-6)), rtol=1e-5)


def test_one_parameter_or_none(device):
    p = params(device)[1]
    assert clip_grad_norm_(p, 1.0).item() == 4.0
    assert clip_grad_norm_([], 1.0).item() == get_total_norm([]).item() == 0.0
    clip_grad_value_(p, 0.5)
    assert p.grad.tolist() == [0.0, 0.5]
    with pytest.warns(UserWarning, match="empty generator"):
        clip_grad_norm_((q for q in []), 1.0)


def test_a_norm_that_is_not_finite_is_refused_on_demand(device):
    ps = params(device)
    ps[0].grad[0] = math.inf
    with pytest.raises(
        RuntimeError, match=r"The total norm of order 2\.0 for gradients from `parameters` is non-finite"
    ):
        clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
    assert ps[1].grad.tolist() == [0.0, 4.0]
    assert clip_grad_norm_(ps, 1.0).item() == math.inf
    assert ps[1].grad.tolist() == [0.0, 0.0]


def test_error_if_nonfinite_clips_what_is_finite(device):
    ps = params(device)
    assert clip_grad_norm_(ps, 2.5, error_if_nonfinite=True).item() == 5.0
    np.testing.assert_allclose(ps[0].grad.tolist(), [1.5], rtol=1e-6)


def test_with_a_norm_known_before(device):
    ps = params(device)
    total = get_total_norm([ps[0].grad, ps[1].grad])
    clip_grads_with_norm_(ps, 2.5, total)
    np.testing.assert_allclose(ps[0].grad.tolist(), [1.5], rtol=1e-6)
    clip_grads_with_norm_([], 2.5, total)
    clip_grad_value_([], 1.0)


def test_clip_grad_value(device):
    ps = params(device)
    clip_grad_value_(ps, 3.5)
    assert ps[0].grad.tolist() == [3.0] and ps[1].grad.tolist() == [0.0, 3.5]


def test_gradients_with_a_graph(device):
    """Clipping is no part of the graph."""
    p = gp.ones(3, device=device, requires_grad=True)
    (p * p * p).sum().backward(create_graph=True)
    clip_grad_norm_([p], 1.0)
    assert p.grad.requires_grad
    np.testing.assert_allclose(p.grad.tolist(), [3**-0.5] * 3, rtol=1e-6)


def test_two_launches_and_the_host_does_not_wait(launches):
    with computing_on("emulated"):
        ps = params("cuda")
        clip_grad_norm_(ps, 1.0)
        before = synchronisations.count
        ps[0].grad = gp.tensor([7.0], device="cuda")
        clip_grad_norm_(ps, 1.0)
        assert synchronisations.count == before
    assert launches == ["norm_partials", "clip_by_norm"] * 2
