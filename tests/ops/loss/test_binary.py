import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
RNG = np.random.default_rng(0)
P, T, X = RNG.uniform(0.05, 0.95, (3, 4)), RNG.uniform(0, 1, (3, 4)), RNG.normal(0, 3, (3, 4))
W = RNG.uniform(0.5, 2, (3, 1))


def of_probabilities(p, t):
    return -(t * np.log(p) + (1 - t) * np.log1p(-p))


def of_logits(x, t, pos_weight=1.0):
    return (1 - t) * np.logaddexp(0, x) + pos_weight * t * np.logaddexp(0, -x)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("loss", "reference", "x"),
    [(F.binary_cross_entropy, of_probabilities, P), (F.binary_cross_entropy_with_logits, of_logits, X)],
)
def test_loss(loss, reference, x, reduction, device):
    def op(x, t):
        return loss(x, t, reduction=reduction)

    check_op(op, lambda x, t: REDUCTIONS[reduction](reference(x, t)), [x, T], device)
    check_dtypes(op, lambda x, t: REDUCTIONS[reduction](reference(x, t)), [x, T], device, factor=8)


@pytest.mark.parametrize(
    ("loss", "reference", "x"),
    [(F.binary_cross_entropy, of_probabilities, P), (F.binary_cross_entropy_with_logits, of_logits, X)],
)
def test_weight_broadcasts(loss, reference, x, device):
    check_op(lambda x, t, w: loss(x, t, w), lambda x, t, w: (w * reference(x, t)).mean(), [x, T, W], device)


def test_pos_weight(device):
    def op(x, t, w, p):
        return F.binary_cross_entropy_with_logits(x, t, weight=w, pos_weight=p, reduction="none")

    check_op(op, lambda x, t, w, p: w * of_logits(x, t, p), [X, T, W, np.array([0.5, 1, 3, 7.0])], device)


def test_probabilities_0_and_1_are_cut_off_at_100(device):
    p = gp.tensor([0.0, 1.0, 0.0, 1.0], device=device, requires_grad=True)
    t = gp.tensor([0.0, 1.0, 1.0, 0.0], device=device, requires_grad=True)
    y = F.binary_cross_entropy(p, t, reduction="none")
    assert y.tolist() == [0, 0, 100, 100]
    y.sum().backward()
    np.testing.assert_allclose(p.grad.tolist(), [0, 0, -1e12, 1e12], rtol=1e-6)
    assert t.grad.tolist() == [100, -100, 100, -100]


@pytest.mark.parametrize(
    ("x", "t", "loss", "gradient"),
    [
        (1e4, 1.0, 0, 0),
        (1e4, 0.0, 1e4, 1),
        (-1e4, 1.0, 1e4, -1),
        (-3e38, 0.0, 0, 0),
        (100.0, 1.0, np.exp(-100), -np.exp(-100)),
        (0.0, 0.5, np.log(2), 0),
    ],
)
def test_extreme_logits(x, t, loss, gradient, device):
    logit = gp.tensor([x], dtype=gp.float64, device=device, requires_grad=True)
    y = F.binary_cross_entropy_with_logits(logit, gp.tensor([t], dtype=gp.float64, device=device))
    y.backward()
    np.testing.assert_allclose(y.item(), loss, rtol=1e-14)
    np.testing.assert_allclose(logit.grad.item(), gradient, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize(("reduction", "value"), [("mean", np.nan), ("sum", 0.0), ("none", [])])
@pytest.mark.parametrize("loss", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits])
def test_nothing(loss, reduction, value, device):
    x = gp.zeros(0, device=device, requires_grad=True)
    y = loss(x, gp.zeros(0, device=device), reduction=reduction)
    np.testing.assert_array_equal(y.tolist(), value)
    y.sum().backward()
    assert x.grad.shape == (0,)


@pytest.mark.parametrize("bad", [-0.1, 1.001, np.nan])
def test_what_is_no_probability_is_refused(bad, device):
    with pytest.raises(ArgumentError, match="all elements of input should be between 0 and 1; apply sigmoid first"):
        F.binary_cross_entropy(gp.tensor([0.5, bad], device=device), gp.zeros(2, device=device))
        backend.synchronize()


def test_dtypes_must_be_the_same():
    with pytest.raises(DtypeError, match=r"dtype gpunn.int64 of target but expected gpunn.float32; use target.to"):
        F.binary_cross_entropy(gp.tensor([0.5]), gp.tensor([1]))
    with pytest.raises(DtypeError, match=r"expected floating dtypes of input and target, got gpunn.int64"):
        F.binary_cross_entropy(gp.tensor([0]), gp.tensor([1]))


def test_weights_that_do_not_broadcast():
    x = gp.full((2, 3), 0.5)
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        with pytest.raises(ShapeError, match=rf"{loss.__name__}: The size of tensor a \(3\) must match .* b \(2\)"):
            loss(x, x, weight=gp.ones(2))
    with pytest.raises(ShapeError, match=r"with_logits: The size of tensor a \(3\) must match .* b \(2\)"):
        F.binary_cross_entropy_with_logits(x, x, pos_weight=gp.ones(2))
