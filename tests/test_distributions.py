"""Distributions: samples by their moments and by Kolmogorov and Smirnov, gradients, shapes, errors."""

import math

import numpy as np
import pytest
from scipy import stats

import gpunn as gp
from gpunn import distributions as d
from gpunn.distributions import constraints, gamma
from gpunn.errors import ArgumentError, ShapeError, UnsupportedError

N = 20_000
CONTINUOUS = {
    "Normal": (lambda t: d.Normal(t(-1.0), t(2.5)), stats.norm(-1, 2.5)),
    "Laplace": (lambda t: d.Laplace(t(0.5), t(1.5)), stats.laplace(0.5, 1.5)),
    "Uniform": (lambda t: d.Uniform(t(-2.0), t(3.0)), stats.uniform(-2, 5)),
    "Exponential": (lambda t: d.Exponential(t(0.7)), stats.expon(scale=1 / 0.7)),
    "Gamma above 1": (lambda t: d.Gamma(t(3.5), t(2.0)), stats.gamma(3.5, scale=0.5)),
    "Gamma below 1": (lambda t: d.Gamma(t(0.3), t(2.0)), stats.gamma(0.3, scale=0.5)),
    "Gamma of 1": (lambda t: d.Gamma(t(1.0), t(1.0)), stats.gamma(1.0)),
    "Beta": (lambda t: d.Beta(t(2.0), t(0.5)), stats.beta(2, 0.5)),
    "Beta below 1": (lambda t: d.Beta(t(0.2), t(0.4)), stats.beta(0.2, 0.4)),
}


