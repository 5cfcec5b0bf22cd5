"""The fused losses: each formula's value, slopes and curvature; weights; layouts; the public functions' arguments."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
RNG = np.random.default_rng(0)
X, T = RNG.normal(0, 2, (3, 5)), RNG.normal(0, 2, (3, 5))
POSITIVE, SIGNS = RNG.uniform(0.3, 4, (3, 5)), np.where(RNG.normal(size=(3, 5)) > 0, 1.0, -1.0)


def huber(d, delta):
    d = np.abs(d)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def stirling(t):
    return np.where(t > 1, t * np.log(t) - t + np.log(2 * np.pi * t) / 2, 0)


def embedding(x, t):
    return np.where(t == 1, x, np.maximum(0, 0.7 - x))


# name, options, formula, x, t
LOSSES = [
    ("smooth_l1_loss", {"beta": 0.8}, lambda x, t: huber(x - t, 0.8) / 0.8, X, T),
    ("smooth_l1_loss", {"beta": 0.0}, lambda x, t: np.abs(x - t), X, T),
    ("huber_loss", {"delta": 1.3}, lambda x, t: huber(x - t, 1.3), X, T),
    ("kl_div", {}, lambda x, t: t * (np.log(t) - x), X, POSITIVE),
    ("kl_div", {"log_target": True}, lambda x, t: np.exp(t) * (t - x), X, T),
    ("soft_margin_loss", {}, lambda x, t: np.logaddexp(0, -t * x), X, T),
    ("hinge_loss", {}, lambda x, t: np.maximum(0, 1 - t * x), X, SIGNS),
    ("hinge_embedding_loss", {"margin": 0.7}, embedding, X, SIGNS),
    ("poisson_nll_loss", {}, lambda x, t: np.exp(x) - t * x, X, POSITIVE),
    ("poisson_nll_loss", {"full": True}, lambda x, t: np.exp(x) - t * x + stirling(t), X, POSITIVE),
    ("poisson_nll_loss", {"log_input": False}, lambda x, t: x - t * np.log(x + 1e-8), POSITIVE, POSITIVE[::-1]),
]
NAMES = [f"{name}-{'-'.join(options)}" for name, options, *_ in LOSSES]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "options", "formula", "x", "t"), LOSSES, ids=NAMES)
def test_loss(name, options, formula, x, t, reduction, device):
    """The targets of hinge_embedding_loss are labels: they have no gradient."""

    def op(x, *t):
        return getattr(F, name)(x, *(t or [labels]), reduction=reduction, **options)

    labels = gp.tensor(t, device=device)
    if name == "hinge_embedding_loss":
        check_op(op, lambda x: REDUCTIONS[reduction](formula(x, t)), [x], device)
    else:
        check_op(op, lambda x, t: REDUCTIONS[reduction](formula(x, t)), [x, t], device)
        check_dtypes(op, lambda x, t: REDUCTIONS[reduction](formula(x, t)), [x, t], device, factor=10)


@pytest.mark.parametrize("name", ["smooth_l1_loss", "binary_cross_entropy_with_logits", "kl_div", "poisson_nll_loss"])
@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32])
def test_gradients_are_rounded_once(name, dtype, device):
    def gradient(dtype):
        x = gp.tensor(X, device=device).to(rounded).to(dtype).requires_grad_()
        t = gp.tensor(POSITIVE / 4, device=device).to(rounded).to(dtype)
        getattr(F, name)(x, t, reduction="sum").backward()
        return np.array(x.grad.tolist())

    rounded = dtype
    limit = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 2e-6}[dtype.name]
    np.testing.assert_allclose(gradient(dtype), gradient(gp.float64), rtol=limit, atol=limit / 10)


@pytest.mark.parametrize("n", [1, 255, 4097, 100_003])
def test_any_length_and_alignment(n, device):
    a = np.random.default_rng(n).normal(size=n + 1)
    x = gp.tensor(a, dtype=gp.float32, device=device)[1:].requires_grad_()
    y = F.mse_loss(x, gp.zeros(n, device=device))
    y.backward()
    exact = a[1:].astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(y.item(), (exact**2).mean(), rtol=2e-7)
    np.testing.assert_allclose(x.grad.tolist(), 2 * exact / n, rtol=3e-7)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (1, 5), (3, 1), (3, 5)])
def test_constant_weights_repeat(shape, reduction, device):
    """A weight without a gradient goes into the kernel, where it repeats; one with a gradient multiplies its result."""
    w = np.random.default_rng(1).uniform(0.5, 2, shape)
    p = np.linspace(0.5, 3, 5)
    weight, positive = gp.tensor(w, device=device), gp.tensor(p, device=device)

    def op(x, t):
        kind = {"weight": weight, "pos_weight": positive, "reduction": reduction}
        return F.binary_cross_entropy_with_logits(x, t, **kind)

    def reference(x, t):
        return REDUCTIONS[reduction](w * ((1 - t) * np.logaddexp(0, x) + p * t * np.logaddexp(0, -x)))

    check_op(op, reference, [X, POSITIVE / 4], device)
    y = op(gp.tensor(X.T.copy(), device=device).T, gp.tensor(POSITIVE / 4, device=device))
    np.testing.assert_allclose(y.tolist(), reference(X, POSITIVE / 4), rtol=1e-13)


def test_a_layout_is_kept(device):
    x = gp.tensor(RNG.normal(size=(2, 4, 5, 3)), device=device).permute(0, 3, 1, 2).requires_grad_()
    t = gp.tensor(RNG.normal(size=(2, 3, 4, 5)), device=device)
    y = F.smooth_l1_loss(x, t, reduction="none")
    assert y.stride() == x.stride() or device == "cpu"
    (dx,) = gp.autograd.grad(y, x, gp.ones_like(t) * 2)
    np.testing.assert_allclose(dx.tolist(), np.clip(np.array((x - t).tolist()), -1, 1) * 2, rtol=1e-14)


@pytest.mark.parametrize("name", ["smooth_l1_loss", "huber_loss", "kl_div", "soft_margin_loss", "hinge_loss"])
def test_nothing_and_nan(name, device):
    loss = getattr(F, name)
    empty = gp.zeros(0, 3, device=device, requires_grad=True)
    y = loss(empty, gp.zeros(0, 3, device=device))
    y.backward()
    assert np.isnan(y.item()) and empty.grad.shape == (0, 3)
    x = gp.tensor([np.nan, 1.0], device=device)
    np.testing.assert_array_equal(
        np.isnan(loss(x, gp.ones(2, device=device), reduction="none").tolist()), [True, False]
    )


def test_extreme_scores(device):
    x = gp.tensor([1e4, -1e4, 3e38], device=device, requires_grad=True)
    y = F.soft_margin_loss(x, gp.tensor([1.0, 1.0, -1.0], device=device), reduction="none")
    np.testing.assert_allclose(y.tolist(), [0, 1e4, 3e38], rtol=1e-6)
    y.backward(gp.ones(3, device=device))
    np.testing.assert_allclose(x.grad.tolist(), [0, -1, 1])


def test_errors():
    x = gp.ones(2, 3)
    cases = [
        (ArgumentError, "smooth_l1_loss does not support negative values for beta", F.smooth_l1_loss, {"beta": -1.0}),
        (ArgumentError, "huber_loss does not support non-positive values for delta", F.huber_loss, {"delta": 0.0}),
        (ArgumentError, "kl_div: most is not a valid value for reduction", F.kl_div, {"reduction": "most"}),
        (ShapeError, r"huber_loss: Weights and input must have the same size", F.huber_loss, {"weight": gp.ones(3)}),
    ]
    for error, words, loss, options in cases:
        with pytest.raises(error, match=words):
            loss(x, x, **options)
    for loss in (F.smooth_l1_loss, F.huber_loss, F.kl_div, F.soft_margin_loss, F.hinge_loss, F.poisson_nll_loss):
        with pytest.raises(ShapeError, match=rf"{loss.__name__}: input and target must have the same shape"):
            loss(x, gp.ones(3))
    with pytest.raises(DtypeError, match=r"hinge_loss: not implemented for gpunn\.int64"):
        F.hinge_loss(gp.tensor([1]), gp.tensor([1]))