def maker(device, dtype=gp.float64):
    return lambda value: gp.tensor(value, device=device, dtype=dtype)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples(name, device):
    """The largest distance between the cumulated frequencies and the distribution function is as chance has it."""
    gp.manual_seed(3)
    make, exact = CONTINUOUS[name]
    x = make(maker(device)).sample((N,))
    assert x.device.type == device and x.dtype is gp.float64 and not x.requires_grad
    assert stats.kstest(x.cpu().numpy(), exact.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", CONTINUOUS)
def test_values(name, device):
    make, exact = CONTINUOUS[name]
    mine = make(maker(device))
    x = exact.ppf(np.linspace(0.05, 0.9, 7))
    np.testing.assert_allclose(mine.log_prob(maker(device)(x)).cpu().numpy(), exact.logpdf(x), rtol=1e-10, atol=1e-12)
    found = [mine.mean.item(), mine.variance.item(), mine.stddev.item(), mine.entropy().item()]
    np.testing.assert_allclose(found, [exact.mean(), exact.var(), exact.std(), exact.entropy()], rtol=1e-10)
    if name.startswith(("Gamma", "Beta")):
        for ask in (mine.cdf, mine.icdf):
            with pytest.raises(UnsupportedError, match=f"{type(mine).__name__} has no i?cdf"):
                ask(maker(device)(x))
    else:
        np.testing.assert_allclose(mine.cdf(maker(device)(x)).cpu().numpy(), exact.cdf(x), rtol=1e-12)
        np.testing.assert_allclose(mine.icdf(mine.cdf(maker(device)(x))).cpu().numpy(), x, rtol=1e-12)


@pytest.mark.parametrize("kind", [d.Normal, d.Laplace])
def test_gradients_through_samples(kind, device):
    """x = loc + scale z: the slopes are 1 and z."""
    loc, scale = (maker(device)([1.0, -2.0]).requires_grad_(), maker(device)([0.5, 3.0]).requires_grad_())
    x = kind(loc, scale).rsample((4,))
    assert x.shape == (4, 2) and kind.has_rsample
    to_loc, to_scale = gp.autograd.grad(x.sum(), [loc, scale])
    assert to_loc.tolist() == [4, 4]
    z = ((x - loc) / scale).detach()
    np.testing.assert_allclose(to_scale.cpu().numpy(), z.sum(0).cpu().numpy(), rtol=1e-12)


def test_gradients_of_the_others(device):
    low, high = maker(device)(1.0).requires_grad_(), maker(device)(3.0).requires_grad_()
    x = d.Uniform(low, high).rsample()
    u = (x.item() - 1) / 2
    np.testing.assert_allclose([g.item() for g in gp.autograd.grad(x, [low, high])], [1 - u, u], rtol=1e-12)
    rate = maker(device)(2.0).requires_grad_()
    x = d.Exponential(rate).rsample()
    np.testing.assert_allclose(gp.autograd.grad(x, rate)[0].item(), -x.item() / 2, rtol=1e-12)


def test_no_gradient_by_a_concentration():
    one = gp.ones(2)
    for distribution in (d.Gamma(one, one), d.Beta(one, one), d.Dirichlet(one)):
        assert not distribution.has_rsample
        with pytest.raises(UnsupportedError, match=rf"{type(distribution).__name__}\.rsample: .*use sample\(\)"):
            distribution.rsample()


@pytest.mark.parametrize("concentration", [1e-3, 1.0, 1e6])
def test_logarithms_of_gamma_variables(concentration):
    """Also where the variable itself is below the smallest number; of n, E log x = ψ(a), var log x = ψ'(a)."""
    gp.manual_seed(1)
    logs = gamma.log_standard_gamma(gp.full((N,), concentration, dtype=gp.float64)).numpy()
    a = gp.tensor(concentration, dtype=gp.float64)
    mean, deviation = gp.digamma(a).item(), gp.polygamma(1, a).sqrt().item()
    assert abs(logs.mean() - mean) < 4 * deviation / N**0.5
    assert abs(logs.std() / deviation - 1) < 0.05


def test_dirichlet(device):
    gp.manual_seed(2)
    own = d.Dirichlet(maker(device)([0.5, 2.0, 1.5]))
    x = own.sample((N,))
    assert constraints.simplex.check(x).all().item()
    np.testing.assert_allclose(x.mean(0).cpu().numpy(), own.mean.cpu().numpy(), atol=0.01)
    np.testing.assert_allclose(x.var(0).cpu().numpy(), own.variance.cpu().numpy(), atol=0.005)
    assert stats.kstest(x[:, 0].cpu().numpy(), stats.beta(0.5, 3.5).cdf).pvalue > 1e-3
    tiny = d.Dirichlet(gp.full((3,), 1e-4, device=device)).sample((100,))
    assert tiny.isfinite().all().item() and ((tiny.sum(-1) - 1).abs() < 1e-6).all().item()


def test_multivariate_normal(device):
    gp.manual_seed(2)
    covariance = np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])
    loc = maker(device)([1.0, 0.0, -1.0]).requires_grad_()
    own = d.MultivariateNormal(loc, maker(device)(covariance))
    x = own.rsample((N,))
    np.testing.assert_allclose(np.cov(x.detach().cpu().numpy().T), covariance, atol=0.06)
    assert gp.autograd.grad(x[0].sum(), loc)[0].tolist() == [1, 1, 1]
    at = np.array([[0.5, 0.2, -1.0], [1.0, 0.0, -1.0]])
    exact = stats.multivariate_normal([1, 0, -1], covariance)
    np.testing.assert_allclose(own.log_prob(maker(device)(at)).detach().cpu().numpy(), exact.logpdf(at), rtol=1e-12)
    inverse = maker(device)(np.linalg.inv(covariance))
    for other in (
        d.MultivariateNormal(loc, precision_matrix=inverse),
        d.MultivariateNormal(loc, scale_tril=own.scale_tril),
    ):
        np.testing.assert_allclose(other.covariance_matrix.detach().cpu().numpy(), covariance, rtol=1e-10)
        np.testing.assert_allclose(other.precision_matrix.detach().cpu().numpy(), inverse.cpu().numpy(), rtol=1e-10)


@pytest.mark.parametrize("kind", [d.Categorical, d.OneHotCategorical])
def test_classes(kind, device):
    gp.manual_seed(5)
    shares = np.array([[0.2, 0.3, 0.5], [0.0, 0.9, 0.1]])
    for own in (kind(maker(device)(shares * 4)), kind(logits=maker(device)(np.log(np.maximum(shares, 1e-300)) + 7))):
        x = own.sample((N,))
        hot = x if kind is d.OneHotCategorical else gp.nn.functional.one_hot(x, 3).double()
        assert hot.shape == (N, 2, 3) and x.device.type == device
        np.testing.assert_allclose(hot.mean(0).cpu().numpy(), shares, atol=0.02)
        np.testing.assert_allclose(own.probs.cpu().numpy(), shares, atol=1e-12)
        np.testing.assert_allclose(own.enumerate_support().shape[0], 3)
        chances = own.log_prob(own.enumerate_support()).exp().cpu().numpy()
        np.testing.assert_allclose(chances, shares.T, atol=1e-12)


def test_reinforce_gradient(device):
    """The slope of log p of the class that came is 1 - p for its logit, and -p for the others."""
    logits = maker(device)([0.5, -1.0, 2.0]).requires_grad_()
    policy = d.Categorical(logits=logits)
    action = policy.sample()
    (slope,) = gp.autograd.grad(policy.log_prob(action), logits)
    want = (gp.nn.functional.one_hot(action, 3) - policy.probs).detach()
    np.testing.assert_allclose(slope.cpu().numpy(), want.cpu().numpy(), rtol=1e-12)


def test_bernoulli(device):
    gp.manual_seed(5)
    p = maker(device)([0.0, 0.3, 1.0])
    x = d.Bernoulli(p).sample((N,))
    np.testing.assert_allclose(x.mean(0).cpu().numpy(), [0, 0.3, 1], atol=0.02)
    own = d.Bernoulli(logits=maker(device)(math.log(3)))
    assert own.probs.item() == pytest.approx(0.75) and own.mode.item() == 1
    assert own.entropy().item() == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


PAIRS = [
    (d.Normal(0.0, 1.0), d.Normal(0.5, 2.0)),
    (d.Laplace(0.0, 1.0), d.Laplace(0.5, 2.0)),
    (d.Uniform(0.0, 1.0), d.Uniform(-1.0, 2.0)),
    (d.Exponential(1.0), d.Exponential(2.0)),
    (d.Gamma(2.0, 1.0), d.Gamma(3.0, 2.0)),
    (d.Beta(2.0, 1.0), d.Beta(3.0, 2.0)),
    (d.Bernoulli(gp.tensor(0.3)), d.Bernoulli(gp.tensor(0.6))),
    (d.Categorical(gp.tensor([0.2, 0.3, 0.5])), d.Categorical(gp.tensor([0.4, 0.5, 0.1]))),
    (d.Dirichlet(gp.tensor([2.0, 3.0])), d.Dirichlet(gp.tensor([1.0, 1.5]))),
    (d.MultivariateNormal(gp.zeros(2), gp.eye(2)), d.MultivariateNormal(gp.ones(2), 2 * gp.eye(2))),
]


@pytest.mark.parametrize(("p", "q"), PAIRS, ids=[type(p).__name__ for p, _ in PAIRS])
def test_divergence_is_the_mean_of_the_difference_of_logarithms(p, q):
    gp.manual_seed(7)
    x = p.sample((N,))
    differences = (p.log_prob(x) - q.log_prob(x)).double()
    exact = d.kl_divergence(p, q).item()
    assert abs(differences.mean().item() - exact) <= 4 * differences.std().item() / N**0.5 + 1e-6
    assert d.kl_divergence(p, p).item() == pytest.approx(0, abs=1e-6)


def test_independent(device):
    base = d.Normal(maker(device)(np.zeros((2, 3))), maker(device)(np.ones((2, 3))))
    own = d.Independent(base, 1)
    assert (own.batch_shape, own.event_shape) == ((2,), (3,)) and own.sample((5,)).shape == (5, 2, 3)
    x = maker(device)(np.arange(6.0).reshape(2, 3))
    assert own.log_prob(x).tolist() == base.log_prob(x).sum(-1).tolist()
    assert own.has_rsample and own.rsample().shape == (2, 3)
    with pytest.raises(UnsupportedError, match="Independent has no enumerate_support"):
        d.Independent(d.Bernoulli(gp.ones(3) / 2), 1).enumerate_support()


def test_expand(device):
    own = d.Categorical(maker(device)([[0.25, 0.75]])).expand((3, 4))
    assert own.batch_shape == (3, 4) and own.sample().shape == (3, 4) and own.logits.shape == (3, 4, 2)
    assert d.Normal(0.0, 1.0).expand([2]).log_prob(gp.zeros(2)).shape == (2,)


def test_arguments_are_checked_unless_told_otherwise():
    with pytest.raises(ArgumentError, match=r"Expected parameter scale .*GreaterThan\(lower_bound=0.0\)"):
        d.Normal(0.0, -1.0)
    assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    own = d.Exponential(1.0)
    with pytest.raises(ArgumentError, match=r"to be within the support \(GreaterThanEq"):
        own.log_prob(gp.tensor(-1.0))
    assert d.Exponential(1.0, validate_args=False).log_prob(gp.tensor(-1.0)).item() == 1
    d.Distribution.set_default_validate_args(False)
    try:
        assert d.Normal(0.0, -1.0).scale.item() == -1
    finally:
        d.Distribution.set_default_validate_args(True)
    with pytest.raises(ArgumentError, match="exactly one of probs, logits"):
        d.Bernoulli()


def test_a_formula_of_your_own():
    class Shifted(d.Normal):
        """A normal distribution that says something else of itself."""

    @d.register_kl(Shifted, d.Normal)
    def divergence(p, q):
        return p.loc * 0 + 42

    normal, shifted = d.Normal(0.0, 1.0), Shifted(1.0, 1.0)
    assert d.kl_divergence(shifted, normal).item() == 42
    assert d.kl_divergence(normal, shifted).item() == 0.5
    with pytest.raises(UnsupportedError, match="p type Normal and q type Bernoulli"):
        d.kl_divergence(normal, d.Bernoulli(0.5))
    with pytest.raises(TypeError, match="Expected a subclass of Distribution"):
        d.register_kl(int, d.Normal)


def test_what_is_shown():
    assert repr(d.Normal(0.0, gp.ones(3))) == "Normal(loc: gpunn.Size([3]), scale: gpunn.Size([3]))"
    assert repr(d.Independent(d.Normal(gp.zeros(2), 1.0), 1)).startswith("Independent(Normal(loc: gpunn.Size([2])")
    assert repr(d.Beta(1.0, 2.0)) == "Beta(concentration1: 1.0, concentration0: 2.0)"


@pytest.mark.parametrize(
    "matrix",
    [
        [[1e6, 0.5], [0.0, 1e6]],
        [[math.nan, 0.0], [0.0, 1.0]],
        [[math.inf, 0.0], [0.0, 1.0]],
        [[-1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0], [0.0, 0.0]],
    ],
)
def test_what_is_not_positive_definite(matrix, device):
    good = gp.tensor([[2.0, 1.0], [1.0 + 1e-6, 2.0]], device=device)
    assert d.constraints.positive_definite.check(good).item() is True
    bad = gp.tensor(matrix, device=device)
    assert not d.constraints.positive_definite.check(gp.stack([good, bad]))[1]
    with pytest.raises(ArgumentError, match="covariance_matrix"):
        d.MultivariateNormal(gp.zeros(2, device=device), bad)


def test_gamma_takes_numbers_and_other_types_as_values(device):
    own = d.Gamma(gp.tensor([2.0, 3.0], device=device), 1.0)
    x = gp.tensor(0.5, dtype=gp.float64, device=device)
    assert own.log_prob(0.5).dtype is own.log_prob(x).dtype is gp.float32
    assert own.log_prob(0.5).tolist() == own.log_prob(x.float()).tolist()
    with pytest.raises(ArgumentError, match="support"):
        own.log_prob(-1)


def test_gamma_variables_of_what_is_not_finite_end(device):
    a = gp.tensor([math.inf, math.nan, 1.0], device=device)
    infinite, undefined, usual = d.Gamma(a, 1.0, validate_args=False).sample().tolist()
    assert infinite == math.inf and math.isnan(undefined) and 0 < usual < 100


def test_errors_of_arguments_are_those_of_gpunn():
    with pytest.raises(ArgumentError, match="not defined when low >= high"):
        d.Uniform(1.0, 1.0)
    with pytest.raises(ShapeError, match="MultivariateNormal"):
        d.MultivariateNormal(gp.zeros(3, 2), gp.eye(2).expand(4, 2, 2))
